"""What a device knows of a group from outside, and the proposal by which it asks to be let in anew."""

from dataclasses import replace

import pytest
from msgspec import structs

from coterie.client import position
from coterie.client.happening import Event
from coterie.client.intent import Change
from coterie.client.log import Halt
from coterie.client.position import Position
from coterie.client.rejoin import MAX_HEARD, MOST_SETTLE_S, SETTLE_S, Rejoin, epoch_named
from coterie.errors import LocalProtocolError
from coterie.mls import Extension, KeyPackageBundle, Remove, TakeAll, commit
from coterie.wire.frames import Entry, Kind
from tests.client.people import Reader, Room, new_device, new_room, rejoin
from tests.client.test_stuck import break_keys, post, room_with_one_stuck

GROUP = b"G" * 16
OURS = b"o" * 16
OUTSIDE = Rejoin(GROUP, OURS)


def header(epoch: int, group_id: bytes = GROUP, wire_format: int = 2, version: int = 1) -> bytes:
    """The beginning of an MLSMessage."""
    framing = version.to_bytes(2, "big") + wire_format.to_bytes(2, "big")
    return framing + bytes([len(group_id)]) + group_id + epoch.to_bytes(8, "big") + b"\x01rest"


def entry(seq: int, kind: Kind, device: str, epoch: int) -> Entry:
    return Entry(seq, kind, device.encode().ljust(16), seq.to_bytes(16, "big"), header(epoch))


def read(rejoin: Rejoin, *told: tuple[Kind, str, int]) -> Rejoin:
    """After entries of these kinds, devices and epochs."""
    for kind, device, epoch in told:
        rejoin = rejoin.read(entry(rejoin.cursor + 1, kind, device, epoch))
    return rejoin


# --- the epoch ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "epoch"),
    [
        (header(7), 7),
        (header(7, wire_format=1), 7),
        (header(2**63), None),
        (header(7, b"another group id"), None),
        (header(7, wire_format=3), None),
        (header(7, version=2), None),
        (header(7)[:20], None),
        (b"", None),
        (b"garbage", None),
    ],
)
def test_the_epoch_is_read_off_the_clear_header(body: bytes, epoch: int | None) -> None:
    assert epoch_named(GROUP, body) == epoch


def test_the_header_of_a_real_message_names_its_epoch() -> None:
    _, (alice, _) = new_room("alice", "bobb")
    _, body = alice.protect(b"hello")
    assert epoch_named(alice.group.group_id, body) == alice.group.epoch


M, P, C, S = Kind.MESSAGE, Kind.PROPOSAL, Kind.COMMIT, Kind.SUCCESSOR


@pytest.mark.parametrize(
    ("told", "epoch"),
    [
        ([], None),
        ([(M, "a", 5)], 5),
        ([(C, "a", 5)], 6),
        ([(M, "a", 5), (C, "b", 5)], 6),
        ([(C, "a", 5), (M, "b", 5)], 5),  # they did not follow it
        ([(C, "a", 5), (M, "b", 5), (M, "a", 6)], 6),
        ([(C, "a", 5), (M, "b", 5), (M, "c", 5), (M, "a", 6)], 5),  # its author is outvoted
        ([(M, "a", 5), (C, "b", 9)], 5),  # a commit of no epoch that anybody was in
        ([(M, "a", 5), (C, "b", 2)], 5),
        ([(M, "a", 5), (S, "b", 5)], 5),
        ([(M, "a", 5), (M, "b", 5), (M, "c", 2**62)], 5),
        ([(M, "a", 5), (P, "b", 5)], 5),
        ([(M, "c", 5), (C, "a", 5), (C, "a", 6), (C, "c", 5)], 6),  # two that were dead for c
        ([(M, "c", 5), (C, "a", 5), (C, "b", 6), (C, "a", 5)], 7),  # b bore out the first
        ([(M, "c", 5), (C, "a", 5), (M, "b", 5), (M, "c", 5), (C, "a", 6)], 5),
    ],
)
def test_the_epoch_is_what_most_devices_named_since_the_last_commit(
    told: list[tuple[Kind, str, int]], epoch: int | None
) -> None:
    assert read(OUTSIDE, *told).epoch == epoch


