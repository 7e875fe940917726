"""How far a command has come: a line on stderr that is written anew, where a person sees it, and gone at the end."""

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from coterie.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coterie.server.progress import Progress

_ANEW = "\r\x1b[K"  # back to the beginning of the line, which is empty then


@contextmanager
def shown_progress() -> "Iterator[Progress]":
    """Give it what the work reports."""
    if not output.watched():
        yield lambda work, done, total: None
        return
    before = ""

    def show(work: str, done: int, total: int) -> None:
        nonlocal before
        line = f"coterie: {work} {100 * done // total if total else 100} %"
        if line != before:
            print(f"{_ANEW}{line}", end="", file=sys.stderr, flush=True)
        before = line

    try:
        yield show
    finally:
        print(_ANEW, end="", file=sys.stderr, flush=True)
