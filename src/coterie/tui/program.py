"""A program on the full screen, which gives the terminal back as it was however it ends."""

import asyncio
import signal
from collections.abc import Sequence
from typing import Any, TypeVar

from textual.app import App
from textual.filter import LineFilter
from textual.reactive import Reactive
from textual.worker import WorkerFailed

from coterie.tui import colourless
from coterie.tui.themes import THEMES

T = TypeVar("T")


class Program(App[T]):
    """Textual's own would tell of an error with the values of all variables: a password, what people wrote."""

    ENABLE_COMMAND_PALETTE = False  # Textual's: Ctrl+P is ours
    TITLE = "Coterie"
    theme = Reactive("dark")  # from the beginning: a change reads all styles again
    CSS = colourless.CSS

    def __init__(self) -> None:
        super().__init__()
        for one in THEMES.values():
            self.register_theme(one)
        self.no_color = colourless.is_wanted()
        self._colourless = [colourless.Colourless()]

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What each line goes through before it is written."""
        return self._colourless if self.no_color else super().get_line_filters()

    async def run_async(self, **options: Any) -> T | None:
        """Textual's, until the end. Raises what went wrong in it, with a traceback for ``--debug``."""
        loop, numbers = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGHUP)

        def end() -> None:
            for number in numbers:  # a second one ends the process
                loop.remove_signal_handler(number)
            self.end()

        for number in numbers:
            loop.add_signal_handler(number, end)
        try:
            result = await super().run_async(**options)
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
        error = self._exception
        if isinstance(error, WorkerFailed):
            raise error.error
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        """The person quits, or somebody ends the process or closes its terminal."""
        self.exit()

    async def action_quit(self) -> None:
        """Textual's own key for it is asked before all of ours."""
        self.end()

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()
