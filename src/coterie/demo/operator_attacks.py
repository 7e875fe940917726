"""What the server's operator can do: lie. He does it in a copy of the server, and bobb is led to it."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace

from coterie.client.socket_path import NAME as SOCKET
from coterie.demo import database
from coterie.demo.exchange import Exchange
from coterie.demo.programs import Facts
from coterie.demo.proofs import Forgery, Shown
from coterie.demo.story import Story

LAST = "1000"  # more than there is


@dataclass(frozen=True, slots=True)
class Absence:
    """What alice wrote while bobb was away."""

    seq: int  # of the first
    texts: tuple[str, ...]


async def write_to_absent(story: Story) -> Absence:
    """bobb leaves; alice writes twice, and leaves too."""
    (await story.bobb.chat.ended()).check()
    alice = story.alice
    texts = tuple(story.marked(text) for text in ("The gate is left open.", "Bring a torch."))
    seqs = []
    for text in texts:
        alice.chat.type(text)
        story.said.append(text)
        seqs.append((await alice.sees(text))["seq"])
    (await alice.chat.ended()).check()
    return Absence(seqs[0], texts)


async def forge(story: Story, absence: Absence, replayed: Exchange) -> tuple[Forgery, Forgery]:
    """The log with its altered entry and with its replayed one, as bobb reads it."""
    stage, bobb = story.stage, story.bobb
    folder = stage.folder / "forged"
    copy = replace(bobb, profile=folder / bobb.name)
    database.copy_server(story.server.folder, folder / "server")
    shutil.copytree(bobb.profile, copy.profile, ignore=shutil.ignore_patterns(SOCKET))
    database.alter(folder / "server", absence.seq)
    second = database.replay(folder / "server", replayed.entry.seq)
    liar = await stage.serve("forged-server", folder / "server")
    bobb.relay.target = liar.address
    read = (await copy.run("read", story.room, "--last", LAST)).check()
    bobb.relay.target = story.server.address
    shown = _shown(read.out)
    text, *later = absence.texts
    return (
        Forgery(absence.seq, text, tuple(later), shown),
        Forgery(second, replayed.text, (), shown),
    )


def _shown(messages: Iterable[Facts]) -> tuple[Shown, ...]:
    return tuple(Shown(m["seq"], m["kind"], m["event"], m["text"]) for m in messages)
