"""What a search finds, in a real index."""

from collections.abc import Iterator
from datetime import UTC

import pytest

from coterie.client.happening import Event
from coterie.client.search_query import parse
from coterie.client.store import INDEXED_BYTES
from coterie.client.store_timeline import NEVER
from coterie.content import Delete, Edit, Text, Unknown
from tests.client.kept import ALICE, BOBB, ref
from tests.client.stored import OTHER_ROOM, ROOM, Stored, open_store, plan, statements

DAY_MS = 86_400_000


@pytest.fixture
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    store = open_store(tmp_path_factory.mktemp("search") / "client.db")
    stored, other = Stored(store), Stored(store, room_id=OTHER_ROOM)
    stored.take(ALICE, Text("Deploy the café at noon", 0), ref(1))
    stored.take(BOBB, Text("deployed: https://example.org/x -> done", DAY_MS), ref(1, BOBB))
    other.take(ALICE, Text("the noon deploy is 100% done 🎉", 2 * DAY_MS), ref(2))
    stored.line(Event.ADDED, "alice added noon")
    stored.take(ALICE, Unknown("noon", b"\x81\xa4kind\xa4noon"), ref(3))
    yield stored
    store.close()


def found(stored: Stored, typed: str, rooms: list[bytes] | None = None) -> list[int]:
    """Which of the three, newest first."""
    stored.store.index_words(NEVER)
    return [row.number for row in stored.store.search(parse(typed, UTC), rooms)]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("deploy", [3, 2, 1]),
        ('"deploy"', [3, 1]),
        ("DEPLOYED", [2]),
        ("cafe", [1]),
        ("d", [3, 2, 1]),
        ("noon deploy", [3, 1]),
        ('"deploy noon"', []),
        ('"noon deploy"', [3]),
        ("->", [2]),
        ("deploy ->", [2]),
        ("🎉", [3]),
        ("has:link", [2]),
        ("has:link cafe", []),
        ("from:alice", [3, 1]),
        ("from:alice from:bobb", [3, 2, 1]),
        ("from:alice the", [3, 1]),
        ("from:nobody", []),
        ("after:1970-01-01", [3, 2]),
        ("before:1970-01-02", [1]),
        ("before:1970-01-03 deploy", [2, 1]),
        ("100%", [3]),
        ("added", []),
        ("zebra", []),
    ],
)
def test_what_is_found(stored: Stored, typed: str, expected: list[int]) -> None:
    assert found(stored, typed) == expected


def test_search_is_of_the_rooms_that_are_given(stored: Stored) -> None:
    assert found(stored, "deploy", [ROOM]) == [2, 1]
    assert found(stored, "from:alice", [OTHER_ROOM]) == [3]
    assert found(stored, "deploy", [ROOM, OTHER_ROOM]) == [3, 2, 1]
    assert found(stored, "deploy", []) == []


def test_search_goes_on_before_a_number(stored: Stored) -> None:
    stored.store.index_words(NEVER)
    for typed in ("deploy", "from:alice from:bobb"):
        query = parse(typed, UTC)
        first = stored.store.search(query, limit=2)
        rest = stored.store.search(query, before=first[-1].number, limit=2)
        assert [row.number for row in (*first, *rest)] == [3, 2, 1]


def test_edited_message_is_found_by_what_it_now_says(stored: Stored) -> None:
    stored.take(BOBB, Edit(ref(1, BOBB), "rolled back", 5), ref(9, BOBB))
    assert found(stored, "deployed") == []
    assert found(stored, "has:link") == []
    assert found(stored, "rolled") == [2]
    stored.take(BOBB, Edit(ref(1, BOBB), "see https://example.org", 5), ref(10, BOBB))
    assert found(stored, "has:link") == [2]


