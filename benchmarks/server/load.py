"""Rooms full of members, and two ways to load them: as fast as they are answered, and at a fixed rate."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from data import Seat
from floor_member import FloorMember
from server_member import ServerMember
from shapes import Shape

CONNECTING = 32  # at a time
SETTLE_S = 60.0  # for the last delivery
TICK_S = 0.001
ADDRESS_SHARE = 200  # connections of one address: the server allows each only so many

M = TypeVar("M", ServerMember, FloorMember)


@dataclass(frozen=True, slots=True)
class Crowd(Generic[M]):
    """All members of a shape, by room; the first of each room send."""

    shape: Shape
    rooms: Sequence[Sequence[M]]

    @property
    def senders(self) -> list[M]:
        """One room's first, the next room's first … so that neighbours are of different rooms."""
        return [room[n] for n in range(self.shape.senders) for room in self.rooms]

    def sent(self) -> int:
        return sum(sender.sent for sender in self.senders)

    async def until_answered(self) -> None:
        """Every post has been answered and every delivery has come: nothing is lost. Raises TimeoutError."""
        async with asyncio.timeout(SETTLE_S):
            while not (self._is_answered() and all(map(self._has_all, self.rooms))):  # noqa: ASYNC110
                await asyncio.sleep(TICK_S)  # an event for each delivery would cost more

    def _is_answered(self) -> bool:
        return all(sender.answered == sender.sent for sender in self.senders)

    def _has_all(self, room: Sequence[M]) -> bool:
        sent = sum(member.sent for member in room)
        for member in room:
            if isinstance(member, ServerMember) and member.walker is not None:
                reader = room[0]
                assert isinstance(reader, ServerMember)
                if member.walker.size < reader.room.pushed_bytes:
                    return False
                assert member.walker.size == reader.room.pushed_bytes, "a member got something else"
            elif member.received() < sent:
                return False
        return True

    def take_latencies(self) -> list[float]:
        """From here on every member notes them, in the list that is given."""
        latencies: list[float] = []
        for member in (member for room in self.rooms for member in room):
            member.latencies = latencies
        return latencies


@asynccontextmanager
async def server_crowd(
    shape: Shape, seats: Sequence[Seat], port: int, fingerprint: bytes, *, all_read: bool = False
) -> AsyncIterator[Crowd[ServerMember]]:
    """The seats of a shape, connected to the server, logged in and subscribed."""
    members = [
        ServerMember(
            seat, fingerprint, only_counts=not all_read and n % shape.members >= shape.senders
        )
        for n, seat in enumerate(seats)
    ]
    async with _entered(members, port):
        yield Crowd(shape, _by_room(members, shape))


@asynccontextmanager
async def floor_crowd(
    shape: Shape, kind: str, port: int, *, all_read: bool = False
) -> AsyncIterator[Crowd[FloorMember]]:
    """As many, connected to a floor."""
    members = [
        FloorMember(
            kind,
            n // shape.members,
            n,
            only_counts=not all_read and n % shape.members >= shape.senders,
        )
        for n in range(shape.connections)
    ]
    async with _entered(members, port):
        yield Crowd(shape, _by_room(members, shape))


def _by_room(members: Sequence[M], shape: Shape) -> list[Sequence[M]]:
    return [members[at : at + shape.members] for at in range(0, len(members), shape.members)]


@asynccontextmanager
async def _entered(members: Sequence[M], port: int) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    line = asyncio.Semaphore(CONNECTING)

    async def enter(number: int, member: M) -> None:
        local = (f"127.0.1.{1 + number // ADDRESS_SHARE}", 0)
        async with line:
            await loop.create_connection(lambda: member, "127.0.0.1", port, local_addr=local)
            await member.enter()

    await asyncio.gather(*itertools.starmap(enter, enumerate(members)))
    try:
        yield
    finally:
        for member in members:
            member.close()


async def saturate(crowd: Crowd[M], seconds: float) -> float:
    """Keeps every sender's window full for so long; the seconds until the last delivery."""
    began = time.perf_counter()
    end = began + seconds

    def refill(sender: M, answers: int) -> None:
        if time.perf_counter() < end:
            sender.post(answers)

    for sender in crowd.senders:
        sender.on_answer = lambda answers, sender=sender: refill(sender, answers)
        sender.post(crowd.shape.window)
    await asyncio.sleep(seconds)
    await crowd.until_answered()
    return time.perf_counter() - began


async def at_rate(crowd: Crowd[M], deliveries: float, seconds: float) -> float:
    """So many deliveries a second, evenly, the senders in turn; the seconds that it took."""
    began, sent = time.perf_counter(), 0
    posts_per_s = deliveries / crowd.shape.members
    senders = itertools.cycle(crowd.senders)
    while (passed := time.perf_counter() - began) < seconds:
        while sent < passed * posts_per_s:
            next(senders).post(1)
            sent += 1
        await asyncio.sleep(TICK_S)
    await crowd.until_answered()
    return time.perf_counter() - began
