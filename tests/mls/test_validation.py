"""Each rule for proposals and their list, broken by a member who signs as he should."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from coterie.errors import RemoteProtocolError
from coterie.mls import (
    Add,
    BasicCredential,
    Capabilities,
    Extension,
    Group,
    GroupContextExtensions,
    KeyPackage,
    KeyPackageBundle,
    LeafNode,
    Lifetime,
    NewLeaf,
    Proposal,
    Proposed,
    Remove,
    RequiredCapabilities,
    TakeAll,
    Update,
    commit,
    process,
    validation,
)
from coterie.mls.codec import encode_vector
from coterie.mls.commit import UpdatePath
from coterie.mls.credential import X509Credential
from coterie.mls.extension import ExtensionType
from coterie.mls.external_senders import ExternalSender
from coterie.mls.framing import Sender, SenderType
from coterie.mls.leaf_node import LeafNodeSource
from coterie.mls.proposals import (
    CustomProposal,
    ExternalInit,
    PreSharedKey,
    ProposalOrRef,
    ReInit,
)
from coterie.mls.psk import MAX_PSKS, ExternalPsk, ResumptionPsk, ResumptionUsage
from coterie.mls.ratchet_tree import ParentNode
from coterie.secret import Secret
from tests.mls import forge
from tests.mls.rooms import (
    KNOWN_PROPOSAL,
    LIFETIME,
    ONE,
    Room,
    new_bundle,
    new_leaf,
    private_of,
    refuses,
)

NONCE = bytes(ONE.nh)


def three() -> Room:
    return Room(ONE, "alice", "bobb", "carol")


def package(name: str = "dave", **options: object) -> KeyPackage:
    return new_bundle(ONE, new_leaf(ONE, name, **options)).key_package  # type: ignore[arg-type]


def update_of(group: Group, **changes: object) -> Update:
    """A valid Update of a member's own leaf, but for the changes, which are signed too."""
    _, public = ONE.hpke.generate_key_pair()
    leaf = replace(
        group.own_leaf,
        encryption_key=public,
        source=LeafNodeSource.UPDATE,
        lifetime=None,
        parent_hash=None,
    )
    leaf = replace(leaf, **changes)  # type: ignore[arg-type]
    return Update(leaf.signed(ONE, group.signature_private, group.group_id, group.own_leaf_index))


def hear(room: Room, proposal: Proposal, by: str = "carol") -> None:
    """Bobb gets it as a proposal by itself."""
    process(room["bobb"], forge.forge(room[by], proposal))


def hear_list(room: Room, *proposals: ProposalOrRef, by: str = "carol") -> None:
    """Bobb gets a commit of these."""
    process(room["bobb"], forge.with_proposals(room[by], *proposals))


# --- one proposal ------------------------------------------------------------------------------


def test_a_remove_of_a_blank_leaf_is_refused() -> None:
    for removed in (3, 4, 2**32 - 1):
        with refuses("remove-blank"):
            hear(three(), Remove(removed))


def test_an_update_whose_leaf_is_from_elsewhere_is_refused() -> None:
    room = three()
    with refuses("update-leaf-source"):
        hear(room, update_of(room["carol"], source=LeafNodeSource.KEY_PACKAGE, lifetime=LIFETIME))


def test_an_update_that_keeps_the_key_is_refused() -> None:
    room = three()
    key = room["carol"].own_leaf.encryption_key
    with refuses("update-key-unchanged"):
        hear(room, update_of(room["carol"], encryption_key=key))


def test_an_update_for_another_place_is_refused() -> None:
    room = three()
    with refuses("leaf-signature"):
        hear(room, update_of(room["carol"]), by="alice")


def test_an_update_from_outside_is_refused() -> None:
    room = three()
    proposed = Proposed(update_of(room["carol"]), Sender(SenderType.NEW_MEMBER_COMMIT))
    with refuses("update-sender"):
        room["bobb"].check_proposal(proposed)


def test_a_psk_with_a_nonce_of_another_length_is_refused() -> None:
    with refuses("psk-nonce-length"):
        hear(three(), PreSharedKey(ExternalPsk(b"id", NONCE[1:])))


@pytest.mark.parametrize("usage", [ResumptionUsage.REINIT, ResumptionUsage.BRANCH])
def test_a_resumption_psk_for_a_new_group_is_refused_in_an_old_one(usage: ResumptionUsage) -> None:
    with refuses("psk-usage"):
        hear(three(), PreSharedKey(ResumptionPsk(usage, b"a group", 0, NONCE)))


def test_a_reinit_to_an_older_version_is_refused() -> None:
    with refuses("reinit-version"):
        hear(three(), ReInit(b"next", 0, 1, ()))


