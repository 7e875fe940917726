"""What a person sees of a program on a screen in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.app import App
from textual.pilot import Pilot
from textual.strip import Strip

DEADLINE_S = 5.0


@dataclass
class Sight:
    """A running program."""

    app: App[Any]
    pilot: Pilot[Any]

    @property
    def strips(self) -> list[Strip]:
        """The screen, line by line, with its styles."""
        return self.app.screen._compositor.render_strips(self.app.size)

    @property
    def lines(self) -> list[str]:
        """The screen, line by line."""
        return [strip.text for strip in self.strips]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Waits for something to be seen, or to be done."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not is_so():
                    await self.pilot.pause(0.01)
        except TimeoutError:
            raise AssertionError(f"not so:\n{self.text}") from None

    async def until_shown(self, *texts: str) -> None:
        """Waits for these on the screen."""
        await self.until(lambda: all(text in self.text for text in texts))

    async def until_gone(self, text: str) -> None:
        """Waits for this to leave the screen."""
        await self.until(lambda: text not in self.text)

    async def until_over(self) -> None:
        """Waits for the program to end."""
        await self.until(lambda: not self.app.is_running)
