"""The program on the screen."""

from textual.app import App

from coterie.client.api import Backend
from coterie.errors import CoterieError
from coterie.tui.chat_screen import ChatScreen
from coterie.tui.session import Session
from coterie.tui.themes import THEMES


class ChatApp(App[CoterieError | None]):
    """``room`` is opened first. It ends with an error where the client ends."""

    ENABLE_COMMAND_PALETTE = False  # Textual's: Ctrl+P is ours
    TITLE = "Coterie"

    def __init__(self, backend: Backend, room: str | None, theme: str) -> None:
        super().__init__()
        for one in THEMES.values():
            self.register_theme(one)
        self.theme = theme
        self._is_due = False
        self.session = Session(backend, self._changed)
        self._main = ChatScreen(self.session, room)

    async def on_mount(self) -> None:
        """Shows the one screen there is."""
        await self.push_screen(self._main)

    def _changed(self) -> None:
        """However many changes come at once, the screen shows the last of them once."""
        if not self._is_due and self.is_running:
            self._is_due = True
            self.call_next(self._show)

    def _show(self) -> None:
        self._is_due = False
        self._main.update()


async def run_chat(backend: Backend, room: str | None, theme: str) -> None:
    """Until the person quits. Raises Unavailable where the client ends before."""
    error = await ChatApp(backend, room, theme).run_async()
    if error is not None:
        raise error
