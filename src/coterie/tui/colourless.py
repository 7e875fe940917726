"""A screen without colours, for whom ``NO_COLOR`` says so (no-color.org): none is written, and none is told by."""

import os
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

# What is told by a background alone is told in reverse, or underlined: an option has no reverse in Textual.
CSS = """
OptionList:nocolor > .option-list--option-highlighted { text-style: bold underline; }
TextArea:nocolor .text-area--cursor, TextArea:nocolor .text-area--selection,
Input:nocolor > .input--cursor, Input:nocolor > .input--selection { text-style: reverse; }
"""


def is_wanted() -> bool:
    """Empty, it says nothing."""
    return bool(os.environ.get("NO_COLOR"))


class Colourless(LineFilter):
    """Textual's own makes greys of them."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same, bold, underlined and in reverse where they were."""
        return [
            Segment(text, style and _without(style), control) for text, style, control in segments
        ]


@lru_cache(1024)
def _without(style: Style) -> Style:
    """What a click on it does stays."""
    return style.without_color + Style.from_meta(style.meta)
