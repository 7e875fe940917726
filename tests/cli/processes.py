"""The program as a process of its own, with and without a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from types import TracebackType
from typing import IO, Self

DEADLINE_S = 30.0
PROGRAM = (
    "import sys; from coterie.cli.main import main; status = main(); {after}; sys.exit(status)"
)
# A new session takes the terminal that it begins on only when asked to.
ON_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"


def process(
    *words: str, stdin: str = "", after: str = "pass", stdout: IO[str] | int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """The program with these words, run to its end in a session without a terminal."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM.format(after=after), *words],
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        start_new_session=True,
    )


class Terminal:
    """A Python program on a terminal of its own, and the person in front of it."""

    def __init__(self, program: str, *words: str) -> None:
        self.screen = ""
        self._has_ended = False
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", ON_TERMINAL + program, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def wait_for(self, text: str) -> None:
        """Until it is on the screen."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.screen:
            assert not self._has_ended, f"{text!r} is not in {self.screen!r}"
            left_s = deadline - time.monotonic()
            assert select.select([self._ours], [], [], left_s)[0], self.screen
            try:
                chunk = os.read(self._ours, 4096)
            except OSError:  # Linux's way to say that the other end is closed
                chunk = b""
            self._has_ended = not chunk
            self.screen += chunk.decode()

    def type(self, text: str) -> None:
        """As from the keyboard."""
        os.write(self._ours, text.encode())

    def answer(self, prompt: str, text: str) -> None:
        """Waits to be asked; then the screen is clear."""
        self.wait_for(prompt)
        self.screen = ""
        self.type(text)
