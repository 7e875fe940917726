"""A screen over an empty one, in memory: what a person sees there, and what comes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App
from textual.screen import Screen

from coterie.tui.themes import THEMES
from tests.tui.sight import Sight

SMALLEST = (60, 18)
LOOKS = pytest.mark.parametrize(
    "look", [*list(THEMES)[1:], "no colour"]
)  # the first is in all other tests
NOTHING = object()  # no result yet


class Shown(Sight):
    """A running program with one screen."""

    @property
    def result(self) -> object:
        """What the screen gave; ``NOTHING`` while it is there."""
        assert isinstance(self.app, Stage)
        return self.app.result

    async def press(self, *keys: str) -> None:
        """Keys by their names."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """As keys, one by one."""
        await self.pilot.press(*text)


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
