"""Keys one after another: each is taken when all is done that the one before began.

Textual forwards a key to what has the focus then, and has the widget's own keys go through its queues. Of what is typed
fast, or comes at once over a slow line, a name for the switcher would be in the composer, and Enter would send it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from textual.events import Event

MOST_WAITED_S = 0.5  # for what one key began: no slow disk makes the keyboard dead


class TypedAhead:
    """``give`` has the program take an event in its turn, ``done`` returns when what that began is done."""

    def __init__(
        self, give: Callable[[Event], object], done: Callable[[], Awaitable[None]]
    ) -> None:
        self._give, self._done = give, done
        self._waiting: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None

    def has_to_wait(self, event: Event) -> bool:
        """Whether it is given later; else it is to be taken now."""
        if self._task is not None:
            self._waiting.append(event)
            return True
        self._task = asyncio.create_task(self._follow())
        return False

    async def _follow(self) -> None:
        """Until nothing waits."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(MOST_WAITED_S):
                        await self._done()
                if not self._waiting:
                    return
                self._give(self._waiting.popleft())
        finally:
            self._task = None

    async def until_taken(self) -> None:
        """Until all is done that was typed."""
        while self._task is not None:
            await asyncio.wait([self._task])

    def close(self) -> None:
        """What waits is dropped."""
        if self._task is not None:
            self._task.cancel()
