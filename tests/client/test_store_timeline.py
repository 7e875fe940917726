"""Pages of rows, by number."""

from collections.abc import Iterator

import pytest
from msgspec import structs

from coterie.client.conversation import Row
from coterie.client.happening import Event
from coterie.client.store import TimelinePage, TimelineRow
from coterie.client.store_timeline import MOST_COUNTED
from coterie.content import Delete, Ref, Text
from tests.client.kept import ALICE, BOBB, ref
from tests.client.stored import OTHER_ROOM, ROOM, Stored, open_store, plan, statements


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """Ten messages here, each after one in another room; those of a thread are the fifth and the eighth."""
    store = open_store(tmp_path_factory.mktemp("pages") / "client.db")
    stored, other = Stored(store), Stored(store, room_id=OTHER_ROOM)
    for number in range(1, 11):
        other.text(number, f"other {number}")
        thread = ref(2) if number in (5, 8) else None
        stored.take(ALICE, Text(str(number), number, thread=thread), ref(number))
    yield stored
    store.close()


def number(stored: Stored, n: int) -> int:
    """Of the n-th message's row."""
    found = stored.store.number_of(ROOM, ref(n))
    assert found is not None
    return found


def page_of(
    stored: Stored, given: dict[str, int], limit: int, thread: Ref | None = None
) -> TimelinePage:
    """``given`` is ``before``, ``after`` or ``around`` the n-th message, or nothing."""
    before, after, around = (
        number(stored, given[side]) if side in given else None
        for side in ("before", "after", "around")
    )
    return stored.store.page(ROOM, limit, before=before, after=after, around=around, thread=thread)


def texts(page: TimelinePage) -> list[int]:
    return [int(row.message.text) for row in page.rows]


@pytest.mark.parametrize(
    ("given", "limit", "expected", "has_older", "has_newer"),
    [
        ({}, 3, [8, 9, 10], True, False),
        ({}, 10, list(range(1, 11)), False, False),
        ({"before": 4}, 2, [2, 3], True, True),
        ({"before": 4}, 3, [1, 2, 3], False, True),
        ({"before": 1}, 3, [], False, True),
        ({"after": 7}, 2, [8, 9], True, True),
        ({"after": 7}, 3, [8, 9, 10], True, False),
        ({"after": 10}, 3, [], True, False),
        ({"around": 5}, 5, [3, 4, 5, 6, 7], True, True),
        ({"around": 5}, 1, [5], True, True),
        ({"around": 1}, 4, [1, 2], False, True),
        ({"around": 10}, 4, [8, 9, 10], True, False),
    ],
)
def test_page_says_what_is_on_either_side(
    stored: Stored,
    given: dict[str, int],
    limit: int,
    expected: list[int],
    has_older: bool,
    has_newer: bool,
) -> None:
    page = page_of(stored, given, limit)
    assert (texts(page), page.has_older, page.has_newer) == (expected, has_older, has_newer)


def test_page_around_a_row_of_another_room_is_around_its_place(stored: Stored) -> None:
    page = stored.store.page(ROOM, 2, around=number(stored, 5) - 1)
    assert texts(page) == [4, 5]


def test_page_of_all_rooms_is_in_the_order_of_all(stored: Stored) -> None:
    page = stored.store.page(None, 4)
    assert [row.message.text for row in page.rows] == ["other 9", "9", "other 10", "10"]


@pytest.mark.parametrize(
    ("given", "limit", "expected", "has_older", "has_newer"),
    [
        ({}, 9, [2, 5, 8], False, False),
        ({}, 2, [5, 8], True, False),
        ({"before": 8}, 1, [5], True, True),
        ({"after": 2}, 1, [5], True, True),
        ({"around": 5}, 9, [2, 5, 8], False, False),
    ],
)
def test_page_of_a_thread_has_its_root_and_what_hangs_from_it(
    stored: Stored,
    given: dict[str, int],
    limit: int,
    expected: list[int],
    has_older: bool,
    has_newer: bool,
) -> None:
    page = page_of(stored, given, limit, ref(2))
    assert (texts(page), page.has_older, page.has_newer) == (expected, has_older, has_newer)