def test_what_this_device_said_tells_nothing_about_the_others() -> None:
    """Its own proposal was a guess."""
    ours = Entry(1, Kind.PROPOSAL, OURS, bytes(16), header(5))
    assert OUTSIDE.read(ours).epoch is None


def test_what_another_device_asked_from_outside_tells_nothing_either() -> None:
    guess = Entry(2, Kind.PROPOSAL, b"b" * 16, bytes(16), header(9, wire_format=1))
    assert read(OUTSIDE, (M, "a", 5)).read(guess).epoch == 5


def own_commit(seq: int, epoch: int) -> Entry:
    return Entry(seq, C, OURS, seq.to_bytes(16, "big"), header(epoch))


def test_the_own_commit_of_who_was_led_astray_does_not_hide_where_the_others_stayed() -> None:
    """Its next proposal named an epoch in which nobody was, and nobody could let it in before another commit."""
    led_astray = read(OUTSIDE, (M, "carol", 5), (C, "mallory", 5)).read(own_commit(3, 6))
    assert read(led_astray, (C, "carol", 5)).epoch == 6
    assert read(led_astray, (C, "carol", 5), (M, "dave", 6)).epoch == 6
    assert read(led_astray, (M, "carol", 5), (C, "carol", 5)).epoch == 6


def test_what_an_older_copy_committed_in_its_other_life_counts() -> None:
    before = read(OUTSIDE, (M, "carol", 5)).read(own_commit(2, 5))
    assert before.epoch == 6
    assert before.read(own_commit(3, 6)).epoch == 7
    assert read(before.read(own_commit(3, 6)), (C, "carol", 7)).epoch == 8


def test_however_many_devices_speak_few_are_remembered() -> None:
    crowd = read(OUTSIDE, *[(M, f"d{n}", 5) for n in range(3 * MAX_HEARD)])
    assert len(crowd.heard) == MAX_HEARD


# --- the proposal ------------------------------------------------------------------------------


def asking(rejoin: Rejoin, *, count: int = 1) -> Rejoin:
    device = new_device("alice")
    package = device.key_package().key_package
    return rejoin.ask(b"m" * 16, count, package, device.leaf.signature_private)


def test_nothing_is_asked_before_an_epoch_is_known() -> None:
    with pytest.raises(LocalProtocolError):
        asking(OUTSIDE)


def test_a_proposal_stands_once_it_is_read() -> None:
    asked = asking(read(OUTSIDE, (M, "a", 5)))
    assert asked.asked is not None
    assert (asked.asked.after, asked.asked.seq) == (1, 0)
    assert epoch_named(GROUP, asked.asked.body) == 5
    own = Entry(2, Kind.PROPOSAL, OURS, asked.asked.message_id, asked.asked.body)
    read_back = asked.read(own).asked
    assert read_back is not None
    assert read_back.seq == 2


@pytest.mark.parametrize("kind", [Kind.COMMIT, Kind.SUCCESSOR])
@pytest.mark.parametrize("stands", [False, True])
def test_a_proposal_lapses_with_the_next_commit_and_the_one_after_it_waits_longer(
    kind: Kind, stands: bool
) -> None:
    asked = asking(read(OUTSIDE, (M, "a", 5), (M, "b", 5)))
    if stands:
        asked = asked.accepted(3)
    after = asked.read(entry(asked.cursor + 1, kind, "a", 5))
    assert after.asked is None
    assert after.attempts == 1
    assert after.settle_s == 2 * SETTLE_S


def test_a_commit_from_before_the_proposal_that_is_looked_at_again_changes_nothing() -> None:
    asked = asking(read(OUTSIDE, (C, "a", 5), (M, "b", 6)))
    again = read(replace(asked, cursor=0, heard=()), (C, "a", 5), (M, "b", 6))
    assert again.asked == asked.asked


def test_another_count_leaves_the_bytes_as_they_are() -> None:
    asked = asking(read(OUTSIDE, (M, "a", 5)))
    assert asked.asked is not None
    assert asked.counted(8).asked == structs.replace(asked.asked, count=9)


