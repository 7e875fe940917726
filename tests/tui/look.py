"""The program on a screen in memory, and what a person sees there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.events import Paste
from textual.pilot import Pilot

from coterie.client.api import Backend
from coterie.errors import CoterieError
from coterie.tui.app import ChatApp
from coterie.tui.chat_screen import ChatScreen
from coterie.tui.settings import Read, Settings
from coterie.tui.settings_file import SettingsFile

DEADLINE_S = 5.0


@dataclass
class Seen:
    """A running program."""

    app: ChatApp
    pilot: Pilot[CoterieError | None]

    @property
    def lines(self) -> list[str]:
        """The screen, line by line."""
        size = self.app.size
        strips = self.app.screen._compositor.render_strips(size)
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Waits for something to be seen."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not is_so():
                    await self.pilot.pause(0.01)
        except TimeoutError:
            raise AssertionError(f"not seen:\n{self.text}") from None

    async def until_shown(self, *texts: str) -> None:
        """Waits for these on the screen."""
        await self.until(lambda: all(text in self.text for text in texts))

    async def until_gone(self, text: str) -> None:
        """Waits for this to leave the screen."""
        await self.until(lambda: text not in self.text)

    async def type(self, text: str) -> None:
        """Text, and Enter. Whole, since each key would wait for an idle screen."""
        await self.paste(text)
        await self.press("enter")

    async def press(self, *keys: str) -> None:
        """Keys by their names."""
        for key in keys:
            await self.pilot.press(key)
            await self.app.typed_ahead.until_taken()

    @property
    def composed(self) -> str:
        """What stands in the composer."""
        return self.main.composer.text

    @property
    def main(self) -> ChatScreen:
        """The main screen, whatever is over it."""
        return next(one for one in self.app.screen_stack if isinstance(one, ChatScreen))

    async def paste(self, text: str) -> None:
        """As a terminal gives it: bracketed."""
        self.main.composer.post_message(Paste(text))
        await self.pilot.pause()

    async def paste_into_dialog(self, text: str) -> None:
        """Into what has the focus on the screen that is over the main one."""
        await self.until(lambda: self.app.screen is not self.main and self.app.screen.focused)
        focused = self.app.screen.focused
        assert focused is not None
        focused.post_message(Paste(text))
        await self.pilot.pause()


@asynccontextmanager
async def looking(
    backend: Backend,
    room: str | None = None,
    *,
    size: tuple[int, int] = (100, 30),
    settings: Settings | None = None,
    file: SettingsFile | None = None,
) -> AsyncIterator[Seen]:
    """The program, once it has listed the rooms."""
    file = file or SettingsFile(Path(), Read(settings or Settings()))
    app = ChatApp(backend, room, settings_file=file)
    async with app.run_test(size=size) as pilot:
        seen = Seen(app, pilot)
        await seen.until_shown("F1 help")
        yield seen
