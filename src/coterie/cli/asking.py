"""Secrets come from a terminal, a file or a descriptor, never from an argument, which others can see."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from coterie.cli import output
from coterie.cli.misuse import Misuse
from coterie.errors import InvalidInput, StorageError

MAX_SECRET = (
    4_096  # bytes read of a file; passwords end at 1,024, what is longer was given by mistake
)
TRIES = 3  # of a person at a terminal


def read_secret(path: str, what: str) -> str:
    """The file's text without its last line end; ``-`` is stdin, ``/dev/fd/3`` a descriptor."""
    where = "standard input" if path == "-" else path
    try:
        if path == "-":
            found = _stdin().read(MAX_SECRET + 1)
        else:
            with open(path, "rb") as file:
                found = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise StorageError(f"{where}: {error.strerror}") from error
    if len(found) > MAX_SECRET:
        raise InvalidInput(f"{where} has more than {MAX_SECRET} bytes: that is no {what}")
    try:
        return without_line_end(found.decode())
    except UnicodeDecodeError:
        raise InvalidInput(f"the {what} in {where} is not UTF-8") from None


def without_line_end(text: str) -> str:
    """Without the one line end that editors and ``echo`` add."""
    return text.removesuffix("\n").removesuffix("\r")


def ask_secret(prompt: str, *, otherwise: str) -> str:
    """What is typed without being shown. Raises Misuse, which hints at ``otherwise``, where there is no terminal."""
    what = prompt.lower()
    if not _has_terminal():
        raise Misuse(f"no {what} was given, and there is no terminal to ask on", hint=otherwise)
    from getpass import getpass  # not for --help

    try:
        with _interruptible():
            return getpass(f"{prompt}: ")
    except EOFError:
        raise InvalidInput(f"no {what} was given") from None


def ask_new_secret(prompt: str, check: Callable[[str], object], *, otherwise: str) -> str:
    """The same, checked (which raises InvalidInput) and typed twice; again where one of them failed."""
    for left in reversed(range(TRIES)):
        try:
            first = ask_secret(prompt, otherwise=otherwise)
            check(first)
            if ask_secret(f"{prompt} again", otherwise=otherwise) == first:
                return first
            raise InvalidInput("the two differ")
        except InvalidInput as error:
            if not left:
                raise
            output.complain_about(error)
    raise AssertionError("unreachable")


def confirm(question: str) -> bool:
    """Whether the person at the terminal says yes. The question is no result, so it goes to stderr."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def read_stdin(limit: int, what: str) -> str:
    """All of stdin as one text, without its last line end. Raises InvalidInput above ``limit`` bytes, or no UTF-8."""
    found = _stdin().read(limit + 1)
    if len(found) > limit:
        raise InvalidInput(f"the {what} is too long: standard input has more than {limit} bytes")
    try:
        return without_line_end(found.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the {what} is not UTF-8 at byte {error.start}") from None


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person sits at it."""
    return stream is not None and stream.isatty()


def is_on_terminal() -> bool:
    """Whether all that we read and write is one, as a full screen needs it."""
    return all(is_terminal(stream) for stream in (sys.stdin, sys.stdout, sys.stderr))


def _stdin() -> IO[bytes]:
    if sys.stdin is None:
        raise StorageError("standard input is closed")
    return sys.stdin.buffer


@contextmanager
def _interruptible() -> Iterator[None]:
    """A running event loop would keep Ctrl+C from who waits at the terminal, and act on it afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _has_terminal() -> bool:
    """getpass takes the terminal itself, whatever stdin is; without one it would read stdin, and show it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
