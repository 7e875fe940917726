"""A walk as the page docs/reference/protocol-walk.md: without fingerprints, which differ each time."""

import re
from collections.abc import Iterator

from coterie.explain.step import Step, Walk

VARYING = 1000  # bytes from which a size that varies does so
_SENTENCE_END = re.compile(r"(?<=[a-z)])\. (?=[A-Z])")

BEGINNING = """\
# The protocol, step by step

What goes over the wire from the first byte to a message that is read, with the size of each part.
`coterie explain` does all of it anew on your machine, and shows fingerprints of the keys beside it; \
`coterie explain --html walk.html` draws it.
This page is made by the same code: run `scripts/generate_walk.py` to make it again.
The rules are in [the protocol](protocol.md), the names of the keys in [the debug log](debug-log.md#keys).
"""


def page(walk: Walk) -> str:
    """All of it."""
    return "\n".join([BEGINNING, *_chapters(walk)])


def _chapters(walk: Walk) -> Iterator[str]:
    for number, chapter in enumerate(walk, 1):
        yield f"## {number}. {chapter.title}\n"
        yield f"{_sentences(chapter.text)}\n"
        for place, step in enumerate(chapter.steps, 1):
            yield from _step(f"{number}.{place}", step)


def _step(number: str, step: Step) -> Iterator[str]:
    yield f"### {number} {step.title}\n"
    if step.to is not None:
        yield f"*{step.by} to {step.to}: {_size(step, step.wire_size)} bytes on the wire.*\n"
    yield f"{_sentences(step.text)}\n"
    if step.parts:
        yield "| bytes | part | |\n| --- | --- | --- |"
        yield from (
            f"| {_size(step, part.size)} | {part.name} | {part.meaning} |" for part in step.parts
        )
        yield ""
    if step.keys:
        names = dict.fromkeys(f"`{key.name}`" for key in step.keys)
        yield f"Keys: {', '.join(names)}.\n"
    anchor = step.section.lower().replace(" ", "-")
    yield f"Rules: [{step.section}](protocol.md#{anchor}); {step.standard}.\n"


def _size(step: Step, size: int) -> str:
    """In thousands where it is another one each time."""
    return f"about {round(size, -3):,}" if step.sizes_vary and size >= VARYING else f"{size:,}"


def _sentences(text: str) -> str:
    """One a line."""
    return _SENTENCE_END.sub(".\n", text)
