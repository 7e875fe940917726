"""What a demonstration is shown on: a terminal in colour, a pipe, or nothing where the result is JSON."""

import os
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from coterie.cli.output import put

if TYPE_CHECKING:
    from coterie.demo.look import Look


def make_look(*, is_silent: bool) -> "Look":
    """As wide and as colourful as stdout can be; ``is_silent`` writes nothing at all."""
    from coterie.demo.look import Look

    return Look(
        (lambda line: None) if is_silent else put,
        is_coloured=_is_coloured(),
        is_ascii=_is_ascii(),
        width=get_terminal_size().columns,
    )


def _is_coloured() -> bool:
    """On a terminal that can, unless somebody said that they want none: no-color.org."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_ascii() -> bool:
    """Whether ticks and arrows could not be written."""
    from coterie.demo.look import ASCII

    try:
        "".join(ASCII).encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return True
    return False
