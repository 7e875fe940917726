"""The story: three accounts, a room, a conversation; and of each message what was typed, carried, stored and read."""

import asyncio
import secrets
from dataclasses import dataclass, field

from coterie.demo.database import stored
from coterie.demo.exchange import Exchange
from coterie.demo.look import Look
from coterie.demo.stage import PASSWORD, Person, Server, Stage
from coterie.wire.invite import decode_invite

PASSWORD_BYTES = 24  # of carol's: so random that it is nowhere by chance


@dataclass(slots=True)
class Story:
    """Who takes part, and what was said so far."""

    stage: Stage
    server: Server
    alice: Person
    bobb: Person
    carol: Person  # is in no room; hers is the password that is searched for
    carols_password: str
    room: str
    said: list[str] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    def marked(self, text: str) -> str:
        """With the mark, so that no other bytes can be taken for it."""
        return f"{text} [{self.stage.mark}]"

    async def say(self, sender: Person, reader: Person, text: str) -> Exchange:
        """Types it, and waits until both have it in view."""
        up, down = sender.relay.newest.up, reader.relay.newest.down
        up_before, down_before = len(up), len(down)
        sender.chat.type(text)
        self.said.append(text)
        seen = await reader.sees(text)
        await sender.sees(text)
        entry = stored(self.server.folder, seen["seq"])
        exchange = Exchange(
            sender.name, reader.name, text, tuple(up[up_before:]), entry, tuple(down[down_before:])
        )
        self.exchanges.append(exchange)
        return exchange

    def secrets(self) -> dict[str, str]:
        """All that nobody in between may read, by what it is."""
        return {
            "the mark": self.stage.mark,
            "the room's name": self.room,
            "carol's password": self.carols_password,
            **{f"message {number}": text for number, text in enumerate(self.said, 1)},
        }


async def begin(stage: Stage, look: Look) -> Story:
    """A server, three accounts, and a room with two of them in it."""
    look.act("A server, and three people with an account")
    server = await stage.serve("server", stage.folder / "server")
    look.typed("operator", "coterie serve", f"listening on {server.address}")
    alice, bobb, carol = [await stage.new_person(n, server) for n in ("alice", "bobb", "carol")]
    look.remark("Between each of them and the server sits a relay that records every byte.")

    def joined(person: Person, password: str) -> None:
        look.typed(person.name, f"coterie join coterie://… {person.name}", f"Password: {password}")

    made = stage.programs.run("operator", "invite", "--data", str(server.folder), "--uses", "2")
    _, more = await asyncio.gather(alice.join(server.invite, PASSWORD), made)
    joined(alice, PASSWORD)
    invite = decode_invite(more.result["invite"])
    carols_password = secrets.token_urlsafe(PASSWORD_BYTES)
    await asyncio.gather(bobb.join(invite, PASSWORD), carol.join(invite, carols_password))
    joined(bobb, PASSWORD)
    joined(carol, carols_password)

    room = f"heron-{stage.mark}"
    made_room = (await alice.run("room", "new", room, bobb.name)).result
    look.typed(alice.name, f"coterie room new {room} bobb", f"{made_room['members']} members")
    return Story(stage, server, alice, bobb, carol, carols_password, room)


async def converse(story: Story, look: Look) -> None:
    """In both directions, each person in a chat of their own."""
    alice, bobb = story.alice, story.bobb
    look.act("They talk")
    for person in (alice, bobb):
        look.typed(person.name, f"coterie chat {story.room} --plain")
    await asyncio.gather(alice.open_chat(story.room), bobb.open_chat(story.room))
    healing = await alice.chat.until_logged(
        "bobb's first commit", event="entry-read", kind="COMMIT"
    )
    look.remark(f"bobb's device renews its keys, as each newcomer's: entry {healing['seq']}.")
    for sender, reader, text in (
        (alice, bobb, "The heron is back at the old mill."),
        (bobb, alice, "I'll bring the long lens. Six o'clock?"),
        (alice, bobb, "Six. And not a word to the club."),
        (bobb, alice, "Not a word."),
    ):
        look.exchange(await story.say(sender, reader, story.marked(text)))
    look.gap()
    look.remark(
        "In the clear are each record's length on the wire, and of what is stored the header: "
        "version, the group's random id, epoch and kind."
    )
