"""A room that goes on in another group: PROTOCOL.md section 2, "Successor". What readers check, without I/O."""

from dataclasses import replace

import msgspec
import pytest

from coterie.client import log as logs
from coterie.client import outbox, successor
from coterie.client.group_log import Rival
from coterie.client.happening import Dropped, Event, Landed
from coterie.client.intent import Change, Say
from coterie.client.log import Halt
from coterie.client.position import Position
from coterie.client.room_policy import accounts_of, room_state_of
from coterie.client.room_state import RoomState, Settings
from coterie.client.successor import BODY_SIZE, described, differences, state_without
from coterie.errors import RuleViolation
from coterie.mls import Add, Group, commit
from coterie.wire import limits
from coterie.wire.frames import Entry, Kind
from tests.client.people import (
    NOW,
    Device,
    Reader,
    Room,
    new_device,
    new_group,
    new_room,
    new_state,
)
from tests.client.test_stuck import break_keys

NEW, OTHER = b"N" * 16, b"O" * 16


def announce(admin: Reader, group_id: bytes = NEW) -> Entry:
    """The admin's client posts the successor. What it thinks of it, it learns on reading."""
    admin.log = outbox.announce(admin.log, group_id, admin.new_id())
    admin.seal()
    ((_, out, sealed),) = logs.next_posts(admin.log)
    return admin.append(Kind(sealed.kind), sealed.body, out.message_id)


def append(reader: Reader, where: Position | None = None, group_id: bytes = NEW) -> Entry:
    """A successor by hand, past one's own client."""
    where = where or reader.here(reader.new_id())
    body = successor.encode(reader.group, group_id, where)
    return reader.append(Kind.SUCCESSOR, body, where.message_id)


# --- posting and reading -----------------------------------------------------------------------


def test_successor_of_an_admin_names_the_group_and_who_is_not_stuck_stays() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    entry = announce(alice)
    assert len(entry.body) == BODY_SIZE < limits.MAX_SUCCESSOR_BODY
    room.catch_up()
    for reader in (alice, bobb):
        assert (reader.log.successor, reader.log.successor_by) == (NEW, "alice")
        assert not reader.log.goes_on
    assert bobb.events == [Event.SUCCESSOR]
    assert "coterie room follow ops" in bobb.lines[0][1]
    bobb.say(b"still here")
    bobb.post()
    alice.catch_up()
    assert alice.texts == [b"still here"]


def test_who_is_stuck_posts_a_successor_and_nothing_else() -> None:
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol", admins=3)
    for reader in (alice, carol):
        break_keys(reader)
    mallory.append_commit()
    room.readers.pop(mallory.device.id)
    room.catch_up()
    alice.say(b"waits")
    announce(alice)
    room.catch_up()
    assert alice.told(Landed)
    assert [out.intent for out in alice.log.outbox] == [Say(b"waits")]
    assert alice.log.goes_on
    assert carol.log.goes_on
    assert carol.events == [Event.STUCK, Event.SUCCESSOR]
    alice.seal()
    assert logs.next_posts(alice.log) == ()


def test_successor_waits_for_what_was_posted_before_it() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    alice.say(b"under way")
    alice.seal()
    alice.say(b"waits")
    alice.log = outbox.announce(alice.log, NEW, alice.new_id())
    alice.seal()
    assert [kind for _, _, kind, _ in alice.posts] == [Kind.MESSAGE]
    assert alice.post() is not None
    entry = alice.post()
    assert entry is not None
    assert entry.kind is Kind.SUCCESSOR
    entry = alice.post()
    assert entry is not None
    assert entry.kind is Kind.MESSAGE
    alice.catch_up()
    assert alice.texts == [b"under way", b"waits"]
    assert alice.log.successor == NEW
    assert Event.OLDER_COPY not in alice.events


def test_successor_that_a_commit_overtook_is_signed_again_under_its_id() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    alice.log = outbox.announce(alice.log, NEW, alice.new_id())
    alice.seal()
    ((_, before, _),) = logs.next_posts(alice.log)
    bobb.append_commit()
    entry = alice.post()
    assert entry is not None
    assert entry.message_id == before.message_id
    room.readers.pop(bobb.device.id)
    room.catch_up()
    assert alice.log.successor == NEW


