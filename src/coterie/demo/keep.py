"""What a demo leaves behind, where it is asked to: accounts and a server that go on."""

import shlex
from dataclasses import replace
from pathlib import Path

from coterie.client import account
from coterie.client.profile import Profile
from coterie.client.running import open_store
from coterie.demo.relay import Way
from coterie.demo.stage import Person, Stage
from coterie.demo.story import Story
from coterie.wire.invite import Address


def keep(story: Story) -> None:
    """Writes down what the relays recorded, and leads the people to the server itself, now that all has ended."""
    write_recordings(story.stage)
    for person in (story.alice, story.bobb, story.carol):
        lead(person, story.server.address)


def write_recordings(stage: Stage) -> None:
    """A file for each direction of each connection."""
    wire = stage.folder / "wire"
    wire.mkdir()
    for name, recording in stage.recordings():
        for way in Way:
            path = wire / f"{name}-{recording.number:02}-{way}.bin"
            path.write_bytes(recording.stream(way))


def lead(person: Person, address: Address) -> None:
    """Changes where the person's client connects to: an address is no part of what it trusts."""
    profile = Profile.open(person.profile, None)
    try:
        store = open_store(profile)
        try:
            found = account.load(store)
            if found is not None:
                enrolled, is_made = found
                account.save(store, replace(enrolled, address=address), is_made=is_made)
        finally:
            store.close()
    finally:
        profile.close()


def commands(story: Story, program: str) -> list[tuple[str, str]]:
    """What to type to go on, and why."""
    folder = story.stage.folder.absolute()

    def typed(*words: str | Path) -> str:
        return " ".join([program, *(shlex.quote(str(word)) for word in words)])

    return [
        (
            typed("serve", "--data", folder / "server", "--listen", str(story.server.address)),
            "in one terminal",
        ),
        *(
            (
                typed("--profile", folder / name, "chat", story.room, "--plain"),
                f"in {name}'s",
            )
            for name in ("alice", "bobb")
        ),
        (
            typed("--profile", folder / "forged" / "bobb", "read", story.room),
            "what the liar made bobb see",
        ),
        (
            f"grep -ra {story.stage.mark} {shlex.quote(str(folder / 'server'))} || echo nothing",
            "what the server can read of it",
        ),
    ]
