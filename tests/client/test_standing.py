"""Standing proposals: leaving, and the rejoins of others. PROTOCOL.md section 2, "Stuck" and "Races and starvation"."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from coterie.client import log as logs
from coterie.client.happening import Dropped, Event, Landed
from coterie.client.intent import Change, Leave, Say
from coterie.client.log import Halt
from coterie.client.room_policy import MAX_ADDS, committable
from coterie.mls import KeyPackageBundle, process, suite_of
from coterie.wire.frames import Kind
from tests.client.people import (
    LIFETIME,
    Reader,
    Room,
    append_first,
    crowd_of,
    direct_room,
    new_room,
    rejoin,
)

# --- leaving -----------------------------------------------------------------------------------


def test_who_leaves_is_taken_out_by_whoever_commits_next() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    ticket = bobb.want(Leave())
    room.settle()
    assert room.kinds(1) == [Kind.PROPOSAL]
    assert [landed.ticket for landed in bobb.told(Landed)] == [ticket]
    bobb.say(b"a last word")
    carol.say(b"goodbye")  # she is no admin, and may commit it all the same
    room.settle()
    assert room.kinds(2) == [Kind.MESSAGE, Kind.COMMIT, Kind.MESSAGE]
    assert bobb.log.halt is Halt.REMOVED
    assert alice.names == ["alice", "carol"]
    assert alice.texts == carol.texts == [b"a last word", b"goodbye"]


def leave_that_lapses(winner: Callable[[Reader], object]) -> tuple[Room, list[Reader]]:
    """Bobb's proposal lands between what ``winner`` of alice's commit had read, and that commit."""
    room, readers = new_room("alice", "bobb", "carol")
    alice, bobb, _ = readers
    winner(alice)
    alice.seal()
    (commit,) = logs.next_posts(alice.log)
    bobb.want(Leave())
    bobb.post()
    _, out, sealed = commit
    room.append(alice.device, Kind.COMMIT, out.message_id, sealed.body)
    room.catch_up()
    return room, readers


def test_proposal_to_leave_that_a_commit_did_not_see_is_made_again() -> None:
    room, (alice, bobb, carol) = leave_that_lapses(lambda alice: alice.want(Change()))
    assert bobb.group.leaving == ()
    assert [out.intent for out in bobb.log.outbox] == [Leave()]
    bobb.post()
    carol.say(b"goodbye")
    room.settle()
    assert bobb.log.halt is Halt.REMOVED
    assert alice.names == ["alice", "carol"]


def test_proposal_to_leave_is_made_again_before_what_waits() -> None:
    room, readers = new_room("alice", "bobb", "carol")
    alice, bobb, _ = readers
    alice.want(Change())
    alice.seal()
    bobb.want(Leave())
    bobb.post()
    for number in range(2):
        bobb.say(b"%d" % number)
    _, out, sealed = logs.next_posts(alice.log)[0]
    room.append(alice.device, Kind.COMMIT, out.message_id, sealed.body)
    bobb.catch_up()
    assert [out.intent for out in bobb.log.outbox] == [Leave(), Say(b"0"), Say(b"1")]
    assert len({out.ticket for out in bobb.log.outbox}) == 3


def test_own_commit_has_ones_own_proposal_to_leave_made_again_too() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    bobb.want(Leave())
    room.settle()
    bobb.want(Change())
    room.settle()
    assert room.kinds(1) == [Kind.PROPOSAL, Kind.COMMIT, Kind.PROPOSAL]
    assert alice.group.leaving == (bobb.group.own_leaf_index,)


def test_proposal_to_leave_that_was_not_yet_in_the_log_keeps_its_id_and_count() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    bobb.want(Leave())
    bobb.seal()
    before = bobb.posts
    alice.want(Change())
    alice.post()
    bobb.catch_up()
    bobb.seal()
    assert [post[:3] for post in bobb.posts] == [post[:3] for post in before]
    room.settle()
    assert alice.group.leaving == (bobb.group.own_leaf_index,)


def test_dead_commit_leaves_a_standing_proposal_standing() -> None:
    room, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory")
    bobb.want(Leave())
    room.settle()
    mallory.append(Kind.COMMIT, b"garbage", mallory.new_id())
    room.catch_up()
    assert bobb.log.outbox == ()
    assert alice.group.leaving == (bobb.group.own_leaf_index,)


def test_asking_to_leave_twice_proposes_once() -> None:
    room, (_, bobb) = new_room("alice", "bobb")
    bobb.want(Leave())
    room.settle()
    ticket = bobb.want(Leave())
    room.settle()
    assert bobb.told(Landed)[-1] == Landed(ticket, 0)
    assert room.kinds(1) == [Kind.PROPOSAL]


@pytest.mark.parametrize("others", [(), ("bobb",)])
def test_last_admin_may_not_leave(others: tuple[str, ...]) -> None:
    room, (alice, *_) = new_room("alice", *others)
    ticket = alice.want(Leave())
    alice.say(b"then I stay")
    room.settle()
    reason = "you are the only admin here: make somebody else one first"
    assert alice.told(Dropped) == [Dropped(ticket, reason)]
    assert alice.texts == [b"then I stay"]


def test_of_two_admins_that_leave_at_once_the_first_goes_and_the_second_is_told() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol", admins=2)
    alice.want(Leave())
    bobb.want(Leave())
    room.settle()
    assert set(carol.group.leaving) == {0, 1}
    carol.say(b"goodbye")
    room.settle()
    assert alice.log.halt is Halt.REMOVED
    assert bobb.log.halt is Halt.OPEN
    assert [d.reason[:22] for d in bobb.told(Dropped)] == ["you are the only admin"]
    assert carol.group.standing == ()
    assert carol.names == ["bobb", "carol"]


def test_admin_that_removes_who_is_leaving_does_both_in_one() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    bobb.want(Leave())
    room.settle()
    alice.want(Change(removes=("bobb", "carol")))
    room.settle()
    assert alice.names == ["alice"]
    assert bobb.lines[-1] == (Event.REMOVED, "you left")
    assert carol.lines[-1] == (Event.REMOVED, "alice removed you")


# --- rejoins of others -------------------------------------------------------------------------


def test_rejoin_is_committed_with_the_remove_of_the_leaf_it_replaces_and_nothing_else() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    carol.append_rejoin()
    bobb.say(b"welcome back")  # no admin, and may do it all the same
    bobb.post()
    alice.catch_up()
    assert room.kinds(1) == [Kind.PROPOSAL, Kind.COMMIT]
    assert alice.names == ["alice", "bobb", "carol"]
    assert len(list(alice.group.members())) == 3
    text = f"bobb added carol's device {carol.device.id.hex()[:8]} anew"
    assert alice.lines == [(Event.DEVICE, "carol asks to be added anew"), (Event.DEVICE, text)]
    again = room.readers[carol.device.id]
    assert again is not carol
    again.say(b"thank you")
    room.settle()
    assert alice.texts == bobb.texts == [b"welcome back", b"thank you"]


def test_rejoin_asked_for_twice_is_done_once() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    carol.append_rejoin()
    carol.append_rejoin()
    alice.want(Change())
    alice.post()
    bobb.catch_up()
    assert len(list(bobb.group.members())) == 3
    assert room.kinds(1) == [Kind.PROPOSAL, Kind.PROPOSAL, Kind.COMMIT]


def test_own_rejoin_is_left_to_others() -> None:
    """ "The list is invalid" where a commit removes its committer: RFC 9420 section 12.2."""
    _, (alice, bobb) = new_room("alice", "bobb")
    entry = bobb.append_rejoin()
    alice.read(entry)
    bobb.log = replace(bobb.log, group=process(bobb.group, entry.body).group)
    assert committable(alice.group).references != ()
    assert committable(bobb.group).references == ()


def test_who_asks_to_be_added_anew_can_be_removed() -> None:
    """Else whoever posts a rejoin in each epoch stays for ever."""
    _room, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory")
    mallory.append_rejoin()
    alice.want(Change(removes=("mallory",)))
    alice.post()
    bobb.catch_up()
    assert bobb.names == ["alice", "bobb"]
    assert alice.told(Dropped) == []


def test_rejoins_beyond_the_hundred_adds_of_a_commit_wait_for_the_next() -> None:
    """One hostile commit can make a whole large room stuck."""
    room, (alice, bobb) = new_room("alice", "bobb")
    crowd, newcomers = crowd_of(MAX_ADDS + 2)
    for some in (newcomers[:MAX_ADDS], newcomers[MAX_ADDS:]):
        alice.want(Change(adds=some))
        append_first(alice)
    alice.catch_up()
    for device in crowd:
        message_id = alice.new_id()
        room.append(device, Kind.PROPOSAL, message_id, rejoin(device, alice.group, message_id))
    alice.say(b"welcome back")
    append_first(alice)
    alice.catch_up()
    bobb.catch_up()
    assert room.kinds()[-1] == Kind.COMMIT
    assert alice.told(Dropped) == []
    assert Event.DEAD not in bobb.events
    assert len(list(bobb.group.members())) == len(crowd) + 2
    assert [line for line in bobb.lines if line[1].endswith("anew") and "device" in line[1]]


def poison(reader: Reader, of: Reader) -> None:
    """A rejoin that breaks no rule by itself, with an encryption key that is in the tree already."""
    suite = suite_of(reader.device.suite)
    bundle = KeyPackageBundle.create(suite, reader.device.leaf, LIFETIME)
    seed, package = reader.device.leaf.signature_private, bundle.key_package
    leaf = replace(package.leaf_node, encryption_key=of.group.own_leaf.encryption_key)
    package = replace(package, leaf_node=leaf.signed(suite, seed))
    signature = suite.sign_with_label(seed, b"KeyPackageTBS", package._tbs())
    reader.append_rejoin(replace(bundle, key_package=replace(package, signature=signature)))


def test_proposal_that_fails_only_in_the_tree_keeps_nobody_from_talking_and_leaving() -> None:
    room, (alice, bobb, mallory) = new_room("alice", "bobb", "mallory")
    poison(mallory, alice)
    bobb.want(Leave())
    bobb.post()
    alice.say(b"goodbye")
    alice.post()
    alice.post()
    alice.catch_up()
    bobb.catch_up()
    assert alice.texts == [b"goodbye"]
    assert bobb.log.halt is Halt.REMOVED
    assert room.kinds(1) == [Kind.PROPOSAL, Kind.PROPOSAL, Kind.COMMIT, Kind.MESSAGE]


def test_proposals_that_fail_only_together_are_taken_one_after_the_other() -> None:
    """Two devices of one mind ask to be added anew with one and the same key."""
    _, (alice, mallory, eve, carol) = new_room("alice", "mallory", "eve", "carol")
    suite = suite_of(alice.device.suite)
    shared = KeyPackageBundle.create(suite, mallory.device.leaf, LIFETIME).key_package.leaf_node
    for reader in (mallory, eve):
        bundle = reader.device.key_package()
        seed, package = reader.device.leaf.signature_private, bundle.key_package
        leaf = replace(package.leaf_node, encryption_key=shared.encryption_key)
        package = replace(package, leaf_node=leaf.signed(suite, seed))
        signature = suite.sign_with_label(seed, b"KeyPackageTBS", package._tbs())
        reader.append_rejoin(replace(bundle, key_package=replace(package, signature=signature)))
    alice.say(b"goodbye")
    alice.post()
    alice.post()
    alice.catch_up()
    carol.catch_up()
    assert carol.texts == alice.texts == [b"goodbye"]
    assert carol.group.epoch == 2


def test_who_wants_to_leave_direct_messages_stays_and_they_go_on() -> None:
    """Decision 0018: the pair has no other room."""
    room, (alice, bobb) = direct_room()
    bobb.want(Leave())
    alice.say(b"still here?")
    room.settle()
    assert [dropped.reason for dropped in bobb.told(Dropped)] == ["nobody leaves direct messages"]
    assert alice.names == bobb.names == ["alice", "bobb"]
    assert bobb.texts == [b"still here?"]
