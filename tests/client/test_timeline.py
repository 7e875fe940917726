"""What is kept of a room for people to read."""

import msgspec
import pytest

from coterie import content
from coterie.client.happening import Event, Line, Said
from coterie.client.timeline import message_of, row_of

NOW = 1_800_000_000.0


def said(encoded: bytes) -> Said:
    return Said(7, b"m" * 16, "alice", b"d" * 16, encoded, is_own=False)


def test_a_text_has_its_senders_time() -> None:
    row = row_of(said(content.encode(content.Text("hi", 1_000))), b"R" * 16, b"G" * 16, NOW)
    message = message_of(row, "ops")
    assert (message.kind, message.text, message.sender) == ("text", "hi", "alice")
    assert message.time == "1970-01-01T00:00:01.000Z"
    assert (message.room, message.room_id, message.seq) == ("ops", (b"R" * 16).hex(), 7)


def test_a_line_has_our_time_and_its_event() -> None:
    line = Line(7, b"m" * 16, Event.ADDED, "alice added bobb")
    message = message_of(row_of(line, b"R" * 16, b"G" * 16, NOW), "ops")
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
def test_a_clock_that_says_what_is_no_date_is_shown_the_nearest_one(time: int, shown: str) -> None:
    row = row_of(said(content.encode(content.Text("hi", time))), b"R" * 16, b"G" * 16, NOW)
    assert message_of(row, "ops").time == shown


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
def test_a_kind_that_is_not_known_is_kept_whole_and_never_passes_for_another(
    kind: str, shown: str
) -> None:
    encoded = msgspec.msgpack.encode({"kind": kind, "other": 1})
    row = row_of(said(encoded), b"R" * 16, b"G" * 16, NOW)
    assert row.content == encoded
    message = message_of(row, "ops")
    assert (message.kind, message.text, message.event) == (shown, "", "")


def test_bytes_that_are_no_content_are_kept_whole() -> None:
    row = row_of(said(b"\xff\xff"), b"R" * 16, b"G" * 16, NOW)
    assert row.content == b"\xff\xff"
    assert message_of(row, "ops").kind == "unknown"


def test_what_changes_another_message_is_kept_whole() -> None:
    edit = content.encode(content.Edit(content.Ref(b"d" * 16, b"m" * 16), "better", 5))
    row = row_of(said(edit), b"R" * 16, b"G" * 16, NOW)
    assert (row.kind, row.text, row.content) == ("edit", "", edit)
