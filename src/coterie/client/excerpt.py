"""The part of a message that a search found, and where in it. Pure.

It parts and folds words as FTS5's ``unicode61`` does, so that what is lit is what was found. No marks are put into
the text, for the text could hold the same ones.
"""

import re
import unicodedata
from dataclasses import dataclass

from coterie.client.search_query import Query

_WORD = re.compile("(?:[^\\W_]|[\u0300-\u036f])+")  # letters and digits, with their accents
_BEFORE = 3  # a third of the excerpt stands before what was found


@dataclass(frozen=True, slots=True)
class Excerpt:
    """On one line. ``found`` is where in ``text`` what was looked for begins and ends."""

    text: str
    found: tuple[tuple[int, int], ...]
    is_cut_before: bool
    is_cut_after: bool


def excerpt(text: str, query: Query, width: int) -> Excerpt:
    """At most ``width`` characters around what is found first; the beginning where nothing is."""
    found = _found(text, query, width)
    begin = max(0, min(found[0][0] - width // _BEFORE, len(text) - width)) if found else 0
    end = min(len(text), begin + width)
    within = ((max(a, begin) - begin, min(b, end) - begin) for a, b in found if a < end)
    line = re.sub(r"\s", " ", text[begin:end])
    return Excerpt(line, tuple(within), begin > 0, end < len(text))


def _found(text: str, query: Query, width: int) -> list[tuple[int, int]]:
    """Of words and literals, in order and apart, as far as an excerpt can reach behind the first."""
    found = [
        (at, at + len(literal))
        for literal in query.literals
        if (at := text.find(literal)) >= 0  # the first alone: an excerpt needs no more
    ]
    words = list(_WORD.finditer(text))
    terms = [(_words(term.text), term.is_prefix) for term in query.terms]
    for place, word in enumerate(words):
        if found and word.start() > found[0][0] + width:
            break
        first = _folded(word[0])
        for wanted, is_prefix in terms:
            if not wanted or not first.startswith(wanted[0]):  # mostly
                continue
            here = [_folded(one[0]) for one in words[place : place + len(wanted)]]
            if _is_meant(wanted, is_prefix, here):
                found.append((word.start(), words[place + len(wanted) - 1].end()))
    return _apart(sorted(found))


def _is_meant(wanted: list[str], is_prefix: bool, here: list[str]) -> bool:
    """Whether those are the words."""
    if is_prefix and len(here) == len(wanted) and here[-1].startswith(wanted[-1]):
        here[-1] = wanted[-1]
    return here == wanted


def _words(text: str) -> list[str]:
    return [_folded(word[0]) for word in _WORD.finditer(text)]


def _folded(word: str) -> str:
    """Without case and accents."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFD", word.lower())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that touch or overlap as one."""
    apart: list[tuple[int, int]] = []
    for begin, end in spans:
        if apart and begin <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], end))
        else:
            apart.append((begin, end))
    return apart
