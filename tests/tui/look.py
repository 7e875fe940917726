"""The program on a screen in memory, and what a person sees there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.events import Key, Paste

from coterie.client.api import Backend
from coterie.tui.app import ChatApp
from coterie.tui.chat_screen import ChatScreen
from coterie.tui.settings import Read, Settings
from coterie.tui.settings_file import SettingsFile
from tests.tui.sight import Sight


@dataclass
class Seen(Sight):
    """The running program."""

    app: ChatApp

    async def type(self, text: str) -> None:
        """Text, and Enter. Whole, since each key would wait for an idle screen."""
        await self.paste(text)
        await self.press("enter")

    async def press(self, *keys: str) -> None:
        """Keys by their names."""
        for key in keys:
            await self.pilot.press(key)
            await self.app.typed_ahead.until_taken()

    def press_at_once(self, *keys: str) -> None:
        """All of them before anything is done, as a terminal gives them that was behind."""
        for key in keys:
            self.app.post_message(Key(key, key if len(key) == 1 else None))

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
