"""Dead entries: what does not count leaves no trace but its place in the chain, and a line that names the device."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.client.happening import Event
from coterie.client.intent import Change
from coterie.client.log import Halt
from coterie.mls import DEFAULT_SUITE, Add, Remove, suite_of
from coterie.mls.secret_tree import MAX_FORWARD
from coterie.wire import chain
from coterie.wire.frames import Entry, Kind
from tests.client.people import (
    FAST,
    Kept,
    Reader,
    Room,
    external_proposal,
    new_device,
    new_room,
    rejoin,
)

Attempt = Callable[[Room, Reader, Reader], Entry]  # by the second of the room, against the third


def assert_dead(room: Room, readers: list[Reader], entry: Entry, rule: str) -> None:
    """For everybody who reads it."""
    for reader in readers:
        before, lines = reader.log, len(reader.lines)
        assert before.cursor == entry.seq - 1
        reader.read(entry)
        (line,) = reader.lines[lines:]
        assert line[0] is Event.DEAD
        assert f"does not count ({rule}" in line[1]
        assert entry.device.hex()[:8] in line[1]
        assert reader.log.group is before.group
        assert reader.log.cursor == entry.seq
        assert reader.log.chain == chain.following(before.chain, entry)
        assert reader.log.halt is Halt.OPEN


def try_it(attempt: Attempt, rule: str) -> None:
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    entry = attempt(room, mallory, alice)
    room.entries[entry.seq - 1] = entry
    for reader in (alice, carol):
        for earlier in room.entries[reader.log.cursor : entry.seq - 1]:
            reader.read(earlier)
            assert Event.DEAD not in reader.events
    assert_dead(room, [alice, carol], entry, rule)
    # and the room goes on
    alice.say(b"still here")
    alice.post()
    carol.catch_up()
    assert carol.texts[-1] == b"still here"


def restamped(entry: Entry, **stamps: object) -> Entry:
    return msgspec.structs.replace(entry, **stamps)


# --- what does not open ------------------------------------------------------------------------


@given(body=st.binary(max_size=200), kind=st.sampled_from(Kind))
def test_bytes_that_are_no_mls_message_are_dead(body: bytes, kind: Kind) -> None:
    _, (alice, bobb) = TWO
    entry = Entry(alice.log.cursor + 1, kind, bobb.device.id, b"m" * 16, body)
    assert read_only(alice, entry) == [Event.DEAD]


@given(data=st.data())
def test_message_with_any_bit_flipped_is_dead(data: st.DataObject) -> None:
    _, (alice, bobb) = TWO
    at = data.draw(st.integers(0, len(MESSAGE[1]) * 8 - 1))
    body = bytearray(MESSAGE[1])
    body[at // 8] ^= 1 << at % 8
    entry = Entry(alice.log.cursor + 1, Kind.MESSAGE, bobb.device.id, MESSAGE[0], bytes(body))
    assert read_only(alice, entry) == [Event.DEAD]


@settings(max_examples=40)
@given(data=st.data())
def test_commit_with_any_bit_flipped_is_dead(data: st.DataObject) -> None:
    _, (alice, bobb) = TWO
    at = data.draw(st.integers(0, len(COMMIT[1]) * 8 - 1))
    body = bytearray(COMMIT[1])
    body[at // 8] ^= 1 << at % 8
    entry = Entry(alice.log.cursor + 1, Kind.COMMIT, bobb.device.id, COMMIT[0], bytes(body))
    assert read_only(alice, entry) == [Event.DEAD]


def test_message_of_a_past_epoch_is_dead() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        message_id, body = mallory.protect(b"late")
        alice.append_commit()
        return mallory.append(Kind.MESSAGE, body, message_id)

    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    entry = attempt(room, mallory, carol)
    alice.read(room.entries[-2])
    assert_dead(room, [alice], entry, "epoch")


def test_message_of_another_group_is_dead() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        context = replace(mallory.group.context, group_id=b"H" * 16)
        mallory.log = replace(mallory.log, group=replace(mallory.group, context=context))
        return mallory.append_message(b"elsewhere")

    try_it(attempt, "group-id")


def test_generation_is_dead_the_second_time() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        before = mallory.log
        mallory.append_message(b"once")
        mallory.log = before
        return mallory.append_message(b"twice under one key")

    try_it(attempt, "generation")


@pytest.mark.parametrize(("skipped", "is_dead"), [(MAX_FORWARD - 1, False), (MAX_FORWARD, True)])
def test_generation_may_be_1024_ahead_of_the_last_and_no_more(skipped: int, is_dead: bool) -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    for _ in range(skipped):
        bobb.protect(b"never posted")
    alice.read(bobb.append_message(b"far ahead"))
    assert alice.events == ([Event.DEAD] if is_dead else [])
    assert alice.texts == ([] if is_dead else [b"far ahead"])


def test_what_a_dead_entry_skipped_is_still_taken() -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    first, second = bobb.protect(b"first"), bobb.protect(b"second")
    altered = second[1][:-1] + bytes([second[1][-1] ^ 1])
    alice.read(bobb.append(Kind.MESSAGE, altered, second[0]))
    alice.read(bobb.append(Kind.MESSAGE, first[1], first[0]))
    assert alice.texts == [b"first"]


# --- what the server stamps, against what was signed -------------------------------------------


@pytest.mark.parametrize("kind", [Kind.PROPOSAL, Kind.COMMIT])
def test_message_under_another_kind_is_dead(kind: Kind) -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        return restamped(mallory.append_message(b"what am I"), kind=kind)

    try_it(attempt, "kind: message under")


@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.PROPOSAL])
def test_commit_under_another_kind_is_dead(kind: Kind) -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        return restamped(mallory.append_commit(), kind=kind)

    try_it(attempt, "kind: commit under")


@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.COMMIT])
def test_proposal_under_another_kind_is_dead(kind: Kind) -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        message_id, body = mallory.propose(Remove(mallory.group.own_leaf_index))
        return mallory.append(kind, body, message_id)

    try_it(attempt, "kind: proposal under")


@pytest.mark.parametrize("device", ["carol", "dave"])
def test_entry_under_another_device_is_dead(device: str) -> None:
    """Somebody else's in the room, or one that is not in it."""

    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        stamped = new_device(device).id
        return restamped(mallory.append_message(b"not mine"), device=stamped)

    room, (alice, mallory, _carol) = new_room("alice", "mallory", "carol")
    entry = attempt(room, mallory, alice)
    assert_dead(room, [alice], entry, "sender-device")


