"""Joining by Welcome: RFC 9420 section 12.4.3.1."""

import hmac
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from coterie.errors import RuleViolation
from coterie.mls import key_schedule, treekem
from coterie.mls.extension import Extension
from coterie.mls.framing import decode_message
from coterie.mls.group import Group
from coterie.mls.group_info import signer_leaf, verified_tree
from coterie.mls.key_package import KeyPackageBundle
from coterie.mls.leaf_node import LeafNode
from coterie.mls.linked_group import SameClient, check_link, is_link, same_credential
from coterie.mls.policy import Policy, TakeAll
from coterie.mls.psk import MAX_PSKS, PreSharedKeyId, combine_psks
from coterie.mls.secret_tree import SecretTree
from coterie.mls.suites import CipherSuite, suite_of
from coterie.mls.welcome import Welcome
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


def join(  # noqa: PLR0913  # what a newcomer may know besides
    encoded: bytes,
    bundle: KeyPackageBundle,
    signature_private: Secret,
    *,
    ratchet_tree: bytes | None = None,
    policy: Policy | None = None,
    keep_skipped: int = 0,
    present_groups: Container[bytes] = (),
    parent: Group | None = None,
    same_client: SameClient = same_credential,
) -> Joined:
    """The group that a Welcome, an MLSMessage, lets us into.

    ``ratchet_tree`` is needed where the Welcome has none. ``present_groups`` are ids of groups that we are in. For a
    subgroup or a reinitialised group ``parent`` is our state of the old one, and ``same_client`` says whose leaves
    there and here belong together. Raises RemoteProtocolError, mostly RuleViolation; PskNotAvailable.
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
    combined = _psk_secret(suite, secrets.psks, policy, parent)
    welcome_secret = key_schedule.welcome_secret(suite, secrets.joiner_secret, combined)
    group_info = welcome.open_group_info(suite, welcome_secret)
    context = group_info.group_context
    # "Verify that the cipher_suite in the GroupInfo matches the cipher_suite in the KeyPackage"
    if (context.version, context.cipher_suite) != (package.version, package.cipher_suite):
        raise RuleViolation("group-info-suite")
    # "Verify that the group_id is unique among the groups that the client is currently participating in"
    if context.group_id in present_groups:
        raise RuleViolation("group-id-present")
    tree = verified_tree(suite, group_info, ratchet_tree)
    check_link(parent, secrets.psks, context, tree, same_client)
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
    return Joined(group, group_info.extensions, group_info.signer, signer_leaf(group_info, tree))


def _psk_secret(
    suite: CipherSuite,
    psk_ids: Sequence[PreSharedKeyId],
    policy: Policy,
    parent: Group | None,
) -> Secret:
    if len(psk_ids) > MAX_PSKS:
        raise RuleViolation("psk-count", str(len(psk_ids)))
    # "if a PreSharedKeyID has type resumption with usage reinit or branch, verify that it is the only such PSK"
    if sum(map(is_link, psk_ids)) > 1:
        raise RuleViolation("welcome-psk-usage")
    # "the psk_nonce ... MUST be set to a fresh random value of length KDF.Nh" (section 8.4)
    if any(len(psk_id.psk_nonce) != suite.nh for psk_id in psk_ids):
        raise RuleViolation("psk-nonce-length")
    return combine_psks(suite, psk_ids, policy, parent)