def test_first_of_two_successors_wins_for_everybody() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol", admins=2)
    alice.log = outbox.announce(alice.log, NEW, alice.new_id())
    alice.seal()
    announce(bobb, OTHER)
    room.catch_up()
    assert alice.told(Landed)
    assert not alice.log.outbox
    append(alice)  # by a client that does not care
    room.readers.pop(alice.device.id)
    room.catch_up()
    for reader in (alice, bobb, carol):
        assert (reader.log.successor, reader.log.successor_by) == (OTHER, "bobb")
    later = Rival("alice", alice.device.account_key, NEW)
    assert bobb.log.rivals == carol.log.rivals == (later,)
    assert bobb.events == carol.events == [Event.SUCCESSOR, Event.SUCCESSOR]
    assert "nobody goes there unasked" in carol.lines[1][1]


def test_person_that_agrees_goes_on() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    announce(alice)
    room.catch_up()
    assert replace(bobb.log, agreed=True).goes_on


def test_person_cannot_agree_to_what_nobody_said() -> None:
    _, (_, bobb) = new_room("alice", "bobb")
    assert not replace(bobb.log, agreed=True).goes_on


# --- what does not count -----------------------------------------------------------------------


def test_who_agreed_and_was_removed_afterwards_is_asked_again() -> None:
    """Who is out compares a new group with nothing: what he agreed to, while he could, was another question."""
    _, (alice, bobb) = new_room("alice", "bobb")
    announce(alice)
    bobb.catch_up()
    bobb.log = replace(bobb.log, agreed=True)
    alice.catch_up()
    alice.want(Change(removes=("bobb",)))
    alice.post()
    bobb.catch_up()
    assert bobb.log.halt is Halt.REMOVED
    assert bobb.log.successor == NEW
    assert not bobb.log.goes_on


def assert_dead(room: Room, entry: Entry, rule: str) -> None:
    (reader,) = [r for r in room.everybody() if r.device.name == "carol"]
    reader.read(entry)
    assert reader.events == [Event.DEAD]
    assert rule in reader.lines[0][1]
    assert not reader.log.successor


def test_successor_of_a_member_who_is_no_admin_is_dead() -> None:
    room, (_, bobb, _) = new_room("alice", "bobb", "carol")
    assert_dead(room, append(bobb), "successor-by-non-admin")


def test_successor_under_another_devices_stamp_is_dead() -> None:
    room, (alice, bobb, _) = new_room("alice", "bobb", "carol", admins=2)
    entry = msgspec.structs.replace(append(alice), device=bobb.device.id)
    assert_dead(room, entry, "successor-signature")


def test_successor_that_the_server_shows_in_another_log_is_dead() -> None:
    """It is signed for its log; alice is an admin in both."""
    devices = [new_device(name) for name in ("alice", "bobb", "carol")]
    other = Room(group_id=OTHER)
    alice = other.create(devices[0], new_state(devices[0]))
    entry = append(alice)
    room, _ = new_room("alice", "bobb", "carol")
    seq = len(room.entries) + 1
    assert_dead(room, msgspec.structs.replace(entry, seq=seq), "successor-signature")


def test_successor_under_another_id_is_dead() -> None:
    room, (alice, _, _) = new_room("alice", "bobb", "carol")
    entry = msgspec.structs.replace(append(alice), message_id=b"?" * 16)
    assert_dead(room, entry, "successor-signature")


@pytest.mark.parametrize("at", [0, 16, 24, 56, BODY_SIZE - 1])
def test_altered_successor_is_dead(at: int) -> None:
    room, (alice, _, _) = new_room("alice", "bobb", "carol")
    entry = append(alice)
    body = bytearray(entry.body)
    body[at] ^= 1
    assert_dead(room, msgspec.structs.replace(entry, body=bytes(body)), "successor-signature")


@pytest.mark.parametrize("size", [0, BODY_SIZE - 1, BODY_SIZE + 1, limits.MAX_SUCCESSOR_BODY])
def test_successor_of_another_size_is_dead(size: int) -> None:
    room, (alice, _, _) = new_room("alice", "bobb", "carol")
    entry = append(alice)
    body = (entry.body + bytes(limits.MAX_SUCCESSOR_BODY))[:size]
    assert_dead(room, msgspec.structs.replace(entry, body=body), "successor-form")


def test_successor_that_names_its_own_group_is_dead() -> None:
    room, (alice, _, _) = new_room("alice", "bobb", "carol")
    assert_dead(room, append(alice, group_id=room.group_id), "successor-group")


def test_successor_of_who_was_removed_is_dead() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol", admins=2)
    alice.log = outbox.enqueue(alice.log, Change(removes=("bobb",)), alice.new_id())
    alice.post()
    entry = append(bobb)
    room.readers.pop(bobb.device.id)
    carol.read(room.entries[entry.seq - 2])
    carol.happenings.clear()
    assert_dead(room, entry, "successor-signature")


