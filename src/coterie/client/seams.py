"""Where the outside comes in: clock, threads, network and chance, each a small interface with its real form.

What runs on these alone can be run by a test or a simulation on one thread, in virtual time, over a network of lists.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import Protocol, TypeVar

from coterie.client.rotation import Rotation
from coterie.noise.channel import RecordKey
from coterie.noise.dh import prepare_thread
from coterie.wire.invite import Address

T = TypeVar("T")


class Timer(Protocol):
    """A callback that is due."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time that passes, time of day, and what is to be done later."""

    def now(self) -> float:
        """Seconds since 1970: for dates, and never for durations."""

    def monotonic(self) -> float:
        """Seconds since some moment: for durations."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Calls ``callback`` once, on the loop."""


class Threads(Protocol):
    """Where what takes milliseconds runs, so that the loop does not wait."""

    async def run(self, function: Callable[..., T], *args: object) -> T: ...

    def close(self) -> None: ...


class Receiver(Protocol):
    """Takes what a transport brings: the part of ``asyncio.Protocol`` that we use."""

    def data_received(self, data: bytes) -> None: ...

    def connection_lost(self, error: Exception | None) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


class Transport(Protocol):
    """One open byte stream: the part of ``asyncio.Transport`` that we use."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Network(Protocol):
    """Opens byte streams."""

    async def connect(self, address: Address, receiver: Receiver) -> Transport:
        """A stream to ``address``; what comes goes to ``receiver``. Raises Unavailable."""


class KeyLog(Protocol):
    """Takes every key of a connection, which is known by its message 1."""

    def write(self, message_1: bytes, key: RecordKey) -> None: ...


@dataclass(frozen=True, slots=True)
class Seams:
    """All of them."""

    network: Network
    threads: Threads
    clock: Clock
    chance: Random = field(default_factory=SystemRandom)  # for jitter, never for keys
    rotation: Rotation = Rotation()  # noqa: RUF009  # frozen
    key_log: KeyLog | None = None  # only where a person has asked for it


class LoopClock:
    """The running loop's time and the system's date."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """By the running loop."""
        return asyncio.get_running_loop().call_later(delay_s, callback)


class PoolThreads:
    """A small pool; threads are started when they are first needed."""

    def __init__(self, workers: int = 2) -> None:
        self._pool = ThreadPoolExecutor(workers, "coterie", initializer=prepare_thread)

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """``function(*args)``, in a thread. A cancelled one runs to its end unheard."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def close(self) -> None:
        """Lets what runs finish, and starts nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def sleep(clock: Clock, delay_s: float) -> None:
    """Returns after ``delay_s`` of the given clock."""
    over = asyncio.Event()
    timer = clock.call_later(delay_s, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


async def wait(clock: Clock, event: asyncio.Event, at_most_s: float | None) -> None:
    """Until the event is set; it is after ``at_most_s`` of the given clock. None waits for ever."""
    timer = None if at_most_s is None else clock.call_later(at_most_s, event.set)
    try:
        await event.wait()
    finally:
        if timer is not None:
            timer.cancel()


@asynccontextmanager
async def timeout(clock: Clock, delay_s: float | None) -> AsyncIterator[None]:
    """Raises TimeoutError from what is inside after ``delay_s`` of the given clock; None waits for ever."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as deadline:
        if delay_s is None:
            yield
            return
        timer = clock.call_later(delay_s, lambda: deadline.reschedule(loop.time()))
        try:
            yield
        finally:
            timer.cancel()
