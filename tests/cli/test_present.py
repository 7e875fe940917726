"""Results as lines."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.cli import present
from coterie.client import api
from tests.cli.fakes import ALICE, BOBB, NUMBER, OPS, STATUS, WAR, message

pytestmark = pytest.mark.usefixtures("berlin")


def shown(result: api.Result) -> list[str]:
    """For people."""
    return list(present.lines(result, is_json=False))


def as_json(result: api.Result) -> list[dict[str, object]]:
    """For programs."""
    return [json.loads(line) for line in present.lines(result, is_json=True)]


def test_a_message_is_time_here_sender_and_text() -> None:
    assert shown(message("shipping today")) == ["2026-11-24 10:12 bobb  shipping today"]


def test_a_line_of_the_system_is_marked() -> None:
    assert shown(message("alice added bobb", kind="line")) == [
        "2026-11-24 10:12 * alice added bobb"
    ]


def test_a_kind_from_a_newer_version_is_shown_as_such() -> None:
    (line,) = shown(message("", kind="poll\x1b"))
    assert line == "2026-11-24 10:12 bobb  [poll\ufffd: this version cannot show it]"


def test_a_message_of_several_lines_cannot_pass_for_several_messages() -> None:
    (text,) = shown(message("one\n2026-11-24 10:13 alice  I resign"))
    assert text.split("\n")[1] == "    2026-11-24 10:13 alice  I resign"


@given(st.text())
def test_no_text_reaches_a_terminal_raw(text: str) -> None:
    everything = "".join(
        [
            *shown(message(text)),
            *shown(message(text, kind="line")),
            *shown(message("", kind=text, sender=text)),
            *shown(msgspec.structs.replace(OPS, name=text, topic=text)),
            *shown(msgspec.structs.replace(WAR, reason=text)),
            *present.lines(message(text), is_json=True),
        ]
    )
    harmful = set("\x1b\x07\x9b\u202e\u2066\r\x00\u2028")
    assert not harmful & set(everything)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_json_is_ascii_and_gives_the_text_as_it_was_sent(text: str) -> None:
    (line,) = present.lines(message(text), is_json=True)
    assert line.isascii()
    assert json.loads(line)["text"] == text


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59", "soon", ""]
)
def test_a_senders_clock_can_be_anything(time: str) -> None:
    (line,) = shown(msgspec.structs.replace(message("hello"), time=time))
    assert line == f"{time[:16]} bobb  hello"


def test_json_of_a_message_has_these_keys() -> None:
    (fields,) = as_json(message("hello"))
    expected = (
        "room room_id seq message_id sender device time kind text event number reply_to thread replies is_action"
        " mentions_me edited deleted_by reactions state reason ticket has_earlier_key"
    )
    assert list(fields) == expected.split()


def test_json_of_a_list_is_an_object_for_each_part() -> None:
    assert [room["name"] for room in as_json(api.Rooms((OPS, WAR)))] == ["ops", "war room"]
    assert [member["pin"] for member in as_json(api.Members((ALICE, BOBB)))] == ["self", "believed"]
    assert as_json(api.Rooms(())) == []


def test_json_of_status_has_its_rooms_within() -> None:
    (status,) = as_json(STATUS)
    assert status["account"] == "alice"
    assert isinstance(status["rooms"], list)
    assert status["rooms"][0]["chain"] == OPS.chain
    assert "type" not in status


def test_rooms_stand_in_columns_with_what_is_wrong() -> None:
    assert shown(api.Rooms((OPS, WAR))) == [
        "#ops       0a0a0a0a  2 members  admin                     shipping",
        "#war room  1a1a1a1a  1 member          1 message waiting  "
        "a member saw another log than this device",
    ]


def test_members_have_the_mark_and_the_word_of_their_key() -> None:
    assert shown(api.Members((ALICE, BOBB))) == [
        "alice  admin    you         device aaaaaaaa",
        "bobb          ! unverified  device bbbbbbbb",
    ]


def test_a_safety_number_is_in_groups_with_how_the_key_came() -> None:
    lines = shown(api.SafetyNumber("bobb", NUMBER, "believed"))
    assert lines[1:4] == ["    01234 56789 01234 56789"] * 3
    assert lines[4] == "bobb has the key that the server named, which nobody compared"


def test_status_shows_everything_to_compare() -> None:
    text = "\n".join(shown(STATUS))
    for fact in (
        "alice",
        "connected",
        "f1f2",
        "01234 56789",
        OPS.chain,
        OPS.group,
        "read to 7",
        "epoch 3",
    ):
        assert fact in text


def test_what_is_merely_done_says_nothing() -> None:
    assert shown(api.Done()) == []
    assert shown(api.Sent("ops", 3, "0d")) == []
    assert as_json(api.Sent("ops", 3, "0d")) == [
        {"room": "ops", "seq": 3, "message_id": "0d", "ticket": "", "device": ""}
    ]


def test_a_notice_is_one_line() -> None:
    assert shown(api.Notice("gone\n\x1b")) == ["gone \ufffd"]
