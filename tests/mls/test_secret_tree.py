"""The secret tree: every key once, few ahead, and what was used is gone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError
from coterie.mls import CipherSuite
from coterie.mls.codec import Reader
from coterie.mls.secret_tree import (
    LAST_GENERATION,
    MAX_FORWARD,
    MessageKey,
    Ratchet,
    RatchetType,
    SecretTree,
)
from coterie.secret import Secret
from tests.mls.rooms import BOTH, ONE, refuses

HANDSHAKE, APPLICATION = RatchetType.HANDSHAKE, RatchetType.APPLICATION


def begin(suite: CipherSuite = ONE, n_leaves: int = 8, keep_skipped: int = 0) -> SecretTree:
    return SecretTree.begin(suite, Secret(bytes(suite.nh)), n_leaves, keep_skipped)


@BOTH
@pytest.mark.parametrize("which", RatchetType)
def test_sender_and_receiver_come_to_the_same_keys(suite: CipherSuite, which: RatchetType) -> None:
    sender, receiver = begin(suite), begin(suite)
    seen = set()
    for expected in range(3):
        sender, generation, key = sender.next_key(5, which)
        receiver, same = receiver.key_of(5, which, generation)
        assert generation == expected
        assert key == same
        seen.add(key.key.expose())
    assert len(seen) == 3


def test_every_leaf_and_ratchet_has_its_own_keys() -> None:
    keys = {
        begin().key_of(leaf, which, 0)[1].key.expose() for leaf in range(8) for which in RatchetType
    }
    assert len(keys) == 16


def test_a_key_is_given_once() -> None:
    tree, _ = begin().key_of(3, APPLICATION, 0)
    with refuses("generation"):
        tree.key_of(3, APPLICATION, 0)
    tree, _ = tree.key_of(3, APPLICATION, 5)
    for generation in range(6):
        with refuses("generation"):
            tree.key_of(3, APPLICATION, generation)
    tree.key_of(3, HANDSHAKE, 0)


@pytest.mark.parametrize("last", [None, 0, 7])
def test_a_generation_may_be_so_far_ahead_of_the_last_and_no_farther(last: int | None) -> None:
    tree = begin()
    if last is not None:
        tree, _ = tree.key_of(3, APPLICATION, last)
    farthest = (-1 if last is None else last) + MAX_FORWARD
    tree.key_of(3, APPLICATION, farthest)
    with refuses("generation"):
        tree.key_of(3, APPLICATION, farthest + 1)


def test_the_farthest_generation_is_refused_at_once() -> None:
    """No ratchet is turned for it: a hostile message must not cost four billion hashes."""
    for generation in (2**31, 2**32 - 2, 2**32 - 1):
        with refuses("generation"):
            begin().key_of(3, APPLICATION, generation)


def test_a_ratchet_ends_before_its_numbers_do() -> None:
    at_end = Ratchet(Secret(bytes(32)), LAST_GENERATION)
    tree = SecretTree(ONE, 8, {}, {(3, APPLICATION): at_end})
    with pytest.raises(LocalProtocolError):
        tree.next_key(3, APPLICATION)
    with refuses("generation"):
        tree.key_of(3, APPLICATION, LAST_GENERATION)


def test_a_leaf_outside_the_tree_has_no_keys() -> None:
    for leaf in (8, 2**32 - 1, -1):
        with refuses("sender-leaf"):
            begin().key_of(leaf, APPLICATION, 0)


@BOTH
def test_what_was_consumed_is_gone(suite: CipherSuite) -> None:
    """Section 9.2's own example: the path to the leaf, the ratchet's secrets, the key."""
    encryption_secret = Secret(bytes(suite.nh))
    consumed = [encryption_secret.expose()]
    for side in (b"left", b"left", b"right"):  # to leaf 1 of 8
        secret = Secret(consumed[-1])
        consumed.append(suite.expand_with_label(secret, b"tree", side, suite.nh).expose())
    secret = suite.expand_with_label(Secret(consumed[-1]), b"application", b"", suite.nh)
    for generation in range(3):
        consumed.append(secret.expose())
        key = suite.derive_tree_secret(secret, b"key", generation, suite.nk)
        secret = suite.derive_tree_secret(secret, b"secret", generation, suite.nh)
        if generation == 2:
            consumed.append(key.expose())
    tree, used = begin(suite).key_of(1, APPLICATION, 2)
    assert used.key.expose() in consumed
    held = held_by(tree)
    assert not [secret for secret in consumed if secret in held]
    assert len(tree.node_secrets) == 3  # the other half, the other quarter, the neighbour
    assert set(tree.ratchets) == {(1, HANDSHAKE), (1, APPLICATION)}


def held_by(tree: SecretTree) -> bytes:
    return b"".join(
        [s.expose() for s in tree.node_secrets.values()]
        + [r.encode() for r in tree.ratchets.values()]
    )


def test_skipped_keys_are_kept_only_as_many_as_asked() -> None:
    tree, _ = begin(keep_skipped=3).key_of(3, APPLICATION, 10)
    (ratchet,) = [r for (_, which), r in tree.ratchets.items() if which is APPLICATION]
    assert [generation for generation, _ in ratchet.skipped] == [7, 8, 9]
    expected = begin().key_of(3, APPLICATION, 8)[1]
    tree, late = tree.key_of(3, APPLICATION, 8)
    assert late == expected
    assert late.key.expose() not in held_by(tree)
    with refuses("generation"):
        tree.key_of(3, APPLICATION, 8)
    tree, _ = tree.key_of(3, APPLICATION, 12)
    (ratchet,) = [r for (_, which), r in tree.ratchets.items() if which is APPLICATION]
    assert [generation for generation, _ in ratchet.skipped] == [7, 9, 11]


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.binary(min_size=32, max_size=48),
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(), st.binary())),
)
def test_a_ratchet_comes_back_from_its_row(
    generation: int, secret: bytes, skipped: list[tuple[int, bytes, bytes]]
) -> None:
    kept = tuple((number, MessageKey(Secret(key), nonce)) for number, key, nonce in skipped)
    ratchet = Ratchet(Secret(secret), generation, kept)
    assert Ratchet.decode(Reader(ratchet.encode())) == ratchet
