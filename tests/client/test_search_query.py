"""What is typed to search, and what FTS5 makes of it."""

from collections.abc import Iterator
from datetime import UTC, timedelta, timezone

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client.search_query import MAX_QUERY, MAX_TERMS, Query, Term, parse
from coterie.errors import InvalidInput

DAY_MS = 86_400_000
SAID = {
    1: "shipping today",
    2: "don't ship",
    3: "the Café is open",
    4: 'she said "today we ship"',
    5: "NEAR OR AND NOT",
}


@pytest.fixture(scope="module")
def index() -> Iterator[apsw.Connection]:
    """The same kind of index that the store has."""
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE said USING fts5(text, tokenize = 'unicode61 remove_diacritics 2')"
    )
    connection.executemany("INSERT INTO said (rowid, text) VALUES (?, ?)", list(SAID.items()))
    yield connection
    connection.close()


def hits(index: apsw.Connection, typed: str) -> list[int]:
    match = parse(typed, UTC).match
    found = index.execute("SELECT rowid FROM said WHERE said MATCH ? ORDER BY rowid", (match,))
    return [row[0] for row in found]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ship", [1, 2, 4]),
        ("ship today", [1, 4]),
        ('"ship"', [2, 4]),
        ('"we ship"', [4]),
        ('"we ship', [4]),
        ("today ship shipping", [1]),
        ("cafe", [3]),
        ("CAFÉ", [3]),
        ("don't", [2]),
        ('said"x', []),
        ("NEAR", [5]),
        ("OR NOT", [5]),
        ("text:ship", []),
        ("ship*", [1, 2, 4]),
        ("(today)", [1, 4]),
        ("-ship", [1, 2, 4]),
        ("^ship", [1, 2, 4]),
    ],
)
def test_words_find_what_begins_with_them_and_are_never_a_language(
    index: apsw.Connection, typed: str, expected: list[int]
) -> None:
    assert hits(index, typed) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_whatever_is_typed_is_a_query_or_said_to_be_none(
    index: apsw.Connection, typed: str
) -> None:
    try:
        query = parse(typed, UTC)
    except InvalidInput:
        return
    if query.match:
        index.execute("SELECT rowid FROM said WHERE said MATCH ?", (query.match,)).fetchall()


def test_signs_without_a_letter_are_looked_for_as_they_are() -> None:
    assert parse('👍 ->  "=> x" "..."', UTC) == Query((Term("=> x", False),), ("👍", "->", "..."))


def test_operators_narrow_it() -> None:
    query = parse('from:@Bob from:carol in:#ops IN:"my room" has:link today', UTC)
    assert query == Query(
        (Term("today", True),), senders=("bob", "carol"), rooms=("ops", "my room"), has_link=True
    )


def test_days_are_those_of_the_person() -> None:
    zone = timezone(timedelta(hours=2))
    query = parse("after:1970-01-02 before:1970-01-05", zone)
    assert query.from_ms == 2 * DAY_MS - 2 * 3_600_000
    assert query.before_ms == 4 * DAY_MS - 2 * 3_600_000


def test_of_several_days_all_must_hold() -> None:
    query = parse("after:1970-01-01 after:1970-01-03 before:1970-02-01 before:1970-01-10", UTC)
    assert (query.from_ms, query.before_ms) == (3 * DAY_MS, 9 * DAY_MS)


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("from:", "from: stands before a name"),
        ("in:#", "in: stands before a room"),
        ("has:", "has: stands before link"),
        ("has:file", "has:file is not known"),
        ("before:", "before: stands before a day"),
        ("before:tomorrow", "tomorrow is no day"),
        ("after:2026-02-30", "2026-02-30 is no day"),
        ("after:9999-12-31", "9999-12-31 is no day"),
        ("before:0001-01-01", "0001-01-01 is no day"),
        ("x" * (MAX_QUERY + 1), "the limit is 1000"),
        ("x " * (MAX_TERMS + 1), "the limit is 32"),
        ("a\ud800", "no text"),
    ],
)
def test_what_cannot_be_searched_for_is_said(typed: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        parse(typed, UTC)


def test_other_words_with_a_colon_are_words() -> None:
    assert parse("todo:x http://a", UTC).match == '"todo:x"* AND "http://a"*'


@pytest.mark.parametrize("typed", ["", "  ", '""', '"  '])
def test_nothing_typed_asks_for_nothing(typed: str) -> None:
    assert parse(typed, UTC).is_empty
