"""A demo from its first line to its last: the story, then the proofs, then what is left of it."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from coterie.demo import inspection, network_attacks, operator_attacks, proofs, story
from coterie.demo.look import Look
from coterie.demo.outcome import Outcome
from coterie.demo.proofs import Delivery, Proof
from coterie.demo.run_to_end import run_to_end
from coterie.demo.stage import open_stage
from coterie.demo.story import Story
from coterie.errors import CoterieError, StorageError

NEXT = [
    ("serve", "a server of your own; it prints an invite"),
    ("join INVITE NAME", "an account on it, in another terminal"),
    ("room new ops NAME", "a room with somebody in it"),
    ("chat ops", "and you talk"),
]


def run(look: Look, kept: Path | None, program: str) -> Outcome:
    """Plays the demo, and leaves nothing behind but what is to be kept. ``program`` is what a person types to run us.

    Raises StorageError, and NotSeen where the story itself comes to a halt.
    """
    began = time.monotonic()
    with _folder(kept) as folder:
        told, judged = run_to_end(_play(folder, look))
        go_on: list[tuple[str, str]] = []
        if kept is not None:
            # Here alone, for the client that it brings in: the others are processes of their own.
            from coterie.demo import keep  # noqa: PLC0415

            keep.keep(told)
            go_on = keep.commands(told, program)
        seconds = time.monotonic() - began
        look.verdict(judged, seconds)
        if kept is not None:
            look.next_steps(f"Everything is in {folder}, and goes on from there:", go_on)
        elif not all(proof.holds for proof in judged):
            again = [(f"{program} demo --keep DIR", "leaves all logs in DIR/logs")]
            look.next_steps("To look into it:", again)
        else:
            look.next_steps("Now you:", [(f"{program} {words}", why) for words, why in NEXT])
    commands = tuple(command for command, _ in go_on)
    return Outcome(tuple(told.exchanges), tuple(judged), seconds, kept, commands)


def make_folder(folder: Path) -> None:
    """An empty folder for this user alone. Raises StorageError where there is something in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StorageError(
                f"{folder} is not empty", hint="give --keep a folder that is not there yet"
            )
    except OSError as error:
        raise StorageError(f"{folder} cannot be used: {error.strerror}") from error


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        make_folder(kept)
        yield kept.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="coterie-demo-") as temporary:
        yield Path(temporary)


async def _play(folder: Path, look: Look) -> tuple[Story, list[Proof]]:
    judged: list[Proof] = []

    def show(found: Sequence[Proof]) -> None:
        for proof in found:
            judged.append(proof)
            look.proof(proof)

    async with open_stage(folder) as stage:
        told = await story.begin(stage, look)
        await story.converse(told, look)

        look.act("Proof: all that was said arrived")
        show([proofs.delivered(_delivery(told))])

        look.act("Proof: an attacker on the network gets nowhere")
        tampering = await attempt(_tamper(told), "flipped-bit-up", "flipped-bit-down")
        show(await attempt(_connections(told), "other-keys"))
        show(tampering)
        absence = await operator_attacks.write_to_absent(told)
        async with _at_once(
            attempt(_impostor(told), "impostor"),
            attempt(_password(told), "password"),
            attempt(_forged(told, absence), "altered", "replayed"),
        ) as (impostor, password, forged):
            show(await impostor)
            show(await password)
            look.act("Proof: the server's operator cannot lie unseen")
            show(await forged)

        look.act("Proof: nobody in between can read a word")
        show(await attempt(_inspected(told), "control", "unreadable"))
    return told, judged


@asynccontextmanager
async def _at_once(
    *attempts: Coroutine[Any, Any, list[Proof]],
) -> AsyncIterator[list[asyncio.Task[list[Proof]]]]:
    """As tasks, none of which outlives the block."""
    tasks = [asyncio.create_task(each) for each in attempts]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def attempt(observed: Coroutine[Any, Any, list[Proof]], *names: str) -> list[Proof]:
    """The proofs of these names; where they could not even be looked at, they do not hold."""
    try:
        return await observed
    except CoterieError as error:
        return [Proof(name, holds=False, fact=str(error)) for name in names]


def _delivery(told: Story) -> Delivery:
    chats = {person.name: person.chat.out for person in (told.alice, told.bobb)}
    return Delivery(
        tuple(told.said),
        {
            name: tuple(line["text"] for line in lines if line["kind"] == "text")
            for name, lines in chats.items()
        },
    )


async def _tamper(told: Story) -> list[Proof]:
    return [proofs.tampering_noticed(each) for each in await network_attacks.tamper(told)]


async def _connections(told: Story) -> list[Proof]:
    return [proofs.other_keys(network_attacks.connections(told))]


async def _impostor(told: Story) -> list[Proof]:
    return [proofs.impostor_refused(await network_attacks.meet_impostor(told))]


async def _password(told: Story) -> list[Proof]:
    return [proofs.password_refused(await network_attacks.guess_passwords(told))]


async def _forged(told: Story, absence: operator_attacks.Absence) -> list[Proof]:
    altered, replayed = await operator_attacks.forge(told, absence, told.exchanges[-1])
    return [proofs.alteration_refused(altered), proofs.replay_refused(replayed)]


async def _inspected(told: Story) -> list[Proof]:
    control, searched = await inspection.inspect(told)
    works = proofs.search_works(control)
    return [works, proofs.nothing_readable(replace(searched, control_holds=works.holds))]
