"""Joining by Welcome: RFC 9420 section 12.4.3.1."""

import hmac
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.mls import key_schedule, treekem, validation
from coterie.mls.extension import Extension, ExtensionType, find_extension
from coterie.mls.framing import decode_message
from coterie.mls.group import Group
from coterie.mls.key_package import KeyPackageBundle
from coterie.mls.leaf_node import LeafNode
from coterie.mls.policy import Policy, TakeAll
from coterie.mls.psk import psk_secret
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.secret_tree import SecretTree
from coterie.mls.suites import suite_of
from coterie.mls.welcome import GroupInfo, Welcome
from coterie.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Joined:
    """The group, what its GroupInfo said besides, and who let us in."""

    group: Group
    group_info_extensions: tuple[Extension, ...]
    signer: int
    signer_leaf: LeafNode


def references(welcome: bytes) -> tuple[bytes, ...]:
    """The key packages that an MLSMessage with a Welcome is for. Raises RemoteProtocolError."""
    body = decode_message(welcome)
    if not isinstance(body, Welcome):
        raise RuleViolation("wire-format")
    return tuple(secret.new_member for secret in body.secrets)


def join(
    encoded: bytes,
    bundle: KeyPackageBundle,
    signature_private: Secret,
    *,
    ratchet_tree: bytes | None = None,
    policy: Policy | None = None,
    keep_skipped: int = 0,
) -> Joined:
    """The group that a Welcome lets us into. Raises RemoteProtocolError, mostly RuleViolation."""
    policy = policy or TakeAll()
    welcome = decode_message(encoded)
    if not isinstance(welcome, Welcome):
        raise RuleViolation("wire-format")
    package = bundle.key_package
    if welcome.cipher_suite != package.cipher_suite:
        raise RuleViolation("welcome-suite")
    suite = suite_of(welcome.cipher_suite)
    secrets = welcome.open_secrets(suite, package.reference(), bundle.init_private)
    psks = []
    for psk_id in secrets.psks:
        psk = policy.psk(psk_id)
        if psk is None:
            raise RuleViolation("psk-unknown")
        psks.append((psk_id, psk))
    combined = psk_secret(suite, psks)
    welcome_secret = key_schedule.welcome_secret(suite, secrets.joiner_secret, combined)
    group_info = welcome.open_group_info(suite, welcome_secret)
    tree = verified_tree(group_info, ratchet_tree)
    context = group_info.group_context
    mine = next((i for i, leaf in tree.leaves() if leaf == package.leaf_node), None)
    if mine is None:
        raise RuleViolation("welcome-own-leaf")
    signer_leaf = tree.leaf(group_info.signer)
    if signer_leaf is None:
        raise RuleViolation("group-info-signer")
    for _, leaf in tree.leaves():
        policy.check_leaf(leaf, None)
    private_keys: Mapping[int, Secret] = {2 * mine: bundle.encryption_private}
    if secrets.path_secret is not None:
        path_keys = treekem.keys_from_path_secret(
            tree, group_info.signer, mine, secrets.path_secret
        )
        private_keys = {**private_keys, **path_keys}
    begun = key_schedule.begin_epoch(suite, secrets.joiner_secret, combined, context)
    expected = suite.mac(begun.secrets.confirmation_key, context.confirmed_transcript_hash)
    if not hmac.compare_digest(expected, group_info.confirmation_tag):
        raise RuleViolation("confirmation-tag")
    group = Group(
        suite,
        context,
        tree,
        begun.secrets,
        SecretTree.begin(suite, begun.encryption_secret, tree.width, keep_skipped),
        group_info.confirmation_tag,
        mine,
        signature_private,
        MappingProxyType(dict(private_keys)),
        policy=policy,
    )
    return Joined(group, group_info.extensions, group_info.signer, signer_leaf)


def verified_tree(group_info: GroupInfo, ratchet_tree: bytes | None) -> RatchetTree:
    """The tree of a GroupInfo, whole and signed as it should be. Raises RuleViolation."""
    context = group_info.group_context
    suite = suite_of(context.cipher_suite)
    encoded = find_extension(group_info.extensions, ExtensionType.RATCHET_TREE) or ratchet_tree
    if encoded is None:
        raise RemoteProtocolError("the Welcome has no ratchet tree")
    tree = RatchetTree.decode(suite, encoded)
    signer = tree.leaf(group_info.signer)
    if signer is None:
        raise RuleViolation("group-info-signer")
    group_info.verify(suite, signer.signature_key)
    if tree.tree_hash() != context.tree_hash:
        raise RuleViolation("tree-hash")
    validation.check_tree(tree, context.group_id, context.extensions)
    tree.verify_parent_hashes()
    return tree
