"""Text in lines of so many cells, whatever is in it: wide characters, emoji, marks upon marks. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from rich.cells import cell_len, split_graphemes

from coterie.ui.clean import clean

Run: TypeAlias = tuple[str, str]  # a text and the name of its style
Line: TypeAlias = list[Run]

TAB = "    "
MAX_STACKED = (
    4  # marks upon one character: no script needs more, and a terminal chokes on thousands
)

_INVISIBLE = "\u00ad\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef"
_STACKED = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    f"\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f{_INVISIBLE}]{{{MAX_STACKED}}})"
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    f"\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f{_INVISIBLE}]+"
)
_WORD = re.compile(r"\s+|\S+")


def harmless(text: str) -> str:
    """Text from others as it can be shown: cleaned, and without what a terminal counts otherwise than we do."""
    text = clean(text).replace("\t", TAB)
    return text if text.isascii() else _STACKED.sub(r"\1", text)


def cells(text: str) -> int:
    """How wide it is."""
    return len(text) if text.isascii() else cell_len(text)


def wrap(runs: Iterable[Run], width: int) -> list[Line]:
    """Broken between words where it can be. A space at a break is not shown."""
    lines: list[Line] = [[]]
    left = width
    for text, style in runs:
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
                left = width
            if len(part) <= left and part.isascii():  # most of what people say
                if part:
                    lines[-1].append((part, style))
                left -= len(part)
            else:
                left = _wrap_part(lines, part, style, left, width)
    return lines


def _wrap_part(lines: list[Line], part: str, style: str, left: int, width: int) -> int:
    """Adds it behind the last line, of which ``left`` cells are free; how many are free then."""
    for word in _WORD.findall(part):
        size = cells(word)
        if size > left and word.isspace():
            lines.append([])
            left = width
            continue
        if size > left and left < width and size <= width:
            lines.append([])
            left = width
        pieces = ((word, size),) if size <= left else _pieces(word, left, width)
        for number, (piece, taken) in enumerate(pieces):
            if number:
                lines.append([])
                left = width
            line = lines[-1]
            if line and line[-1][1] == style:
                line[-1] = (line[-1][0] + piece, style)
            else:
                line.append((piece, style))
            left -= taken
    return left


def chop(text: str, style: str, width: int) -> list[Line]:
    """Broken at the edge alone: for code, whose spaces count."""
    lines: list[Line] = []
    for line in text.split("\n"):
        pieces = [piece for piece, _ in _pieces(line, width, width)] if line else [""]
        lines += [[(piece, style)] for piece in pieces]
    return lines


def _pieces(text: str, first: int, width: int) -> Iterator[tuple[str, int]]:
    """Parts that fit, the first one into ``first`` cells, each with its size; nothing fits into none.

    Where there is no room at all they have a character each: who makes a window that narrow does not read it.
    """
    width = max(width, 1)
    if text.isascii():
        at, end = 0, max(first, 0)
        while at < len(text):
            yield text[at:end], min(end, len(text)) - at
            at, end = end, end + width
        return
    spans, _ = split_graphemes(text)
    begin, size, room = 0, 0, first
    for start, _, taken in spans:
        if size + taken > room:
            yield text[begin:start], size
            begin, size, room = start, 0, width
        size += taken
    yield text[begin:], size


def cut(text: str, width: int) -> str:
    """At most so wide, with … where something is missing."""
    if cells(text) <= width:
        return text
    return next(_pieces(text, max(width - 1, 0), width))[0] + "…" if width > 0 else ""
