"""What a device wants to say, and its encryption at the moment in which it can be posted. PROTOCOL.md section 2."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client import log as logs
from coterie.client.happening import Dropped, Landed
from coterie.client.intent import Change, Leave, Newcomer, Outgoing, Say
from coterie.client.log import Halt
from coterie.client.outbox import MAX_OUTBOX, MAX_SEALED
from coterie.client.room_policy import MAX_ADDS
from coterie.client.room_state import Settings
from coterie.errors import InvalidInput
from coterie.mls.secret_tree import MAX_FORWARD
from coterie.wire.frames import Kind
from tests.client.people import (
    Reader,
    append_first,
    crowd_of,
    new_device,
    new_room,
    same_everywhere,
)

# --- order, counts, limits ---------------------------------------------------------------------


def test_counts_go_on_from_what_is_in_the_log() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    for number in range(3):
        alice.say(b"%d" % number)
    alice.seal()
    assert [post[0] for post in alice.posts] == [2, 3, 4]  # the commit that made the room was 1
    alice.post()
    alice.catch_up()
    assert [post[0] for post in alice.posts] == [3, 4]
    room.settle()
    assert alice.posts == []


def test_sealing_again_changes_nothing() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    alice.say(b"hello")
    alice.seal()
    before = alice.log
    alice.seal()
    assert alice.log is before


def test_outbox_that_is_full_says_so_and_takes_nothing() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    waiting = tuple(Outgoing(b"%016d" % number, Say(b"x")) for number in range(MAX_OUTBOX - 1))
    alice.log = replace(alice.log, outbox=waiting)
    alice.say(b"the last")
    with pytest.raises(InvalidInput, match="10000 posts are waiting"):
        alice.say(b"one more")
    assert len(alice.log.outbox) == MAX_OUTBOX


def test_only_some_posts_are_encrypted_ahead() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    for number in range(MAX_SEALED + 2):
        alice.say(b"%d" % number)
    alice.seal()
    assert len(alice.posts) == MAX_SEALED
    room.settle()
    assert bobb.texts == [b"%d" % number for number in range(MAX_SEALED + 2)]


def test_dead_commits_in_a_row_do_not_put_what_waits_beyond_what_others_follow() -> None:
    """Each makes all that is encrypted be encrypted again, in the same epoch, under further generations."""
    room, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory")
    for number in range(2 * MAX_SEALED):
        alice.say(b"%d" % number)
    for _ in range(MAX_FORWARD // MAX_SEALED - 1):
        mallory.append(Kind.COMMIT, b"garbage", mallory.new_id())
        alice.catch_up()
        alice.seal()
    for _ in range(2 * MAX_SEALED):
        alice.post()
    bobb.catch_up()
    assert bobb.texts == [b"%d" % number for number in range(2 * MAX_SEALED)]
    assert room.entries[-1].device == alice.device.id


# --- encrypted again ---------------------------------------------------------------------------


@pytest.mark.parametrize("is_dead", [False, True])
def test_commit_dead_or_not_has_what_waits_encrypted_again_under_the_same_ids_and_counts(
    is_dead: bool,
) -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    alice.say(b"one")
    alice.say(b"two")
    alice.seal()
    before = alice.posts
    if is_dead:
        bobb.append(Kind.COMMIT, b"garbage", bobb.new_id())
    else:
        bobb.want(Change())
        bobb.post()
    alice.catch_up()
    assert alice.posts == []  # what could still be posted before can never land now
    alice.seal()
    after = alice.posts
    assert [post[:3] for post in after] == [post[:3] for post in before]
    assert all(new[3] != old[3] for new, old in zip(after, before, strict=True))
    assert {sealed.after for _, _, sealed in logs.next_posts(alice.log)} == {2}
    room.settle()
    assert alice.texts == [b"one", b"two"]


def test_message_in_between_leaves_what_is_encrypted_as_it_is() -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    alice.say(b"mine")
    alice.seal()
    before = alice.posts
    bobb.say(b"first")
    bobb.post()
    alice.catch_up()
    alice.seal()
    assert alice.posts == before


# --- commits -----------------------------------------------------------------------------------


def test_commit_waits_for_what_is_before_it_and_what_is_behind_it_waits_for_the_commit() -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    alice.say(b"before")
    alice.want(Change())
    alice.say(b"behind")
    alice.seal()
    assert [post[2] for post in alice.posts] == [Kind.MESSAGE]
    alice.post()
    alice.catch_up()
    alice.seal()
    assert [post[2] for post in alice.posts] == [Kind.COMMIT]
    alice.post()
    alice.catch_up()
    alice.seal()
    assert [post[2] for post in alice.posts] == [Kind.MESSAGE]
    alice.post()
    bobb.catch_up()
    assert bobb.texts == [b"before", b"behind"]


def test_commit_that_lost_is_made_anew_under_another_id_and_the_same_count() -> None:
    room, (alice, bobb) = new_room("alice", "bobb", admins=2)
    carol, dave = new_device("carol"), new_device("dave")
    alice.want(Change(adds=(room.newcomer(carol),)))
    ticket = bobb.want(Change(adds=(room.newcomer(dave),)))
    alice.seal()
    bobb.seal()
    (lost,) = bobb.posts
    alice.post()
    bobb.catch_up()
    assert bobb.log.pending is None
    bobb.seal()
    (again,) = bobb.posts
    assert again[0] == lost[0]
    assert again[1] != lost[1]
    assert again[2] == lost[2]
    room.settle()
    assert alice.names == ["alice", "bobb", "carol", "dave"]
    same_everywhere(room.everybody(), lambda reader: reader.group.epoch_authenticator)
    assert [landed.ticket for landed in bobb.told(Landed)] == [ticket]


def test_healing_that_lost_is_dropped_and_no_person_waits_for_it() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    alice.want(Change())
    bobb.want(Change())
    alice.seal()
    bobb.seal()
    alice.post()
    bobb.catch_up()
    assert bobb.log.outbox == ()
    assert bobb.happenings == []
    room.settle()
    assert room.kinds(1) == [Kind.COMMIT]


def test_newcomer_that_lost_its_healing_heals_before_its_first_message_all_the_same() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    carol = new_device("carol")
    alice.want(Change(adds=(room.newcomer(carol),)))
    alice.post()
    reader = room.readers[carol.id]
    reader.say(b"hello")
    reader.catch_up()
    reader.seal()
    assert [post[2] for post in reader.posts] == [Kind.COMMIT]
    alice.want(Change())
    alice.post()
    before = len(room.entries)
    room.settle()
    assert room.kinds(before) == [Kind.COMMIT, Kind.MESSAGE]
    assert alice.texts == [b"hello"]


def test_two_that_want_the_same_get_it_once() -> None:
    room, (alice, bobb) = new_room("alice", "bobb", admins=2)
    carol = new_device("carol")
    alice.want(Change(adds=(room.newcomer(carol),)))
    ticket = bobb.want(Change(adds=(room.newcomer(carol),)))
    bobb.seal()
    alice.post()
    room.settle()
    assert bobb.told(Landed) == [Landed(ticket, 0)]
    assert len(list(alice.group.members())) == 3


def test_what_the_rules_refuse_is_told_and_what_is_behind_it_goes_on() -> None:
    room, (alice, mallory) = new_room("alice", "mallory")
    ticket = mallory.want(Change(removes=("alice",)))
    mallory.say(b"never mind")
    room.settle()
    (dropped,) = mallory.told(Dropped)
    assert dropped.ticket == ticket
    assert "remove-by-non-admin" in dropped.reason
    assert alice.texts == [b"never mind"]


@pytest.mark.parametrize("key_package", [b"", b"garbage", b"\0" * 300])
def test_key_package_that_is_none_is_told_and_what_is_behind_it_goes_on(key_package: bytes) -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    ticket = alice.want(Change(adds=(Newcomer("carol", b"c" * 16, key_package),)))
    alice.say(b"hello")
    room.settle()
    assert [dropped.ticket for dropped in alice.told(Dropped)] == [ticket]
    assert bobb.texts == [b"hello"]


def test_hundred_devices_can_be_added_at_once_and_not_one_more() -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    _, newcomers = crowd_of(MAX_ADDS + 1)
    ticket = alice.want(Change(adds=newcomers))
    alice.seal()
    (dropped,) = alice.told(Dropped)
    assert dropped.ticket == ticket
    assert "too-many-adds: 101, limit 100" in dropped.reason
    alice.want(Change(adds=newcomers[1:]))
    append_first(alice)
    bobb.catch_up()
    assert len(list(bobb.group.members())) == 102


# --- the room's state --------------------------------------------------------------------------


def changed(reader: Reader, **what: object) -> Change:
    """As the person sees the room now, with this changed."""
    return Change(room_state=msgspec.structs.replace(reader.state, **what))


def test_two_changes_of_the_room_that_raced_are_both_kept() -> None:
    """Else the loser, made anew, would undo what the winner did: let an admin back in, for one."""
    room, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory", admins=3)
    admins = tuple(r.device.account_key for r in (alice, bobb))
    alice.want(changed(alice, admins=admins))
    bobb.want(changed(bobb, topic="lunch"))
    alice.seal()
    bobb.seal()
    alice.post()
    room.settle()
    state = same_everywhere(room.everybody(), lambda reader: reader.state)
    assert state.topic == "lunch"
    assert set(state.admins) == set(admins)
    assert mallory.state == state


def test_state_that_is_so_already_is_no_commit() -> None:
    room, (alice, _) = new_room("alice", "bobb")
    ticket = alice.want(Change(room_state=alice.state))
    room.settle()
    assert alice.told(Landed) == [Landed(ticket, 0)]
    assert len(room.entries) == 1


def test_settings_name_and_admins_change_together() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    admins = (*alice.state.admins, bobb.device.account_key)
    alice.want(changed(alice, name="dev", admins=admins, settings=Settings(members_may_add=True)))
    room.settle()
    assert bobb.state.name == "dev"
    assert bobb.state.admins == admins
    assert bobb.state.settings.members_may_add


# --- whatever is wanted ------------------------------------------------------------------------


@given(
    wishes=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["say", "heal", "leave", "topic", "post"])),
        max_size=25,
    )
)
def test_every_wish_is_granted_or_refused_in_words_and_once(wishes: list[tuple[int, str]]) -> None:
    room, readers = new_room("alice", "bobb", "carol", admins=2)
    tickets: list[tuple[Reader, bytes]] = []
    said: dict[int, list[bytes]] = {0: [], 1: [], 2: []}
    for number, (who, wish) in enumerate(wishes):
        reader = readers[who]
        match wish:
            case "say" if reader.log.halt is Halt.OPEN:
                said[who].append(b"%d" % number)
                tickets.append((reader, reader.say(b"%d" % number)))
            case "heal":
                reader.want(Change())
            case "leave" if reader.log.halt is Halt.OPEN:
                tickets.append((reader, reader.want(Leave())))
            case "topic" if reader.log.halt is Halt.OPEN:
                tickets.append((reader, reader.want(changed(reader, topic=f"{number}"))))
            case _:
                reader.post()
    room.settle()
    for reader, ticket in tickets:
        answers = [h for h in reader.happenings if isinstance(h, Landed | Dropped)]
        assert [h.ticket for h in answers].count(ticket) == 1
    present = [reader for reader in readers if reader.log.halt is Halt.OPEN]
    assert present
    same_everywhere(present, lambda reader: reader.texts)
    same_everywhere(present, lambda reader: reader.group.epoch_authenticator)
    for who, reader in enumerate(readers):
        mine = [text for text in present[0].texts if text in said[who]]
        if reader in present:
            assert mine == said[who]
