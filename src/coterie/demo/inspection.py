"""What there is to read between two people: all that went over the wire, and all that the server keeps."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from coterie.demo.proofs import Control, Searched
from coterie.demo.relay import Way
from coterie.demo.search import find, plant
from coterie.demo.stage import new_mark
from coterie.demo.story import Story

WIRE, FOLDER, LOG = "on the wire", "in the server's folder", "in its debug log"
PLANTED = "planted"  # a file

Sources = dict[str, list[tuple[str, bytes]]]  # by place, with a name for each


async def inspect(story: Story) -> tuple[Control, Searched]:
    """First looks for what was planted, then for what nobody may read."""
    control = await _control(story)
    sources = collect(story)
    hits = find(story.secrets(), [each for place in sources.values() for each in place])
    sizes = {place: sum(len(data) for _, data in each) for place, each in sources.items()}
    return control, Searched(len(story.secrets()), sizes, False, tuple(hits))


def collect(story: Story) -> Sources:
    """Every byte that passed a relay, every file of the server, and what it logs."""
    return {
        WIRE: [
            (f"{name}'s connection {recording.number}, {way}", recording.stream(way))
            for name, recording in story.stage.recordings()
            for way in Way
        ],
        FOLDER: list(_files(story.server.folder)),
        LOG: [("the server's log", story.server.program.log_path.read_bytes())],
    }


async def _control(story: Story) -> Control:
    """Texts in a connection of their own and in a file among the server's, and the names that are there anyway."""
    texts, data = plant(new_mark)
    planted = story.server.folder / PLANTED
    await _send_garbage(story, data)
    planted.write_bytes(data)
    try:
        sources = collect(story)
    finally:
        planted.unlink()
    found = {
        place: frozenset(hit.what for hit in find(texts, sources[place]))
        for place in (WIRE, FOLDER)
    }
    names = {person: person for person in story.stage.people}
    return Control(
        frozenset(texts),
        found,
        frozenset(names),
        frozenset(hit.what for hit in find(names, sources[FOLDER])),
    )


async def _send_garbage(story: Story, data: bytes) -> None:
    """Through a relay; the server ends that connection."""
    address = story.carol.relay.address
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(data)
        await reader.read()
    finally:
        writer.close()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All of them, with what the database has not yet written from its log to its file."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"the server's file {path.relative_to(folder)}", path.read_bytes()
