"""A film as one SVG that any browser plays, and a single screen as one that stands still.

Every row of the screen is a strip of all that it ever shows, and moves behind a window one row high: so what stays
costs nothing, and what comes back costs a number. Text is put by the column, whatever font stands for ``monospace``.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from types import MappingProxyType
from xml.sax.saxutils import escape

from scripts.film.palette import colour
from scripts.film.screen import Film, Row, Run, Style

CELL, LINE = 8.43, 17  # pixels of a cell at this size in the usual fonts, and of a row
STEP = (
    2 * LINE
)  # from row to row of a strip: a letter may be taller than its own, and must not show in another
FONT_SIZE = 14
BASELINE = 13
MARGIN = 10
BLOCKS = MappingProxyType(  # the part of a cell: left, top, width, height
    {
        "█": (0, 0, 1, 1),
        "▀": (0, 0, 1, 0.5),
        "▄": (0, 0.5, 1, 0.5),
        "▌": (0, 0, 0.5, 1),
        "▐": (0.5, 0, 0.5, 1),
    }
)
FONTS = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"


def still(width: int, rows: Iterable[Row]) -> str:
    """One screen."""
    rows, styles = list(rows), _Styles()
    body = [
        f'<g transform="translate(0,{y * LINE})">{_row(row, styles)}</g>'
        for y, row in enumerate(rows)
        if row
    ]
    return _document(width, len(rows), [], styles, body)


def animated(film: Film) -> str:
    """All of it, again and again. Where nothing moves, as in a reader of still pictures, its last frame is seen."""
    styles = _Styles()
    strips = [[frame.rows[y] for frame in film.frames] for y in range(film.height)]
    uses = Counter(row for strip in strips for row in dict.fromkeys(strip))
    names = {
        row: f"l{n}"
        for n, row in enumerate(row for row, count in uses.items() if count > 1 and row)
    }
    shared = [f'<g id="{name}">{_row(row, styles)}</g>' for row, name in names.items()]
    times = [frame.at_s / film.duration_s for frame in film.frames]
    rules, body = [], []
    for y, strip in enumerate(strips):
        places = {row: n for n, row in enumerate(dict.fromkeys(strip))}
        shown = "".join(
            f'<use href="#{names[row]}" y="{n * STEP}"/>'
            if row in names
            else f'<g transform="translate(0,{n * STEP})">{_row(row, styles)}</g>'
            for row, n in places.items()
            if row
        )
        if len(places) > 1:
            rules.append(_keyframes(y, times, [places[row] for row in strip]))
            rules.append(
                f".r{y}{{transform:translateY({-STEP * places[strip[-1]]}px);"
                f"animation:r{y} {film.duration_s:.2f}s step-end infinite}}"
            )
            shown = f'<g class="r{y}">{shown}</g>'
        if shown:
            window = f'y="{y * LINE}" width="{_pixels(film.width)}" height="{LINE}"'
            body.append(f'<svg {window} overflow="hidden">{shown}</svg>')
    return _document(
        film.width, film.height, rules, styles, [f"<defs>{''.join(shared)}</defs>", *body]
    )


def _keyframes(y: int, times: list[float], places: list[int]) -> str:
    """A step wherever another part of the strip comes into view."""
    steps = []
    before = None
    for time, place in zip(times, places, strict=True):
        if place != before:
            share = 0.0 if before is None else 100 * time
            steps.append(f"{share:.3f}%{{transform:translateY({-STEP * place}px)}}")
        before = place
    return f"@keyframes r{y}{{{''.join(steps)}}}"


class _Styles:
    """The classes that were needed, each once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, style: Style) -> str:
        rule = f"fill:{colour(style.foreground, 'foreground')}"
        rule += ";font-weight:bold" if style.is_bold else ""
        rule += ";font-style:italic" if style.is_italic else ""
        lines = [
            word
            for word, is_so in (
                ("underline", style.is_underlined),
                ("line-through", style.is_struck),
            )
            if is_so
        ]
        rule += f";text-decoration:{' '.join(lines)}" if lines else ""
        return self._names.setdefault(rule, f"c{len(self._names)}")

    def rules(self) -> list[str]:
        return [f".{name}{{{rule}}}" for rule, name in self._names.items()]


def _row(row: Row, styles: _Styles) -> str:
    return "".join(_background(run) for run in row) + "".join(_text(run, styles) for run in row)


def _background(run: Run) -> str:
    if not run.style.background:
        return ""
    fill = colour(run.style.background, "background")
    return f'<rect x="{_pixels(run.column)}" width="{_pixels(run.width)}" height="{LINE}" fill="{fill}"/>'


def _blocks(run: Run) -> str:
    """As shapes: a font leaves gaps between its rows."""
    fill, column, shapes = colour(run.style.foreground, "foreground"), run.column, []
    for block, group in groupby(run.text):
        count = len(list(group))
        left, top, width, height = BLOCKS[block]
        for place in range(column, column + count) if width < 1 else (column,):
            cells = width if width < 1 else count
            shapes.append(
                f'<rect x="{_pixels(place + left)}" y="{top * LINE:g}" width="{_pixels(cells)}"'
                f' height="{height * LINE:g}" fill="{fill}"/>'
            )
        column += count
    return "".join(shapes)


def _text(run: Run, styles: _Styles) -> str:
    if BLOCKS.keys() >= set(run.text):
        return _blocks(run)
    text, column = run.text, run.column
    if not run.style.is_underlined and not run.style.is_struck:
        column += len(text) - len(text.lstrip(" "))
        text = text.strip(" ")
    if not text:
        return ""
    is_even = len(text) > 1 and len(run.text) == run.width  # each character takes a cell
    length = f' textLength="{_pixels(len(text))}"' if is_even else ""
    shown = escape(text).replace(" ", "\u00a0")
    return f'<text x="{_pixels(column)}" y="{BASELINE}"{length} class="{styles.name(run.style)}">{shown}</text>'


def _document(width: int, height: int, rules: list[str], styles: _Styles, body: list[str]) -> str:
    right, bottom = width * CELL + 2 * MARGIN, height * LINE + 2 * MARGIN
    size = f'width="{right:g}" height="{bottom:g}"'
    shapes = "rect{shape-rendering:crispEdges}"
    text = f"text{{font-family:{FONTS};font-size:{FONT_SIZE}px;white-space:pre}}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right:g} {bottom:g}" {size}>'
        f"<style>{shapes}{text}{''.join([*styles.rules(), *rules])}</style>"
        f'<rect {size} rx="6" fill="{colour("", "background")}"/>'
        f'<g transform="translate({MARGIN},{MARGIN})">{"".join(body)}</g></svg>\n'
    )


def _pixels(cells: float) -> str:
    return f"{round(cells * CELL, 1):g}"
