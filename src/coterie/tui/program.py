"""A program on the full screen. When it fails it leaves nothing on the terminal, and whoever ran it has the error."""

from typing import Any, TypeVar

from textual.app import App
from textual.worker import WorkerFailed

T = TypeVar("T")


class Program(App[T]):
    """Textual's own would tell of an error with the values of all variables: a password, what people wrote."""

    ENABLE_COMMAND_PALETTE = False  # Textual's: Ctrl+P is ours
    TITLE = "Coterie"

    async def run_async(self, **options: Any) -> T | None:
        """Textual's, until the end. Raises what went wrong in it, with a traceback for ``--debug``."""
        result = await super().run_async(**options)
        error = self._exception
        if isinstance(error, WorkerFailed):
            raise error.error
        if error is not None:
            raise error
        return result

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()
