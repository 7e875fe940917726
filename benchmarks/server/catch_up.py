"""A device that is far behind reads on while twenty rooms talk: how fast, in what memory, at whose cost."""

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import data
import uvloop
from load import at_rate, server_crowd
from measuring import percentiles
from process import LOAD_CORE, SERVER_CORE, Process, serving
from server_member import ServerMember
from shapes import Shape

from coterie.server.database import FILE
from coterie.wire.frames import Entries, Fetch
from coterie.wire.limits import MAX_FETCH_ENTRIES

DELIVERIES_PER_S = 20_000
LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Found:
    """Of one run."""

    catch_up_s: float  # with nobody else there
    grown_bytes: int  # at most, while it read
    p99_ms: float  # of the others, before
    p99_during_ms: float


def _select_s(path: Path) -> float:
    """A bare SELECT of the same rows, on the server's core."""
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        with closing(sqlite3.connect(path)) as connection:
            began = time.perf_counter()
            query = "SELECT seq, kind, device, message_id, body FROM entry WHERE group_id = ? ORDER BY seq"
            for _ in connection.execute(query, (data.group_id(0),)):
                pass
            return time.perf_counter() - began
    finally:
        os.sched_setaffinity(0, {LOAD_CORE})


async def _catch_up(member: ServerMember, entries: int) -> float:
    """Two pages are under way at any time, so that the server has one to read while the other is taken in."""
    began = time.perf_counter()
    group, pages = data.group_id(0), iter(range(0, entries, MAX_FETCH_ENTRIES))

    async def read() -> None:
        for after in pages:
            answer = await member.ask(Fetch(group, after, MAX_FETCH_ENTRIES))
            assert isinstance(answer, Entries), answer
            last = min(after + MAX_FETCH_ENTRIES, entries)
            assert [answer.entries[0].seq, answer.entries[-1].seq] == [after + 1, last]
            assert len(answer.entries) == last - after

    await asyncio.gather(read(), read())
    return time.perf_counter() - began


async def _highest(process: Process) -> int:
    """The most memory that it has, until cancelled."""
    highest = 0
    try:
        while True:
            highest = max(highest, process.memory_bytes())
            await asyncio.sleep(LOOK_S)
    except asyncio.CancelledError:
        return highest


async def _run(process: Process, fingerprint: bytes, shape: Shape, entries: int) -> Found:
    everybody = data.seats(shape.rooms, shape.members)
    talking = Shape(shape.rooms - 1, shape.members, shape.senders, 1)
    behind = Shape(1, 1, 1, 1)
    async with (
        server_crowd(behind, everybody[:1], process.port, fingerprint) as reader,
        server_crowd(
            talking, everybody[shape.members :], process.port, fingerprint, all_read=True
        ) as others,
    ):
        member = reader.rooms[0][0]
        await _catch_up(member, entries)  # warm
        before = process.memory_bytes()
        looking = asyncio.create_task(_highest(process))
        catch_up_s = await _catch_up(member, entries)
        looking.cancel()
        grown = await looking - before
        await at_rate(others, DELIVERIES_PER_S, 1.0)
        latencies = others.take_latencies()
        await at_rate(others, DELIVERIES_PER_S, 4.0)
        _, p99_ms = percentiles(latencies)
        latencies = others.take_latencies()
        reading = asyncio.create_task(_catch_up(member, entries))
        while not reading.done():
            await at_rate(others, DELIVERIES_PER_S, 0.5)
        await reading
        return Found(catch_up_s, grown, p99_ms, percentiles(latencies)[1])


def measure(entries: int) -> None:
    """Prints a table."""
    shape = Shape(21, 50, 2, 1)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        fingerprint = data.make(folder, shape.rooms, shape.members, entries=entries, filled=1)
        _select_s(folder / FILE)  # warm
        select_s = _select_s(folder / FILE)
        with serving("coterie", folder) as process:
            found = uvloop.run(_run(process, fingerprint, shape, entries))
    print(f"\n## Catch-up of {entries:,} entries\n")
    print("| | |\n| --- | --- |")
    print(f"| entries a second, bare SELECT | {entries / select_s:,.0f} |")
    print(f"| entries a second, catch-up | {entries / found.catch_up_s:,.0f} |")
    print(f"| x SELECT | {select_s / found.catch_up_s:.2f} |")
    print(f"| memory that it took | {found.grown_bytes / 2**20:.1f} MiB |")
    print(f"| others' p99, alone | {found.p99_ms:.2f} ms |")
    print(f"| others' p99, meanwhile | {found.p99_during_ms:.2f} ms |")
    print(f"| x alone | {found.p99_during_ms / found.p99_ms:.2f} |")
