"""A commit that counts and does not open here: PROTOCOL.md section 2, "Stuck"."""

from dataclasses import replace

import msgspec
import pytest

from coterie.client import log as logs
from coterie.client.happening import Event
from coterie.client.intent import Change, Leave
from coterie.client.log import Halt
from coterie.client.position import Position
from coterie.mls import Remove
from coterie.secret import Secret
from coterie.wire.frames import Kind
from tests.client.people import Reader, Room, new_device, new_room, room_of, twin_of


def break_keys(reader: Reader) -> None:
    """From now on no path opens for it: stands for a committer that sealed it something else."""
    keys = {x: Secret(bytes([x + 1]) * 32) for x in reader.group.private_keys}
    reader.log = replace(reader.log, group=replace(reader.group, private_keys=keys))


def room_with_one_stuck(*, has_wrong_tag: bool) -> tuple[Room, list[Reader]]:
    """Mallory's commit does not open for carol. With the wrong tag it is dead for all others."""
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol", admins=3)
    break_keys(carol)
    entry = mallory.append_commit(has_wrong_tag=has_wrong_tag)
    alice.read(entry)
    carol.read(entry)
    assert carol.events == [Event.STUCK]
    assert carol.log.halt is Halt.STUCK
    return room, [alice, mallory, carol]


def post(reader: Reader, text: bytes) -> None:
    reader.say(text)
    reader.post()


def test_stuck_device_keeps_its_state_and_sends_nothing() -> None:
    _, (alice, mallory, carol) = room_with_one_stuck(has_wrong_tag=False)
    assert carol.group.epoch == 1
    assert alice.group.epoch == 2
    assert f"a commit by {mallory.device.name} does not open here" in carol.lines[0][1]
    carol.say(b"kept until it is in again")
    carol.seal()
    assert logs.next_posts(carol.log) == ()
    post(alice, b"in the new epoch")
    carol.catch_up()
    assert carol.events == [Event.STUCK]
    assert carol.texts == []
    assert carol.log.halt is Halt.STUCK
    alice.catch_up()
    assert carol.log.chain == alice.log.chain
    assert len(carol.log.outbox) == 1


def test_entry_of_another_account_that_opens_in_the_state_from_before_ends_it() -> None:
    _, (alice, _, carol) = room_with_one_stuck(has_wrong_tag=True)
    assert alice.events == [Event.DEAD]
    carol.say(b"waits")
    post(alice, b"we did not follow it")
    carol.post()
    alice.catch_up()
    assert carol.events == [Event.STUCK, Event.UNSTUCK]
    assert carol.log.halt is Halt.OPEN
    assert carol.texts == [b"we did not follow it"]
    assert alice.texts == [b"we did not follow it", b"waits"]


def test_entries_of_the_authors_own_account_do_not_end_it() -> None:
    """He alone can still encrypt in the epoch that the others have left, from each of his devices."""
    laptop = new_device("mallory")
    phone = new_device("mallory", laptop.account, number=2)
    _, (_, mallory, second, carol) = room_of(
        [new_device("alice"), laptop, phone, new_device("carol")]
    )
    break_keys(carol)
    carol.read(mallory.append_commit())
    carol.read(mallory.append_message(b"bait"))
    carol.read(second.append_message(b"bait"))
    carol.read(second.append_commit())
    assert carol.log.halt is Halt.STUCK
    assert carol.group.epoch == 1


def test_rejoin_of_another_account_does_not_end_it() -> None:
    """It is signed, not encrypted: it opens in whatever epoch it names."""
    _, (alice, _, carol) = room_with_one_stuck(has_wrong_tag=False)
    dave = Reader(carol.room, alice.device, carol.log)  # stuck like carol, in the epoch before
    carol.read(dave.append_rejoin())
    assert carol.log.halt is Halt.STUCK
    assert len(carol.group.standing) == 1


def test_what_the_author_proposed_meanwhile_stands_when_it_ends() -> None:
    """Else the commit that takes it would be dead for who was stuck, and for nobody else."""
    _, (alice, mallory, carol) = new_room("alice", "mallory", "carol", admins=3)
    keys = carol.group.private_keys
    break_keys(carol)
    entry = mallory.append_commit(has_wrong_tag=True)
    carol.read(entry)
    assert carol.log.halt is Halt.STUCK
    carol.log = replace(carol.log, group=replace(carol.group, private_keys=keys))
    mallory.log = replace(mallory.log, cursor=carol.log.cursor, chain=carol.log.chain)
    message_id, body = mallory.propose(Remove(mallory.group.own_leaf_index))
    mallory.append(Kind.PROPOSAL, body, message_id)
    post(alice, b"commits his leaving first")
    alice.post()
    carol.catch_up()
    alice.catch_up()
    assert carol.events == [Event.STUCK, Event.LEAVING, Event.UNSTUCK, Event.REMOVED]
    assert carol.texts == alice.texts == [b"commits his leaving first"]
    assert carol.group.epoch_authenticator == alice.group.epoch_authenticator


