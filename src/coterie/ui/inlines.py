"""The inside of a line of Markdown: bold, code, links, mentions. Linear in its length, whatever is in it.

A chat's Markdown and not a document's: no HTML, no images, and a link's address is always shown, for its label is
somebody's word. ``markdown`` has the blocks around it.
"""

import re
from typing import Literal, TypeAlias

import msgspec

from coterie.client.links import link_at
from coterie.client.mentions import mention_at

MAX_MARKS = 1_000  # in one message; what follows is shown as it was typed. All of it takes a few milliseconds
MAX_LABEL = 200  # characters of a link's label


class _Inline(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower):
    """What all share: the browser gets them as they are."""


class Plain(_Inline, frozen=True):
    """As it is."""

    text: str


class Code(_Inline, frozen=True):
    """As it is, in one width."""

    text: str


class Link(_Inline, frozen=True):
    """``address`` is shown whole, behind the label where there is one."""

    address: str
    label: str = ""


class Mention(_Inline, frozen=True):
    """``text`` is as it was typed, with the @; whether there is such an account is another question."""

    name: str
    text: str


Style: TypeAlias = Literal["strong", "emphasis", "strike"]


class Styled(_Inline, frozen=True):
    """Parts within, of other styles: no style is within itself, so it is five deep at most."""

    style: Style
    parts: tuple["Inline", ...]


Inline: TypeAlias = Plain | Code | Link | Mention | Styled

# Each alternative begins with a sign of its own and ends within one pass: what could be tried again is possessive.
_PART = r"[^\s()\[\]<>]*+"
_HTTP = "[hH][tT][tT][pP][sS]?://"
_TOKEN = re.compile(
    r"(?=[\\`*_~\[@hH])(?:"  # what nothing begins with is passed over faster
    r"(?P<escaped>\\[\\`*_~\[\]()<>#@.!|+-])"
    r"|(?P<ticks>`+)"
    r"|(?P<marks>\*+|_+|~~)"
    rf"|\[(?P<label>[^\[\]\n]{{1,{MAX_LABEL}}}+)\]\((?P<address>{_HTTP}{_PART}(?:\({_PART}\){_PART})*+)\)"
    r"|(?P<at>@)"
    rf"|(?P<http>{_HTTP}))"
)
_CLOSING_TICKS = {n: re.compile(rf"(?<!`)`{{{n}}}(?!`)") for n in (1, 2, 3)}
_STYLES: dict[str, Style] = {
    "**": "strong",
    "__": "strong",
    "*": "emphasis",
    "_": "emphasis",
    "~~": "strike",
}
_SPLIT = {1: (1,), 2: (2,), 3: (2, 1)}  # a run of signs as marks; a longer one is none


class _Frame(msgspec.Struct):
    """A mark that is open, and what stands behind it so far."""

    mark: str
    parts: list[Inline] = msgspec.field(default_factory=list)
    text: list[str] = msgspec.field(default_factory=list)  # that is not yet a part

    def add(self, part: Inline) -> None:
        self.close_text()
        self.parts.append(part)

    def close_text(self) -> None:
        text = "".join(self.text)
        self.text.clear()
        if text:
            self.parts.append(Plain(text))

    def take_over(self, inner: "_Frame") -> None:
        """The mark of ``inner`` was none."""
        self.text.append(inner.mark)
        for part in inner.parts:
            if isinstance(part, Plain):
                self.text.append(part.text)
            else:
                self.add(part)
        self.text += inner.text


class Inlines:
    """Reads the lines of one message, which share ``MAX_MARKS``."""

    def __init__(self) -> None:
        self._marks_left = MAX_MARKS

    def parse(self, text: str) -> tuple[Inline, ...]:
        """All characters of ``text`` are in the parts, but for the marks that were understood."""
        stack = [_Frame("")]
        position = 0
        while self._marks_left and (found := _TOKEN.search(text, position)):
            self._marks_left -= 1
            top, begin = stack[-1], found.start()
            top.text.append(text[position:begin])
            position = found.end()
            match found.lastgroup:
                case "escaped":
                    top.text.append(found[0][1:])
                case "ticks" if closing := _closing_ticks(text, found):
                    top.add(Code(_code(text[position : closing.start()])))
                    position = closing.end()
                case "marks":
                    _mark(stack, text, begin, position)
                case "address":
                    top.add(Link(found["address"], found["label"]))
                case "at" if mention := mention_at(text, begin):
                    position, name = mention
                    top.add(Mention(name, text[begin:position]))
                case "http" if end := link_at(text, begin):
                    position = end
                    top.add(Link(text[begin:end]))
                case _:
                    top.text.append(found[0])
        stack[-1].text.append(text[position:])
        return _finished(stack)


def _closing_ticks(text: str, opening: re.Match[str]) -> re.Match[str] | None:
    """The run that closes another one. Only the last of a length has none, so each is looked for in vain once."""
    closing = _CLOSING_TICKS.get(len(opening[0]))
    return closing.search(text, opening.end()) if closing else None


def _code(text: str) -> str:
    """A space each side parts the code from ` within it."""
    has_spaces = text.startswith(" ") and text.endswith(" ") and text.strip(" ")
    return text[1:-1] if has_spaces else text


def _mark(stack: list[_Frame], text: str, begin: int, end: int) -> None:
    """A run of one sign: it closes what it can, and opens what is left of it."""
    sign, left = text[begin], end - begin
    before, after = text[begin - 1 : begin], text[end : end + 1]
    can_open = after != "" and not after.isspace()
    can_close = before != "" and not before.isspace()
    if sign == "_" or (sign == "*" and left == 1 and before.isascii() and after.isascii()):
        # Within a word it is part of it: snake_case, 2*3*4. Scripts without spaces may have * anywhere.
        can_open, can_close = can_open and not before.isalnum(), can_close and not after.isalnum()
    if left > len(_SPLIT):
        can_open = can_close = False
    while can_close and (open_frame := _open(stack, sign, left)):
        left -= len(open_frame.mark)
        _close(stack, open_frame)
    for length in _SPLIT.get(left, ()) if can_open else ():
        mark = sign * length
        if mark in _STYLES and all(frame.mark != mark for frame in stack):
            stack.append(_Frame(mark))
            left -= length
    stack[-1].text.append(sign * left)


def _open(stack: list[_Frame], sign: str, length: int) -> _Frame | None:
    """The open mark of this sign that a run of ``length`` closes: one as long, or else the innermost shorter one."""
    fitting = [f for f in reversed(stack) if f.mark[:1] == sign and len(f.mark) <= length]
    return next((f for f in fitting if len(f.mark) == length), fitting[0] if fitting else None)


def _close(stack: list[_Frame], frame: _Frame) -> None:
    while stack[-1] is not frame:
        inner = stack.pop()
        stack[-1].take_over(inner)
    stack.pop()
    frame.close_text()
    stack[-1].add(Styled(_STYLES[frame.mark], tuple(frame.parts)))


def _finished(stack: list[_Frame]) -> tuple[Inline, ...]:
    while len(stack) > 1:
        inner = stack.pop()
        stack[-1].take_over(inner)
    stack[0].close_text()
    return tuple(stack[0].parts)
