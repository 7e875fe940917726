"""What a member refuses, and in what order: first what all can check, then the policy, then its own secrets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.mls import (
    Add,
    CipherSuite,
    CommitReceived,
    Group,
    LeafNode,
    PathNotReadable,
    Proposal,
    Proposed,
    PskNotAvailable,
    RatchetTree,
    Remove,
    TakeAll,
    commit,
    process,
    rows,
    treekem,
)
from coterie.mls.codec import encode_vector
from coterie.mls.commit import Commit, HpkeCiphertext, UpdatePath
from coterie.mls.extension import Extension, ExtensionType
from coterie.mls.external_senders import ExternalSender
from coterie.mls.framing import Sender, SenderType
from coterie.mls.group_context import MAX_EPOCH
from coterie.mls.leaf_node import LeafNodeSource
from coterie.mls.proposals import ExternalInit, GroupContextExtensions, PreSharedKey, Reference
from coterie.mls.psk import ExternalPsk, ResumptionPsk, ResumptionUsage
from coterie.secret import Secret
from tests.mls import forge
from tests.mls.rooms import BOTH, ONE, Room, new_bundle, new_leaf, refuses

NONCE = bytes(ONE.nh)


def four(suite: CipherSuite = ONE, policy: "Strict | None" = None) -> Room:
    """All parents set."""
    room = Room(suite, "alice", "bobb", "carol", "dave", policy=policy)
    for name in room.groups:
        room.commit(name)
    return room


# --- framing -----------------------------------------------------------------------------------


def test_a_message_of_another_group_or_epoch_is_refused() -> None:
    room = four()
    with refuses("group-id"):
        process(room["bobb"], forge.forge(room["alice"], Remove(2), group_id=b"another"))
    for epoch in (room["bobb"].epoch - 1, room["bobb"].epoch + 1, MAX_EPOCH):
        with refuses("epoch"):
            process(room["bobb"], forge.forge(room["alice"], Remove(2), epoch=epoch))


def test_what_is_no_message_of_a_group_is_refused() -> None:
    room = four()
    pending = room.make_commit("alice", Add(new_bundle(ONE, "erin").key_package))
    assert pending.welcome is not None
    with refuses("wire-format"):
        process(room["bobb"], pending.welcome)


def test_a_sender_whose_leaf_is_blank_is_refused() -> None:
    """Every member could take the keys of a blank leaf."""
    room = Room(ONE, "alice", "bobb", "carol")
    ghost = replace(room["carol"], own_leaf_index=3)
    for is_public in (True, False):
        with refuses("sender-blank"):
            process(room["bobb"], forge.forge(ghost, Remove(0), is_public=is_public))
    unopenable = forge.forge(ghost, b"hi", is_public=False)
    with refuses("sender-blank"):  # seen before a key is made for it
        process(room["bobb"], unopenable[:-1] + bytes([unopenable[-1] ^ 1]))
    beyond = replace(room["carol"], own_leaf_index=2**32 - 1)
    with refuses("sender-blank"):
        process(room["bobb"], forge.forge(beyond, Remove(0)))


@pytest.mark.parametrize("is_public", [True, False], ids=["public", "private"])
def test_one_member_cannot_speak_as_another(is_public: bool) -> None:
    room = four()
    as_alice = replace(room["dave"], own_leaf_index=0)
    with refuses("signature"):
        process(room["bobb"], forge.forge(as_alice, Remove(2), is_public=is_public))
    if not is_public:
        with refuses("signature"):
            process(room["bobb"], forge.forge(as_alice, b"hi", is_public=False))
    room.say("alice", b"her key was not used up by it")


def test_a_membership_tag_is_checked() -> None:
    room = four()
    message = forge.forge(room["alice"], Remove(2))
    with refuses("membership-tag"):
        process(room["bobb"], message[:-1] + bytes([message[-1] ^ 1]))


def test_application_data_does_not_travel_in_public() -> None:
    room = four()
    with refuses("application-in-public"):
        process(room["bobb"], forge.forge(room["alice"], b"hi"))


def test_padding_is_zero() -> None:
    room = four()
    for padding, is_taken in ((bytes(10), True), (bytes(9) + b"\1", False)):
        message = forge.forge(room["alice"], b"hi", is_public=False, padding=padding)
        if is_taken:
            process(room["bobb"], message)
        else:
            with refuses("padding"):
                process(room["bobb"], message)


def test_a_commit_that_names_a_proposal_nobody_knows_is_refused() -> None:
    room = four()
    with refuses("unknown-proposal"):
        process(room["bobb"], forge.with_proposals(room["alice"], Reference(bytes(32))))


def test_a_commit_without_the_path_it_needs_is_refused() -> None:
    room = four()
    lists: list[list[Proposal]] = [[], [Remove(2)], [GroupContextExtensions(())]]
    for proposals in lists:
        with refuses("path-missing"):
            process(room["bobb"], forge.forge(room["alice"], Commit(tuple(proposals), None)))


def test_the_last_epoch_has_no_successor() -> None:
    """It raised OverflowError: a hostile creator can begin a group there."""
    room = four()
    at_end = {
        name: replace(group, context=replace(group.context, epoch=MAX_EPOCH))
        for name, group in room.groups.items()
    }
    with refuses("epoch-last"):
        commit(at_end["alice"])
    spoiled = forge.forge(at_end["alice"], forge.made_commit(room["alice"]))
    with refuses("epoch-last"):
        process(at_end["bobb"], spoiled)


# --- the policy --------------------------------------------------------------------------------


@dataclass
class Strict(TakeAll):
    """Refuses what it is told to."""

    refused: str = ""

    def check_leaf(self, leaf: LeafNode, replaced: LeafNode | None) -> None:
        if self.refused == "leaf":
            raise RuleViolation("policy-leaf")

    def check_proposal(self, group: Group, proposed: Proposed) -> None:
        if self.refused == "proposal":
            raise RuleViolation("policy-proposal")

    def check_commit(
        self,
        group: Group,
        committer: LeafNode,
        proposals: Sequence[Proposed],
        tree: RatchetTree,
    ) -> None:
        if self.refused == "commit":
            raise RuleViolation("policy-commit")


@pytest.mark.parametrize("refused", ["leaf", "proposal", "commit"])
def test_the_policy_decides_before_any_secret_of_the_path_is_opened(refused: str) -> None:
    """All members must decide alike, those too for whom the path would not open."""
    policy = Strict()
    room = four(policy=policy)
    message = forge.with_path(room["alice"], corrupt_all, Remove(2))
    with pytest.raises(PathNotReadable):
        process(room["bobb"], message)
    policy.refused = refused
    with pytest.raises(RuleViolation, match=f"policy-{refused}"):
        process(room["bobb"], message)
    with pytest.raises(RuleViolation, match=f"policy-{refused}"):
        commit(room["bobb"], [Remove(2)])


def test_the_policy_sees_a_proposal_when_it_comes() -> None:
    policy = Strict()
    room = four(policy=policy)
    message = forge.forge(room["alice"], Remove(2))
    policy.refused = "proposal"
    with pytest.raises(RuleViolation, match="policy-proposal"):
        process(room["bobb"], message)
    with pytest.raises(RuleViolation, match="policy-proposal"):
        room["bobb"].propose(Remove(2))


# --- paths -------------------------------------------------------------------------------------


def corrupt(sealed: HpkeCiphertext) -> HpkeCiphertext:
    flipped = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    return replace(sealed, ciphertext=flipped)


def corrupt_all(path: UpdatePath) -> UpdatePath:
    nodes = tuple(
        replace(node, encrypted_path_secret=tuple(map(corrupt, node.encrypted_path_secret)))
        for node in path.nodes
    )
    return replace(path, nodes=nodes)


def corrupt_first(path: UpdatePath) -> UpdatePath:
    """Of alice's path that is bobb's part; carol and dave share the other."""
    first, *rest = path.nodes
    (sealed,) = first.encrypted_path_secret
    return replace(path, nodes=(replace(first, encrypted_path_secret=(corrupt(sealed),)), *rest))


@BOTH
def test_only_the_member_whose_part_of_a_path_is_corrupt_is_stuck(suite: CipherSuite) -> None:
    room = four(suite)
    alice = room["alice"]
    before = {name: rows(group) for name, group in room.groups.items()}
    message = forge.with_path(alice, corrupt_first)
    with pytest.raises(PathNotReadable) as stuck:
        process(room["bobb"], message)
    content = stuck.value.content
    assert content is not None
    assert content.content.sender == Sender(SenderType.MEMBER, 0)
    for name in ("carol", "dave"):  # it opens for them; forge's confirmation tag is wrong for all
        with refuses("confirmation-tag"):
            process(room[name], message)
    assert before == {name: rows(group) for name, group in room.groups.items()}


def test_a_path_that_leads_to_other_keys_than_it_promises_is_stuck() -> None:
    room = four()
    _, other = ONE.hpke.generate_key_pair()

    def promise(path: UpdatePath) -> UpdatePath:
        first, *rest = path.nodes
        return replace(path, nodes=(replace(first, encryption_key=other), *rest))

    with refuses("path-parent-hash"):
        process(room["bobb"], forge.with_path(room["alice"], promise))

    def sealed_for_another_epoch(path: UpdatePath) -> UpdatePath:
        again = forge.made_commit(room["alice"]).path
        assert again is not None
        nodes = zip(path.nodes, again.nodes, strict=True)
        sealed = [replace(a, encrypted_path_secret=b.encrypted_path_secret) for a, b in nodes]
        return replace(path, nodes=tuple(sealed))

    with pytest.raises(PathNotReadable):
        process(room["bobb"], forge.with_path(room["alice"], sealed_for_another_epoch))


@BOTH
def test_a_path_whose_secret_is_another_ones_makes_us_stuck(suite: CipherSuite) -> None:
    """It opens, and does not lead to the keys that the tree was given."""
    room = four(suite)
    alice = room["alice"]
    made = treekem.new_path(suite, alice.tree, 0, alice.new_leaf(), alice.group_id)
    context = alice.context.following(
        made.tree.tree_hash(), alice.context.confirmed_transcript_hash, alice.extensions
    )
    wrong = tuple((node, Secret(bytes(suite.nh))) for node, _ in made.path_secrets)
    path = treekem.encrypt_path(suite, replace(made, path_secrets=wrong), 0, (), context.encode())
    message = forge.forge(alice, Commit((), path))
    with pytest.raises(PathNotReadable, match="other public keys"):
        process(room["bobb"], message)


def test_a_member_without_its_private_keys_is_stuck() -> None:
    room = four()
    pending = room.make_commit("alice")
    with pytest.raises(PathNotReadable, match="no secret for this member"):
        process(replace(room["bobb"], private_keys={}), pending.message)


def test_an_update_of_ours_without_its_key_makes_us_stuck_and_raises_no_key_error() -> None:
    room = four()
    group, message = room["bobb"].propose_update()
    room.has("bobb", group)
    reference = room.hear_proposal("bobb", message)
    pending = room.make_commit("alice", by_reference=[reference])
    restored = replace(room["bobb"], update_keys={})
    with pytest.raises(PathNotReadable):
        process(restored, pending.message)
    room.hear_commit("alice", pending)


PATHS: dict[str, Callable[[Group, UpdatePath], UpdatePath]] = {
    "path-length": lambda group, path: replace(path, nodes=path.nodes[:-1]),
    "path-ciphertexts": lambda group, path: replace(
        path, nodes=(replace(path.nodes[0], encrypted_path_secret=()), *path.nodes[1:])
    ),
    "path-ciphertext-size": lambda group, path: replace(
        path,
        nodes=(
            replace(
                path.nodes[0],
                encrypted_path_secret=(HpkeCiphertext(bytes(31), bytes(48)),),
            ),
            *path.nodes[1:],
        ),
    ),
    "path-key-reused": lambda group, path: replace(
        path,
        nodes=(
            replace(path.nodes[0], encryption_key=group.tree.encryption_key(group.tree.root)),
            *path.nodes[1:],
        ),
    ),
    "path-parent-hash": lambda group, path: with_leaf(group, path, parent_hash=bytes(32)),
    "path-leaf-source": lambda group, path: with_leaf(
        group, path, source=LeafNodeSource.UPDATE, parent_hash=None
    ),
    "path-leaf-key-unchanged": lambda group, path: with_leaf(
        group, path, encryption_key=group.own_leaf.encryption_key
    ),
    "leaf-signature": lambda group, path: replace(
        path, leaf_node=replace(path.leaf_node, signature=bytes(64))
    ),
}


def with_leaf(group: Group, path: UpdatePath, **changes: object) -> UpdatePath:
    leaf = replace(path.leaf_node, **changes)  # type: ignore[arg-type]
    signed = leaf.signed(ONE, group.signature_private, group.group_id, group.own_leaf_index)
    return replace(path, leaf_node=signed)


@pytest.mark.parametrize("rule", PATHS)
def test_a_path_that_is_wrong_for_all_is_refused_by_all(rule: str) -> None:
    room = four()
    message = forge.with_path(room["alice"], lambda path: PATHS[rule](room["alice"], path))
    for name in room.others("alice"):
        with refuses(rule):
            process(room[name], message)


# --- external commits --------------------------------------------------------------------------


@BOTH
def test_a_newcomer_commits_itself_into_the_group(suite: CipherSuite) -> None:
    room = four(suite)
    message = forge.external_commit(room["alice"], new_leaf(suite, "erin"))
    for name, group in room.groups.items():
        received = process(group, message)
        assert isinstance(received, CommitReceived)
        room.has(name, received.group)
    room.assert_agreed()
    room.commit("bobb")
    assert [m.leaf_index for m in room["alice"].members()] == [0, 1, 2, 3, 4]


def test_a_member_comes_back_by_a_commit_of_its_own() -> None:
    """The tree shrinks and grows again in one step: it raised IndexError for who had a key above."""
    room = Room(ONE, "alice", "bobb", "carol")
    for name in room.groups:
        room.commit(name)
    back = forge.external_commit(room["alice"], room["carol"].new_leaf(), removed=[2])
    gone = process(room["carol"], back)
    assert isinstance(gone, CommitReceived)
    assert gone.is_removed
    del room.groups["carol"]
    for name, group in room.groups.items():
        room.has(name, process(group, back).group)
    room.assert_agreed()
    room.commit("bobb")
    room.say("alice", b"hi")


def test_a_member_that_comes_back_must_have_a_new_key() -> None:
    room = Room(ONE, "alice", "bobb", "carol")
    carol = room["carol"]

    def keep_key(made: Commit) -> Commit:
        assert made.path is not None
        leaf = replace(made.path.leaf_node, encryption_key=carol.own_leaf.encryption_key)
        leaf = leaf.signed(ONE, carol.signature_private, carol.group_id, 2)
        return replace(made, path=replace(made.path, leaf_node=leaf))

    message = forge.external_commit(carol, carol.new_leaf(), removed=[2], change=keep_key)
    with refuses("path-leaf-key-unchanged"):
        process(room["bobb"], message)


def test_an_external_commit_brings_no_more_than_it_may() -> None:
    room = four()
    reference = room.propose("bobb", Remove(2))
    alice, leaf = room["alice"], new_leaf(ONE, "erin")
    init = ExternalInit(bytes(32))

    def hear(*more: Proposal | Reference, removed: Sequence[int] = ()) -> None:
        process(room["bobb"], forge.external_commit(alice, leaf, more, removed=removed))

    with refuses("external-commit-reference"):
        hear(Reference(reference))
    with refuses("external-commit-init"):
        hear(init)
    with refuses("external-commit-remove"):
        hear(removed=[2, 3])
    with refuses("external-commit-remove"):
        hear(Remove(4))
    for proposal in (Add(new_bundle(ONE, "frank").key_package), GroupContextExtensions(())):
        with refuses("external-commit-proposal"):
            hear(proposal)


def test_an_external_commit_has_a_path_and_an_init_that_opens() -> None:
    room = four()
    alice, leaf = room["alice"], new_leaf(ONE, "erin")
    message = forge.external_commit(alice, leaf, change=lambda made: replace(made, path=None))
    with refuses("new-member-commit"):
        process(room["bobb"], message)

    def spoil(made: Commit) -> Commit:
        return replace(made, proposals=(ExternalInit(bytes(32)),))

    with refuses("external-init-kem-output"):
        process(room["bobb"], forge.external_commit(alice, leaf, change=spoil))


def test_a_member_that_is_removed_refuses_what_the_others_refuse() -> None:
    """It took a commit for its removal that was dead for all others."""
    room = four()
    alice = room["alice"]

    def spoil(made: Commit) -> Commit:
        return replace(made, proposals=(ExternalInit(bytes(32)), Remove(3)))

    message = forge.external_commit(alice, room["dave"].new_leaf(), removed=[3], change=spoil)
    for name in ("bobb", "dave"):
        with refuses("external-init-kem-output"):
            process(room[name], message)
    at_end = {
        name: replace(group, context=replace(group.context, epoch=MAX_EPOCH))
        for name, group in room.groups.items()
    }
    removal = forge.forge(at_end["alice"], forge.made_commit(alice, Remove(3)))
    for name in ("bobb", "dave"):
        with refuses("epoch-last"):
            process(at_end[name], removal)


def test_an_external_sender_sends_no_commit() -> None:
    outside = new_leaf(ONE, "a service")
    sender = ExternalSender(outside.signature_key, outside.credential)
    extension = Extension(ExtensionType.EXTERNAL_SENDERS, encode_vector([sender.encode()]))
    room = Room(ONE, "alice", "bobb", extensions=[extension])
    message = forge.forge(
        room["alice"],
        forge.made_commit(room["alice"]),
        sender=Sender(SenderType.EXTERNAL),
        key=outside.signature_private,
    )
    with refuses("external-sender-content"):
        process(room["bobb"], message)


# --- pre-shared keys ---------------------------------------------------------------------------


@BOTH
def test_pre_shared_keys_of_both_kinds_are_mixed_in(suite: CipherSuite) -> None:
    nonce = bytes(suite.nh)
    room = Room(suite, "alice", "bobb", policy=TakeAll({b"id": Secret(b"from outside")}))
    room.commit("alice")
    room.commit(
        "bobb",
        PreSharedKey(ExternalPsk(b"id", nonce)),
        PreSharedKey(ResumptionPsk(ResumptionUsage.APPLICATION, b"a group", 1, nonce)),
        PreSharedKey(ResumptionPsk(ResumptionUsage.APPLICATION, b"a group", 2, nonce)),
        force_path=False,
    )
    room.say("alice", b"hi")


def test_a_psk_that_only_we_lack_breaks_no_rule() -> None:
    """Others may have taken the commit, so it is not said to be wrong for all."""
    room = Room(ONE, "alice", "bobb", "carol", policy=TakeAll({b"id": Secret(b"key")}))
    pending = room.make_commit("alice", PreSharedKey(ExternalPsk(b"id", NONCE)))
    process(room["carol"], pending.message)
    without = replace(room["bobb"], policy=TakeAll())
    with pytest.raises(PskNotAvailable):
        process(without, pending.message)
    with pytest.raises(PskNotAvailable):
        commit(without, [PreSharedKey(ExternalPsk(b"id", NONCE))])


# --- anything else -----------------------------------------------------------------------------


def valid_messages() -> dict[str, tuple[Group, bytes]]:
    room = four()
    alice, bobb = room["alice"], room["bobb"]
    dave = new_bundle(ONE, "erin").key_package
    return {
        "application": (bobb, alice.protect(b"hi")[1]),
        "private proposal": (bobb, alice.propose(Remove(2))[1]),
        "public proposal": (bobb, alice.propose(Remove(2), is_public=True)[1]),
        "private commit": (bobb, commit(alice, [Add(dave)])[1].message),
        "public commit": (bobb, commit(alice, [Add(dave)], is_public=True)[1].message),
        "external commit": (bobb, forge.external_commit(alice, new_leaf(ONE, "frank"))),
    }


VALID = valid_messages()


@pytest.mark.parametrize("kind", VALID)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_message_is_refused_and_leaves_the_group_unchanged(
    kind: str, data: st.DataObject
) -> None:
    group, message = VALID[kind]
    before = rows(group)
    how = data.draw(st.sampled_from(["flip", "cut", "append", "insert"]))
    at = data.draw(st.integers(0, len(message) - 1))
    changed = {
        "flip": lambda: (
            message[:at] + bytes([message[at] ^ data.draw(st.integers(1, 255))]) + message[at + 1 :]
        ),
        "cut": lambda: message[:at],
        "append": lambda: message + data.draw(st.binary(min_size=1, max_size=9)),
        "insert": lambda: message[:at] + data.draw(st.binary(min_size=1)) + message[at:],
    }[how]()
    with pytest.raises(RemoteProtocolError):
        process(group, changed)
    assert rows(group) == before
    process(group, message)  # is taken still


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from([b"", *(b"\0\1\0" + bytes([f]) for f in range(1, 6))]),
    rest=st.binary(max_size=300),
)
def test_any_bytes_are_refused(start: bytes, rest: bytes) -> None:
    group, _ = VALID["application"]
    with pytest.raises(RemoteProtocolError):
        process(group, start + rest)
