"""``coterie message``, ``coterie msg`` and ``coterie search``."""

import json

import pytest

from coterie.client import api
from tests.cli.fakes import OPS, Runs, message

FIRST, SECOND = message("shall we?", seq=40), message("yes", seq=41, sender="alice")


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (("edit", "ops", "41", "no"), api.EditMessage("ops", SECOND.ref, "no")),
        (("delete", "ops", "40"), api.DeleteMessage("ops", FIRST.ref)),
        (("react", "ops", "40", "👍"), api.React("ops", FIRST.ref, "👍")),
        (("react", "ops", "40", ":tada:"), api.React("ops", FIRST.ref, "🎉")),
        (
            ("react", "ops", "40", "👍", "--remove"),
            api.React("ops", FIRST.ref, "👍", remove=True),
        ),
    ],
)
def test_a_message_is_named_by_its_number(
    run: Runs, words: tuple[str, ...], request_: api.Request
) -> None:
    run.backend.timeline = [FIRST, SECOND]
    outcome = run("message", *words)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert run.backend.asked[-1] == request_


def test_a_number_that_no_message_has_is_told_with_where_numbers_are(run: Runs) -> None:
    run.backend.timeline = [SECOND]
    outcome = run("message", "delete", "ops", "40")
    assert outcome.status == 1
    assert "there is no message 40 in this room" in outcome.err
    assert "--numbers" in outcome.err
    assert not any(isinstance(asked, api.DeleteMessage) for asked in run.backend.asked)


def test_a_line_of_the_system_is_nobodys_message(run: Runs) -> None:
    run.backend.timeline = [message("carol came", seq=40, kind="line")]
    told = "error: 40 is a line of the system, which nobody said"
    assert told in run("message", "react", "ops", "40", "👍").err


def test_nor_is_it_in_a_chat_of_lines(run: Runs) -> None:
    run.backend.timeline = [message("carol came", seq=40, kind="line")]
    outcome = run.chat("ops", stdin=b"/reply 40 welcome\n/unread 40\n")
    assert "error: 40 is a line of the system, which nobody said" in outcome.err
    assert api.MarkRead(OPS.room_id, 39) in run.backend.asked


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**63)])
def test_what_can_be_no_number_is_misuse(run: Runs, number: str) -> None:
    assert run("message", "edit", "ops", "--", number, "text").status == 2
    assert run.backend.asked == []


def test_a_direct_message_goes_to_the_room_of_the_two(run: Runs) -> None:
    assert run("msg", "@bobb", "lunch?").status == 0
    assert run.backend.asked == [api.OpenDirect("bobb"), api.SendText(OPS.room_id, "lunch?")]


def test_direct_messages_without_a_text_show_their_room(run: Runs) -> None:
    assert json.loads(run("msg", "bobb", "--json").out)["room_id"] == OPS.room_id
    assert run.backend.asked == [api.OpenDirect("bobb")]


def test_a_search_shows_hits_and_how_to_see_more(run: Runs) -> None:
    hit = api.Hit(FIRST, "shall we?\x1b", ((0, 5),), is_cut_before=True)
    run.backend.found = api.Found((hit,), has_more=True)
    outcome = run("search", "shall from:bobb", "--room", "ops", "--limit", "1", "--before", "50")
    assert run.backend.asked == [api.Search("shall from:bobb", "ops", 50, 1)]
    assert outcome.out == "40 2026-11-24 10:12 #ops bobb  …shall we?\ufffd\n"
    assert outcome.err == "coterie: there are more: --before 40 shows them\n"


def test_json_of_a_search_is_an_object_a_hit(run: Runs) -> None:
    run.backend.found = api.Found((api.Hit(FIRST, "shall", ((0, 5),)),), has_more=False)
    told = json.loads(run("search", "shall", "--json").out)
    assert told["found"] == [[0, 5]]
    assert told["message"]["number"] == 40


def test_a_search_that_did_not_look_through_all_says_so(run: Runs) -> None:
    run.backend.found = api.Found((), has_more=False, is_complete=False)
    outcome = run("search", "shall")
    assert (outcome.status, outcome.out) == (0, "")
    assert outcome.err == (
        "coterie: more may be found: not all was looked through in time, try again\n"
    )
