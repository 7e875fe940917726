"""``coterie outbox``."""

import json

import pytest
from msgspec import structs

from coterie.client import api
from tests.cli.fakes import OPS, WAR, Runs, message

SENDING = structs.replace(message("soon\x1b", seq=0), state="sending", ticket="0a")
FAILED = structs.replace(message("no", seq=0), state="failed", reason="too long", ticket="5f0c")
EDIT = structs.replace(FAILED, kind="edit", ticket="5f1d")


@pytest.fixture
def full(run: Runs) -> Runs:
    run.backend.pending = (SENDING, FAILED, EDIT)
    return run


def test_all_rooms_are_listed_or_one(full: Runs) -> None:
    assert full("outbox", "list", "ops").out.splitlines() == [
        "0a  waits  soon\ufffd",
        "5f0c  failed: too long  no",
        "5f1d  failed: too long  edit: no",
    ]
    full.backend.asked.clear()
    assert len(full("outbox", "list", "--json").out.splitlines()) == 6
    assert full.backend.asked == [
        api.ListRooms(catch_up=False),
        api.GetPending(OPS.room_id),
        api.GetPending(WAR.room_id),
    ]


def test_json_is_a_message_a_line(full: Runs) -> None:
    told = [json.loads(line) for line in full("outbox", "list", "ops", "--json").out.splitlines()]
    assert [(one["ticket"], one["state"]) for one in told] == [
        ("0a", "sending"),
        ("5f0c", "failed"),
        ("5f1d", "failed"),
    ]


@pytest.mark.parametrize(
    ("words", "requests"),
    [
        (("retry", "ops"), [api.Resend("ops", "5f0c"), api.Resend("ops", "5f1d")]),
        (("retry", "ops", "5f1"), [api.Resend("ops", "5f1d")]),
        (("discard", "ops", "5f0c"), [api.Discard("ops", "5f0c")]),
    ],
)
def test_what_failed_is_sent_again_or_given_up(
    full: Runs, words: tuple[str, ...], requests: list[api.Request]
) -> None:
    assert full("outbox", *words).status == 0
    assert full.backend.asked == [api.GetPending("ops"), *requests]


def test_what_only_waits_cannot_be_retried(full: Runs) -> None:
    outcome = full("outbox", "retry", "ops", "0a")
    assert (outcome.status, outcome.out) == (1, "")
    assert "nothing of that kind has failed" in outcome.err


def test_a_chat_of_lines_sends_again_and_gives_up_all_that_failed(full: Runs) -> None:
    outcome = full.chat("ops", stdin=b"/retry\n/discard\n")
    assert "coterie: sent again: 2\ncoterie: given up: 2\n" in outcome.err
    assert api.Resend(OPS.room_id, "5f1d") in full.backend.asked
    assert api.Discard(OPS.room_id, "5f0c") in full.backend.asked
