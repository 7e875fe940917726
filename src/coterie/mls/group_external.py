"""Joining by a commit of one's own: RFC 9420 section 12.4.3.2.

Also for a member that lost its state and comes back ("resync"): its old leaf is removed by the same commit.
"""

from collections.abc import Sequence
from types import MappingProxyType

from coterie.errors import RuleViolation
from coterie.mls import message_protection, treekem, validation
from coterie.mls.codec import Reader, decode
from coterie.mls.commit import Commit
from coterie.mls.extension import ExtensionType, find_extension
from coterie.mls.framing import (
    FramedContent,
    PublicMessage,
    Sender,
    SenderType,
    WireFormat,
    decode_message,
    encode_message,
)
from coterie.mls.group import Group
from coterie.mls.group_commit import PendingCommit, confirm, sealed_path
from coterie.mls.group_info import verified_tree
from coterie.mls.key_package import NewLeaf
from coterie.mls.key_schedule import EXTERNAL_INIT_LABEL, EpochSecrets
from coterie.mls.leaf_node import MLS10
from coterie.mls.policy import Policy, Proposed, TakeAll
from coterie.mls.proposal_list import apply_proposals, replaced_leaf
from coterie.mls.proposals import ExternalInit, PreSharedKey, Proposal, Remove
from coterie.mls.psk import PreSharedKeyId, combine_psks
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.secret_tree import SecretTree
from coterie.mls.suites import CipherSuite, suite_of
from coterie.mls.welcome import GroupInfo
from coterie.secret import Secret

_NO_SECRET = Secret(b"")


def external_commit(  # noqa: PLR0913  # what a newcomer can choose
    encoded: bytes,
    leaf: NewLeaf,
    *,
    ratchet_tree: bytes | None = None,
    removed: int | None = None,
    psks: Sequence[PreSharedKeyId] = (),
    previous: Group | None = None,
    policy: Policy | None = None,
    authenticated_data: bytes = b"",
    keep_skipped: int = 0,
) -> PendingCommit:
    """The commit by which we come into the group of a GroupInfo, an MLSMessage; and the group if it wins.

    A leaf with our signature key is ourselves of before, and is removed with the same commit; ``removed`` names it
    where the key has changed. ``previous`` is our state of an earlier epoch, whose resumption PSKs ``psks`` may name.
    If another commit wins, drop this and begin again with a GroupInfo of the new epoch.
    Raises RemoteProtocolError, mostly RuleViolation, for a GroupInfo that is wrong, or where the policy refuses the
    group or its leaves; PskNotAvailable.
    """
    policy = policy or TakeAll()
    group_info = decode_message(encoded)
    if not isinstance(group_info, GroupInfo):
        raise RuleViolation("wire-format")
    if group_info.group_context.version != MLS10:
        raise RuleViolation("group-info-suite", f"version {group_info.group_context.version}")
    suite = suite_of(group_info.group_context.cipher_suite)
    tree = verified_tree(suite, group_info, ratchet_tree)
    for _, other in tree.leaves():
        policy.check_leaf(other, None)
    outside = _seen_from_outside(suite, group_info, tree, leaf, policy, keep_skipped)
    kem_output, init_secret = suite.hpke.setup_and_export(
        _external_pub(group_info), EXTERNAL_INIT_LABEL, suite.nh
    )
    if removed is None:
        removed = next(
            (i for i, old in tree.leaves() if old.signature_key == leaf.signature_key), None
        )
    items: tuple[Proposal, ...] = (
        ExternalInit(kem_output),
        *((Remove(removed),) if removed is not None else ()),
        *map(PreSharedKey, psks),
    )
    committer = Sender(SenderType.NEW_MEMBER_COMMIT)
    proposed = tuple(Proposed(item, committer) for item in items)
    applied = apply_proposals(outside, committer, proposed)

    # at the leftmost blank leaf, as if by an Add; any leaf will do to find it, the path's own takes its place
    _, some_leaf = next(tree.leaves())
    tree, (own_leaf_index,) = applied.tree.with_leaves_added([some_leaf])
    path = treekem.new_path(suite, tree, own_leaf_index, leaf, outside.group_id)
    policy.check_commit(outside, path.leaf_node, proposed, applied.tree)
    validation.check_leaf_node(suite, path.leaf_node, applied.extensions)
    policy.check_leaf(path.leaf_node, replaced_leaf(outside, committer, applied))
    validation.check_unique_keys(path.tree)
    validation.check_credentials_supported(path.tree)
    sealed = sealed_path(outside.context, path, own_leaf_index, (), applied.extensions)
    framed = FramedContent(
        outside.group_id, outside.epoch, committer, authenticated_data, Commit(items, sealed)
    )
    signed = message_protection.sign(
        suite, WireFormat.PUBLIC_MESSAGE, framed, outside.context, leaf.signature_private
    )
    confirmed = confirm(
        outside,
        signed,
        path.tree,
        applied.extensions,
        init_secret,
        path.commit_secret,
        combine_psks(suite, applied.psks, policy, previous),
    )
    group = Group(
        suite,
        confirmed.context,
        path.tree,
        confirmed.begun.secrets,
        SecretTree.begin(suite, confirmed.begun.encryption_secret, path.tree.width, keep_skipped),
        confirmed.confirmation_tag,
        own_leaf_index,
        leaf.signature_private,
        MappingProxyType(dict(path.private_keys)),
        policy=policy,
    )
    message = PublicMessage(confirmed.content.content, confirmed.content.auth)
    return PendingCommit(encode_message(message), None, group)


def _external_pub(group_info: GroupInfo) -> bytes:
    found = find_extension(group_info.extensions, ExtensionType.EXTERNAL_PUB)
    # "a new member needs a GroupInfo with an external_pub extension present in its extensions field"
    if found is None:
        raise RuleViolation("external-pub-missing")
    return decode(Reader.opaque, found)


def _seen_from_outside(
    suite: CipherSuite,
    group_info: GroupInfo,
    tree: RatchetTree,
    leaf: NewLeaf,
    policy: Policy,
    keep_skipped: int,
) -> Group:
    """The group without a secret of it: enough to judge proposals, and for the policy to look at."""
    return Group(
        suite,
        group_info.group_context,
        tree,
        EpochSecrets(*(_NO_SECRET for _ in EpochSecrets.__slots__)),
        SecretTree(suite, tree.width, {}, {}, keep_skipped),
        group_info.confirmation_tag,
        tree.width,  # no leaf yet
        leaf.signature_private,
        {},
        policy=policy,
    )
