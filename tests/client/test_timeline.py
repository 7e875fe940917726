"""Rows as other processes see them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.client.api import Message, Quote, Reactions
from coterie.client.conversation import Author
from coterie.client.finding import message_ref
from coterie.client.happening import Event
from coterie.client.store import KnownAccount
from coterie.client.timeline import hex_of, messages, pending_messages
from coterie.client.unsent import Pending
from coterie.content import Delete, Edit, Reaction, Ref, Text, Unknown
from coterie.identity import Pin, PinnedHow
from tests.client.kept import ALICE, BOBB, CAROL, ref
from tests.client.stored import OTHER_ROOM, ROOM, Stored, open_store, statements


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Stored]:
    store = open_store(tmp_path / "client.db")
    yield Stored(store)
    store.close()


def seen(stored: Stored, changing: frozenset[Ref] = frozenset()) -> list[Message]:
    rows = stored.store.timeline(None, 1_000)
    return messages(rows, stored.store, lambda room_id: "ops", lambda room_id: changing)


def test_a_text_has_its_senders_time(stored: Stored) -> None:
    number = stored.text(1_000, "hi")
    (message,) = seen(stored)
    assert (message.kind, message.text, message.sender) == ("text", "hi", "alice")
    assert message.time == "1970-01-01T00:00:01.000Z"
    assert (message.room, message.room_id, message.seq) == ("ops", ROOM.hex(), 1)
    assert message.number == number
    assert message.ref == hex_of(ref(1_000))
    assert message_ref(message.ref) == ref(1_000)


def test_a_line_has_our_time_and_its_event(stored: Stored) -> None:
    stored.line(Event.ADDED, "alice added bobb")
    (message,) = seen(stored)
    assert (message.kind, message.event, message.text) == ("line", "added", "alice added bobb")
    assert message.time == "2027-01-15T08:00:00.000Z"
    assert message.sender == ""


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (2**53, "9999-12-31T23:59:59.000Z"),
        (253_402_300_800_000, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_clock_that_says_what_is_no_date_is_shown_the_nearest_one(
    stored: Stored, time: int, shown: str
) -> None:
    stored.take(ALICE, Text("hi", time), ref(1))
    assert seen(stored)[0].time == shown


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("poll", "poll"),
        ("text", "unknown"),
        ("line", "unknown"),
        ("line/removed", "unknown"),
        ("", "unknown"),
        ("lines", "lines"),
    ],
)
def test_a_kind_that_is_not_known_never_passes_for_another(
    stored: Stored, kind: str, shown: str
) -> None:
    stored.text(1, "before")
    row = stored.rows[0]
    unknown = Stored(stored.store, room_id=OTHER_ROOM)
    encoded = b"\x81\xa4kind" + bytes([0xA0 + len(kind)]) + kind.encode()
    unknown.take(ALICE, Unknown(kind, encoded), ref(2))
    assert unknown.rows[0].message.unknown == Unknown(kind, encoded)
    first, message = seen(stored)
    assert (message.kind, message.text, message.event) == (shown, "", "")
    assert message.time == "2027-01-15T08:00:00.000Z"  # ours: what it says is not known
    assert first.number == row.number


def test_a_reply_quotes_the_message_as_it_now_is(stored: Stored) -> None:
    number = stored.text(1, "one\ntwo " + "x" * 500)
    stored.take(BOBB, Text("yes", 2, reply_to=ref(1)), ref(1, BOBB))
    quote = seen(stored)[1].reply_to
    assert quote is not None
    assert (quote.number, quote.sender, quote.is_deleted) == (number, "alice", False)
    assert quote.text.startswith("one two x")
    assert len(quote.text) == 200
    stored.take(ALICE, Edit(ref(1), "better", 3), ref(3))
    assert seen(stored)[1].reply_to == Quote(hex_of(ref(1)), number, "alice", "better")
    stored.take(ALICE, Delete(ref(1), 3), ref(4))
    assert seen(stored)[1].reply_to == Quote(hex_of(ref(1)), number, "alice", "", is_deleted=True)


def test_a_reply_to_what_was_said_before_names_it_alone(stored: Stored) -> None:
    stored.take(BOBB, Text("yes", 2, reply_to=ref(1)), ref(1, BOBB))
    assert seen(stored)[0].reply_to == Quote(hex_of(ref(1)))


def test_a_root_counts_what_hangs_from_it_and_is_still_there(stored: Stored) -> None:
    stored.text(1, "root")
    for number in (2, 3, 4):
        stored.take(BOBB, Text("in the thread", number, thread=ref(1)), ref(number, BOBB))
    stored.take(BOBB, Delete(ref(3, BOBB), 5), ref(5, BOBB))
    found = seen(stored)
    assert [message.replies for message in found] == [2, 0, 0, 0]
    assert [message.thread for message in found] == ["", *[hex_of(ref(1))] * 3]


def test_reactions_stand_by_emoji_in_the_order_in_which_they_came(stored: Stored) -> None:
    stored.text(1, "hello")
    for author, emoji in ((BOBB, "🎉"), (ALICE, "👍"), (CAROL, "🎉")):
        stored.take(author, Reaction(ref(1), emoji, 2), ref(9, author))
    (message,) = seen(stored)
    assert message.reactions == (Reactions("🎉", ("bobb", "carol")), Reactions("👍", ("alice",)))


def test_edited_and_deleted_messages_say_so(stored: Stored) -> None:
    stored.text(1, "hello")
    stored.text(2, "bye")
    stored.take(ALICE, Edit(ref(1), "hello @carol", 5_000), ref(3))
    stored.take(ALICE, Delete(ref(2), 6_000), ref(4))
    edited, deleted = seen(stored)
    assert (edited.text, edited.edited) == ("hello @carol", "1970-01-01T00:00:05.000Z")
    assert edited.mentions_me
    assert (deleted.text, deleted.deleted_by, deleted.edited) == ("", "alice", "")


def test_what_is_said_of_a_reference_shows_at_its_message_alone(stored: Stored) -> None:
    first = stored.text(1, "first")
    stored.text(2, "second")
    stored.take(BOBB, Text("in the thread", 2, thread=ref(1)), ref(2, BOBB))
    stored.take(BOBB, Text("a reply", 3, reply_to=ref(1)), ref(3, BOBB))
    found = seen(stored, frozenset([ref(1)]))
    assert [message.replies for message in found] == [1, 0, 0, 0]
    assert [message.state for message in found] == ["changing", "", "", ""]
    assert found[3].reply_to == Quote(hex_of(ref(1)), first, "alice", "first")


def test_rows_of_several_rooms_are_mapped_together(stored: Stored) -> None:
    """The same reference in two rooms is two messages."""
    other = Stored(stored.store, room_id=OTHER_ROOM)
    stored.text(1, "here")
    other.text(1, "there")
    for room in (stored, other):
        room.take(BOBB, Text("reply", 2, reply_to=ref(1)), ref(2, BOBB))
    found = messages(
        stored.store.timeline(None, 9), stored.store, {ROOM: "ops", OTHER_ROOM: "den"}.__getitem__
    )
    quoted = [message.reply_to.text for message in found if message.reply_to]
    assert quoted == ["here", "there"]
    assert [message.room for message in found] == ["ops", "den", "ops", "den"]


def test_a_page_costs_a_handful_of_queries(stored: Stored) -> None:
    for number in range(1, 41):
        stored.text(number, "hello")
        stored.take(BOBB, Text("yes", 1, ref(number), ref(number)), ref(number, BOBB))
        stored.take(BOBB, Reaction(ref(number), "👍", 2), ref(100 + number, BOBB))
    rows = stored.rows
    with statements(stored.store) as asked:
        assert len(messages(rows, stored.store, lambda room_id: "ops")) == 80
    assert len(asked) == 4


def test_pending_messages_say_what_they_are_and_to_which_message(stored: Stored) -> None:
    number = stored.text(1, "hello")
    posts = [
        Pending(b"1" * 16, Text("failed", 1_000, thread=ref(1)), reason="no", failed_ms=5),
        Pending(b"2" * 16, Text("hi", 1_000, reply_to=ref(1), is_action=True), b"m" * 16),
        Pending(b"3" * 16, Edit(ref(1), "better", 1_000)),
        Pending(b"4" * 16, Delete(ref(1), 1_000)),
        Pending(b"5" * 16, Reaction(ref(1), "👍", 1_000)),
    ]
    found = pending_messages(posts, stored.store, ROOM, "ops", "carol", b"d" * 16)
    assert [message.kind for message in found] == ["text", "text", "edit", "delete", "reaction"]
    assert [message.text for message in found] == ["failed", "hi", "better", "", "👍"]
    assert [message.state for message in found] == ["failed", *["sending"] * 4]
    quote = Quote(hex_of(ref(1)), number, "alice", "hello")
    assert [message.reply_to for message in found] == [None, *[quote] * 4]
    assert (found[0].reason, found[0].thread, found[0].ticket) == (
        "no",
        hex_of(ref(1)),
        (b"1" * 16).hex(),
    )
    assert (found[1].message_id, found[1].is_action) == ((b"m" * 16).hex(), True)
    assert {(m.sender, m.device, m.number) for m in found} == {("carol", (b"d" * 16).hex(), 0)}


def test_what_an_earlier_key_of_its_sender_wrote_is_not_taken_for_the_present_ones(
    stored: Stored,
) -> None:
    """Once the new key was acknowledged, the old one's messages had its sign."""
    earlier, present, seen_since = (Author("bobb", bytes([n]) * 32) for n in (1, 2, 3))
    for number, author in enumerate((earlier, present, seen_since, ALICE)):
        stored.take(author, Text("hi", number), Ref(bytes([number]) * 16, bytes(16)))
    assert not any(message.has_earlier_key for message in seen(stored))  # none is pinned
    pin = Pin("bobb", present.account_key, PinnedHow.BELIEVED, 1)
    with stored.store.transaction():
        stored.store.save_account(KnownAccount(pin, seen_since.account_key, 0, None))
    assert [message.has_earlier_key for message in seen(stored)] == [True, False, False, False]
