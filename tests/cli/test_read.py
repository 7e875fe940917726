"""``coterie read``."""

import json

import pytest
from msgspec import structs

from coterie.client import api
from coterie.errors import Unavailable
from tests.cli.fakes import Runs, message


def test_messages_go_to_stdout_and_notices_to_stderr(run: Runs) -> None:
    run.backend.timeline = [message("hello"), api.Notice("not connected"), message("bye", seq=2)]
    outcome = run("read", "ops")
    assert outcome.out == "2026-11-24 10:12 bobb  hello\n2026-11-24 10:12 bobb  bye\n"
    assert outcome.err == "coterie: not connected\n"
    assert outcome.status == 0


def test_json_is_a_line_a_message(run: Runs) -> None:
    run.backend.timeline = [message("one\ntwo"), message("three", seq=2)]
    lines = run("read", "ops", "--json").out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["one\ntwo", "three"]


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ((), api.ReadRoom("ops", last=50)),
        (("--last", "3"), api.ReadRoom("ops", last=3)),
        (("--last", "0"), api.ReadRoom("ops", last=0)),
    ],
)
def test_what_is_asked_for(run: Runs, words: tuple[str, ...], request_: api.ReadRoom) -> None:
    run("read", "ops", *words)
    assert run.backend.asked == [request_]


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (("--around", "41"), api.GetPage("ops", 50, around=41)),
        (("--before", "41", "--last", "5000"), api.GetPage("ops", 1_000, before=41)),
    ],
)
def test_a_page_is_read_by_a_number_without_the_server(
    run: Runs, words: tuple[str, ...], request_: api.Request
) -> None:
    run.backend.timeline = [message("hello", seq=41)]
    outcome = run("read", "ops", *words, "--numbers")
    assert run.backend.asked == [request_]
    assert outcome.out == "41 2026-11-24 10:12 bobb  hello\n"


@pytest.mark.parametrize(
    "words",
    [("--changes",), ("--follow", "--before", "3"), ("--before", "3", "--around", "3")],
)
def test_options_that_make_no_sense_together_are_misuse(run: Runs, words: tuple[str, ...]) -> None:
    assert run("read", "ops", *words).status == 2


def test_changes_are_told_in_words_and_as_json_by_the_message_anew(run: Runs) -> None:
    edited = structs.replace(message("hello"), text="hallo", edited="2026-11-24T09:13:00Z")
    run.backend.timeline = [message("hello"), edited]
    run.backend.stream_error = Unavailable("the process that held the profile has ended")
    words = ("read", "ops", "--follow", "--changes")
    assert run(*words).out.splitlines() == ["2026-11-24 10:12 bobb  hello", "bobb edited 1: hallo"]
    told = [json.loads(line) for line in run(*words, "--json").out.splitlines()]
    assert [(one["number"], one["text"]) for one in told] == [(1, "hello"), (1, "hallo")]


def test_following_goes_on_until_the_stream_fails(run: Runs) -> None:
    run.backend.timeline = [message("hello")]
    run.backend.stream_error = Unavailable("the process that held the profile has ended")
    outcome = run("read", "ops", "--follow")
    assert (outcome.status, outcome.out) == (1, "2026-11-24 10:12 bobb  hello\n")
    assert run.backend.asked == [api.ReadRoom("ops", last=50, follow=True)]


@pytest.mark.parametrize(("words", "status"), [(("--follow",), 0), ((), 130)])
def test_ctrl_c_is_the_way_to_end_what_follows_and_an_interruption_of_what_does_not(
    run: Runs, words: tuple[str, ...], status: int
) -> None:
    run.engine.opening_error = KeyboardInterrupt()
    assert run("read", "ops", *words).status == status