def test_own_successor_that_the_server_shows_twice_makes_no_older_copy() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    entry = announce(alice)
    alice.catch_up()
    room.append(alice.device, Kind.SUCCESSOR, entry.message_id, entry.body)
    alice.catch_up()
    assert alice.events == [Event.SUCCESSOR]
    assert alice.log.halt is Halt.OPEN


def test_older_copy_that_meets_its_own_successor_says_so() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    append(alice)
    alice.catch_up()
    assert alice.events == [Event.OLDER_COPY, Event.SUCCESSOR]
    assert alice.log.halt is Halt.OLDER_COPY
    assert not alice.log.goes_on


def test_own_successor_that_the_server_altered_is_told() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    entry = announce(alice)
    room.entries[-1] = msgspec.structs.replace(entry, body=bytes(BODY_SIZE))
    alice.catch_up()
    assert alice.events == [Event.ALTERED]
    assert alice.told(Dropped)
    assert alice.log.halt is Halt.OPEN


def test_successor_by_an_admin_who_saw_another_log_counts_and_is_told() -> None:
    """ "A mismatch never changes whether an entry counts." """
    room, (alice, bobb) = new_room("alice", "bobb")
    append(alice, Position(alice.new_id(), alice.log.cursor, b"\x66" * 32))
    room.readers.pop(alice.device.id)
    bobb.catch_up()
    assert bobb.events == [Event.FORK, Event.SUCCESSOR]
    assert bobb.log.successor == NEW
    assert bobb.log.halt is Halt.FORKED


# --- a log that was lost -----------------------------------------------------------------------


def lost(reader: Reader) -> None:
    step = logs.halted(reader.log, Halt.LOST, Event.LOST, "lost")
    reader.log = step.log


def diverged(reader: Reader, *entries: Entry) -> None:
    step = logs.diverged(reader.log, entries, reader.kept, NOW)
    reader.log = step.log
    reader.happenings += step.happenings


def test_who_lost_the_log_goes_on_with_what_the_server_shows_of_it() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    for text in (b"1", b"2"):
        alice.say(text)
        alice.post()
    room.catch_up()
    del room.entries[-2:]  # the server was restored
    for reader in (alice, bobb):
        lost(reader)
    entry = announce(alice)
    cursor = bobb.log.cursor
    for reader in (alice, bobb):
        diverged(reader, entry)
        assert reader.log.successor == NEW
        assert reader.log.goes_on
        assert reader.log.cursor == cursor
    assert bobb.events == [Event.SUCCESSOR]
    assert alice.told(Landed)
    diverged(bobb, entry)  # on the next connection
    assert bobb.events == [Event.SUCCESSOR]


def test_who_was_not_ahead_reads_the_successor_of_a_lost_log_in_its_place() -> None:
    """The admin's place lies beyond what the server has: that is no lie."""
    room, (alice, bobb) = new_room("alice", "bobb")
    alice.say(b"lost")
    alice.post()
    alice.catch_up()
    del room.entries[-1]
    lost(alice)
    announce(alice)
    bobb.catch_up()
    assert bobb.events == [Event.SUCCESSOR]
    assert not bobb.log.goes_on


def test_of_a_lost_log_the_first_that_verifies_wins_however_the_server_sorts_them() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol", admins=2)
    dead = append(carol)
    first, second = append(bobb, group_id=OTHER), append(alice)
    room.readers.clear()
    lost(carol)
    diverged(carol, second, first, dead)
    assert (carol.log.successor, carol.log.successor_by) == (OTHER, "bobb")


def test_several_successors_of_one_admin_in_a_lost_log_are_told_once() -> None:
    """The server shows all of them on each connection."""
    _, (alice, bobb, carol) = new_room("alice", "bobb", "carol", admins=2)
    first = append(bobb, group_id=OTHER)
    later = [append(alice, group_id=group_id) for group_id in (b"P" * 16, b"Q" * 16)]
    lost(carol)
    for _ in range(3):
        diverged(carol, first, *later)
    assert carol.events == [Event.SUCCESSOR, Event.SUCCESSOR]
    assert carol.log.rivals == (Rival("alice", alice.device.account_key, b"Q" * 16),)


def test_lost_log_in_which_an_admin_made_all_successors_is_told_of_the_first_and_the_newest() -> (
    None
):
    _, (alice, bobb) = new_room("alice", "bobb")
    entries = [append(alice, group_id=group_id) for group_id in (NEW, OTHER, b"P" * 16)]
    lost(bobb)
    for _ in range(3):
        diverged(bobb, *entries)
    assert bobb.events == [Event.SUCCESSOR, Event.SUCCESSOR]
    assert bobb.log.successor == NEW
    assert [rival.group_id for rival in bobb.log.rivals] == [b"P" * 16]