def test_it_is_asked_at_once_where_somebody_beside_the_author_has_spoken() -> None:
    assert read(OUTSIDE, (C, "a", 5)).settle_s == SETTLE_S
    assert read(OUTSIDE, (C, "a", 5), (M, "b", 6)).settle_s == 0.0


def test_where_two_contradict_each_other_a_third_is_waited_for() -> None:
    """One of them may lie, and the server takes one proposal until the next commit."""
    contradicted = read(OUTSIDE, (C, "a", 5), (M, "b", 5))
    assert contradicted.settle_s == SETTLE_S
    assert read(contradicted, (M, "c", 5)).settle_s == 0.0


def test_however_often_it_comes_to_nothing_the_waiting_has_an_end() -> None:
    assert replace(OUTSIDE, attempts=10_000).settle_s == MOST_SETTLE_S


# --- among real members ------------------------------------------------------------------------


def ask(reader: Reader, *, bundle: KeyPackageBundle | None = None) -> Entry:
    """As ``rejoiner`` does it: all that others posted is looked at, and the proposal is appended."""
    outside = Rejoin(reader.room.group_id, reader.device.id)
    for told in reader.room.entries[outside.cursor :]:
        outside = outside.read(told)
    bundle = bundle or reader.device.key_package()
    reader.room.expect(reader.device, bundle)
    message_id, count = reader.new_id(), reader.log.landed + 1
    asked = outside.ask(
        message_id, count, bundle.key_package, reader.device.leaf.signature_private
    ).asked
    assert asked is not None
    reader.kept.rejoins[message_id] = count
    return reader.append(Kind.PROPOSAL, asked.body, message_id)


def test_who_is_stuck_is_in_again_once_somebody_commits_it() -> None:
    room, (alice, mallory, carol) = room_with_one_stuck(has_wrong_tag=False)
    ask(carol)
    post(alice, b"welcome back")
    again = room.readers[carol.device.id]
    assert again is not carol
    del room.readers[mallory.device.id]  # he posted by hand, and reads no further
    again.say(b"thank you")
    room.settle()
    assert alice.texts == [b"welcome back", b"thank you"]


def test_who_is_stuck_takes_its_own_rejoin_for_its_own() -> None:
    _, (alice, _, carol) = room_with_one_stuck(has_wrong_tag=False)
    landed = carol.log.landed
    own = ask(carol)
    carol.catch_up()
    assert carol.log.halt is Halt.STUCK
    assert carol.log.landed == landed + 1
    assert carol.log.chain == _chain_at(alice, own.seq)


def _chain_at(reader: Reader, seq: int) -> bytes:
    for told in reader.room.entries[reader.log.cursor : seq]:
        reader.read(told)
    return reader.log.chain


def test_a_copy_that_was_put_back_again_meets_its_rejoin_and_knows_that_it_is_older() -> None:
    _, (_, bobb, _) = new_room("alice", "bobb", "carol")
    before = bobb.log
    ask(bobb)
    again = Reader(bobb.room, bobb.device, before)
    again.catch_up()
    assert again.log.halt is Halt.OLDER_COPY
    assert again.events == [Event.OLDER_COPY]


def test_a_rejoin_that_was_no_longer_needed_is_committed_and_nothing_that_waits_is_lost() -> None:
    """Carol asked while she was stuck; then the commit proved dead for all, in the epoch that she had named."""
    room, (alice, _, carol) = room_with_one_stuck(has_wrong_tag=True)
    carol.say(b"waits")
    post(alice, b"we did not follow it")
    ask(carol)
    carol.catch_up()
    assert carol.log.can_send
    assert len(carol.group.standing) == 1
    alice.say(b"commits it")
    alice.post()
    carol.catch_up()
    assert carol.log.halt is Halt.STUCK
    assert carol.events[-1] is Event.DEVICE
    assert [out.intent for out in carol.log.outbox] != []
    assert room.readers[carol.device.id] is not carol


