"""A message as lines of styled text: its Markdown tree, indented under its head. Pure.

All that somebody wrote stands two cells to the right, so nothing of it can pass for a head or a line of the system.
"""

from collections.abc import Iterable, Iterator
from typing import assert_never

from coterie.tui.wrapping import Line, Run, chop, harmless, wrap
from coterie.ui import inlines, markdown

INDENT = "  "
MAX_SHOWN = 10_000  # characters of one message: each takes time, and a screen has fewer
MAX_LINES = 400  # of one message: nobody has to scroll past more
LEAST_WIDTH = 8  # cells; narrower, a line of somebody's quote in a quote in a list has none left


def text_lines(text: str, width: int, own_name: str) -> list[Line]:
    """``text`` as its sender wrote it, in ``width`` cells. A mention of ``own_name`` is lit."""
    lines = _blocks(_parsed(text), width - len(INDENT), own_name)
    return _indented(_bounded(lines, text, width))


def done_lines(sign: str, head: Line, text: str, width: int, own_name: str) -> list[Line]:
    """``text`` as what somebody does, behind ``head``, which says who; ``sign`` is as wide as the indent."""
    first, rest = _first_paragraph(_parsed(text))
    runs = [*head, (" ", "text"), *_runs(_leaning(first), "text", own_name)] if first else head
    lines = [*wrap(runs, width - len(INDENT)), *_blocks(rest, width - len(INDENT), own_name)]
    (_, *begun), *others = _indented(_bounded(lines, text, width))
    return [[(sign, "text"), *begun], *others]


def _parsed(text: str) -> tuple[markdown.Block, ...]:
    return markdown.parse(harmless(text[:MAX_SHOWN]))


def _indented(lines: list[Line]) -> list[Line]:
    return [[(INDENT, "text"), *line] for line in lines] or [[(INDENT, "text")]]


def _bounded(lines: list[Line], text: str, width: int) -> list[Line]:
    """Not more of them than anybody scrolls past, and then what is left out."""
    left, lines_left = len(text) - MAX_SHOWN, len(lines) - MAX_LINES
    more = [f"{left:,} more characters"] if left > 0 else []
    if lines_left > 0:
        more.append(f"{lines_left:,} more lines")
    if more:
        note = f"[{' and '.join(more)}: `coterie read` shows them]"
        lines = lines[:MAX_LINES] + wrap([(note, "note")], width - len(INDENT))
    return lines


def _first_paragraph(
    blocks: tuple[markdown.Block, ...],
) -> tuple[tuple[inlines.Inline, ...], tuple[markdown.Block, ...]]:
    """What is in it, where it is one, and what is behind it."""
    match blocks:
        case (markdown.Paragraph(parts), *rest):
            return parts, tuple(rest)
        case _:
            return (), blocks


def _leaning(parts: tuple[inlines.Inline, ...]) -> tuple[inlines.Inline, ...]:
    """In italics, but for what has a look of its own."""
    return tuple(
        inlines.Styled("emphasis", (part,)) if isinstance(part, inlines.Plain) else part
        for part in parts
    )


def _blocks(blocks: Iterable[markdown.Block], width: int, own_name: str) -> list[Line]:
    lines: list[Line] = []
    before: markdown.Block | None = None
    for block in blocks:
        if isinstance(block, markdown.Paragraph) and isinstance(before, markdown.Paragraph):
            lines.append([])
        lines += _block(block, max(width, LEAST_WIDTH), own_name)
        before = block
    return lines


def _block(block: markdown.Block, width: int, own_name: str) -> list[Line]:
    match block:
        case markdown.Paragraph(parts):
            return wrap(_runs(parts, "text", own_name), width)
        case markdown.Heading(_, parts):
            return wrap(_runs(parts, "strong", own_name), width)
        case markdown.CodeBlock(text):
            return _behind([("│ ", "note")], chop(text, "code", width - 2))
        case markdown.Item(depth, number, parts):
            sign = "• " if number is None else f"{number}. "
            room = width - 2 * depth - len(sign)
            lines = wrap(_runs(parts, "text", own_name), max(room, LEAST_WIDTH))
            first = [("  " * depth + sign, "note"), *lines[0]]
            return [first, *_behind([(" " * (2 * depth + len(sign)), "text")], lines[1:])]
        case markdown.Quote(inner):
            return _behind([("▌ ", "quote")], _blocks(inner, width - 2, own_name))
        case _:
            assert_never(block)


def _behind(prefix: Line, lines: list[Line]) -> list[Line]:
    return [[*prefix, *line] for line in lines]


def _runs(parts: Iterable[inlines.Inline], style: str, own_name: str) -> Iterator[Run]:
    for part in parts:
        match part:
            case inlines.Plain(text):
                yield text, style
            case inlines.Code(text):
                yield text, "code"
            case inlines.Link(address, ""):
                yield address, "link"
            case inlines.Link(address, label):
                yield f"{label} ", style
                yield f"({address})", "link"  # whole: the label is somebody's word
            case inlines.Mention(name, text):
                yield text, "mention-me" if name == own_name else "mention"
            case inlines.Styled(inner, parts_within):
                yield from _runs(parts_within, inner, own_name)
            case _:
                assert_never(part)
