"""Typing and presence: sealed for the members of an epoch, dropped when anything is wrong."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.client.fleeting import (
    LABEL,
    MAX_AGE_MS,
    NONCE_SIZE,
    SEALED_SIZE,
    Fleeting,
    Presence,
    Typing,
    Whispers,
)
from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.secret import Secret
from tests.mls.rooms import ONE, Room

NOW = 1_800_000_000_000
NONCE = bytes(NONCE_SIZE)
KEY = Secret(b"k" * 32)
EVERYTHING: tuple[Fleeting, ...] = (
    Typing(),
    Typing(is_over=True),
    Presence("online"),
    Presence("away"),
    Presence("offline"),
)


def whispers(leaf: int, *, epoch: int = 7, group: bytes = b"G" * 16, key: Secret = KEY) -> Whispers:
    return Whispers(key, group, epoch, leaf, frozenset({0, 2, 5}))


@pytest.mark.parametrize("thing", EVERYTHING, ids=repr)
def test_others_open_what_one_sealed(thing: Fleeting) -> None:
    sealed = whispers(2).seal(thing, NOW, NONCE)
    assert whispers(0).open(sealed, NOW) == (2, thing)


def test_all_are_of_one_length() -> None:
    assert {len(whispers(2).seal(thing, NOW, NONCE)) for thing in EVERYTHING} == {SEALED_SIZE}


def test_members_of_a_group_share_the_key_of_their_epoch_and_of_no_other() -> None:
    room = Room(ONE, "alice", "bobb")
    alice, bobb = Whispers.of(room["alice"]), Whispers.of(room["bobb"])
    sealed = alice.seal(Typing(), NOW, NONCE)
    assert bobb.open(sealed, NOW) == (room["alice"].own_leaf_index, Typing())
    room.commit("alice")
    with pytest.raises(RemoteProtocolError, match="not sealed in this epoch"):
        Whispers.of(room["bobb"]).open(sealed, NOW)


@pytest.mark.parametrize(
    "other",
    [
        whispers(0, epoch=8),
        whispers(0, group=b"H" * 16),
        whispers(0, key=Secret(b"x" * 32)),
    ],
    ids=["epoch", "group", "key"],
)
def test_what_was_sealed_elsewhere_does_not_open(other: Whispers) -> None:
    with pytest.raises(RemoteProtocolError, match="not sealed in this epoch"):
        other.open(whispers(2).seal(Typing(), NOW, NONCE), NOW)


@given(st.integers(0, SEALED_SIZE * 8 - 1))
def test_an_altered_bit_is_found(bit: int) -> None:
    sealed = bytearray(whispers(2).seal(Typing(), NOW, NONCE))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RemoteProtocolError, match="not sealed"):
        whispers(0).open(bytes(sealed), NOW)


@given(st.binary(max_size=SEALED_SIZE + 8))
def test_any_bytes_are_dropped(sealed: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        whispers(0).open(sealed, NOW)


def test_a_replay_is_dropped() -> None:
    receiver = whispers(0)
    sealed = whispers(2).seal(Typing(), NOW, NONCE)
    receiver.open(sealed, NOW)
    with pytest.raises(RemoteProtocolError, match="was used"):
        receiver.open(sealed, NOW)


def test_what_comes_after_a_newer_one_is_dropped() -> None:
    sender, receiver = whispers(2), whispers(0)
    older, newer = (sender.seal(Typing(), NOW, NONCE) for _ in range(2))
    receiver.open(newer, NOW)
    with pytest.raises(RemoteProtocolError, match="was used"):
        receiver.open(older, NOW)


def test_counter_rises_though_the_clock_stands_or_goes_back() -> None:
    sender, receiver = whispers(2), whispers(0)
    for now in (NOW, NOW, NOW - 60_000):
        assert receiver.open(sender.seal(Typing(), now, NONCE), NOW) == (2, Typing())


def test_a_sender_that_starts_anew_goes_on() -> None:
    receiver = whispers(0)
    receiver.open(whispers(2).seal(Typing(), NOW, NONCE), NOW)
    assert receiver.open(whispers(2).seal(Typing(), NOW + 5, NONCE), NOW + 5) == (2, Typing())


@pytest.mark.parametrize("off", [MAX_AGE_MS + 1, -MAX_AGE_MS - 1])
def test_what_is_old_or_of_the_future_is_dropped_and_silences_nobody(off: int) -> None:
    receiver = whispers(0)
    with pytest.raises(RemoteProtocolError, match="ms away"):
        receiver.open(whispers(2).seal(Typing(), NOW + off, NONCE), NOW)
    assert receiver.open(whispers(2).seal(Typing(), NOW, NONCE), NOW) == (2, Typing())


@pytest.mark.parametrize("leaf", [1, 2**32 - 1])
def test_who_is_no_member_is_not_believed(leaf: int) -> None:
    with pytest.raises(RemoteProtocolError, match="no other member"):
        whispers(0).open(whispers(leaf).seal(Typing(), NOW, NONCE), NOW)


def test_nobody_speaks_for_the_reader() -> None:
    with pytest.raises(RemoteProtocolError, match="no other member"):
        whispers(0).open(whispers(0).seal(Typing(), NOW, NONCE), NOW)


class _Dancing(msgspec.Struct, tag_field="kind", tag="dancing"):
    pass


def test_a_kind_of_a_newer_version_is_dropped() -> None:
    sealed = whispers(2).seal(_Dancing(), NOW, NONCE)  # type: ignore[arg-type]  # what it is about
    with pytest.raises(RemoteProtocolError, match="unknown kind"):
        whispers(0).open(sealed, NOW)


def test_a_nonce_of_another_size_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="nonce of 11 bytes"):
        whispers(2).seal(Typing(), NOW, bytes(11))


def test_key_is_the_exporters() -> None:
    """PROTOCOL.md names it, so that another client can."""
    group = Room(ONE, "alice", "bobb")["alice"]
    leaves = frozenset({0, 1})
    other = Whispers(group.export(LABEL, b"", 32), group.group_id, group.epoch, 1, leaves)
    sealed = other.seal(Typing(), NOW, NONCE)
    assert Whispers.of(group).open(sealed, NOW) == (1, Typing())
