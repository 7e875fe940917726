"""What a hostile member can make others spend: every message costs about as much as its bytes."""

from dataclasses import replace

import pytest

from coterie.errors import RemoteProtocolError
from coterie.mls import Add, Capabilities, Extension, Group, Remove, process
from coterie.mls.codec import encode_length, encode_opaque
from coterie.mls.commit import Commit
from coterie.mls.extension import RequiredCapabilities
from coterie.mls.proposals import CustomProposal, PreSharedKey, ProposalOrRef, Reference
from coterie.mls.psk import ExternalPsk
from tests.mls import forge
from tests.mls.counting import CountedInt, at_most
from tests.mls.rooms import KNOWN_PROPOSAL, ONE, Room, new_bundle, new_leaf

CALLS = 300  # of functions, for an element of a message: a key package is read by 200


def refused_soon(group: Group, message: bytes, elements: int) -> None:
    with at_most(calls=CALLS * elements), pytest.raises(RemoteProtocolError):
        process(group, message)


@pytest.fixture(scope="module")
def room() -> Room:
    return Room(ONE, "alice", "bobb", "carol")


MANY = 10_000


@pytest.mark.parametrize(
    "proposals",
    [
        [Remove(number) for number in range(MANY)],
        [Remove(2)] * MANY,
        [Reference(number.to_bytes(32, "big")) for number in range(MANY)],
        [CustomProposal(KNOWN_PROPOSAL, b"")] * MANY,
        [PreSharedKey(ExternalPsk(b"id", n.to_bytes(32, "big"))) for n in range(MANY)],
    ],
    ids=["removes", "one remove", "references", "custom proposals", "psks"],
)
def test_ten_thousand_proposals_are_refused_soon(
    room: Room, proposals: list[ProposalOrRef]
) -> None:
    message = forge.forge(room["alice"], Commit(tuple(proposals), None))
    refused_soon(room["bobb"], message, MANY)


def test_a_megabyte_of_adds_is_refused_at_the_cost_of_its_signatures(room: Room) -> None:
    """The same one over and over is told before any signature is looked at."""
    add = Add(new_bundle(ONE, "dave").key_package)
    refused_soon(room["bobb"], forge.forge(room["alice"], Commit((add,) * 3000, None)), 3000)


def test_a_leaf_that_lists_everything_is_looked_at_once() -> None:
    """65,530 extensions and 196,608 capabilities took 31 s, each looked for in all."""
    many = 3000
    listed = tuple(map(CountedInt, range(many - 1, 5, -1))) * 3
    capabilities = Capabilities((1,), (1,), listed, (), (1,))
    leaf = new_leaf(ONE, "dave", capabilities=capabilities)
    leaf = replace(leaf, extensions=tuple(Extension(number, b"") for number in range(6, many)))
    package = new_bundle(ONE, leaf).key_package
    CountedInt.looked_at = 0
    with at_most(calls=CALLS * many):
        package.validate(ONE)
    required = RequiredCapabilities(tuple(range(1, many)), (), (1,))
    assert required.are_met_by(capabilities)
    assert 0 < CountedInt.looked_at < 20 * many


def test_lengths_that_claim_everything_cost_nothing(room: Room) -> None:
    for start in (b"\0\1\0\1", b"\0\1\0\2", b"\0\1\0\3", b"\0\1\0\4", b"\0\1\0\5"):
        refused_soon(room["bobb"], start + encode_length(2**30 - 1) + bytes(2**20), 1)
        refused_soon(room["bobb"], start + bytes(2**20), 1)
        refused_soon(room["bobb"], start + encode_opaque(bytes(2**20)), 1)


def test_a_message_far_ahead_costs_at_most_a_thousand_hashes(room: Room) -> None:
    """And one that is further ahead none at all."""
    group = room["alice"]
    for _ in range(1024):
        group, message = group.protect(b"hi")
    with at_most(calls=CALLS * 1024):
        process(room["bobb"], message)
    group, message = group.protect(b"hi")
    refused_soon(room["bobb"], message, 10)
