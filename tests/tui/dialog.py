"""A screen over an empty one, in memory: what a person sees there, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from coterie.tui.themes import THEMES

DEADLINE_S = 5.0
SMALLEST = (60, 18)
LOOKS = pytest.mark.parametrize(
    "look", [*list(THEMES)[1:], "no colour"]
)  # the first is in all other tests
NOTHING = object()  # no result yet
_KEYS = {" ": "space", "/": "slash", "@": "at", ":": "colon", "-": "minus", "#": "number_sign"}


@dataclass
class Shown:
    """A running program."""

    app: App[Any]
    pilot: Pilot[Any]

    @property
    def lines(self) -> list[str]:
        """The screen, line by line."""
        strips = self.app.screen._compositor.render_strips(self.app.size)
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)

    @property
    def result(self) -> object:
        """What the screen gave; ``NOTHING`` while it is there."""
        assert isinstance(self.app, Stage)
        return self.app.result

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

    async def press(self, *keys: str) -> None:
        """Keys by their names."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """As keys, one by one."""
        await self.pilot.press(*(_KEYS.get(letter, letter) for letter in text))


class Stage(App[None]):
    """Shows one screen, and keeps its result."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, shown: Screen[Any], look: str) -> None:
        super().__init__()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = "terminal" if look == "no colour" else look
        self.result: object = NOTHING
        self._shown = shown

    def on_mount(self) -> None:
        _ = self.push_screen(self._shown, self._keep)

    def _keep(self, result: object) -> None:
        self.result = result


@asynccontextmanager
async def showing(
    screen: Screen[Any], *, size: tuple[int, int] = (100, 30), look: str = "dark"
) -> AsyncIterator[Shown]:
    """The screen, in the colours of a theme, or under ``NO_COLOR`` ("no colour")."""
    with pytest.MonkeyPatch.context() as patch:
        if look == "no colour":
            patch.setenv("NO_COLOR", "1")
        stage = Stage(screen, look)
    async with stage.run_test(size=size) as pilot:
        await pilot.pause()
        yield Shown(stage, pilot)