def test_a_rejoin_that_is_read_by_who_is_in_again_is_no_older_copys() -> None:
    """It was asked once more before the Welcome came; the server's count had it already."""
    room, (alice, _, carol) = new_room("alice", "bobb", "carol")
    ask(carol)
    post(alice, b"welcome back")
    again = room.readers[carol.device.id]
    again.kept.rejoins[b"late".ljust(16)] = 2
    again.catch_up()
    again.log = replace(again.log, landed=2)
    bundle = carol.device.key_package()
    outside = replace(OUTSIDE, heard=((b"", again.group.epoch),))
    asked = outside.ask(
        b"late".ljust(16), 2, bundle.key_package, carol.device.leaf.signature_private
    ).asked
    assert asked is not None
    room.append(carol.device, Kind.PROPOSAL, asked.message_id, asked.body)
    again.catch_up()
    assert again.log.halt is Halt.OPEN
    assert again.log.landed == 2
    assert len(again.group.standing) == 1


def test_nobody_commits_the_rejoin_that_another_signed_for_this_device() -> None:
    """Mallory has carol's certificate, which is in every tree, and not her key."""
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    theirs = Rejoin(room.group_id, mallory.device.id, heard=((b"", alice.group.epoch),))
    forged = theirs.ask(
        b"f" * 16,
        1,
        carol.device.key_package().key_package,
        mallory.device.leaf.signature_private,
    ).asked
    assert forged is not None
    room.append(carol.device, Kind.PROPOSAL, b"f" * 16, forged.body)
    alice.catch_up()
    assert alice.events == [Event.DEAD]
    assert alice.group.standing == ()


def test_a_commit_of_a_rejoin_that_removes_somebody_else_too_is_dead() -> None:
    _, (alice, mallory, bobb, carol) = new_room("alice", "mallory", "bobb", "carol")
    ask(carol)
    for reader in (alice, mallory, bobb):
        reader.catch_up()
    (standing,) = mallory.group.standing
    removes = [Remove(reader.group.own_leaf_index) for reader in (carol, bobb)]
    mallory.append_commit(removes, by_reference=[standing.reference])
    alice.catch_up()
    bobb.catch_up()
    assert alice.events[-1] is bobb.events[-1] is Event.DEAD
    assert len(alice.group.standing) == 1
    alice.want(Change())
    alice.post()
    bobb.catch_up()
    assert bobb.names == ["alice", "bobb", "carol", "mallory"]


def let_in_by_mallory_alone(room: Room, mallory: Reader, carol: Reader, *others: Reader) -> Reader:
    """Carol asks, and mallory's commit takes it and somebody else out: dead for all, and its Welcome opens."""
    bundle = carol.device.key_package()
    entry = ask(carol, bundle=bundle)
    mallory.catch_up()
    (standing,) = mallory.group.standing
    here = mallory.here(mallory.new_id())
    removes = [Remove(reader.group.own_leaf_index) for reader in (carol, *others)]
    _, pending = commit(
        replace(mallory.group, policy=TakeAll()),
        removes,
        by_reference=[standing.reference],
        authenticated_data=here.encode(),
        group_info_extensions=(Extension(position.EXTENSION_TYPE, here.encode()),),
    )
    assert pending.welcome is not None
    mallory.append(Kind.COMMIT, pending.message, here.message_id)
    captured = room.join(carol.device, bundle, pending.welcome)
    captured.log = replace(captured.log, let_in_by="mallory")
    captured.catch_up()
    assert captured.log.can_send
    assert entry.seq == 2
    return captured


def test_who_was_let_in_by_a_commit_that_the_others_did_not_follow_asks_again() -> None:
    names = ("alice", "mallory", "bobb", "carol", "dave")
    room, (alice, mallory, bobb, carol, dave) = new_room(*names)
    captured = let_in_by_mallory_alone(room, mallory, carol, dave)
    bobb.catch_up()
    captured.read(bobb.append_message(b"we did not follow it"))
    assert captured.log.halt is Halt.STUCK
    assert captured.log.stuck_by == "mallory"
    assert captured.events[-1] is Event.STUCK
    alice.catch_up()
    ask(captured)
    alice.want(Change())
    del room.readers[mallory.device.id], room.readers[bobb.device.id]
    alice.post()
    again = room.readers[carol.device.id]
    assert again not in (carol, captured)
    again.say(b"here")
    room.settle()
    assert alice.texts[-1] == b"here"