def test_entry_under_another_message_id_than_the_one_inside_is_dead() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        return restamped(mallory.append_message(b"renamed"), message_id=b"other id, 16 by")

    try_it(attempt, "message-id: not the one inside")


def test_commit_under_another_message_id_than_the_one_inside_is_dead() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        return restamped(mallory.append_commit(), message_id=b"other id, 16 by")

    try_it(attempt, "message-id: not the one inside")


@pytest.mark.parametrize("size", [0, 16, 55, 57])
def test_message_without_a_whole_position_is_dead(size: int) -> None:
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    _, body = mallory.group.protect(b"where?", authenticated_data=bytes(size))
    entry = mallory.append(Kind.MESSAGE, body, bytes(16))
    assert_dead(room, [alice, carol], entry, "authenticated-data")


def test_message_id_is_dead_the_second_time_in_an_epoch() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        where = mallory.here(b"the same, twice.")
        mallory.append_message(b"once", where)
        return mallory.append_message(b"twice", where)

    try_it(attempt, "message-id-reused")


def test_replayed_entry_is_dead() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        entry = mallory.append_message(b"once")
        return room.append(mallory.device, entry.kind, entry.message_id, entry.body)

    try_it(attempt, "message-id-reused")


def test_message_id_counts_again_in_another_epoch() -> None:
    room, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    bobb.new_id = lambda: b"the same, twice."
    bobb.say(b"in this epoch")
    room.settle()
    alice.want(Change())
    room.settle()
    bobb.say(b"in the next")
    room.settle()
    assert carol.texts == alice.texts == [b"in this epoch", b"in the next"]


def test_message_id_of_a_dead_entry_may_be_used() -> None:
    """Else anybody who sees an id before it lands could take it away."""
    _, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    message_id, body = bobb.protect(b"mine")
    alice.read(carol.append(Kind.MESSAGE, b"garbage", message_id))
    alice.read(bobb.append(Kind.MESSAGE, b"garbage", message_id))
    alice.read(bobb.append(Kind.MESSAGE, body, message_id))
    assert alice.texts == [b"mine"]


def test_two_devices_may_use_one_message_id() -> None:
    _, (alice, bobb, carol) = new_room("alice", "bobb", "carol")
    where = bobb.here(b"chosen by both..")
    alice.read(bobb.append_message(b"from bobb", where))
    alice.read(carol.append_message(b"from carol", where))
    assert alice.texts == [b"from bobb", b"from carol"]


