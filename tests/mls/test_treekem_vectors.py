"""Published vectors of TreeKEM: every update path as every other leaf reads it, and one of our own for each."""

import functools
from collections.abc import Mapping

from coterie.mls import tree_math, treekem
from coterie.mls.codec import decode
from coterie.mls.commit import UpdatePath
from coterie.mls.group_context import GroupContext
from coterie.mls.key_package import NewLeaf
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.suites import SUITES
from coterie.secret import Secret, observe
from tests.mls.published import Vector, assert_complete, each, vector

PER_SUITE = 11


def test_all_entries_are_there() -> None:
    assert_complete("treekem.json", PER_SUITE)


def private_keys(tree: RatchetTree, v: Vector) -> Mapping[int, Secret]:
    """Of one leaf, each checked against the tree."""
    keys = {2 * v["index"]: Secret(bytes.fromhex(v["encryption_priv"]))}
    for held in v["path_secrets"]:
        path_secret = Secret(bytes.fromhex(held["path_secret"]))
        keys[held["node"]], public = treekem.node_key_pair(tree.suite, path_secret)
        assert public == tree.encryption_key(held["node"])
    for node, key in keys.items():
        assert tree.suite.hpke.kem.public_of(key) == tree.encryption_key(node)
    return keys


@each(PER_SUITE)
def test_every_other_leaf_reads_the_path_and_ours(suite: int, number: int) -> None:
    s, v = SUITES[suite], vector("treekem.json", suite, number)
    tree = RatchetTree.decode(s, bytes.fromhex(v["ratchet_tree"]))
    group_id = bytes.fromhex(v["group_id"])
    context = functools.partial(
        GroupContext,
        suite,
        group_id,
        v["epoch"],
        confirmed_transcript_hash=bytes.fromhex(v["confirmed_transcript_hash"]),
    )
    keys = {leaf["index"]: private_keys(tree, leaf) for leaf in v["leaves_private"]}
    signature = {
        x["index"]: Secret(bytes.fromhex(x["signature_priv"])) for x in v["leaves_private"]
    }
    for update in v["update_paths"]:
        sender = update["sender"]
        path = decode(UpdatePath.decode, bytes.fromhex(update["update_path"]))
        path.leaf_node.verify(s, group_id, sender)
        after = treekem.merge_path(tree, sender, path, ())
        after.verify_parent_hashes()
        assert after.tree_hash().hex() == update["tree_hash_after"]
        encoded = context(tree_hash=after.tree_hash()).encode()
        for index, held in keys.items():
            if index == sender:
                continue
            seen: dict[str, list[str]] = {}
            observe(lambda name, x, seen=seen: seen.setdefault(name, []).append(x.expose().hex()))  # type: ignore[misc]
            try:
                ours, secret = treekem.open_path(after, sender, path, index, held, (), encoded)
            finally:
                observe(None)
            assert secret.expose().hex() == update["commit_secret"]
            assert seen["mls.path_secret"][0] == update["path_secrets"][index]
            assert_private_keys_fit(after, index, ours)

        leaf = path.leaf_node
        kept = NewLeaf(
            signature[sender],
            leaf.signature_key,
            leaf.credential,
            leaf.capabilities,
            leaf.extensions,
        )
        new = treekem.new_path(s, tree, sender, kept, group_id)
        encoded = context(tree_hash=new.tree.tree_hash()).encode()
        made = treekem.encrypt_path(s, new, sender, (), encoded)
        made = decode(UpdatePath.decode, made.encode())
        merged = treekem.merge_path(tree, sender, made, ())
        assert merged.tree_hash() == new.tree.tree_hash()
        merged.verify_parent_hashes()
        for index, held in keys.items():
            if index != sender:
                _, secret = treekem.open_path(merged, sender, made, index, held, (), encoded)
                assert secret == new.commit_secret


def assert_private_keys_fit(tree: RatchetTree, leaf: int, keys: Mapping[int, Secret]) -> None:
    """To the public keys of the leaf's own path."""
    allowed = {2 * leaf, *tree_math.direct_path(2 * leaf, tree.width)}
    assert set(keys) <= allowed
    for node, key in keys.items():
        assert tree.suite.hpke.kem.public_of(key) == tree.encryption_key(node)
