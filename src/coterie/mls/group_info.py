"""Telling newcomers about a group: RFC 9420 sections 12.4.3, 12.4.3.2 and 12.4.3.3."""

from collections.abc import Sequence

from coterie.errors import RuleViolation
from coterie.mls import key_schedule, validation
from coterie.mls.codec import encode_opaque
from coterie.mls.extension import Extension, ExtensionType, find_extension
from coterie.mls.framing import encode_message
from coterie.mls.grease import grease_extension
from coterie.mls.group import Group
from coterie.mls.leaf_node import LeafNode
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.suites import CipherSuite
from coterie.mls.welcome import GroupInfo


def make_group_info(
    group: Group,
    extensions: Sequence[Extension] = (),
    *,
    with_tree: bool = True,
    with_external_pub: bool = False,
) -> GroupInfo:
    """What a member says of the present epoch, signed; with a GREASE extension that says nothing: section 13.5."""
    said = [*extensions, grease_extension()]
    if with_tree:
        said.append(Extension(ExtensionType.RATCHET_TREE, group.tree.encode()))
    if with_external_pub:
        _, public = key_schedule.external_key_pair(group.suite, group.epoch_secrets.external_secret)
        said.append(Extension(ExtensionType.EXTERNAL_PUB, encode_opaque(public)))
    return GroupInfo(
        group.context, tuple(said), group.confirmation_tag, group.own_leaf_index
    ).signed(group.suite, group.signature_private)


def export_group_info(
    group: Group, extensions: Sequence[Extension] = (), *, with_tree: bool = True
) -> bytes:
    """An MLSMessage by which anybody who gets it can join by ``external_commit``, while the epoch lasts.

    Without the tree it is a few hundred bytes, and the newcomer needs ``group.tree.encode()`` from elsewhere; the
    GroupInfo holds its hash, so that other place need not be trusted.
    Raises LocalProtocolError for a group that was reinitialised.
    """
    group.check_open()
    return encode_message(
        make_group_info(group, extensions, with_tree=with_tree, with_external_pub=True)
    )


def signer_leaf(group_info: GroupInfo, tree: RatchetTree) -> LeafNode:
    """The leaf of who signed it, which must be there."""
    leaf = tree.leaf(group_info.signer)
    # "If the node is blank or if signature verification fails, return an error"
    if leaf is None:
        raise RuleViolation("group-info-signer")
    return leaf


def verified_tree(
    suite: CipherSuite, group_info: GroupInfo, ratchet_tree: bytes | None
) -> RatchetTree:
    """The tree of a GroupInfo, whole and signed as it should be. Raises RemoteProtocolError."""
    context = group_info.group_context
    encoded = find_extension(group_info.extensions, ExtensionType.RATCHET_TREE) or ratchet_tree
    if encoded is None:
        raise RuleViolation("ratchet-tree-missing", "the GroupInfo has none, and none was given")
    tree = RatchetTree.decode(suite, encoded)
    group_info.verify(suite, signer_leaf(group_info, tree).signature_key)
    if tree.tree_hash() != context.tree_hash:
        raise RuleViolation("tree-hash")
    validation.check_tree(tree, context.group_id, context.extensions)
    tree.verify_parent_hashes()
    return tree
