"""The words of a message on one line, without the marks of its Markdown: where it is quoted or named. Pure."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from coterie.ui import inlines, markdown


def plain_words(text: str) -> str:
    """What a person would read aloud. Cleaned, as the tree is; addresses stay whole."""
    return " ".join(" ".join(_of_blocks(markdown.parse(text))).split())


def _of_blocks(blocks: Iterable[markdown.Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case markdown.Paragraph(parts) | markdown.Heading(_, parts):
                yield _of_parts(parts)
            case markdown.Item(_, number, parts):
                yield f"{'•' if number is None else f'{number}.'} {_of_parts(parts)}"
            case markdown.CodeBlock(code):
                yield code
            case markdown.Quote(inner):
                yield from _of_blocks(inner)
            case _:
                assert_never(block)


def _of_parts(parts: Iterable[inlines.Inline]) -> str:
    return "".join(_of_part(part) for part in parts)


def _of_part(part: inlines.Inline) -> str:
    match part:
        case inlines.Plain(text) | inlines.Code(text) | inlines.Mention(_, text):
            return text
        case inlines.Link(address, label):
            return f"{label} ({address})" if label else address
        case inlines.Styled(_, parts):
            return _of_parts(parts)
        case _:
            assert_never(part)