def test_an_external_init_by_itself_is_refused() -> None:
    with refuses("external-init-sender"):
        hear(three(), ExternalInit(bytes(32)))


# --- leaves ------------------------------------------------------------------------------------


def test_a_leaf_whose_credential_type_it_does_not_list_is_refused() -> None:
    capabilities = Capabilities((1,), (1,), credentials=(2,))
    with refuses("leaf-credential-type"):
        hear(three(), Add(package(capabilities=capabilities)))


def test_a_leaf_with_an_extension_that_it_does_not_list_is_refused() -> None:
    with refuses("leaf-extension-unlisted"):
        hear(three(), Add(package(extensions=(Extension(0xF0FF, b""),))))


def test_a_leaf_without_the_required_capabilities_is_refused() -> None:
    required = RequiredCapabilities(credential_types=(1, 2))
    extensions = [Extension(ExtensionType.REQUIRED_CAPABILITIES, required.encode())]
    both = Capabilities((1,), (1,), credentials=(1, 2))
    leaf = new_leaf(ONE, "alice", capabilities=both)
    alice = Group.create(ONE, b"id", leaf, LIFETIME, extensions=extensions)
    commit(alice, [Add(package(capabilities=both))])
    with refuses("required-capabilities"):
        commit(alice, [Add(package())])


def test_a_credential_type_that_somebody_does_not_know_is_refused() -> None:
    both = Capabilities((1,), (1,), credentials=(1, 2))
    leaf = replace(new_leaf(ONE, "dave", capabilities=both), credential=X509Credential((b"der",)))
    with refuses("credential-type-unsupported"):
        hear_list(three(), Add(new_bundle(ONE, leaf).key_package))


@pytest.mark.parametrize("where", ["key package", "update", "path", "path's leaf"])
def test_a_key_that_nobody_can_encapsulate_to_is_refused_on_receipt(where: str) -> None:
    """A low-order point in any place would make whoever must seal to it unable to commit."""
    room, bad = three(), bytes(32)
    carol = room["carol"]

    def spoil_path(path: UpdatePath) -> UpdatePath:
        first, *rest = path.nodes
        return replace(path, nodes=(replace(first, encryption_key=bad), *rest))

    def spoil_leaf(path: UpdatePath) -> UpdatePath:
        leaf = replace(path.leaf_node, encryption_key=bad)
        leaf = leaf.signed(ONE, carol.signature_private, carol.group_id, carol.own_leaf_index)
        return replace(path, leaf_node=leaf)

    messages = {
        "key package": lambda: forge.forge(carol, Add(with_leaf_key(package(), bad))),
        "update": lambda: forge.forge(carol, update_of(carol, encryption_key=bad)),
        "path": lambda: forge.with_path(carol, spoil_path),
        "path's leaf": lambda: forge.with_path(carol, spoil_leaf),
    }
    message = messages[where]()
    with refuses("encapsulation-key"):
        process(room["bobb"], message)


def with_leaf_key(given: KeyPackage, encryption_key: bytes) -> KeyPackage:
    """Signed anew with another key in its leaf."""
    return resigned(given, replace(given.leaf_node, encryption_key=encryption_key))


def resigned(given: KeyPackage, leaf: LeafNode | None = None, **changes: object) -> KeyPackage:
    """A key package with another leaf, both signed by its maker."""
    private = private_of(given.leaf_node.signature_key)
    leaf = (leaf or given.leaf_node).signed(ONE, private)
    changed = replace(given, leaf_node=leaf, **changes)  # type: ignore[arg-type]
    return replace(
        changed, signature=ONE.sign_with_label(private, b"KeyPackageTBS", changed._tbs())
    )


def test_a_client_is_added_within_the_lifetime_of_its_key_package() -> None:
    added = KeyPackageBundle.create(ONE, new_leaf(ONE, "dave"), Lifetime(100, 200)).key_package
    alice = three()["alice"]
    for now in (100, 200):
        commit(alice, [Add(added)], now=now)
    for now in (99, 201):
        with refuses("lifetime"):
            commit(alice, [Add(added)], now=now)
    commit(alice, [Add(added)])  # whoever follows has no such rule, and the core no clock


def test_a_lifetime_is_no_longer_than_the_application_takes() -> None:
    leaf = KeyPackageBundle.create(
        ONE, new_leaf(ONE, "dave"), Lifetime(0, 100)
    ).key_package.leaf_node
    leaf.check_lifetime(50, max_total_s=100)
    with refuses("lifetime-total"):
        leaf.check_lifetime(50, max_total_s=99)
    three()["alice"].own_leaf.check_lifetime(2**50)  # of a commit, so without a lifetime


# --- the list ----------------------------------------------------------------------------------