@pytest.mark.parametrize("typed", ["deployed", "has:link", "from:bobb", "->", "after:1970-01-01 d"])
def test_deleted_message_is_not_found(stored: Stored, typed: str) -> None:
    assert 2 in found(stored, typed)
    stored.take(BOBB, Delete(ref(1, BOBB), 5), ref(9, BOBB))
    assert 2 not in found(stored, typed)


def test_what_is_passed_over_is_judged_by_an_index_alone(stored: Stored) -> None:
    """A word that everybody says, of a sender who never says it, reads no message."""
    store = stored.store
    for typed in ("from:bobb before:2020-01-01 has:link", "the from:bobb"):
        with statements(store) as asked:
            store.search(parse(typed, UTC), [ROOM])
        steps = plan(store, next(sql for sql in asked if "INDEXED BY" in sql))
        assert not [step for step in steps if "B-TREE" in step]
        assert [step for step in steps if "USING INDEX timeline_facts" in step]


def test_words_are_indexed_late_and_found_all_the_same(stored: Stored) -> None:
    """A message that was edited or deleted before its words were indexed leaves none of the old ones."""
    store = stored.store
    store.tidy()
    for number, word in ((11, "walrus"), (12, "penguin"), (13, "seal")):
        stored.take(ALICE, Text(word, 1), ref(number))
    stored.take(ALICE, Edit(ref(11), "dolphin", 2), ref(21))
    stored.take(ALICE, Delete(ref(12), 2), ref(22))
    assert found(stored, "walrus") == found(stored, "penguin") == []
    assert len(found(stored, "dolphin")) == len(found(stored, "seal")) == 1
    stored.take(ALICE, Edit(ref(13), "orca", 2), ref(23))
    assert found(stored, "seal") == []
    assert len(found(stored, "orca")) == 1


def test_tidying_indexes_what_is_new(stored: Stored) -> None:
    stored.store.tidy()
    with statements(stored.store) as asked:
        assert found(stored, "cafe") == [1]
    assert not [sql for sql in asked if "INSERT" in sql]


def writes_to_the_index(asked: list[str]) -> bool:
    return any("INSERT INTO word (rowid, words)" in sql for sql in asked)


def test_edits_write_the_index_late_and_once(stored: Stored) -> None:
    """A member who edited one long message without end kept everybody's client busy: a fifth of a second each time."""
    store = stored.store
    store.tidy()
    with statements(store) as asked:
        for edit in range(10):
            stored.take(BOBB, Edit(ref(1, BOBB), f"zebra{edit}", 5), ref(20 + edit, BOBB))
    assert not writes_to_the_index(asked)
    assert len([sql for sql in asked if "'delete'" in sql]) == 1
    with statements(store) as asked:
        store.tidy()
    assert writes_to_the_index(asked)
    assert found(stored, "zebra8") == found(stored, "deployed") == []
    assert found(stored, "zebra9") == [2]


def test_edited_and_then_deleted_message_leaves_no_words(stored: Stored) -> None:
    store = stored.store
    store.tidy()
    stored.take(BOBB, Edit(ref(1, BOBB), "zebra", 5), ref(20, BOBB))
    stored.take(BOBB, Delete(ref(1, BOBB), 5), ref(21, BOBB))
    store.tidy()
    assert found(stored, "zebra") == found(stored, "deployed") == []
    vocabulary = "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, word, instance)"
    store._db.execute(vocabulary)
    assert not list(store._db.execute("SELECT * FROM temp.vocabulary WHERE doc = 2"))


def test_tidying_indexes_no_more_at_once_than_takes_a_moment(stored: Stored) -> None:
    """A member who wrote many long messages would freeze everybody's screen for minutes."""
    store = stored.store
    store.tidy()
    before = store._indexed_to()
    for number in range(30, 35):
        stored.take(ALICE, Text(f"long{number} ".ljust(INDEXED_BYTES // 2, "x"), 1), ref(number))
    store.tidy()
    assert store._indexed_to() == before + 2
    store.tidy()
    assert store._indexed_to() == before + 4
    assert found(stored, "long34") == [before + 5]
