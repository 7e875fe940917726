"""What others notice of a hostile client: ``python benchmarks/server/attack.py [ATTACK ...] [--seconds N]``.

A server of ``coterie serve``, as it is without settings, on one core; on the other, people who post to a room at a
steady rate, and an attacker of the lowest priority from another address. Each attack is measured between two times of
peace. Told is the time from a post to its answer, and how much the attack adds; the exit status is 1 where the p99 more
than doubles. What an attacker does is in ``hostile.py``.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from secrets import token_bytes
from tempfile import TemporaryDirectory

from hostile import ATTACKS

from coterie.client import enrolment
from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.seams import LoopClock, Seams
from coterie.client.transport import TCP
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from coterie.server.run import make_invite
from coterie.server.seams import PoolThreads
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire.invite import Invite

SERVER_CORE, LOAD_CORE = 0, 1
PEOPLE = 10  # in one room
INTERVAL_S = 0.05  # between the posts of one: 200 posts and 2,000 deliveries a second in all
BODY = bytes(470)  # an MLS message of 256 bytes of text
GROUP = b"g" * 16
MOST_RATIO = 2.0
LEAST_S = 0.002  # below it p99 is the machine's noise, and its ratio says nothing
WARM_UP_S = 0.5


@contextmanager
def server(folder: Path) -> Iterator[tuple[int, Invite]]:
    """Its process, and an invite for everybody who takes part."""
    command = [sys.executable, "-m", "coterie", "serve", "--data", str(folder), "--json"]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    os.sched_setaffinity(process.pid, {SERVER_CORE})
    try:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        yield process.pid, make_invite(folder, 100, 3600.0)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def attacker(name: str, invite: Invite) -> Iterator[None]:
    """It is at it when this begins."""
    script = Path(__file__).with_name("hostile.py")
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, str(script), name, invite.encode()], stdout=subprocess.PIPE
    )
    os.sched_setaffinity(process.pid, {LOAD_CORE})
    os.setpriority(os.PRIO_PROCESS, process.pid, 19)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait(10)


@asynccontextmanager
async def people(invite: Invite) -> AsyncIterator[list[Connection]]:
    """Their connections, each subscribed to the room."""
    threads = PoolThreads(1, "client")
    seams = Seams(TCP(), threads, LoopClock())

    async def save(enrolled: Enrolled) -> None:
        """They live as long as this program."""

    password = Secret(b"correct horse battery staple")
    joined = [
        await enrolment.join(
            invite, f"person{number}", password, seams, before_finish=save, stretch=IDENTITY
        )
        for number in range(PEOPLE)
    ]
    connections = []
    for enrolled in joined:
        connection = await Connection.open(
            invite.address, invite.fingerprint, seams, on_event=lambda event: None
        )
        await connection.log_in(enrolled.identity)
        connections.append(connection)
    await connections[0].call(f.CreateGroup(GROUP), f.Done)
    change = f.ListChange(add=tuple(enrolled.device for enrolled in joined[1:]))
    await connections[0].call(f.ChangeList(GROUP, 0, change), f.Done)
    for connection in connections:
        await connection.call(f.Subscribe(GROUP, 0, chain.first(GROUP)), f.Subscribed)
    try:
        yield connections
    finally:
        for connection in connections:
            with suppress(OSError):
                await connection.close()
        threads.close()


class Room:
    """People who talk steadily, whatever else happens."""

    def __init__(self, connections: list[Connection]) -> None:
        self._connections = connections
        self._counts = [0] * len(connections)

    async def latencies(self, seconds: float) -> list[float]:
        """From each post to its answer, in seconds, sorted."""
        until = time.monotonic() + seconds
        found = await asyncio.gather(*(self._talk(who, until) for who in range(PEOPLE)))
        return sorted(latency for one in found for latency in one)

    async def _talk(self, who: int, until: float) -> list[float]:
        latencies = []
        await asyncio.sleep(INTERVAL_S * who / PEOPLE)
        while time.monotonic() < until:
            self._counts[who] += 1
            count = self._counts[who]
            post = f.Post(GROUP, f.Kind.MESSAGE, token_bytes(16), count, 0, BODY)
            began = time.perf_counter()
            await self._connections[who].call(post, f.Accepted)
            latencies.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, INTERVAL_S - latencies[-1]))
        return latencies


def cpu_s(pid: int) -> float:
    """User and system time so far: it tells an attack's cost on a busy machine too, where latencies tell nothing."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantile(latencies: list[float], part: float) -> float:
    return latencies[int(part * (len(latencies) - 1))]


async def measure(names: list[str], seconds: float, pid: int, invite: Invite) -> bool:
    """Whether all were contained."""
    is_contained = True
    heads = ("p50 in peace", "under it", "p99 in peace", "under it", "ratio", "server's core")
    print(f"{'attack':<12}" + "".join(f"{head:>14}" for head in heads))
    async with people(invite) as connections:
        room = Room(connections)
        await room.latencies(WARM_UP_S)
        before = await room.latencies(seconds)
        for name in names:
            with attacker(name, invite):
                await room.latencies(WARM_UP_S)
                used = -cpu_s(pid)
                under = await room.latencies(seconds)
                used += cpu_s(pid)
            await room.latencies(WARM_UP_S)  # what the server still has to drop
            after = await room.latencies(seconds)
            peace = sorted(before + after)
            before = after
            p99 = quantile(peace, 0.99)
            ratio = quantile(under, 0.99) / max(p99, LEAST_S)
            is_contained &= ratio <= MOST_RATIO
            times = quantile(peace, 0.5), quantile(under, 0.5), p99, quantile(under, 0.99)
            shown = "".join(f"{latency * 1e3:11.2f} ms" for latency in times)
            print(f"{name:<12}{shown}{ratio:14.2f}{used / seconds:14.0%}", flush=True)
    return is_contained


def main() -> int:
    """0 where nobody noticed more than is allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", help=", ".join(ATTACKS))
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    with TemporaryDirectory() as folder, server(Path(folder) / "data") as (pid, invite):
        names = arguments.attacks or list(ATTACKS)
        return 0 if asyncio.run(measure(names, arguments.seconds, pid, invite)) else 1


if __name__ == "__main__":
    sys.exit(main())
