"""Joining by Welcome: RFC 9420 section 12.4.3.1."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.mls import key_schedule, treekem, validation
from coterie.mls.extension import Extension, ExtensionType, find_extension
from coterie.mls.framing import decode_message
from coterie.mls.group import Group
from coterie.mls.key_package import KeyPackageBundle
from coterie.mls.leaf_node import LeafNode
from coterie.mls.policy import Policy, TakeAll
from coterie.mls.psk import (
    MAX_PSKS,
    PreSharedKeyId,
    PskNotAvailable,
    ResumptionPsk,
    ResumptionUsage,
    psk_secret,
)
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.secret_tree import SecretTree
from coterie.mls.suites import CipherSuite, suite_of
from coterie.mls.welcome import GroupInfo, Welcome
from coterie.secret import Secret


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
    """The group that a Welcome lets us into. Raises RemoteProtocolError, mostly RuleViolation.

    The caller looks whether it is in that group already ("New members MUST verify that group_id is unique").
    """
    policy = policy or TakeAll()
    welcome = decode_message(encoded)
    if not isinstance(welcome, Welcome):
        raise RuleViolation("wire-format")
    package = bundle.key_package
    # "if the cipher suite indicated in the KeyPackage does not match the one in the Welcome ... return an error"
    if welcome.cipher_suite != package.cipher_suite:
        raise RuleViolation("welcome-suite")
    suite = suite_of(welcome.cipher_suite)
    secrets = welcome.open_secrets(suite, package.reference(), bundle.init_private)
    combined = _psk_secret(suite, secrets.psks, policy)
    welcome_secret = key_schedule.welcome_secret(suite, secrets.joiner_secret, combined)
    group_info = welcome.open_group_info(suite, welcome_secret)
    context = group_info.group_context
    # "Verify that the cipher_suite in the GroupInfo matches the cipher_suite in the KeyPackage"
    if (context.version, context.cipher_suite) != (package.version, package.cipher_suite):
        raise RuleViolation("group-info-suite")
    # "If a PreSharedKeyID was used that has type resumption with usage reinit or branch, verify that the epoch
    # field in the GroupInfo is equal to 1"
    if any(map(_is_for_new_group, secrets.psks)) and context.epoch != 1:
        raise RuleViolation("welcome-psk-epoch", str(context.epoch))
    tree = verified_tree(suite, group_info, ratchet_tree)
    mine = next((i for i, leaf in tree.leaves() if leaf == package.leaf_node), None)
    if mine is None:
        raise RuleViolation("welcome-own-leaf")
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
    return Joined(group, group_info.extensions, group_info.signer, _signer_leaf(group_info, tree))


def _is_for_new_group(psk_id: PreSharedKeyId) -> bool:
    return isinstance(psk_id, ResumptionPsk) and psk_id.usage is not ResumptionUsage.APPLICATION


def _psk_secret(suite: CipherSuite, psk_ids: Sequence[PreSharedKeyId], policy: Policy) -> Secret:
    if len(psk_ids) > MAX_PSKS:
        raise RuleViolation("psk-count", str(len(psk_ids)))
    # "if a PreSharedKeyID has type resumption with usage reinit or branch, verify that it is the only such PSK"
    if sum(map(_is_for_new_group, psk_ids)) > 1:
        raise RuleViolation("welcome-psk-usage")
    psks = []
    for psk_id in psk_ids:
        psk = policy.psk(psk_id)
        if psk is None:
            raise PskNotAvailable("the Welcome mixes in a PSK that is not here")
        psks.append((psk_id, psk))
    return psk_secret(suite, psks)


def _signer_leaf(group_info: GroupInfo, tree: RatchetTree) -> LeafNode:
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
        raise RemoteProtocolError("the Welcome has no ratchet tree")
    tree = RatchetTree.decode(suite, encoded)
    group_info.verify(suite, _signer_leaf(group_info, tree).signature_key)
    if tree.tree_hash() != context.tree_hash:
        raise RuleViolation("tree-hash")
    validation.check_tree(tree, context.group_id, context.extensions)
    tree.verify_parent_hashes()
    return tree