def test_thread_whose_root_is_not_here_has_what_hangs_from_it(stored: Stored) -> None:
    other = Stored(stored.store, room_id=b"T" * 16)
    other.take(BOBB, Text("1", 1, thread=ref(77)), ref(1, BOBB))
    assert texts(other.store.page(b"T" * 16, 9, thread=ref(77))) == [1]


def test_root_is_found_from_any_message_of_its_thread(stored: Stored) -> None:
    for named in (2, 5, 8):
        assert stored.store.root_of(ROOM, ref(named)) == ref(2)
    assert stored.store.root_of(ROOM, ref(99)) == ref(99)


def test_pages_walk_an_index_and_sort_nothing(stored: Stored) -> None:
    """However far back one reads, a page costs what it holds."""
    with statements(stored.store) as asked:
        stored.store.page(ROOM, 3, around=9)
        stored.store.page(ROOM, 3, before=9, thread=ref(2))
    pages = [sql for sql in asked if "ORDER BY" in sql]
    assert len(pages) == 4
    for sql in pages:
        steps = plan(stored.store, sql)
        assert not [step for step in steps if "SCAN timeline" in step or "B-TREE" in step]


def test_rows_by_number_are_those_that_there_are(stored: Stored) -> None:
    first, last = number(stored, 1), number(stored, 10)
    assert [row.number for row in stored.store.rows([last, 10_000, first])] == [first, last]
    assert stored.store.rows([]) == []
    assert stored.store.newest(ROOM) == last
    assert stored.store.newest(b"nobody") == 0


def test_timeline_gives_the_newest_rows_in_order(stored: Stored) -> None:
    store = stored.store
    assert [row.message.text for row in store.timeline(ROOM, 2)] == ["9", "10"]
    assert [row.message.text for row in store.timeline(ROOM, 2, number(stored, 3))] == ["1", "2"]
    after = store.timeline_after(ROOM, number(stored, 3), 2)
    assert [row.message.text for row in after] == ["4", "5"]
    assert store.timeline(b"nobody", 5) == []


def test_line_of_the_system_comes_back_with_its_event(stored: Stored) -> None:
    other = Stored(stored.store, room_id=b"L" * 16)
    other.line(Event.ADDED, "alice added dave")
    (row,) = other.rows
    assert (row.event, row.is_line, row.message.text) == ("added", True, "alice added dave")
    assert row.message.author.account_key == b""
    assert row.taken_ms == 1_800_000_000_000


def test_number_of_a_row_never_comes_again(stored: Stored) -> None:
    """A screen that holds a number must not be given another row under it."""
    other = Stored(stored.store, room_id=b"N" * 16)
    number = other.text(1, "hello")
    other.take(ALICE, Delete(ref(1), 2), ref(2))
    stored.store._db.execute("DELETE FROM timeline WHERE number = ?", (number,))
    assert other.text(3, "again") > number


def test_a_thread_without_end_is_not_counted_to_its_end(stored: Stored) -> None:
    """With 100,000 messages in it, each page with its root took 30 ms, and each message of it as long."""
    store, room_id, root = stored.store, b"T" * 16, Ref(bytes(16), bytes(16))
    row = Row(root, ALICE, 1, "hello", thread=root)
    with store.transaction():
        for number in range(MOST_COUNTED + 1):
            answer = structs.replace(row, ref=Ref(bytes(16), number.to_bytes(16, "big")))
            store.add_to_timeline(TimelineRow(0, room_id, bytes(16), 1, "", 1, answer))
    other = Ref(bytes(16), b"other".ljust(16))
    assert store.thread_sizes(room_id, (root, other)) == {root: MOST_COUNTED}
    with statements(store) as asked:
        store.thread_sizes(room_id, (root, other))
    (sql,) = asked
    assert any("USING COVERING INDEX timeline_thread" in step for step in plan(store, sql))
