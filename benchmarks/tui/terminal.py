"""A program in a terminal, timed from outside: from a key to the text that it brings on the screen."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

DEADLINE_S = 60.0
CALM_S = 0.05
COLUMNS, LINES = 100, 30
READ_BYTES = 1 << 16
_SIZE = struct.pack("HHHH", LINES, COLUMNS, 0, 0)


class Terminal:
    """Runs ``command`` until the end of ``with``. The last word that it is given ``with_notes`` is a pipe's number."""

    def __init__(self, command: Sequence[str], env: dict[str, str], *, with_notes: bool = False):
        self._master, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, _SIZE)
        reading, self._notes = os.pipe() if with_notes else (-1, -1)
        words = [*command, *([str(reading)] if with_notes else [])]
        self.seen = ""  # what was written since the last wait
        self.began = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603
            ["setsid", "--ctty", *words],  # noqa: S607
            stdin=end,
            stdout=end,
            stderr=end,
            pass_fds=(reading,) if with_notes else (),
            env=env,
        )
        os.close(end)
        if with_notes:
            os.close(reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE_S)
        os.close(self._master)
        if self._notes >= 0:
            os.close(self._notes)

    def press(self, keys: str) -> float:
        """The moment at which they were pressed. What was written before is forgotten."""
        self._drain()
        os.write(self._master, keys.encode())
        return time.perf_counter()

    def note(self, text: str) -> float:
        """The moment at which a line went down the pipe."""
        self._drain()
        os.write(self._notes, f"{text}\n".encode())
        return time.perf_counter()

    def until(self, text: str) -> float:
        """The moment at which it was written, since the last key. Raises AssertionError at the deadline."""
        return self.until_so(lambda seen: text in seen, repr(text))

    def until_so(self, is_so: Callable[[str], bool], what: str) -> float:
        """The moment at which all that was written since the last key is so. Raises AssertionError likewise."""
        deadline = time.perf_counter() + DEADLINE_S
        while not is_so(self.seen):
            left = deadline - time.perf_counter()
            assert left > 0, f"no {what} in {self.seen[-2000:]!r}"
            if select.select([self._master], [], [], left)[0]:
                self.seen += self._read()
        return time.perf_counter()

    def calm(self) -> None:
        """Waits for as long as nobody types faster, until nothing more is written: it was drawn to its end."""
        while select.select([self._master], [], [], CALM_S)[0]:
            self._read()

    def resident_kb(self) -> int:
        """Of its memory, in kB."""
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def _read(self) -> str:
        try:
            return os.read(self._master, READ_BYTES).decode(errors="replace")
        except OSError:  # as Linux tells that nobody has the other end open
            raise AssertionError(f"it has ended:\n{self.seen}") from None

    def _drain(self) -> None:
        while select.select([self._master], [], [], 0)[0]:
            self._read()
        self.seen = ""


def environment() -> dict[str, str]:
    """As a person's, who has compiled modules and no animations that would be measured."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("COTERIE_", "TMUX"))}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**env, "TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
