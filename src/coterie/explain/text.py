"""A walk as text, for a terminal."""

import textwrap
from collections.abc import Iterator

from coterie.explain.step import Key, Step, Walk

MAX_WIDTH = 100
INDENT = "     "
PAGE = "docs/reference/protocol.md"


def lines(walk: Walk, width: int) -> Iterator[str]:
    """All of it, in ASCII."""
    width = min(width, MAX_WIDTH)
    for number, chapter in enumerate(walk, 1):
        yield f"{number}. {chapter.title}"
        yield from textwrap.wrap(chapter.text, width, initial_indent="   ", subsequent_indent="   ")
        yield ""
        for place, step in enumerate(chapter.steps, 1):
            yield from _step(f"{number}.{place}", step, width)
            yield ""
    yield "Fingerprints are under a salt that is gone with this process: equal ones are equal keys,"
    yield "and nothing else can be learned from them."


def _step(number: str, step: Step, width: int) -> Iterator[str]:
    yield f"{number:<5}{step.title}"
    yield from textwrap.wrap(
        step.text,
        width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_on_hyphens=False,
    )
    if step.to is not None:
        yield f"{INDENT}{step.by} to {step.to}: {step.wire_size:,} bytes on the wire"
    yield from _table([(f"{part.size:,}", part.name, part.meaning) for part in step.parts])
    yield from _table([(f"{key.size:,}", key.name, _fingerprint(key)) for key in step.keys])
    yield f'{INDENT}see "{step.section}" in {PAGE}; {step.standard}'


def _fingerprint(key: Key) -> str:
    return f"key {key.fingerprint}, {key.holder}"


def _table(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if not rows:
        return
    sizes, names = (max(len(row[column]) for row in rows) for column in (0, 1))
    for size, name, meaning in rows:
        yield f"{INDENT}  {size:>{sizes}}  {name:<{names}}  {meaning}"
