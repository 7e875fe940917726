"""What Textual does by itself: ``python floors.py KIND [PIPE]``, a program with nothing of Coterie in it.

``input``: an app with one Input. ``lines``: one with a RichLog of 5,000 lines, to which each line from the pipe is
added. Both are as little as shows the same to a person.
"""

import asyncio
import os
import sys

from textual.app import App, ComposeResult
from textual.widgets import Input, RichLog

MESSAGES = 5_000


class Floor(App[None]):
    """An Input, and with ``pipe`` lines above it."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, pipe: int | None) -> None:
        super().__init__()
        self._pipe = pipe

    def compose(self) -> ComposeResult:
        if self._pipe is not None:
            yield RichLog(wrap=True)
        yield Input(placeholder=": ready")  # the cursor stands on the first letter

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        if self._pipe is not None:
            log = self.query_one(RichLog)
            for number in range(MESSAGES):
                log.write(f"bobb 10:{number % 60:02}\n  message {number} about a heron by the lake")
            asyncio.get_running_loop().add_reader(self._pipe, self._read, self._pipe)

    def _read(self, pipe: int) -> None:
        for line in os.read(pipe, 65_536).decode().splitlines():
            self.query_one(RichLog).write(f"bobb 10:00\n  {line}")


if __name__ == "__main__":
    Floor(int(sys.argv[2]) if sys.argv[1] == "lines" else None).run()
