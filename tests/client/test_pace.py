"""When a device commits without being asked."""

from dataclasses import replace

import pytest

from coterie.client import pace
from coterie.client.intent import Change, Leave, Say
from coterie.client.log import Halt
from coterie.client.outbox import MAX_OUTBOX
from coterie.client.pace import HEAL_AFTER_S, HEAL_SPACING_S, RANK_STEP_S, commit_due_at
from tests.client.people import NOW, Reader, new_room


def test_alone_there_is_nobody_to_heal_for() -> None:
    _, (alice,) = new_room("alice")
    assert commit_due_at(alice.log, None) is None


def test_keys_are_renewed_after_a_day() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    due = commit_due_at(alice.log, None)
    assert due == alice.log.healed_at + HEAL_AFTER_S


def test_newcomers_heal_soon_and_one_after_the_other() -> None:
    """Ten who were added together would all commit at once, and lose nine races of ten."""
    _, readers = new_room(*(f"member{number}" for number in range(10)))
    newcomers = [replace(reader.log, healed_at=0.0) for reader in readers[1:]]
    due = sorted(commit_due_at(log, None) or 0.0 for log in newcomers)
    last_commit = readers[0].log.committed_at
    assert len(set(due)) == len(due)
    assert all((at - last_commit) % RANK_STEP_S == 0 for at in due)
    assert due[-1] <= last_commit + RANK_STEP_S * len(readers)


@pytest.mark.parametrize("halt", [halt for halt in Halt if halt is not Halt.OPEN])
def test_who_may_not_send_does_not_commit(halt: Halt) -> None:
    _, (alice, _) = new_room("alice", "bobb")
    assert commit_due_at(replace(alice.log, halt=halt, healed_at=0.0), NOW) is None


def test_a_commit_that_waits_is_enough() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    alice.want(Change())
    assert commit_due_at(replace(alice.log, healed_at=0.0), None) is None


def test_an_outbox_without_room_takes_no_commit() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    alice.say(b"hello")
    (one,) = alice.log.outbox
    full = tuple(
        replace(one, ticket=bytes([0, number >> 8, number & 255])) for number in range(MAX_OUTBOX)
    )
    assert isinstance(one.intent, Say)
    assert commit_due_at(replace(alice.log, outbox=full, healed_at=0.0), None) is None


def _leaving(*names: str) -> tuple[list[Reader], float]:
    """The last of them has proposed to leave; and when that was seen."""
    room, readers = new_room(*names)
    readers[-1].want(Leave())
    readers[-1].post()
    room.catch_up()
    for reader in readers:
        reader.log = replace(reader.log, healed_at=NOW)
    return readers, NOW + 5.0


def test_what_stands_is_committed_by_one_after_the_other_of_those_who_stay() -> None:
    (alice, bobb, carol), seen = _leaving("alice", "bobb", "carol")
    due = {commit_due_at(reader.log, seen) for reader in (alice, bobb)}
    assert due == {seen, seen + RANK_STEP_S}
    assert commit_due_at(carol.log, seen) == carol.log.healed_at + HEAL_AFTER_S


def test_what_stands_is_not_looked_at_before_it_was_seen() -> None:
    (alice, *_), _ = _leaving("alice", "bobb", "carol")
    assert commit_due_at(alice.log, None) == alice.log.healed_at + HEAL_AFTER_S


def test_a_large_room_heals_at_most_once_in_ten_minutes_the_longest_overdue_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "SMALL_ROOM", 3)  # a room of 31 devices takes seconds to make
    _, readers = new_room("alice", "bobb", "carol", "dave")
    committed = readers[0].log.committed_at
    logs = [
        replace(reader.log, healed_at=committed - HEAL_AFTER_S * (1 + 1000 * number))
        for number, reader in enumerate(readers)
    ]
    due = [commit_due_at(log, None) or 0.0 for log in logs]
    assert min(due) >= committed + HEAL_SPACING_S
    assert max(due[1:]) < committed + HEAL_SPACING_S + 1.0  # a thousand days overdue
