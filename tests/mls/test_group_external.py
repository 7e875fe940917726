"""Coming in by a commit of one's own: as a newcomer, or as a member that lost its state."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from coterie.errors import LocalProtocolError, RuleViolation
from coterie.mls import (
    SUITES,
    CipherSuite,
    CommitReceived,
    Extension,
    ExternalPsk,
    Group,
    GroupContextExtensions,
    LeafNode,
    PendingCommit,
    Proposed,
    PskNotAvailable,
    RatchetTree,
    ReInit,
    ResumptionPsk,
    TakeAll,
    decode_message,
    encode_message,
    export_group_info,
    external_commit,
    process,
    rows,
)
from coterie.mls.extension import ExtensionType
from coterie.mls.group_info import make_group_info
from coterie.mls.proposals import ExternalInit, Remove
from coterie.mls.welcome import GroupInfo
from coterie.secret import Secret, observe
from tests.mls.rooms import BOTH, KNOWN_EXTENSION, ONE, Room, new_bundle, new_leaf, refuses


def hear(room: Room, name: str, pending: PendingCommit, gone: Sequence[str] = ()) -> None:
    """All follow an external commit, and agree with who made it."""
    for other in list(room.groups):
        received = process(room[other], pending.message)
        assert isinstance(received, CommitReceived)
        assert received.is_removed == (other in gone)
        if received.is_removed:
            del room.groups[other], room.saved[other]
        else:
            room.has(other, received.group)
    room.has(name, pending.group)
    room.assert_agreed()


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: f"suite-{suite.number:x}")
def test_a_newcomer_joins_by_group_info(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    room.commit("bobb")
    pending = external_commit(export_group_info(room["alice"]), new_leaf(suite, "dave"))
    assert pending.welcome is None
    hear(room, "dave", pending)
    room.say("dave", b"hello")
    room.say("alice", b"hello")
    room.commit("carol", remove=["dave"])


@BOTH
def test_a_group_of_one_can_be_joined(suite: CipherSuite) -> None:
    room = Room(suite, "alice")
    hear(room, "bobb", external_commit(export_group_info(room["alice"]), new_leaf(suite, "bobb")))
    room.commit("bobb")


def test_the_tree_may_come_from_elsewhere_and_is_held_to_its_hash() -> None:
    room = Room(ONE, "alice", "bobb")
    info = export_group_info(room["alice"], with_tree=False)
    assert len(info) < 500
    leaf = new_leaf(ONE, "carol")
    with refuses("ratchet-tree-missing"):
        external_commit(info, leaf)
    stale = room["alice"].tree.encode()
    hear(room, "carol", external_commit(info, leaf, ratchet_tree=stale))
    info = export_group_info(room["alice"], with_tree=False)
    with refuses("tree-hash"):
        external_commit(info, new_leaf(ONE, "dave"), ratchet_tree=stale)


@BOTH
def test_a_member_that_lost_its_state_comes_back_in_place_of_itself(suite: CipherSuite) -> None:
    room = Room(suite, "alice", "bobb", "carol")
    for name in room.groups:
        room.commit(name)
    pending = external_commit(export_group_info(room["alice"]), room["carol"].new_leaf())
    hear(room, "carol", pending, gone=["carol"])
    assert len(list(room["alice"].members())) == 3
    room.say("carol", b"back")
    room.commit("carol")


def test_a_member_comes_back_with_a_new_signature_key_where_its_leaf_is_named() -> None:
    room = Room(ONE, "alice", "bobb", "carol")
    info = export_group_info(room["bobb"])
    pending = external_commit(info, new_leaf(ONE, "carol"), removed=room.index("carol"))
    hear(room, "carol", pending, gone=["carol"])


def test_a_member_that_comes_back_proves_by_a_psk_that_it_was_there() -> None:
    room = Room(ONE, "alice", "bobb", "carol")
    before = room["carol"]
    room.commit("alice")
    psk = ResumptionPsk.fresh(ONE, before)
    info, leaf = export_group_info(room["alice"]), before.new_leaf()
    with pytest.raises(PskNotAvailable):
        external_commit(info, leaf, psks=[psk])
    pending = external_commit(info, leaf, psks=[psk], previous=before)
    hear(room, "carol", pending, gone=["carol"])


def test_a_psk_from_outside_is_mixed_in() -> None:
    policy = TakeAll({b"id": Secret(b"a key")})
    room = Room(ONE, "alice", "bobb", policy=policy)
    psk, info = ExternalPsk.fresh(ONE, b"id"), export_group_info(room["alice"])
    pending = external_commit(info, new_leaf(ONE, "carol"), psks=[psk], policy=policy)
    hear(room, "carol", pending)
    twice = export_group_info(room["alice"])
    with refuses("psk-twice"):
        external_commit(twice, new_leaf(ONE, "dave"), psks=[psk, psk], policy=policy)


def test_two_who_join_at_once_race_and_the_loser_begins_again() -> None:
    room = Room(ONE, "alice", "bobb")
    info, late = export_group_info(room["alice"]), new_leaf(ONE, "dave")
    first, second = (external_commit(info, leaf) for leaf in (new_leaf(ONE, "carol"), late))
    hear(room, "carol", first)
    with refuses("epoch"):
        process(room["bobb"], second.message)
    hear(room, "dave", external_commit(export_group_info(room["carol"]), late))


def test_who_came_by_itself_takes_late_messages_as_far_as_it_asked_for() -> None:
    room = Room(ONE, "alice", "bobb", keep_skipped=2)
    leaf = new_leaf(ONE, "carol")
    hear(room, "carol", external_commit(export_group_info(room["alice"]), leaf, keep_skipped=2))
    group, first = room["alice"].protect(b"first")
    _, second = group.protect(b"second")
    carol = process(room["carol"], second).group
    process(carol, first)


# --- what is refused ---------------------------------------------------------------------------


def spoiled(room: Room, **changes: object) -> bytes:
    """A GroupInfo of alice's that says something else, signed."""
    info = make_group_info(room["alice"], with_external_pub=True)
    return encode_message(
        replace(info, **changes).signed(ONE, room["alice"].signature_private)  # type: ignore[arg-type]
    )


