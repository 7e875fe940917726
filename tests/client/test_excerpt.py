"""The part of a message that a search found."""

from collections.abc import Iterator
from datetime import UTC

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client.excerpt import Excerpt, excerpt
from coterie.client.search_query import Query, parse


def lit(text: str, typed: str, width: int = 80) -> list[str]:
    found = excerpt(text, parse(typed, UTC), width)
    return [found.text[begin:end] for begin, end in found.found]


@pytest.mark.parametrize(
    ("text", "typed", "expected"),
    [
        ("shipping today, ship it", "ship", ["shipping", "ship"]),
        ("shipping today, ship it", '"ship"', ["ship"]),
        ("we ship today and ship", '"ship today"', ["ship today"]),
        ("we ship today", '"ship tod"', []),
        ("Das Café ist zu", "cafe zu", ["Café", "zu"]),
        ("cafe\u0301", "café", ["cafe\u0301"]),
        ("don't", "don't", ["don't"]),
        ("snake_case", "case", ["case"]),
        ("done 👍 👍", "👍", ["👍"]),
        ("a line\nand today", "today", ["today"]),
        ("nothing of it", "from:alice", []),
        ("abc", "ab abc", ["abc"]),
    ],
)
def test_what_was_looked_for_is_lit(text: str, typed: str, expected: list[str]) -> None:
    assert lit(text, typed) == expected


def test_excerpt_stands_around_the_first_find_and_says_what_is_cut() -> None:
    text = "x " * 100 + "needle " + "y " * 100
    found = excerpt(text, parse("needle", UTC), 30)
    assert len(found.text) == 30
    assert found.found == ((10, 16),)
    assert (found.is_cut_before, found.is_cut_after) == (True, True)


def test_short_message_is_whole_on_one_line() -> None:
    found = excerpt("a\nb", parse("b", UTC), 30)
    assert found == Excerpt("a b", ((2, 3),), False, False)


def test_message_in_which_nothing_is_found_is_shown_from_its_beginning() -> None:
    assert excerpt("x" * 50, parse("from:alice", UTC), 10) == Excerpt("x" * 10, (), False, True)


def test_what_is_longer_than_the_excerpt_is_lit_as_far_as_it_goes() -> None:
    found = excerpt("x" * 50, parse("x", UTC), 10)
    assert (found.text, found.found) == ("x" * 10, ((0, 10),))


WORDS = st.lists(
    st.sampled_from(
        ["ship", "shipping", "Café", "cafe", "don't", "a_b", "today", "東京", ".", "-", "\n"]
    )
)


@pytest.fixture(scope="module")
def index() -> Iterator[apsw.Connection]:
    """The same kind of index that the store has."""
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE said USING fts5(text, tokenize = 'unicode61 remove_diacritics 2')"
    )
    yield connection
    connection.close()


@given(WORDS.map(" ".join), WORDS.map(" ".join).filter(lambda typed: typed.isprintable()))
def test_where_fts5_finds_all_words_each_of_them_is_lit(
    index: apsw.Connection, text: str, typed: str
) -> None:
    query = parse(typed, UTC)
    index.execute("DELETE FROM said")
    index.execute("INSERT INTO said VALUES (?)", (text,))
    found = "SELECT 1 FROM said WHERE said MATCH ?"
    if query.match and index.execute(found, (query.match,)).fetchall():
        for term in query.terms:
            assert excerpt(text, Query((term,)), len(text) + 1).found, term