# --- what travels how --------------------------------------------------------------------------


def test_proposal_that_the_server_can_read_is_dead() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        leave = Remove(mallory.group.own_leaf_index)
        message_id, body = mallory.propose(leave, is_public=True)
        return mallory.append(Kind.PROPOSAL, body, message_id)

    try_it(attempt, "wire-format")


def test_commit_that_the_server_can_read_is_dead() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        message_id, body = mallory.commit(is_public=True)
        return mallory.append(Kind.COMMIT, body, message_id)

    try_it(attempt, "wire-format")


def test_commit_with_a_wrong_confirmation_tag_is_dead() -> None:
    try_it(
        lambda room, mallory, alice: mallory.append_commit(has_wrong_tag=True), "confirmation-tag"
    )


# --- rejoins -----------------------------------------------------------------------------------


def test_rejoin_stands() -> None:
    _, (alice, bobb) = new_room("alice", "bobb")
    alice.read(bobb.append_rejoin())
    assert alice.lines == [(Event.DEVICE, "bobb asks to be added anew")]
    assert len(alice.group.standing) == 1


def test_rejoin_under_another_message_id_is_dead() -> None:
    def attempt(room: Room, mallory: Reader, alice: Reader) -> Entry:
        return restamped(mallory.append_rejoin(), message_id=b"other id, 16 by")

    try_it(attempt, "message-id")


def test_rejoin_of_another_device_is_dead() -> None:
    """Mallory has taken carol's rejoin from another place, and posts it as his own."""
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol")
    message_id = mallory.new_id()
    body = rejoin(carol.device, mallory.group, message_id)
    entry = mallory.append(Kind.PROPOSAL, body, message_id)
    assert_dead(room, [alice, carol], entry, "sender-device")


def test_rejoin_of_who_is_no_member_is_dead() -> None:
    room, (alice, bobb) = new_room("alice", "bobb")
    dave = new_device("dave")
    body = rejoin(dave, alice.group, b"let me in please")
    entry = room.append(dave, Kind.PROPOSAL, b"let me in please", body)
    assert_dead(room, [alice, bobb], entry, "rejoin")


@pytest.mark.parametrize(
    ("suite", "key"),
    [
        (FAST, bytes(32)),  # X25519, low order: the shared secret would be zero
        (FAST, bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
        (
            DEFAULT_SUITE,
            b"\xff" * (1184 + 32),
        ),  # ML-KEM: coefficients above q, FIPS 203 section 7.2
        (DEFAULT_SUITE, bytes(1184 + 32)),  # the ML-KEM part holds, the X25519 part is of low order
    ],
)
@pytest.mark.parametrize("which", ["init", "leaf"])
def test_key_to_which_one_cannot_encapsulate_is_dead_on_receipt(
    suite: int, key: bytes, which: str
) -> None:
    room, (alice, mallory, carol) = new_room("alice", "mallory", "carol", suite=suite)
    bundle = mallory.device.key_package()
    seed, package = mallory.device.leaf.signature_private, bundle.key_package
    if which == "init":
        package = replace(package, init_key=key)
    else:
        leaf = replace(package.leaf_node, encryption_key=key).signed(suite_of(suite), seed)
        package = replace(package, leaf_node=leaf)
    signature = suite_of(suite).sign_with_label(seed, b"KeyPackageTBS", package._tbs())
    package = replace(package, signature=signature)
    message_id = mallory.new_id()
    body = external_proposal(mallory.device, mallory.group, Add(package), message_id)
    entry = mallory.append(Kind.PROPOSAL, body, message_id)
    assert_dead(room, [alice, carol], entry, "")


# --- many examples on one room -----------------------------------------------------------------

TWO = new_room("alice", "bobb")
MESSAGE = TWO[1][1].protect(b"to be altered")
COMMIT = TWO[1][1].commit()


def read_only(reader: Reader, entry: Entry) -> list[Event]:
    """The events of an entry, of which nothing is kept."""
    log, kept, told = reader.log, reader.kept, list(reader.happenings)
    reader.kept = Kept(dict(kept.chains), set(kept.used))
    try:
        reader.read(entry)
        assert reader.texts == []
        assert reader.log.group is log.group
        return reader.events
    finally:
        reader.log, reader.kept, reader.happenings = log, kept, told