def test_a_committer_may_not_update_itself_by_a_proposal() -> None:
    room = three()
    with refuses("update-by-committer"):
        hear_list(room, update_of(room["carol"]))


def test_a_committer_may_not_remove_itself() -> None:
    room = three()
    with refuses("remove-of-committer"):
        hear_list(room, Remove(room.index("carol")))


def test_a_leaf_may_not_be_touched_twice() -> None:
    room = three()
    with refuses("leaf-touched-twice"):
        hear_list(room, Remove(0), Remove(0))
    group, message = room["alice"].propose_update()
    room.has("alice", group)
    room.hear_proposal("alice", message)
    with refuses("leaf-touched-twice"):
        hear_list(room, *forge.references(room["carol"]), Remove(0))


def test_a_client_may_not_be_added_twice() -> None:
    leaf = new_leaf(ONE, "dave")
    twice = [Add(new_bundle(ONE, leaf).key_package) for _ in range(2)]
    with refuses("added-twice"):
        hear_list(three(), *twice)


def test_a_client_may_not_be_added_while_it_is_there() -> None:
    room = three()
    again = Add(new_bundle(ONE, room["alice"].new_leaf()).key_package)
    with refuses("signature-key-twice"):
        hear_list(room, again)


def test_a_client_may_be_added_anew_as_it_is_removed() -> None:
    room = three()
    again = Add(new_bundle(ONE, room["alice"].new_leaf()).key_package)
    pending = room.make_commit("carol", Remove(0), again)
    process(room["bobb"], pending.message)


def test_an_encryption_key_may_not_be_added_twice() -> None:
    room = three()
    taken = room["bobb"].own_leaf.encryption_key
    with refuses("encryption-key-twice"):
        hear_list(room, Add(with_leaf_key(package(), taken)))


def test_a_psk_may_not_be_mixed_in_twice() -> None:
    psk = PreSharedKey(ExternalPsk(b"id", NONCE))
    with refuses("psk-twice"):
        hear_list(three(), psk, psk)


def test_more_psks_than_can_be_numbered_are_refused() -> None:
    """The 65,536th raised OverflowError: its index has 16 bits."""
    policy = TakeAll({b"id": Secret(b"a key")})
    room = Room(ONE, "alice", "bobb", policy=policy)
    committer = Sender(SenderType.MEMBER, 0)
    psks = [
        Proposed(PreSharedKey(ExternalPsk(b"id", number.to_bytes(32, "big"))), committer)
        for number in range(MAX_PSKS + 1)
    ]
    validation.check_list(room["bobb"].tree, committer, psks[:-1])
    with refuses("psk-count"):
        validation.check_list(room["bobb"].tree, committer, psks)


def test_extensions_may_not_be_set_twice() -> None:
    with refuses("extensions-twice"):
        hear_list(three(), GroupContextExtensions(()), GroupContextExtensions(()))


def test_a_reinit_stands_alone() -> None:
    with refuses("reinit-with-others"):
        hear_list(three(), ReInit(b"next", 1, 1, ()), Remove(0))


def test_an_external_init_has_no_place_in_a_members_commit() -> None:
    with refuses("external-init-in-commit"):
        hear_list(three(), ExternalInit(bytes(32)))


# --- what members must support -----------------------------------------------------------------


def lone_capabilities(**more: Sequence[int]) -> Capabilities:
    return Capabilities((1,), (1,), credentials=(1,), **more)  # type: ignore[arg-type]


def test_extensions_that_a_member_does_not_know_are_refused() -> None:
    with refuses("group-extension-unsupported"):
        hear_list(three(), GroupContextExtensions((Extension(0xF0FF, b""),)))


def test_capabilities_that_a_member_lacks_cannot_be_required() -> None:
    required = RequiredCapabilities(proposal_types=(0xF0FF,))
    extension = Extension(ExtensionType.REQUIRED_CAPABILITIES, required.encode())
    with refuses("required-capabilities"):
        hear_list(three(), GroupContextExtensions((extension,)))


def test_extensions_bind_those_added_and_not_those_removed() -> None:
    """Whoever did not know an extension had to be removed one commit before it was set."""
    extension = Extension(0xF0FF, b"")
    knows = lone_capabilities(extensions=(0xF0FF,))
    alice = Group.create(ONE, b"id", new_leaf(ONE, "alice", capabilities=knows), LIFETIME)
    _, pending = commit(alice, [Add(package("bobb"))])
    alice = pending.group
    with refuses("group-extension-unsupported"):
        commit(alice, [GroupContextExtensions((extension,))])
    commit(alice, [GroupContextExtensions((extension,)), Remove(1)])
    with refuses("group-extension-unsupported"):
        commit(alice, [GroupContextExtensions((extension,)), Remove(1), Add(package())])
    commit(
        alice,
        [GroupContextExtensions((extension,)), Remove(1), Add(package(capabilities=knows))],
    )


