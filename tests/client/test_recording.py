"""What is said, written as rows: the store's history is that of ``kept``, and what is deleted is gone."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.client.conversation import Author, Row
from coterie.client.happening import Event
from coterie.client.news import MAX_ROWS, News
from coterie.client.reading import Reading
from coterie.client.store import TimelineRow
from coterie.content import Content, Delete, Edit, Reaction, Ref, Text, Unknown
from tests.client.kept import ALICE, BOBB, CAROL, Kept, counted_anew, ref
from tests.client.sqlcipher import pages
from tests.client.stored import KEY, OTHER_ROOM, ROOM, Stored, open_store
from tests.client.test_conversation import SAID

ROOM_IDS = itertools.count()  # a room for each example: all in one store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "client.db"


@pytest.fixture
def stored(path: Path) -> Iterator[Stored]:
    store = open_store(path)
    yield Stored(store, admins=(BOBB,))
    store.close()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """A store that has been through much."""
    store = open_store(tmp_path_factory.mktemp("busy") / "client.db")
    yield Stored(store)
    store.close()


def reading(stored: Stored) -> Reading:
    return stored.store.view(stored.room_id).reading


# --- as the conversation says --------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(said=SAID, read_to=st.integers(0, 6))
def test_whatever_is_said_the_store_keeps_what_the_conversation_makes_of_it(
    busy: Stored,
    said: list[tuple[Author, Content, int]],
    read_to: int,
) -> None:
    """Rows, reactions and counts are those of the twin in memory, and what changed there is told to have changed."""
    room_id = next(ROOM_IDS).to_bytes(16, "big")
    kept, stored = Kept(admins=(BOBB,)), Stored(busy.store, admins=(BOBB,), room_id=room_id)
    seen: list[int] = []  # numbers, by those of the twin
    for author, content, number in said:
        before = dict(kept.rows)
        changed = kept.take(author, content, ref(number, author))
        told = stored.take(author, content, ref(number, author))
        if len(kept.rows) > len(before):
            seen.append(stored.store.newest(room_id))
        if changed is not None:
            assert seen[changed[0] - 1] in told
        if len(seen) == read_to and len(before) < read_to:
            with stored.store.transaction():
                stored.recorder.read(room_id)
    rows = stored.rows
    assert [row.message for row in rows] == list(kept.rows.values())
    assert [row.number for row in rows] == seen
    history = stored.store.history(room_id)
    for row in kept.rows.values():
        assert history.row(row.ref) == kept.row(row.ref)
        assert list(history.reactions(row.ref)) == kept.reactions(row.ref)
    read = reading(stored)
    behind = [row.message for row in rows if row.number > read.read_to]
    assert read == counted_anew(read.read_to, behind, CAROL)


def test_rooms_keep_apart_what_is_said_under_one_reference(stored: Stored) -> None:
    other = Stored(stored.store, room_id=OTHER_ROOM)
    stored.text(1, "here")
    other.text(1, "there")
    stored.take(ALICE, Edit(ref(1), "changed", 2), ref(2))
    assert [row.message.text for row in (*stored.rows, *other.rows)] == ["changed", "there"]
    assert other.take(ALICE, Reaction(ref(2), "👍", 2), ref(3)) == set()


def test_the_same_name_with_another_key_edits_nothing(stored: Stored) -> None:
    stored.text(1, "hello")
    impostor = Author("alice", b"another key".ljust(32))
    assert stored.take(impostor, Edit(ref(1), "mine", 2), ref(2)) == set()
    assert stored.rows[0].message.text == "hello"


def test_numbers_go_up_across_rooms(stored: Stored) -> None:
    other = Stored(stored.store, room_id=OTHER_ROOM)
    numbers = [stored.text(1, "a"), other.text(1, "b"), stored.line(Event.ADDED, "c")]
    assert numbers == sorted(set(numbers))


# --- what is seen otherwise ----------------------------------------------------------------------


def test_root_of_a_thread_is_seen_otherwise_when_it_grows_or_shrinks(stored: Stored) -> None:
    root = stored.text(1, "root")
    told = stored.take(BOBB, Text("in it", 2, thread=ref(1)), ref(2, BOBB))
    reply = stored.store.newest(ROOM)
    assert told == {root, reply}
    assert stored.take(BOBB, Delete(ref(2, BOBB), 3), ref(3, BOBB)) == {root, reply}


def test_what_quotes_a_message_is_seen_otherwise_when_that_changes(stored: Stored) -> None:
    original = stored.text(1, "original")
    stored.take(BOBB, Text("yes", 2, reply_to=ref(1)), ref(2, BOBB))
    reply = stored.store.newest(ROOM)
    assert stored.take(ALICE, Edit(ref(1), "better", 3), ref(3)) == {original, reply}
    assert stored.take(ALICE, Delete(ref(1), 4), ref(4)) == {original, reply}


def test_reaction_changes_the_row_of_its_message(stored: Stored) -> None:
    number = stored.text(1, "hello")
    stored.text(2, "another")
    assert stored.take(BOBB, Reaction(ref(1), "👍", 2), ref(3, BOBB)) == {number}
    removed = Reaction(ref(1), "👍", 2, is_removed=True)
    assert stored.take(BOBB, removed, ref(4, BOBB)) == {number}
    assert stored.take(BOBB, removed, ref(5, BOBB)) == set()


def test_own_edit_that_comes_to_nothing_is_told_for_it_is_no_longer_on_its_way(
    stored: Stored,
) -> None:
    stored.text(1, "mine", CAROL)
    stored.take(BOBB, Delete(ref(1, CAROL), 2), ref(2, BOBB))
    (row,) = stored.rows
    assert stored.take(CAROL, Edit(ref(1, CAROL), "late", 3), ref(3, CAROL)) == {row.number}


# --- read ----------------------------------------------------------------------------------------


def test_what_is_behind_the_last_row_that_was_seen_is_unread(stored: Stored) -> None:
    first = stored.text(1, "hello @carol")
    stored.text(2, "again @carol", BOBB)
    stored.text(3, "mine", CAROL)
    newest = stored.line(Event.ADDED, "alice added dave")
    assert reading(stored) == Reading(0, 2, 2)
    assert stored.recorder.read(ROOM, first)
    assert reading(stored) == Reading(first, 1, 1)
    assert stored.recorder.read(ROOM)
    assert reading(stored) == Reading(newest)
    assert not stored.recorder.read(ROOM, newest + 100)  # there is no more than all
    assert stored.recorder.read(ROOM, -5)
    assert reading(stored) == Reading(0, 2, 2)


def test_draft_and_attention_are_kept_beside_the_reading(stored: Stored) -> None:
    store = stored.store
    assert store.draft(ROOM) == ""
    store.save_draft(ROOM, "begun")
    stored.text(1, "hello")
    assert store.view(ROOM).has_draft
    assert reading(stored) == Reading(0, 1)
    assert (store.draft(ROOM), store.draft(OTHER_ROOM)) == ("begun", "")
    store.save_draft(ROOM, "")
    assert not store.view(ROOM).has_draft


# --- deleted means deleted -----------------------------------------------------------------------

SECRET = "Żółwzq"  # folded by the index: żołwzq, zołwzq
PIECES = ("ółwzq", "łwzq", "xylophag", "pollsecret")


def decrypted(path: Path) -> bytes:
    """All pages of the file, and nothing may be in the write-ahead log."""
    log = Path(f"{path}-wal")
    assert not log.exists() or log.stat().st_size == 0
    return b"".join(pages(path.read_bytes(), KEY.expose()))


def known(stored: Stored) -> set[str]:
    """The terms of the search index."""
    database = stored.store._db
    database.execute("CREATE VIRTUAL TABLE temp.known USING fts5vocab(main, word, row)")
    found = {term for (term,) in database.execute("SELECT term FROM temp.known")}
    database.execute("DROP TABLE temp.known")
    return found


@pytest.mark.parametrize("how", ["delete", "edit"])
def test_text_that_was_taken_back_is_in_no_page_of_the_file(
    stored: Stored, path: Path, how: str
) -> None:
    for number in range(40):
        stored.text(number, f"message {number} of everyday words")
    stored.text(100, f"{SECRET} xylophag https://example.org/xylophag")
    stored.take(BOBB, Reaction(ref(100), "🦂", 2), ref(101, BOBB))
    stored.store.tidy()
    before = decrypted(path)
    assert SECRET.encode() in before
    assert "🦂".encode() in before
    assert {"xylophag", "1xy", "2xyl"} & known(stored)
    match how:
        case "delete":
            stored.take(ALICE, Delete(ref(100), 3), ref(102))
        case _:
            stored.take(ALICE, Edit(ref(100), "nothing", 3), ref(102))
    stored.store.tidy()
    after = decrypted(path)
    for piece in PIECES:
        assert piece.encode() not in after
    assert b"example.org" not in after
    assert ("🦂".encode() in after) == (how == "edit")
    assert not [term for term in known(stored) if "xyl" in term or "wzq" in term]
    assert "everyday" in known(stored)


def test_deleted_message_of_an_unknown_kind_leaves_neither_content_nor_kind(
    stored: Stored, path: Path
) -> None:
    encoded = b"\x82\xa4kind\xaapollsecret\xa1q\xa8xylophag"
    stored.take(ALICE, Unknown("pollsecret", encoded), ref(1))
    stored.store.tidy()
    assert b"xylophag" in decrypted(path)
    stored.take(BOBB, Delete(ref(1), 3), ref(2, BOBB))
    stored.store.tidy()
    assert stored.rows[0].message.deleted_by == "bobb"
    assert not [piece for piece in PIECES if piece.encode() in decrypted(path)]


def test_place_of_a_deleted_message_stays(stored: Stored) -> None:
    number = stored.text(1, "hello")
    stored.text(2, "after")
    stored.take(BOBB, Delete(ref(1), 3), ref(3, BOBB))
    row = stored.rows[0]
    assert (row.number, row.message.author, row.message.text) == (number, ALICE, "")
    assert row.message.ref == Ref(ref(1).device, ref(1).message_id)


def test_of_a_message_with_very_many_answers_no_more_are_named_than_a_reader_keeps(
    stored: Stored,
) -> None:
    """Who edited a message that many had answered had every client look at all the answers each time."""
    stored.take(ALICE, Text("root", 1), ref(1))
    for number in range(2, MAX_ROWS + 20):
        row = Row(ref(number), BOBB, 1, "yes", reply_to=ref(1))
        stored.store.add_to_timeline(TimelineRow(0, ROOM, bytes(16), 1, "", 1, row))
    changed = stored.take(ALICE, Edit(ref(1), "edited", 2), ref(5_000))
    news = News()
    news.add_rows(changed)
    assert len(changed) <= MAX_ROWS + 2
    assert news.take().has_missed