def test_who_was_let_in_is_sure_of_it_once_another_account_was_read() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    old_id, old = alice.protect(b"of the epoch before")
    ask(carol)
    bobb.want(Change())
    bobb.post()
    again = room.readers[carol.device.id]
    again.log = replace(again.log, let_in_by="bobb")
    post(alice, b"welcome back")
    again.catch_up()
    assert again.log.let_in_by == ""
    again.read(alice.append(Kind.MESSAGE, old, old_id))
    assert again.log.halt is Halt.OPEN
    assert again.events[-1] is Event.DEAD


def test_the_rejoin_of_a_stranger_that_guesses_an_earlier_epoch_says_nothing() -> None:
    """Its author is outside. Before: one byte by anybody made a newcomer stuck."""
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    before = alice.group
    ask(carol)
    bobb.want(Change())
    bobb.post()
    again = room.readers[carol.device.id]
    again.log = replace(again.log, let_in_by="bobb")
    again.catch_up()
    message_id = alice.new_id()
    again.read(alice.append(Kind.PROPOSAL, rejoin(alice.device, before, message_id), message_id))
    assert again.log.halt is Halt.OPEN


# --- a false place -----------------------------------------------------------------------------


def let_in_at(room: Room, mallory: Reader, carol: Reader, where: Position) -> Reader:
    """Carol asks, and mallory's commit takes it, with a Welcome that says so of where she begins."""
    bundle = carol.device.key_package()
    ask(carol, bundle=bundle)
    mallory.catch_up()
    (standing,) = mallory.group.standing
    here = mallory.here(mallory.new_id())
    _, pending = commit(
        mallory.group,
        [Remove(carol.group.own_leaf_index)],
        by_reference=[standing.reference],
        authenticated_data=here.encode(),
        group_info_extensions=(Extension(position.EXTENSION_TYPE, where.encode()),),
    )
    assert pending.welcome is not None
    mallory.append(Kind.COMMIT, pending.message, here.message_id)
    newcomer = room.join(carol.device, bundle, pending.welcome)
    newcomer.log = replace(newcomer.log, let_in_by="mallory")
    return newcomer


def test_a_welcome_that_names_a_commit_that_never_comes_leaves_nobody_joining_for_ever() -> None:
    """A commit before it is taken makes it stale, so the first that is there must be it."""
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    false = replace(mallory.here(b"never in the log"), seq=carol.log.cursor, chain=carol.log.chain)
    newcomer = let_in_at(room, mallory, carol, false)
    newcomer.catch_up()
    assert (newcomer.log.halt, newcomer.log.stuck_by) == (Halt.STUCK, "mallory")
    assert newcomer.events == [Event.STUCK]
    ask(newcomer)
    alice.catch_up()
    alice.want(Change())
    del room.readers[mallory.device.id]
    alice.post()
    room.settle()
    assert room.readers[carol.device.id].log.halt is Halt.OPEN


def test_who_was_told_a_false_commit_and_is_in_all_the_same_goes_on_by_what_others_say() -> None:
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    false = replace(mallory.here(b"never in the log"), seq=carol.log.cursor, chain=carol.log.chain)
    newcomer = let_in_at(room, mallory, carol, false)
    post(alice, b"she is in")
    newcomer.catch_up()
    assert newcomer.log.halt is Halt.OPEN
    assert newcomer.log.can_send
    assert newcomer.texts == [b"she is in"]


# --- what ends being stuck ---------------------------------------------------------------------


def test_a_message_from_before_the_commit_that_the_server_held_back_does_not_end_it() -> None:
    """The server and the commit's author work together; alice knows of neither."""
    _, (alice, mallory, carol) = new_room("alice", "mallory", "carol", admins=3)
    message_id, body = alice.protect(b"said before")
    break_keys(carol)
    carol.read(mallory.append_commit())
    carol.read(alice.append(Kind.MESSAGE, body, message_id))
    assert carol.log.halt is Halt.STUCK
    assert carol.events == [Event.STUCK, Event.LIE]