def test_server_that_says_a_log_is_lost_can_make_up_no_successor() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    by_member = append(bobb)
    genuine = append(alice)
    forged = msgspec.structs.replace(genuine, body=OTHER + genuine.body[16:])
    message = msgspec.structs.replace(genuine, kind=Kind.MESSAGE)
    lost(carol)
    diverged(carol, by_member, forged, message)
    assert not carol.log.successor
    assert carol.events == []
    assert room.group_id == carol.log.group_id


def test_server_cannot_pass_off_a_message_of_ours_as_a_successor_that_landed() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    alice.say(b"kept")
    alice.seal()
    ((_, out, sealed),) = logs.next_posts(alice.log)
    entry = Entry(
        alice.log.cursor + 1, Kind.SUCCESSOR, alice.device.id, out.message_id, sealed.body
    )
    there = replace(alice.log)
    lost(alice)
    diverged(alice, entry)
    assert len(alice.log.outbox) == 1
    alice.log = there
    room.entries.append(entry)
    alice.catch_up()
    assert not alice.told(Landed)
    assert alice.events[0] in (Event.ALTERED, Event.OLDER_COPY)


def test_log_that_the_server_has_again_goes_on_as_it_was() -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    lost(bobb)
    bobb.log = logs.found_again(bobb.log).log
    bobb.say(b"here")
    bobb.post()
    alice.catch_up()
    assert alice.texts == [b"here"]


# --- the group in which it goes on --------------------------------------------------------------


def grown(founder: Device, state: RoomState, *others: Device) -> Group:
    """A new group of that state with these devices in it."""
    group = new_group(founder, state, group_id=NEW)
    adds = [Add(other.key_package().key_package) for other in others]
    _, pending = commit(group, adds)
    return pending.group


def devices(*names: str) -> list[Device]:
    return [new_device(name) for name in names]


def test_group_with_the_rooms_people_or_fewer_is_taken() -> None:
    _, (alice, _, _) = new_room("alice", "bobb", "mallory", admins=3)
    state = state_without(alice.group, "mallory")
    here, bobb = devices("alice", "bobb")
    assert state.admins == (here.account_key, bobb.account_key)
    assert state_without(alice.group, "") == room_state_of(alice.group)
    assert not differences(alice.group, grown(here, state, bobb))
    anew = msgspec.structs.replace(state, topic="anew")
    assert not differences(alice.group, grown(here, anew, bobb))


def test_group_of_another_room_is_refused() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    here, bobb = devices("alice", "bobb")
    state = msgspec.structs.replace(room_state_of(alice.group), room_id=b"?" * 16)
    with pytest.raises(RuleViolation, match="successor-room"):
        differences(alice.group, grown(here, state, bobb))


def test_group_with_other_settings_differs_by_the_settings_name() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    here, bobb = devices("alice", "bobb")
    settings = Settings(members_may_add=True)
    state = msgspec.structs.replace(room_state_of(alice.group), settings=settings)
    assert differences(alice.group, grown(here, state, bobb)) == ("setting:members-may-add",)


def test_group_with_another_admin_differs_by_his_name() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    here, bobb = devices("alice", "bobb")
    new = grown(here, new_state(here, bobb), bobb)
    assert differences(alice.group, new) == ("admin:bobb",)
    assert described(alice.group, ("admin:bobb",)) == "bobb as an admin"


def test_admin_who_is_in_neither_group_is_named_by_his_key() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    here, bobb, eve = devices("alice", "bobb", "eve")
    new = grown(here, new_state(here, eve), bobb)
    assert differences(alice.group, new) == (f"admin:{eve.account_key.hex()}",)


def test_group_with_another_account_differs_by_its_name() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    here, bobb, eve = devices("alice", "bobb", "eve")
    new = grown(here, room_state_of(alice.group), bobb, eve)
    assert differences(alice.group, new) == ("eve",)
    assert described(alice.group, ("eve",)) == "eve, who is not in it"


def test_group_with_another_key_under_a_members_name_differs() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    here, impostor = new_device("alice"), new_device("bobb", new_device("eve").account)
    assert ("bobb", impostor.account_key) not in accounts_of(alice.group)
    new = grown(here, room_state_of(alice.group), impostor)
    assert differences(alice.group, new) == ("bobb",)
    assert described(alice.group, ("bobb",)) == "bobb with another key"
