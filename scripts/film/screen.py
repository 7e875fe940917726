"""What a terminal shows, as rows of styled text: pyte reads its output, and these values are taken from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyte
from pyte.screens import Char
from scripts.film.recording import LONGEST_STILL_S, Recording

FRAME_S = 1 / 20  # what changes within one is seen at once
LETTERS = range(0x250)  # what every font has
BOX = range(0x2500, 0x2580)  # box drawing
BLOCKS = frozenset("▀▄█▌▐")
FAINT, GREY = 2, 90  # numbers of SGR
MAX_GAP = 2  # blank cells that are still written out between two words


@dataclass(frozen=True, slots=True)
class Style:
    """Colours are six hex digits, or a name of ``palette``'s; empty for the terminal's own."""

    foreground: str = ""
    background: str = ""
    is_bold: bool = False
    is_italic: bool = False
    is_underlined: bool = False
    is_struck: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one style from ``column`` on, ``width`` cells wide."""

    column: int
    width: int
    text: str
    style: Style


Row = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The screen from a second of the film on."""

    at_s: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Film:
    """``frames`` are those that differ from the one before. The last one stays until ``duration_s``."""

    width: int
    height: int
    frames: tuple[Frame, ...]
    duration_s: float


class _Emulator(pyte.Screen):
    """pyte's, which knows no faint text: here it is grey."""

    def select_graphic_rendition(self, *attributes: int) -> None:
        left, given = list(attributes) or [0], list[int]()
        while left:
            count = {2: 5, 5: 3}.get(left[1], 1) if left[0] in (38, 48) and left[1:] else 1
            given += [GREY] if left[0] == FAINT else left[:count]
            left = left[count:]
        super().select_graphic_rendition(*given)


class Screen:
    """An emulator that is fed a terminal's output."""

    def __init__(self, width: int, height: int) -> None:
        self._screen = _Emulator(width, height)
        self._stream = pyte.Stream(self._screen)
        self.width, self.height = width, height

    def feed(self, text: str) -> None:
        self._stream.feed(text)

    def lines(self) -> list[str]:
        """The text alone, each line as wide as the screen."""
        return list(self._screen.display)

    def rows(self) -> tuple[Row, ...]:
        """As it is now, with the cursor where it is shown."""
        cursor = self._screen.cursor
        rows = []
        for y in range(self.height):
            line = self._screen.buffer[y]
            cells = [line[x] for x in range(self.width)]
            if y == cursor.y and not cursor.hidden and cursor.x < self.width:
                under = cells[cursor.x]
                cells[cursor.x] = under._replace(reverse=not under.reverse)
            rows.append(tuple(_runs(cells)))
        return tuple(rows)


def film(recording: Recording, hold_s: float) -> Film:
    """All that is seen of it. What stands still is shortened, and the end stays for ``hold_s``."""
    screen = Screen(recording.width, recording.height)
    frames: list[Frame] = []
    events = list(_paced(recording))
    begun_s = -FRAME_S  # of the frame that is being drawn
    for position, (now_s, text) in enumerate(events):
        screen.feed(text)
        begun_s = now_s if now_s - begun_s >= FRAME_S else begun_s
        following = events[position + 1 : position + 2]
        if following and following[0][0] - begun_s < FRAME_S:
            continue
        rows = screen.rows()
        if not frames or frames[-1].rows != rows:
            frames.append(Frame(begun_s, rows))
    return Film(recording.width, recording.height, tuple(frames), events[-1][0] + hold_s)


def _paced(recording: Recording) -> Iterator[tuple[float, str]]:
    """From the first one on, without waiting longer than anybody would."""
    now_s, before_s = 0.0, recording.events[0][0]
    for at_s, text in recording.events:
        now_s += min(at_s - before_s, LONGEST_STILL_S)
        before_s = at_s
        yield now_s, text


# --- cells -----------------------------------------------------------------------------------------


def _runs(cells: list[Char]) -> Iterator[Run]:
    """Neighbours of one style and kind together; what shows nothing is left out."""
    for (style, kind), group in groupby(enumerate(cells), lambda cell: _kind(cells, *cell)):
        taken = list(group)
        column, text = taken[0][0], "".join(cell.data for _, cell in taken)
        if style.background or style.is_underlined or style.is_struck or kind:
            yield Run(column, len(taken), text, style)
        else:
            yield from _words(column, text, style)


def _kind(cells: list[Char], column: int, cell: Char) -> tuple[Style, int]:
    """Zero for letters, one for blocks and two for boxes, of which any number go together; else a number of its own.

    Of anything else the font may have no glyph, or one of another width, which must move no neighbour.
    """
    owner = column - 1 if cell.data == "" else column  # the second half of a wide character
    shown = cells[owner].data
    if len(shown) == 1 and ord(shown) in LETTERS:
        return _style(cell), 0
    if shown in BLOCKS:
        return _style(cell), 1
    if len(shown) == 1 and ord(shown) in BOX:
        return _style(cell), 2
    return _style(cells[owner]), 3 + owner


def _words(column: int, text: str, style: Style) -> Iterator[Run]:
    """Without the blanks around them, and broken where there are many between."""
    start = 0
    for part in text.split(" " * (MAX_GAP + 1)):
        shown = part.strip(" ")
        if shown:
            at = start + len(part) - len(part.lstrip(" "))
            yield Run(column + at, len(shown), shown, style)
        start += len(part) + MAX_GAP + 1


def _style(cell: Any) -> Style:
    foreground, background = _colour(cell.fg), _colour(cell.bg)
    if cell.reverse:
        foreground, background = background or "background", foreground or "foreground"
    return Style(
        foreground, background, cell.bold, cell.italics, cell.underscore, cell.strikethrough
    )


def _colour(name: str) -> str:
    return "" if name == "default" else name.replace("bfight", "bright")  # pyte's spelling of one
