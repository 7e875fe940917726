"""What is typed to search: words, and ``from: in: before: after: has:``. Pure.

It becomes an FTS5 expression and plain conditions; the store asks them of its index. Nothing that is typed can be
read as FTS5's own language: each word goes in as a quoted string.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from coterie.errors import InvalidInput

MAX_QUERY = 1_000  # characters; a person types a tenth
MAX_TERMS = 32  # each is one more list of the index to walk

OPERATORS = ("from", "in", "before", "after", "has")
HAS = ("link",)
YEARS = range(1970, 9999)

# A closing quote may be missing: the query is still being typed.
_TERM = re.compile(rf'(?:({"|".join(OPERATORS)}):)?(?:"([^"]*)"?|(\S+))?', re.IGNORECASE)
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand in this order; of the last, where ``is_prefix``, the beginning is enough."""

    text: str
    is_prefix: bool


@dataclass(frozen=True, slots=True)
class Query:
    """All of it must hold for a message."""

    terms: tuple[Term, ...] = ()
    literals: tuple[
        str, ...
    ] = ()  # to be found as they are: the index knows letters and digits alone
    senders: tuple[str, ...] = ()  # one of these accounts, where there are any
    rooms: tuple[str, ...] = ()  # one of these rooms, as ``api.RoomRef``, where there are any
    from_ms: int | None = None  # not sent before
    before_ms: int | None = None  # sent before
    has_link: bool = False

    @property
    def match(self) -> str:
        """For FTS5's MATCH; empty where no word is given."""
        return " AND ".join(_quoted(term.text) + "*" * term.is_prefix for term in self.terms)

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing, so that everything would answer."""
        return self == Query()


def parse(typed: str, zone: tzinfo) -> Query:
    """A word stands for all that begin with it, words in quotes for themselves in that order.

    Days are those of ``zone``: ``before:2026-11-24`` ends as that day begins, ``after:`` begins as it ends.
    Raises InvalidInput.
    """
    if len(typed) > MAX_QUERY:
        raise InvalidInput(f"a search of {len(typed)} characters, the limit is {MAX_QUERY}")
    if not typed.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in typed):
        raise InvalidInput("the search has bytes in it that are no text")
    found = [term.groups() for term in _TERM.finditer(typed.replace("\0", " ")) if term[0]]
    if len(found) > MAX_TERMS:
        raise InvalidInput(f"a search of {len(found)} terms, the limit is {MAX_TERMS}")
    given: dict[str, list[str]] = {operator: [] for operator in OPERATORS}
    terms: list[Term] = []
    literals: list[str] = []
    for operator, phrase, word in found:
        value = phrase if phrase is not None else word or ""
        if operator:
            given[operator.lower()].append(_given(operator.lower(), value))
        elif not any(sign.isalnum() for sign in value):
            literals += [value.strip()] if value.strip() else []
        else:
            terms.append(Term(value, is_prefix=phrase is None))
    return Query(
        tuple(terms),
        tuple(literals),
        tuple(name.removeprefix("@").lower() for name in given["from"]),
        tuple(room.removeprefix("#") for room in given["in"]),
        max(
            (_day_begins(_day(day) + timedelta(days=1), zone) for day in given["after"]),
            default=None,
        ),
        min((_day_begins(_day(day), zone) for day in given["before"]), default=None),
        bool(given["has"]),
    )


def _given(operator: str, value: str) -> str:
    needed = {"from": "a name", "in": "a room", "has": " or ".join(HAS)}.get(operator, "a day")
    if not value.strip("@#"):
        raise InvalidInput(f"{operator}: stands before {needed}")
    if operator == "has" and value.lower() not in HAS:
        raise InvalidInput(f"has:{value} is not known", hint=f"has: stands before {needed}")
    return value


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _day(value: str) -> date:
    found = _DAY.fullmatch(value)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        day = None  # the 30th of February
    if day is None or day.year not in YEARS:
        raise InvalidInput(f"{value} is no day", hint="write it as 2026-11-24")
    return day


def _day_begins(day: date, zone: tzinfo) -> int:
    """Milliseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
