"""Which of many names somebody means by a few letters: the switcher and the palette. Pure."""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

_INITIALS = re.compile(r"(?<![^\W_])[^\W_]")
_BEGINS, _WORD, _CONTIGUOUS, _APART = range(4)  # the better, the smaller


def ranked(typed: str, candidates: Iterable[T], name: Callable[[T], str] = str) -> list[T]:
    """Those that hold the letters in their order, the best first; among equals as they were given.

    A name that begins so is better than one with a word, or with words, that do (``do`` is dev-ops), that better than
    one that holds them together, and that better than one that holds them apart. With nothing typed all are as they
    were given.
    """
    wanted = "".join(typed.casefold().split())
    found = [
        (rank, candidate)
        for candidate in candidates
        if (rank := _rank(wanted, name(candidate).casefold())) is not None
    ]
    return [candidate for _, candidate in sorted(found, key=lambda pair: pair[0])]


def _rank(wanted: str, name: str) -> tuple[int, int] | None:
    """How well, and then how far apart; None where the letters are not there."""
    at = name.find(wanted)
    if at == 0:
        return _BEGINS, 0
    if at > 0:
        return (_WORD, 0) if not name[at - 1].isalnum() else (_CONTIGUOUS, 0)
    if "".join(_INITIALS.findall(name)).startswith(wanted):
        return _WORD, 1
    place = first = -1
    for letter in wanted:
        place = name.find(letter, place + 1)
        if place < 0:
            return None
        first = place if first < 0 else first
    return _APART, place - first
