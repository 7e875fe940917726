"""Web addresses in a text: one rule for the search, the screens and what is opened."""

import re
from collections.abc import Iterator

# What a person would take for part of the address; no sign that can end Markdown around it.
_LINK = re.compile(r"https?://[^\s<>\"`\x00-\x1f\x7f]+", re.IGNORECASE)
_AFTER = ".,;:!?'*_~|"  # ends the sentence or its Markdown, not the address


def links(text: str) -> Iterator[tuple[int, int]]:
    """Where each begins and ends."""
    for found in _LINK.finditer(text):
        yield found.start(), found.start() + len(trimmed(found[0]))


def link_at(text: str, position: int) -> int | None:
    """Where a link that begins there ends."""
    found = _LINK.match(text, position)
    return position + len(trimmed(found[0])) if found else None


def has_link(text: str) -> bool:
    """Whether there is one."""
    return _LINK.search(text) is not None


def trimmed(address: str) -> str:
    """Without what follows it in a sentence: punctuation, and brackets that it does not open itself."""
    unopened = {
        close: address.count(close) - address.count(opening) for opening, close in ("()", "[]")
    }
    end = len(address)
    while end:
        last = address[end - 1]
        if unopened.get(last, 0) > 0:
            unopened[last] -= 1
        elif last not in _AFTER:
            break
        end -= 1
    return address[:end]
