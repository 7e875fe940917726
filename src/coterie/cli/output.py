"""Where the commands write: the result to stdout, all else to stderr behind the program's name.

Lines are lower case and without a full stop; nothing has a colour, and nothing moves but ``progress``.
"""

import contextlib
import os
import sys

from coterie.errors import CoterieError, StorageError


class OutputClosed(Exception):
    """Who read our stdout has had enough (``| head``): no error of anybody's."""


def put(*lines: str) -> None:
    """Writes a result, and flushes, so that a reader at the other end of a pipe has it now.

    Raises OutputClosed where nobody reads any more, StorageError where it cannot be written.
    """
    if sys.stdout is None:
        raise StorageError("standard output is closed")
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosed from None
    except OSError as error:
        abandon_stdout()
        raise StorageError(f"standard output: {error.strerror}") from error


def abandon_stdout() -> None:
    """What is still in the buffer goes nowhere, so that the interpreter's last flush has nothing to complain about."""
    with contextlib.suppress(OSError, ValueError):  # closed already, or no file at all
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def note(text: str) -> None:
    """A sentence for who watches."""
    _to_stderr(text)


def complain(message: str, hint: str = "") -> None:
    """An error, and what can be done about it."""
    _to_stderr(f"error: {message}")
    if hint:
        _to_stderr(f"hint: {hint}")


def complain_about(error: CoterieError) -> None:
    """The same for an error that was raised."""
    complain(str(error), error.hint)


def watched() -> bool:
    """Whether a person sees stderr as it is written."""
    return sys.stderr.isatty()


def _to_stderr(text: str) -> None:
    from coterie.ui.clean import clean_line  # nothing to clean in --help

    print("coterie:", clean_line(text), file=sys.stderr, flush=True)
