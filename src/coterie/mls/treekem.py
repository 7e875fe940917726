"""TreeKEM: making and taking an UpdatePath. RFC 9420 sections 7.4 to 7.6 and 7.9.

What all members can check (``merge_path``) is apart from what only some can decrypt (``open_path``), so that a hostile
commit costs a signature check and no HPKE, and so that a path that does not open *here* is told from one that is
wrong for all.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.mls import tree_math
from coterie.mls.commit import HpkeCiphertext, UpdatePath, UpdatePathNode
from coterie.mls.framing import AuthenticatedContent
from coterie.mls.key_package import NewLeaf
from coterie.mls.leaf_node import LeafNode, LeafNodeSource
from coterie.mls.ratchet_tree import Node, ParentNode, RatchetTree
from coterie.mls.suites import AEAD_TAG_SIZE, CipherSuite
from coterie.secret import Secret, derived


class PathNotReadable(RemoteProtocolError):
    """Everything public is in order, but the path does not open for this member, or not to the keys it promises.

    Others may have taken the commit: this member is stuck, and the entry is not known to be dead. ``content`` is the
    commit, whose signature holds, where ``process`` raised it.
    """

    content: AuthenticatedContent | None = None


@dataclass(frozen=True, slots=True)
class NewPath:
    """A path that was just made: the tree with it, and the secrets behind its public keys."""

    tree: RatchetTree
    leaf_node: LeafNode
    path_secrets: tuple[tuple[int, Secret], ...]  # (node, secret), from the leaf up
    private_keys: Mapping[int, Secret]  # by node, our leaf's too
    commit_secret: Secret


def new_path(
    suite: CipherSuite, tree: RatchetTree, leaf_index: int, leaf: NewLeaf, group_id: bytes
) -> NewPath:
    """Fresh keys for a leaf and every node of its filtered direct path: section 7.5."""
    secret = Secret(secrets.token_bytes(suite.nh))
    path_secrets, private_keys, public_keys = [], {}, {}
    filtered = tree.filtered_direct_path(leaf_index)
    for node, _ in filtered:
        path_secrets.append((node, derived("mls.path_secret", secret)))
        private_keys[node], public_keys[node] = node_key_pair(suite, secret)
        secret = suite.derive_secret(secret, b"path")
    parents, parent_hash = _parents(tree, leaf_index, filtered, public_keys)
    private_keys[2 * leaf_index], encryption_key = suite.hpke.generate_key_pair()
    leaf_node = LeafNode(
        encryption_key,
        leaf.signature_key,
        leaf.credential,
        leaf.capabilities,
        LeafNodeSource.COMMIT,
        leaf.extensions,
        parent_hash=parent_hash,
    ).signed(suite, leaf.signature_private, group_id, leaf_index)
    tree = tree.with_nodes([*parents.items(), (2 * leaf_index, leaf_node)])
    return NewPath(
        tree, leaf_node, tuple(path_secrets), private_keys, derived("mls.commit_secret", secret)
    )


def encrypt_path(
    suite: CipherSuite,
    path: NewPath,
    leaf_index: int,
    new_leaves: Collection[int],
    group_context: bytes,
) -> UpdatePath:
    """The path secrets, sealed to the resolution of each copath node, new leaves left out: section 7.6."""
    excluded = {2 * index for index in new_leaves}
    secrets_of = dict(path.path_secrets)
    nodes = []
    for node, copath in path.tree.filtered_direct_path(leaf_index):
        secret = secrets_of[node].expose()
        ciphertexts = [
            HpkeCiphertext(
                *suite.encrypt_with_label(
                    path.tree.encryption_key(x), b"UpdatePathNode", group_context, secret
                )
            )
            for x in path.tree.resolution(copath)
            if x not in excluded
        ]
        nodes.append(UpdatePathNode(path.tree.encryption_key(node), tuple(ciphertexts)))
    return UpdatePath(path.leaf_node, tuple(nodes))


def merge_path(
    tree: RatchetTree, leaf_index: int, path: UpdatePath, new_leaves: Collection[int]
) -> RatchetTree:
    """The tree with the path's public keys, as far as all members can check it: section 7.9 and 12.4.2.

    Raises RuleViolation.
    """
    suite = tree.suite
    filtered = tree.filtered_direct_path(leaf_index)
    if len(path.nodes) != len(filtered):
        raise RuleViolation("path-length", f"{len(path.nodes)} nodes, must be {len(filtered)}")
    excluded = {2 * index for index in new_leaves}
    sizes = (suite.hpke.kem.enc_size, suite.nh + AEAD_TAG_SIZE)
    for (node, copath), given in zip(filtered, path.nodes, strict=True):
        expected = sum(x not in excluded for x in tree.resolution(copath))
        if len(given.encrypted_path_secret) != expected:
            raise RuleViolation("path-ciphertexts", f"node {node}")
        suite.check_encapsulation_key(given.encryption_key)
        # Nobody could open one of another size: seen by all, so that it can't make only some stuck.
        if any(_sizes(c) != sizes for c in given.encrypted_path_secret):
            raise RuleViolation("path-ciphertext-size", f"node {node}")
    suite.check_encapsulation_key(path.leaf_node.encryption_key)
    keys = [given.encryption_key for given in path.nodes] + [path.leaf_node.encryption_key]
    # "Verify that none of the public keys in the UpdatePath appear in any node of the new ratchet tree", and "that
    # the encryption_key value in the LeafNode is different from the committer's current leaf node" (section 12.4.2)
    if len(set(keys)) != len(keys) or any(map(tree.census.has_encryption_key, keys)):
        raise RuleViolation("path-key-reused")
    public_keys = {
        node: given.encryption_key for (node, _), given in zip(filtered, path.nodes, strict=True)
    }
    parents, parent_hash = _parents(tree, leaf_index, filtered, public_keys)
    if path.leaf_node.parent_hash != parent_hash:
        raise RuleViolation("path-parent-hash")
    return tree.with_nodes([*parents.items(), (2 * leaf_index, path.leaf_node)])


def open_path(
    tree: RatchetTree,
    sender: int,
    path: UpdatePath,
    own_leaf: int,
    private_keys: Mapping[int, Secret],
    new_leaves: Collection[int],
    group_context: bytes,
) -> tuple[Mapping[int, Secret], Secret]:
    """Our new private keys, and the commit_secret; ``tree`` is the merged one. Raises PathNotReadable."""
    suite = tree.suite
    excluded = {2 * index for index in new_leaves}
    filtered = tree.filtered_direct_path(sender)
    place = next(
        i for i, (node, _) in enumerate(filtered) if tree_math.is_below(2 * own_leaf, node)
    )
    targets = [x for x in tree.resolution(filtered[place][1]) if x not in excluded]
    which = next((i for i, x in enumerate(targets) if x in private_keys), None)
    if which is None:
        raise PathNotReadable("the path has no secret for this member")
    sealed = path.nodes[place].encrypted_path_secret[which]
    try:
        opened = suite.decrypt_with_label(
            private_keys[targets[which]],
            b"UpdatePathNode",
            group_context,
            sealed.kem_output,
            sealed.ciphertext,
        )
    except RemoteProtocolError as error:
        raise PathNotReadable("the path's secret does not open") from error
    secret = Secret(opened)
    blank = tree_math.direct_path(2 * sender, tree.width)
    keys = {x: key for x, key in private_keys.items() if x not in blank}
    for node, _ in filtered[place:]:
        derived("mls.path_secret", secret)
        keys[node], public = node_key_pair(suite, secret)
        if public != tree.encryption_key(node):
            raise PathNotReadable("the path's secret leads to other public keys")
        secret = suite.derive_secret(secret, b"path")
    return keys, derived("mls.commit_secret", secret)


def keys_from_path_secret(
    tree: RatchetTree, signer: int, own_leaf: int, path_secret: Secret
) -> Mapping[int, Secret]:
    """A newcomer's private keys from the Welcome's path_secret: section 12.4.3.1. Raises RuleViolation."""
    suite = tree.suite
    filtered = [node for node, _ in tree.filtered_direct_path(signer)]
    keys, secret = {}, path_secret
    above = [node for node in filtered if tree_math.is_below(2 * own_leaf, node)]
    for node in above:
        keys[node], public = node_key_pair(suite, secret)
        there = tree.nodes[node]
        # "The private key MUST be the private key that corresponds to the public key in the node"
        if there is None or there.encryption_key != public:
            raise RuleViolation("welcome-path-secret", f"node {node}")
        secret = suite.derive_secret(secret, b"path")
    return keys


def _sizes(sealed: HpkeCiphertext) -> tuple[int, int]:
    return len(sealed.kem_output), len(sealed.ciphertext)


def node_key_pair(suite: CipherSuite, path_secret: Secret) -> tuple[Secret, bytes]:
    """``node_priv`` and ``node_pub``: section 7.4."""
    return suite.hpke.kem.derive_key_pair(suite.derive_secret(path_secret, b"node"))


def _parents(
    tree: RatchetTree,
    leaf_index: int,
    filtered: Sequence[tuple[int, int]],
    public_keys: Mapping[int, bytes],
) -> tuple[dict[int, Node | None], bytes]:
    """The direct path blank but for these keys, with parent hashes from the root down; and the leaf's parent hash."""
    parents: dict[int, Node | None] = dict.fromkeys(
        tree_math.direct_path(2 * leaf_index, tree.width)
    )
    parent_hash = b""
    for node, copath in reversed(filtered):
        parent = ParentNode(public_keys[node], parent_hash)
        parents[node] = parent
        # the path leaves copaths alone
        parent_hash = parent.hash(tree.suite, tree.tree_hash(copath))
    return parents, parent_hash