def test_a_group_info_without_a_public_key_lets_nobody_in() -> None:
    room = Room(ONE, "alice", "bobb")
    with refuses("external-pub-missing"):
        external_commit(encode_message(make_group_info(room["alice"])), new_leaf(ONE, "carol"))


def test_a_group_info_of_another_version_is_refused() -> None:
    room = Room(ONE, "alice", "bobb")
    context = replace(room["alice"].context, version=2)
    with refuses("group-info-suite"):
        external_commit(spoiled(room, group_context=context), new_leaf(ONE, "carol"))


def test_a_group_info_must_be_signed_by_who_it_says() -> None:
    room, leaf = Room(ONE, "alice", "bobb"), new_leaf(ONE, "carol")
    with refuses("group-info-signature"):
        external_commit(spoiled(room, signer=1), leaf)
    with refuses("group-info-signer"):
        external_commit(spoiled(room, signer=9), leaf)
    with refuses("wire-format"):
        external_commit(encode_message(new_bundle(ONE, leaf).key_package), leaf)


def test_a_key_that_nobody_can_encapsulate_to_is_refused_by_who_would_join() -> None:
    room = Room(ONE, "alice", "bobb")
    valid = make_group_info(room["alice"], with_external_pub=True)
    extensions = tuple(
        Extension(e.extension_type, b"\x20" + bytes(32))
        if e.extension_type == ExtensionType.EXTERNAL_PUB
        else e
        for e in valid.extensions
    )
    with refuses("encapsulation-key"):
        external_commit(spoiled(room, extensions=extensions), new_leaf(ONE, "carol"))


def test_who_does_not_know_the_groups_extensions_cannot_come_in() -> None:
    room = Room(ONE, "alice", "bobb")
    room.commit("alice", GroupContextExtensions((Extension(KNOWN_EXTENSION, b""),)))
    leaf = new_leaf(ONE, "carol")
    without = replace(leaf, capabilities=replace(leaf.capabilities, extensions=()))
    with refuses("group-extension-unsupported"):
        external_commit(export_group_info(room["alice"]), without)


def test_a_group_that_was_reinitialised_lets_nobody_in() -> None:
    room = Room(ONE, "alice", "bobb")
    room.commit("alice", ReInit(b"next", 1, 1, ()), force_path=False)
    with pytest.raises(LocalProtocolError, match="reinitialised"):
        export_group_info(room["alice"])


class Noting(TakeAll):
    """Notes whom and what it was asked about, and refuses what it is told to."""

    def __init__(self, refused: str = "") -> None:
        super().__init__()
        self.refused = refused
        self.proposals: list[type] = []
        self.replaced: list[LeafNode] = []

    def check_leaf(self, leaf: LeafNode, replaced: LeafNode | None) -> None:
        if replaced is not None:
            self.replaced.append(replaced)
        if self.refused == "leaf":
            raise RuleViolation("policy-leaf")

    def check_commit(
        self, group: Group, committer: LeafNode, proposals: Sequence[Proposed], tree: RatchetTree
    ) -> None:
        self.proposals += (type(p.proposal) for p in proposals)
        if self.refused == "commit":
            raise RuleViolation("policy-commit")


def test_the_newcomers_policy_is_asked_before_anything_is_made() -> None:
    room = Room(ONE, "alice", "bobb", "carol")
    info, carol = export_group_info(room["alice"]), room["carol"]
    policy = Noting()
    external_commit(info, carol.new_leaf(), policy=policy)
    assert policy.proposals == [ExternalInit, Remove]
    assert policy.replaced == [carol.own_leaf]
    for refused in ("leaf", "commit"):
        with pytest.raises(RuleViolation, match=f"policy-{refused}"):
            external_commit(info, carol.new_leaf(), policy=Noting(refused))


def test_the_group_that_a_newcomer_makes_is_saved_without_what_it_saw_from_outside() -> None:
    room = Room(ONE, "alice", "bobb")
    pending = external_commit(export_group_info(room["alice"]), new_leaf(ONE, "carol"))
    assert all(rows(pending.group).values())
    assert pending.group.resumption_psk(room["alice"].epoch) is None


@BOTH
def test_what_an_external_commit_was_made_of_is_in_no_row(suite: CipherSuite) -> None:
    """RFC 9420 sections 7.4 and 8, for who comes in by itself."""
    room = Room(suite, "alice", "bobb", "carol")
    seen: dict[str, list[bytes]] = {}
    info, leaf = export_group_info(room["alice"]), new_leaf(suite, "dave")
    observe(lambda label, secret: seen.setdefault(label, []).append(secret.expose()))
    try:
        pending = external_commit(info, leaf)
    finally:
        observe(None)
    saved = b"".join(rows(pending.group).values())
    for what in ("path_secret", "commit_secret", "joiner_secret", "epoch_secret", "welcome_secret"):
        assert seen[f"mls.{what}"]
        assert not any(secret in saved for secret in seen[f"mls.{what}"]), what
    assert seen["mls.exporter_secret"][0] in saved  # so what is looked for would be found


def test_a_group_info_is_an_mls_message_with_what_the_application_adds() -> None:
    room = Room(ONE, "alice")
    said = Extension(KNOWN_EXTENSION, b"where to fetch from")
    info = decode_message(export_group_info(room["alice"], [said]))
    assert isinstance(info, GroupInfo)
    assert said in info.extensions
