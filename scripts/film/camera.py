"""A program in a terminal of its own, and the recording of it. Who drives it waits for what the recording shows.

The film has a clock of its own: ``hold`` lets it run on without anybody waiting, so that a viewer has time to read.
"""

import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from scripts.film.recording import Recording
from scripts.film.screen import Row, Screen

DEADLINE_S = 60.0  # for whatever must happen, on a machine that has other work
STILL_S = 0.2  # under the half second of a cursor that blinks
OWN_TERMINAL = ("setsid", "--ctty")  # a shell wants more than three streams of it
LINES = re.compile(r"[^\n]*\n|[^\n]+")
READ_BYTES = 65_536


class NotShown(Exception):
    """A scene does not show what it should: there is no film."""


class Camera:
    """Records ``command`` until ``cut``. A program that writes faster than one reads gets ``line_s`` for each line."""

    def __init__(
        self,
        command: Sequence[str],
        title: str,
        size: tuple[int, int],
        env: Mapping[str, str],
        line_s: float = 0.0,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        width, height = size
        self._line_s, self._deadline_s = line_s, deadline_s
        self.recording = Recording(title, width, height)
        self._screen = Screen(width, height)
        self._changed = threading.Condition()
        self._held_s = 0.0
        self._is_cut = self._has_ended = False
        self._began = time.monotonic()
        self._master, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._process = subprocess.Popen(  # noqa: S603
            [*OWN_TERMINAL, *command], stdin=end, stdout=end, stderr=end, env=dict(env)
        )
        os.close(end)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)  # as a terminal does that is closed
        self._process.wait(DEADLINE_S)
        self._reader.join()
        os.close(self._master)

    def hold(self, seconds: float) -> None:
        """What is on the screen stays so much longer in the film."""
        with self._changed:
            self._held_s += seconds

    def write(self, text: str) -> None:
        """As typed on its keyboard."""
        os.write(self._master, text.encode())

    def cut(self) -> None:
        """What comes from now on is not in the film."""
        with self._changed:
            self._is_cut = True

    def until_still(self) -> None:
        """Waits until nothing more comes: a screen is drawn in several parts. Raises NotShown."""
        deadline = time.monotonic() + self._deadline_s
        with self._changed:
            while self._changed.wait(STILL_S):
                if time.monotonic() > deadline:
                    raise NotShown("an end of what is drawn")

    def lines(self) -> list[str]:
        """The text on the screen now."""
        with self._changed:
            return self._screen.lines()

    def rows(self) -> tuple[Row, ...]:
        """What is on the screen now."""
        with self._changed:
            return self._screen.rows()

    def until(self, is_so: Callable[[list[str]], bool], what: str) -> None:
        """Waits until the lines of the screen are so. Raises NotShown."""
        deadline = time.monotonic() + self._deadline_s
        with self._changed:
            while not is_so(lines := self._screen.lines()):
                left = deadline - time.monotonic()
                if left < 0 or self._has_ended:
                    shown = "\n".join(line.rstrip() for line in lines)
                    raise NotShown(f"{what}, which is not on the screen:\n{shown}")
                self._changed.wait(left)

    def _read(self) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        try:
            while chunk := _output(self._master):
                self._take(decode(chunk))
        finally:  # whoever waits hears of the end, whichever it is
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _take(self, text: str) -> None:
        with self._changed:
            for line in LINES.findall(text) if not self._is_cut else ():
                at_s = time.monotonic() - self._began + self._held_s
                self.recording.events.append((at_s, line))
                self._held_s += self._line_s if line.endswith("\n") else 0.0
            self._screen.feed(text)
            self._changed.notify_all()


def _output(master: int) -> bytes:
    """Empty where nobody has the other end open any more, which Linux tells as an error."""
    try:
        return os.read(master, READ_BYTES)
    except OSError:
        return b""
