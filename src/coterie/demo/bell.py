"""Waiting for something to become true, woken by what may have made it so."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from coterie.errors import CoterieError

T = TypeVar("T")

PATIENCE_S = 20.0  # ten times what the slowest step takes on a busy machine


class NotSeen(CoterieError):
    """What a demo waits for has not happened, or not in time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="with `coterie demo --keep DIR` all logs stay in DIR/logs")


class Bell:
    """Rung at each change, by all that change; whoever waits looks again."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something changed."""
        self._rung.set()

    async def until(self, look: Callable[[], T | None], what: str) -> T:
        """The first that ``look`` gives. Raises NotSeen, with ``what`` in its sentence."""
        try:
            async with asyncio.timeout(self._patience_s):
                while (found := look()) is None:
                    self._rung.clear()
                    await self._rung.wait()
                return found
        except TimeoutError:
            raise NotSeen(f"{what}: not seen within {self._patience_s:g} s") from None
