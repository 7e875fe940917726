"""Work for threads, a few at once: key exchanges, logins, reads. Who waits is served address by address, or account.

So a flood from one of them waits for itself, and whoever comes from another is next.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TypeVar

from coterie.server.seams import Threads

T = TypeVar("T")


class FairThreads:
    """A line for each key in front of ``threads``; the lines take turns."""

    def __init__(self, threads: Threads, at_once: int) -> None:
        self._threads = threads
        self._free = at_once
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def run(self, key: str, function: Callable[..., T], *args: object) -> T:
        """``function(*args)`` on a thread, when it is this key's turn."""
        await self._turn(key)
        try:
            return await self._threads.run(function, *args)
        finally:
            self._pass_on()

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return sum(len(line) for line in self._lines.values())

    async def _turn(self, key: str) -> None:
        if self._free:  # then nobody stands in line
            self._free -= 1
            return
        called = asyncio.get_running_loop().create_future()
        self._lines.setdefault(key, deque()).append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._leave(key, called)
            else:  # it was called and cancelled in one turn of the loop
                self._pass_on()
            raise

    def _leave(self, key: str, called: "asyncio.Future[None]") -> None:
        line = self._lines.get(key)
        if line is not None:
            line.remove(called)
            if not line:
                del self._lines[key]

    def _pass_on(self) -> None:
        """To the first of the line whose turn it is; that line is then the last."""
        while self._lines:
            key, line = self._lines.popitem(last=False)
            called = line.popleft()
            if line:
                self._lines[key] = line
            if not called.done():
                called.set_result(None)
                return
        self._free += 1
