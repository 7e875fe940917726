"""A message on the screen with all that belongs to it, whatever others put there."""

from typing import Any

import pytest
from msgspec import structs
from rich.cells import cell_len

from coterie.client.api import Message, Quote, Reactions
from coterie.tui.item_lines import MAX_REACTIONS, Look, item_lines
from coterie.tui.room_timeline import Entry, Unsent
from tests.tui.memory import Memory
from tests.tui.test_writing import HOSTILE

WIDTH = 44
LOOK = Look(WIDTH, "alice")


def said(text: str = "hello", **more: Any) -> Message:
    return Memory().say(text, **more)


def lines(message: Message, look: Look = LOOK, pin: str = "", **more: Any) -> list[str]:
    drawn = item_lines(Entry(message, True, pin, **more), look)
    return ["".join(text for text, _ in line) for line in drawn]


def test_an_edit_is_told_behind_the_text_or_below_it() -> None:
    edited = said(edited="2026-11-24T10:00:00Z")
    assert lines(edited) == ["bobb 10:12", "  hello  (edited)"]
    long = structs.replace(edited, text="x" * (WIDTH - 2))
    assert lines(long)[2] == "  (edited)"
    assert lines(said(state="changing"))[1] == "  hello  …"


def test_what_was_deleted_says_by_whom() -> None:
    assert lines(said("", deleted_by="bobb"))[1] == "  [message deleted]"
    assert lines(said("", deleted_by="alice"))[1] == "  [deleted by alice]"


def test_what_is_done_is_told_behind_the_name_and_never_looks_like_the_system() -> None:
    assert lines(said("left", is_action=True)) == ["* bobb left 10:12"]
    assert lines(said("> quoted", is_action=True)) == ["* bobb", "  ▌ quoted 10:12"]
    assert lines(said("bobb left", kind="line")) == ["-- bobb left 10:12"]


def test_the_mark_of_who_does_it_stands_where_no_word_of_theirs_can() -> None:
    assert lines(said("✓ waves", is_action=True), pin="believed") == ["* ! bobb ✓ waves 10:12"]
    assert lines(said("waves", is_action=True), pin="compared") == ["* ✓ bobb waves 10:12"]
    assert lines(said("waves", is_action=True), pin="earlier") == ["* ? bobb waves 10:12"]
    long = lines(said("waves " * 20, is_action=True, thread="ref", edited="x"), pin="compared")
    assert long[1] == "  ↳ in a thread"
    assert all(line.startswith("  ") for line in long[1:])
    assert lines(said("", is_action=True, deleted_by="bobb"))[0] == "bobb 10:12"


def test_a_reply_shows_what_it_answers_on_one_line() -> None:
    quote = Quote("ref", 1, "carol", "two\n**lines**")
    assert lines(said(reply_to=quote)) == ["bobb 10:12", "  ↪ carol: two lines", "  hello"]
    gone = structs.replace(quote, is_deleted=True, text="")
    assert lines(said(reply_to=gone))[1] == "  ↪ carol: [message deleted]"
    assert lines(said(reply_to=Quote("ref")))[1] == "  ↪ [said before you were here]"
    long = structs.replace(quote, text="word " * 50)
    assert cell_len(lines(said(reply_to=long))[1]) == WIDTH


def test_a_thread_is_told_at_its_root_and_at_what_hangs_from_it() -> None:
    assert lines(said(replies=1))[-1] == "  ↳ 1 reply"
    assert lines(said(replies=3))[-1] == "  ↳ 3 replies"
    assert lines(said(thread="ref"))[1] == "  ↳ in a thread"
    told = lines(said(thread="ref"), thread_of="the thread of carol: " + "see this " * 9)[1]
    assert told.startswith("  ↳ in the thread of carol: see this see")
    assert cell_len(told) == WIDTH
    assert lines(said(thread="ref", replies=2), in_thread=True) == ["bobb 10:12", "  hello"]


def test_reactions_are_one_line_with_ones_own_in_brackets() -> None:
    reactions = (Reactions("👍", ("carol", "alice")), Reactions("🎉", ("bobb",)))
    assert lines(said(reactions=reactions))[-1].rstrip() == "  [👍 2]  🎉 1"
    many = tuple(Reactions(chr(0x1F600 + n), ("bobb",)) for n in range(MAX_REACTIONS + 3))
    assert " ".join(lines(said(reactions=many))).split()[-3:] == ["and", "3", "more"]


def test_times_and_room_are_as_the_person_likes_them() -> None:
    assert lines(said(), Look(WIDTH, "alice", is_12h=True))[0] == "bobb 10:12 AM"
    compact = Look(WIDTH, "alice", is_compact=True)
    assert lines(said("one\ntwo"), compact, "compared") == ["bobb ✓ 10:12  one", "  two"]
    assert lines(said("x" * 40), compact)[0] == "bobb 10:12"


def test_what_failed_says_what_it_was_and_what_helps() -> None:
    failed = said(sender="alice", state="failed", reason="too\nloud", ticket="01")
    expected = "alice ✗ not sent: too loud, Ctrl+R tries again, /discard gives it up"
    for kind, told in (("text", "not sent"), ("edit", "edit not sent")):
        drawn = item_lines(Unsent(structs.replace(failed, kind=kind), True), Look(200, "alice"))
        head = "".join(text for text, _ in drawn[0])
        assert head == expected.replace("not sent", told)
    deletion = Unsent(structs.replace(failed, kind="delete"), True)
    assert len(item_lines(deletion, Look(200, "alice"))) == 1


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_words_anywhere_stay_in_their_columns(text: str) -> None:
    quote = Quote("ref", 1, text, text)
    messages = [
        said(sender=text, reply_to=quote, is_action=True),
        said(reactions=(Reactions(text, (text,)),)),
        said("", deleted_by=text),
        said(kind=text[:200]),
        said(text[:200], kind="line"),
    ]
    for drawn in map(lines, messages):
        assert all(cell_len(line) <= WIDTH for line in drawn)
        assert not any(
            ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in "".join(drawn)
        )
