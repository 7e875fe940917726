"""Markdown as a small tree, the same for all interfaces: none ever builds markup from somebody's text.

Blocks are found line by line; ``inlines`` reads what is in them. Bounded and linear, whatever is in the text.
"""

import re
from typing import TypeAlias

import msgspec

from coterie.ui.clean import clean
from coterie.ui.inlines import Inline, Inlines, Plain

MAX_LINES = 1_000  # of one message that are looked at; what follows is shown as it was typed
MAX_QUOTES = 3  # quotes within quotes; what is deeper is shown as it was typed
MAX_DEPTH = 3  # of lists


class _Block(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower):
    """What all share."""


class Paragraph(_Block, frozen=True):
    """A line end in it is one on the screen: people who chat mean it."""

    parts: tuple[Inline, ...]


class Heading(_Block, frozen=True):
    """``level`` is 1 to 3."""

    level: int
    parts: tuple[Inline, ...]


class CodeBlock(_Block, frozen=True):
    """As it is. ``language`` is what its writer says."""

    text: str
    language: str = ""


class Item(_Block, frozen=True):
    """Of a list. ``number`` is as it was typed, None for one with a dot; ``depth`` 0 is not indented."""

    depth: int
    number: int | None
    parts: tuple[Inline, ...]


class Quote(_Block, frozen=True):
    """What was said before, by whoever."""

    blocks: tuple["Block", ...]


Block: TypeAlias = Paragraph | Heading | CodeBlock | Item | Quote

_FENCE = re.compile(r" {0,3}(```+|~~~+) *([\w+#.-]{0,30})\s*\Z")
_QUOTE = re.compile(r" {0,3}> ?")
_HEADING = re.compile(r"(#{1,3}) +(\S.*)\Z", re.DOTALL)
_ITEM = re.compile(r"( {0,20})(?:[-*+]|([0-9]{1,9})[.)]) +(\S.*)\Z", re.DOTALL)


def parse(text: str) -> tuple[Block, ...]:
    """The tree of one message. Its text is cleaned: ``clean``."""
    return _Blocks().parse(clean(text.replace("\r\n", "\n")).split("\n"), MAX_QUOTES)


class _Blocks:
    def __init__(self) -> None:
        self._inlines = Inlines()
        self._lines_left = MAX_LINES

    def parse(self, lines: list[str], quotes_left: int) -> tuple[Block, ...]:
        blocks: list[Block] = []
        paragraph: list[str] = []

        def end_paragraph() -> None:
            if paragraph:
                blocks.append(Paragraph(self._inlines.parse("\n".join(paragraph))))
                paragraph.clear()

        at = 0
        while at < len(lines):
            if self._lines_left <= 0:
                end_paragraph()
                blocks.append(Paragraph((Plain("\n".join(lines[at:])),)))
                break
            found = self._block(lines, at, quotes_left)
            if found:
                end_paragraph()
                block, after = found
                blocks.append(block)
            else:
                after = at + 1
                if lines[at].strip():
                    paragraph.append(lines[at])
                else:
                    end_paragraph()
            self._lines_left -= after - at
            at = after
        end_paragraph()
        return tuple(blocks)

    def _block(self, lines: list[str], at: int, quotes_left: int) -> tuple[Block, int] | None:
        """The block that begins at a line, and the line behind it; None for a line of a paragraph."""
        line = lines[at]
        if fence := _FENCE.match(line):
            return _code_block(lines, at, fence)
        if quotes_left and _QUOTE.match(line):
            after = next(
                (n for n in range(at, len(lines)) if not _QUOTE.match(lines[n])), len(lines)
            )
            quoted = [_QUOTE.sub("", line, count=1) for line in lines[at:after]]
            return Quote(self.parse(quoted, quotes_left - 1)), after
        if heading := _HEADING.match(line):
            return Heading(len(heading[1]), self._inlines.parse(heading[2])), at + 1
        if item := _ITEM.match(line):
            depth = min(len(item[1]) // 2, MAX_DEPTH)
            number = int(item[2]) if item[2] else None
            return Item(depth, number, self._inlines.parse(item[3])), at + 1
        return None


def _code_block(lines: list[str], at: int, fence: re.Match[str]) -> tuple[Block, int]:
    """To the fence that closes it, or to the end."""
    sign = fence[1]

    def closes(line: str) -> bool:
        stripped = line.strip()
        return stripped.startswith(sign) and not stripped.strip(sign[0])

    end = next((n for n in range(at + 1, len(lines)) if closes(lines[n])), len(lines))
    return CodeBlock("\n".join(lines[at + 1 : end]), fence[2]), end + 1