def test_what_the_author_said_meanwhile_is_shown_and_its_ids_are_used() -> None:
    _, (alice, mallory, carol) = room_with_one_stuck(has_wrong_tag=True)
    where = Position(mallory.new_id(), alice.log.cursor, alice.log.chain)
    first, second = (mallory.append_message(text, where) for text in (b"first", b"second"))
    for reader in (alice, carol):
        reader.read(first)
        reader.read(second)
    post(alice, b"we did not follow it")
    carol.catch_up()
    alice.catch_up()
    assert carol.texts == alice.texts == [b"first", b"we did not follow it"]


@pytest.mark.parametrize(
    "stamp", [{"kind": Kind.MESSAGE}, {"message_id": b"another id, 16 b"}, {"device": b"a" * 16}]
)
def test_nobody_is_stuck_by_a_commit_that_is_dead_by_its_stamps(stamp: dict[str, object]) -> None:
    """All members see that, also those for whom its path does not open."""
    _, (_, mallory, carol) = new_room("alice", "mallory", "carol")
    break_keys(carol)
    carol.read(msgspec.structs.replace(mallory.append_commit(), **stamp))
    assert carol.events == [Event.DEAD]
    assert carol.log.halt is Halt.OPEN


def test_nobody_is_stuck_by_a_commit_that_the_server_can_read() -> None:
    _, (_, mallory, carol) = new_room("alice", "mallory", "carol")
    break_keys(carol)
    message_id, body = mallory.commit(is_public=True)
    carol.read(mallory.append(Kind.COMMIT, body, message_id))
    assert carol.events == [Event.DEAD]


def test_nobody_is_stuck_by_a_commit_that_breaks_a_rule_of_the_room() -> None:
    _, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    break_keys(carol)
    carol.read(mallory.append_commit([Remove(alice.group.own_leaf_index)]))
    assert carol.events == [Event.DEAD]


def test_stuck_device_that_is_removed_by_the_very_commit_is_not_stuck() -> None:
    room, (alice, _, carol) = new_room("alice", "mallory", "carol")
    break_keys(carol)
    alice.want(Change(removes=("carol",)))
    alice.post()
    room.catch_up()
    assert carol.log.halt is Halt.REMOVED


def test_fork_that_nobody_acknowledged_still_stops_the_room_afterwards() -> None:
    _, (alice, mallory, carol) = new_room("alice", "mallory", "carol", admins=3)
    where = Position(mallory.new_id(), carol.log.cursor, b"\x66" * 32)
    entry = mallory.append_message(b"another log", where)
    for reader in (alice, carol):
        reader.read(entry)
    break_keys(carol)
    entry = mallory.append_commit(has_wrong_tag=True)
    alice.read(entry)
    carol.read(entry)
    assert carol.events[-1] is Event.STUCK
    alice.log = logs.acknowledged(alice.log)
    post(alice, b"go on")
    carol.catch_up()
    assert carol.log.halt is Halt.FORKED
    carol.log = logs.acknowledged(carol.log)
    assert carol.log.halt is Halt.OPEN


def test_leaving_device_that_is_stuck_does_not_propose() -> None:
    _, (_, _, carol) = room_with_one_stuck(has_wrong_tag=False)
    carol.want(Leave())
    carol.seal()
    assert logs.next_posts(carol.log) == ()


def test_author_is_who_signed_the_commit_and_not_whose_device_id_it_has() -> None:
    """Else, where the server registers an id twice, mallory's next word would count as another account's."""
    _, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    twin, entry = twin_of(mallory, alice.device.id)
    carol.read(entry)
    break_keys(carol)
    carol.read(twin.append_commit())
    assert (carol.log.halt, carol.log.stuck_by) == (Halt.STUCK, "mallory")
    carol.read(mallory.append_message(b"bait"))
    assert carol.log.halt is Halt.STUCK
    carol.read(twin.append_message(b"bait"))
    assert carol.log.halt is Halt.STUCK
