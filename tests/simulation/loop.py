"""An asyncio loop in virtual time: no selector, no sockets, no thread. What is ready runs in the order it came in.

Where nothing is ready the time jumps to the next timer; where there is none either, nobody can ever go on: a deadlock,
which is an error that names who waits.
"""

import asyncio
import heapq
import itertools
import zlib
from asyncio import Handle, TimerHandle
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, TypeVarTuple

MOST_WAITS = 20  # in the handlers of one task; each is cut short like the first
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Died(BaseException):
    """The process ends here. Nothing of the program under test catches it."""


class Deadlock(Exception):
    """Everybody waits, and for nothing that will come."""


class Party:
    """One simulated process: its tasks and callbacks run while it lives, and are gone with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = (
            f"192.0.2.{zlib.crc32(name.encode()) % 256}"  # of its own, and the same in each run
        )
        self.is_alive = True
        self.context = Context()
        self.context.run(_PARTY.set, self)
        self.tasks: dict[int, NumberedTask] = {}

    def start(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """A task of this process."""
        loop = asyncio.get_running_loop()
        return loop.create_task(work, name=name, context=self.context.copy())

    def die(self) -> None:
        """At once: no handler runs that could still do something. Not to be called by the process itself."""
        self.is_alive = False
        for task in tuple(self.tasks.values()):
            task.forget()
        self.tasks.clear()


_PARTY: ContextVar[Party | None] = ContextVar("party", default=None)


class NumberedTask(asyncio.Task[Any]):
    """A task whose hash is its number: sets of tasks have the same order in each run."""

    def __init__(self, work: Coroutine[Any, Any, Any], number: int, **others: Any) -> None:
        self._number, self._work = number, work
        self.party = _PARTY.get()
        context = others.get("context")
        if context is not None:
            self.party = context.get(_PARTY)
        super().__init__(work, **others)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other

    def forget(self) -> None:
        """Ends it where it stands, as the end of a process does."""
        if self.done():
            return
        self._log_destroy_pending = False  # it is meant to be
        for _ in range(MOST_WAITS):
            try:
                copy_context().run(self._close)
            except (Died, RuntimeError):  # it tried to write, or to wait for something: it is dead
                continue
            return

    def _close(self) -> None:
        _PARTY.set(self.party)
        self._work.close()


class NumberedFuture(asyncio.Future[Any]):
    """Likewise."""

    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class VirtualLoop(asyncio.AbstractEventLoop):
    """``run`` is the way in. ``failures`` holds what no task or callback caught."""

    def __init__(self) -> None:
        self._now = 0.0
        self._numbers = itertools.count(1)
        self._ready: deque[tuple[Context, Handle]] = deque()
        self._timers: list[tuple[float, int, Context, TimerHandle]] = []
        self._main: asyncio.Task[Any] | None = None
        self.turns = 0
        self.failures: list[str] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives. Raises what it raises, and Deadlock."""
        asyncio._set_running_loop(self)
        try:
            main = self._main = self.create_task(work, name="main")
            while not main.done():
                self._turn()
            result: T = main.result()
            return result
        finally:
            for task in sorted(asyncio.all_tasks(self), key=hash):
                if isinstance(task, NumberedTask):
                    task.forget()
            self._ready.clear()
            self._timers.clear()
            asyncio._set_running_loop(None)

    def _turn(self) -> None:
        """The next callback that is ready; time passes only where there is none."""
        if not self._ready:
            self._jump()
        while self._timers and (self._timers[0][0] <= self._now or self._timers[0][3].cancelled()):
            _, _, context, timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._ready.append((context, timer))
        if not self._ready:
            return
        context, handle = self._ready.popleft()
        party = context.get(_PARTY)
        if not handle.cancelled() and (party is None or party.is_alive):
            self.turns += 1
            handle._run()

    def _jump(self) -> None:
        while self._timers and self._timers[0][3].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            waiting = sorted(task.get_name() for task in asyncio.all_tasks(self))
            raise Deadlock(f"all wait for each other: {', '.join(waiting)}")
        self._now = max(self._now, self._timers[0][0])

    # --- what asyncio asks of a loop -----------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        context = context if context is not None else copy_context()  # an empty one is false
        handle = Handle(callback, args, self, context)
        self._ready.append((context, handle))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        context = context if context is not None else copy_context()  # an empty one is false
        timer = TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), context, timer))
        return timer

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """It is passed over when it is due."""

    def create_future(self) -> asyncio.Future[Any]:
        return NumberedFuture(next(self._numbers), self)

    def create_task(
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        number = next(self._numbers)
        task = NumberedTask(coro, number, loop=self, name=name, context=context)
        if task.party is not None:
            task.party.tasks[number] = task
            task.add_done_callback(lambda _: task.party and task.party.tasks.pop(number, None))
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Died):
            self.failures.append(f"{context.get('message')}: {error!r}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._main is not None and not self._main.done()

    def is_closed(self) -> bool:
        return False