def test_a_custom_proposal_must_be_known_to_all_but_those_who_come_or_go() -> None:
    knows = lone_capabilities(proposals=(KNOWN_PROPOSAL,))
    does_not = lone_capabilities()
    custom = CustomProposal(KNOWN_PROPOSAL, b"")
    alice = Group.create(ONE, b"id", new_leaf(ONE, "alice", capabilities=knows), LIFETIME)
    _, pending = commit(alice, [custom, Add(package("bobb", capabilities=does_not))])
    alice = pending.group
    with refuses("proposal-unsupported"):
        commit(alice, [custom])
    commit(alice, [custom, Remove(1)])


def test_a_grease_proposal_is_no_proposal() -> None:
    """ "GREASE values MUST NOT be sent in ... Proposal.proposal_type" (section 13.5)."""
    room = three()
    with pytest.raises(RemoteProtocolError, match="proposal type 2570"):
        process(room["bobb"], forge.forge(room["carol"], CustomProposal(0x0A0A, b"")))


# --- from outside ------------------------------------------------------------------------------


def with_sender() -> tuple[Room, NewLeaf]:
    """A group that lets somebody outside propose."""
    outside = new_leaf(ONE, "a service")
    sender = ExternalSender(outside.signature_key, BasicCredential(b"a service"))
    data = encode_vector([sender.encode()])
    extension = Extension(ExtensionType.EXTERNAL_SENDERS, data)
    return Room(ONE, "alice", "bobb", extensions=[extension]), outside


def from_outside(room: Room, outside: NewLeaf, content: Proposal, index: int = 0) -> None:
    sender = Sender(SenderType.EXTERNAL, index)
    message = forge.forge(room["alice"], content, sender=sender, key=outside.signature_private)
    process(room["bobb"], message)


def test_an_external_sender_proposes_and_a_member_commits() -> None:
    room, outside = with_sender()
    sender = Sender(SenderType.EXTERNAL, 0)
    message = forge.forge(room["alice"], Remove(1), sender=sender, key=outside.signature_private)
    for name in room.groups:
        room.has(name, process(room[name], message).group)
    room.commit("alice", by_reference=[room["alice"].standing[0].reference])
    assert set(room.groups) == {"alice"}


def test_an_external_sender_proposes_only_what_it_may() -> None:
    room, outside = with_sender()
    for proposal in (
        update_of(room["alice"]),
        ExternalInit(bytes(32)),
        CustomProposal(KNOWN_PROPOSAL, b""),
    ):
        with refuses("external-proposal-type"):
            from_outside(room, outside, proposal)


def test_an_external_sender_that_the_group_does_not_name_is_refused() -> None:
    room, outside = with_sender()
    with refuses("external-sender-unknown"):
        from_outside(room, outside, Remove(0), index=1)
    with refuses("external-sender-unknown"):
        from_outside(three(), outside, Remove(0))
    with refuses("signature"):
        from_outside(room, new_leaf(ONE, "another"), Remove(0))


def test_a_newcomer_proposes_itself_and_nothing_else() -> None:
    room, leaf = three(), new_leaf(ONE, "dave")
    sender, key = Sender(SenderType.NEW_MEMBER_PROPOSAL), leaf.signature_private
    add = Add(new_bundle(ONE, leaf).key_package)
    received = process(room["bobb"], forge.forge(room["alice"], add, sender=sender, key=key))
    assert len(received.group.standing) == 1
    with refuses("new-member-proposal-type"):
        process(room["bobb"], forge.forge(room["alice"], Remove(0), sender=sender, key=key))
    with refuses("signature"):  # somebody else's key package
        process(room["bobb"], forge.forge(room["alice"], Add(package()), sender=sender, key=key))


# --- trees -------------------------------------------------------------------------------------


def test_an_unmerged_leaf_must_be_there_and_below_and_listed_in_between() -> None:
    room = Room(ONE, "a", "b", "c", "d", "e")
    room.commit("a")
    group = room["a"]
    tree = group.tree
    root, left = tree.nodes[tree.root], tree.nodes[3]
    assert isinstance(root, ParentNode)
    assert isinstance(left, ParentNode)

    def check(x: int, node: ParentNode, *leaves: int) -> None:
        changed = tree.with_nodes([(x, replace(node, unmerged_leaves=leaves))])
        validation.check_tree(changed, group.group_id, group.extensions)

    check(3, left)
    for x, node, index in ((3, left, 4), (7, root, 6), (7, root, 2**32 - 1)):
        with refuses("unmerged-leaf"):
            check(x, node, index)
    with refuses("unmerged-leaf-between"):
        check(7, root, 3)
    check(7, root, 4)
