"""``coterie send``."""

import json

import pytest

from coterie.client import api
from coterie.content import MAX_TEXT
from coterie.errors import Unavailable
from tests.cli.fakes import Runs, message


def texts(run: Runs) -> list[str]:
    """What was sent."""
    return [asked.text for asked in run.backend.asked if isinstance(asked, api.SendText)]


def test_sends_and_says_nothing(run: Runs) -> None:
    outcome = run("send", "ops", "shipping today")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert run.backend.asked == [api.SendText("ops", "shipping today", wait=True)]


def test_json_says_where_it_is(run: Runs) -> None:
    told = json.loads(run("send", "ops", "hello", "--json").out)
    assert told == {"room": "ops", "seq": 1, "message_id": f"{1:032x}", "ticket": "", "device": ""}


@pytest.mark.parametrize("words", [(), ("-",)])
def test_all_of_stdin_is_one_message_without_its_last_line_end(
    run: Runs, words: tuple[str, ...]
) -> None:
    run("send", "ops", *words, stdin="one\n\nträee\n\n".encode())
    assert texts(run) == ["one\n\nträee\n"]


def test_a_text_that_begins_with_a_dash_stands_behind_two(run: Runs) -> None:
    run("send", "ops", "--", "-1 degrees")
    assert texts(run) == ["-1 degrees"]


@pytest.mark.parametrize("stdin", [b"", b"\n"])
def test_an_empty_message_is_refused(run: Runs, stdin: bytes) -> None:
    outcome = run("send", "ops", stdin=stdin)
    assert (outcome.status, outcome.err) == (1, "coterie: error: the message is empty\n")


def test_the_longest_message_goes_and_a_longer_one_does_not(run: Runs) -> None:
    assert run("send", "ops", stdin=("ä" * MAX_TEXT).encode() + b"\n").status == 0
    outcome = run("send", "ops", stdin=("ä" * (MAX_TEXT + 1)).encode())
    assert (outcome.status, len(texts(run))) == (1, 1)
    assert "65537 characters, the limit is 65536" in outcome.err


def test_an_endless_stdin_is_not_read_to_its_end(run: Runs) -> None:
    outcome = run("send", "ops", stdin=b"x" * (MAX_TEXT * 4 + 2))
    assert (outcome.status, texts(run)) == (1, [])
    assert "too long" in outcome.err


def test_bytes_that_are_no_text_are_refused(run: Runs) -> None:
    outcome = run("send", "ops", stdin=b"abc\xff")
    assert (outcome.status, outcome.err) == (
        1,
        "coterie: error: the message is not UTF-8 at byte 3\n",
    )


def test_what_the_client_refuses_is_told(run: Runs) -> None:
    run.backend.refuses["hello"] = Unavailable("nobody answers", hint="it is kept")
    outcome = run("send", "ops", "hello")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "coterie: error: nobody answers\ncoterie: hint: it is kept\n"


def test_what_it_answers_and_hangs_from_are_named_by_their_numbers(run: Runs) -> None:
    run.backend.timeline = [message("shall we?", seq=40), message("yes", seq=41)]
    refs = [one.ref for one in run.backend.timeline if isinstance(one, api.Message)]
    assert run("send", "ops", "why", "--reply-to", "41", "--thread", "40").status == 0
    assert run.backend.asked[-1] == api.SendText("ops", "why", reply_to=refs[1], thread=refs[0])
    assert run("send", "ops", "why", "--reply-to", "42").status == 1


def test_what_one_does_is_said_as_such(run: Runs) -> None:
    run("send", "ops", "waves", "--me")
    assert run.backend.asked == [api.SendText("ops", "waves", is_action=True)]


def test_stdin_cannot_be_the_passphrase_too(run: Runs) -> None:
    outcome = run("send", "ops", "-", "--passphrase-file", "-", stdin=b"hello")
    assert (outcome.status, texts(run)) == (2, [])
    assert "both the passphrase and the message" in outcome.err
