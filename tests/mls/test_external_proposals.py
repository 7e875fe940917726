"""Proposals by who is not in the group: the group's own rules for them are in ``test_validation``."""

import pytest

from coterie.errors import LocalProtocolError
from coterie.mls import (
    Add,
    BasicCredential,
    CipherSuite,
    CustomProposal,
    Extension,
    ExternalSender,
    GroupContextExtensions,
    NewLeaf,
    Proposal,
    ProposalReceived,
    Remove,
    external_senders,
    process,
    propose_from_outside,
    propose_own_add,
)
from coterie.mls.proposals import ExternalInit
from tests.mls.rooms import BOTH, KNOWN_PROPOSAL, ONE, Room, new_bundle, new_leaf, refuses
from tests.mls.rooms import signature_private as private_of


def hear(room: Room, message: bytes) -> bytes:
    """Everybody takes the proposal. Its reference."""
    for name, group in room.groups.items():
        received = process(group, message)
        assert isinstance(received, ProposalReceived)
        room.has(name, received.group)
    return room["alice"].standing[-1].reference


@BOTH
def test_a_newcomer_asks_to_be_added_and_is(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb")
    bundle = new_bundle(suite, "carol")
    message = propose_own_add(
        room["alice"].group_id, room["alice"].epoch, bundle.key_package, private_of(bundle)
    )
    reference = hear(room, message)
    pending = room.make_commit("bobb", by_reference=[reference])
    room.hear_commit("bobb", pending)
    room.welcome("carol", bundle, pending)
    room.assert_agreed()


def test_nobody_asks_for_another() -> None:
    room = Room(ONE, "alice", "bobb")
    bundle, other = new_bundle(ONE, "carol"), new_leaf(ONE, "mallory")
    message = propose_own_add(
        room["alice"].group_id, room["alice"].epoch, bundle.key_package, other.signature_private
    )
    with refuses("signature"):
        process(room["bobb"], message)


def observed(suite: CipherSuite = ONE) -> tuple[Room, list[NewLeaf]]:
    """A group with two external senders."""
    outside = [new_leaf(suite, name) for name in ("directory", "janitor")]
    named = [ExternalSender(leaf.signature_key, leaf.credential) for leaf in outside]
    return Room(suite, "alice", "bobb", extensions=[external_senders(named)]), outside


def proposed(room: Room, outside: list[NewLeaf], which: int, proposal: Proposal) -> bytes:
    group = room["alice"]
    return propose_from_outside(
        room.suite,
        group.group_id,
        group.epoch,
        which,
        proposal,
        outside[which].signature_private,
        authenticated_data=b"why",
    )


@BOTH
def test_external_senders_are_known_by_their_place(suite: CipherSuite) -> None:
    room, outside = observed(suite)
    added = Add(new_bundle(suite, "carol").key_package)
    hear(room, proposed(room, outside, 0, added))
    hear(room, proposed(room, outside, 1, Remove(1)))
    extensions = room["alice"].extensions
    hear(room, proposed(room, outside, 1, GroupContextExtensions(extensions)))
    references = [standing.reference for standing in room["alice"].standing]
    pending = room.make_commit("alice", by_reference=references)
    received = process(room["bobb"], pending.message)
    assert received.group.epoch == room["bobb"].epoch  # removed
    swapped = proposed(room, outside[::-1], 0, Remove(1))
    with refuses("signature"):
        process(room["bobb"], swapped)


def test_what_an_external_sender_may_not_propose_is_not_made() -> None:
    room, outside = observed()
    for proposal in (ExternalInit(bytes(32)), CustomProposal(KNOWN_PROPOSAL, b"")):
        with pytest.raises(LocalProtocolError, match=type(proposal).__name__):
            proposed(room, outside, 0, proposal)


def test_external_senders_are_read_from_their_extension() -> None:
    room, _ = observed()
    (found,) = [e for e in room["alice"].extensions if isinstance(e, Extension)]
    assert BasicCredential(b"janitor").encode() in found.extension_data
