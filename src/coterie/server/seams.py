"""Where the outside comes in: clock and threads, so that a simulation can run the same logic on one thread."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from coterie.noise.dh import prepare_thread

T = TypeVar("T")


class Timer(Protocol):
    """A callback that is due."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Seconds since 1970: for dates."""

    def monotonic(self) -> float:
        """Seconds since some moment: for durations."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Calls ``callback`` once, on the loop."""


class SystemClock:
    """The machine's."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    monotonic = staticmethod(time.monotonic)  # itself: it is asked several times for each post

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """By the running loop."""
        return asyncio.get_running_loop().call_later(delay_s, callback)


class Threads(Protocol):
    """Where what takes milliseconds runs."""

    async def run(self, function: Callable[..., T], *args: object) -> T: ...

    def close(self) -> None: ...


class PoolThreads:
    """A pool, each of its threads prepared for the Diffie-Hellman."""

    def __init__(self, workers: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(
            workers, thread_name_prefix=name, initializer=prepare_thread
        )

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """``function(*args)``, off the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def close(self) -> None:
        """Waits for what runs."""
        self._pool.shutdown()
