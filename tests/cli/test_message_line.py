"""A message as a line, and what became of it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.cli.message_line import changes, message_line
from coterie.client import api
from tests.cli.fakes import message

pytestmark = pytest.mark.usefixtures("berlin")

YES = message("yes", seq=41, sender="alice")
QUOTE = api.Quote("ab" * 32, 40, "bobb", "shall we?")
LIKED = (api.Reactions("👍", ("bobb", "carol")),)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "alice  yes"),
        ({"is_action": True, "text": "nods"}, "alice nods"),
        ({"reply_to": QUOTE}, "alice → bobb 40: yes"),
        (
            {"reply_to": msgspec.structs.replace(QUOTE, is_deleted=True)},
            "alice → bobb 40, deleted: yes",
        ),
        ({"reply_to": api.Quote("ab" * 32)}, "alice → something before your time: yes"),
        ({"thread": "ab" * 32}, "alice in a thread: yes"),
        ({"replies": 3}, "alice  yes [3 in its thread]"),
        ({"edited": YES.time}, "alice  yes (edited)"),
        ({"has_earlier_key": True}, "alice  yes (earlier key)"),
        ({"reactions": LIKED}, "alice  yes [👍 bobb, carol]"),
        ({"text": "", "deleted_by": "alice"}, "alice  [deleted]"),
        ({"text": "", "deleted_by": "bobb"}, "alice  [deleted by bobb]"),
        ({"state": "sending"}, "alice  yes (sending)"),
        ({"state": "failed", "reason": "no"}, "alice  yes (not sent: no)"),
    ],
)
def test_everything_about_a_message_is_said_in_words(fields: dict[str, object], line: str) -> None:
    assert message_line(msgspec.structs.replace(YES, **fields)) == f"2026-11-24 10:12 {line}"


def test_a_room_and_a_number_stand_in_front() -> None:
    assert message_line(YES, with_room=True, with_number=True) == (
        "41 2026-11-24 10:12 #ops alice  yes"
    )
    direct = msgspec.structs.replace(YES, room="bobb", room_id="0d" * 32)
    assert message_line(direct, with_room=True) == "2026-11-24 10:12 @bobb alice  yes"


def test_an_action_cannot_pass_for_a_line_of_the_system() -> None:
    acted = msgspec.structs.replace(YES, text="added mallory", is_action=True)
    assert "* " not in message_line(acted)


def test_nothing_is_told_where_nothing_became_of_it() -> None:
    assert list(changes(YES, msgspec.structs.replace(YES, state="changing", replies=2))) == []


def test_an_edit_of_several_lines_cannot_pass_for_several() -> None:
    edited = msgspec.structs.replace(YES, text="no\nbobb deleted 7", edited=YES.time)
    assert list(changes(YES, edited, with_room=True)) == [
        "alice edited 41 in #ops: no\n    bobb deleted 7"
    ]


@given(st.text())
def test_no_text_reaches_a_terminal_raw(text: str) -> None:
    reacted = msgspec.structs.replace(
        YES,
        text=text,
        room=text,
        sender=text,
        edited="x",
        reply_to=msgspec.structs.replace(QUOTE, sender=text),
        reactions=(api.Reactions(text, (text,)),),
    )
    everything = message_line(reacted, with_room=True) + "".join(
        [*changes(YES, reacted, with_room=True), *changes(reacted, YES)]
    )
    assert not set("\x1b\x07\x9b\u202e\u2066\r\x00\u2028") & set(everything)
