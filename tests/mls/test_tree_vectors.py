"""Published vectors of the tree: tree-math, tree-validation and tree-operations."""

import pytest

from coterie.mls import tree_math
from coterie.mls.codec import decode
from coterie.mls.proposals import Add, Remove, Update, read_proposal
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.suites import SUITES
from tests.mls.published import assert_complete, each, published, vector

PER_SUITE = 14


def test_all_entries_are_there() -> None:
    assert len(published("tree-math.json")) == 10
    assert_complete("tree-validation.json", PER_SUITE)
    assert [v["cipher_suite"] for v in published("tree-operations.json")] == [1] * 5


@pytest.mark.parametrize("number", range(10))
def test_tree_math(number: int) -> None:
    v = published("tree-math.json")[number]
    n = v["n_leaves"]
    assert (tree_math.node_width(n), tree_math.root(n)) == (v["n_nodes"], v["root"])
    for x in range(v["n_nodes"]):
        is_leaf, is_root = x % 2 == 0, x == v["root"]
        assert (None if is_leaf else tree_math.left(x)) == v["left"][x]
        assert (None if is_leaf else tree_math.right(x)) == v["right"][x]
        assert (None if is_root else tree_math.parent(x)) == v["parent"][x]
        assert (None if is_root else tree_math.sibling(x)) == v["sibling"][x]


@each(PER_SUITE)
def test_tree_validation(suite: int, number: int) -> None:
    v, s = vector("tree-validation.json", suite, number), SUITES[suite]
    tree = RatchetTree.decode(s, bytes.fromhex(v["tree"]))
    assert [tree.tree_hash(x).hex() for x in range(len(tree.nodes))] == v["tree_hashes"]
    assert [tree.resolution(x) for x in range(len(tree.nodes))] == v["resolutions"]
    tree.verify_parent_hashes()
    for index, leaf in tree.leaves():
        leaf.verify(s, bytes.fromhex(v["group_id"]), index)
    assert tree.encode().hex() == v["tree"]


@pytest.mark.parametrize("number", range(5))
def test_tree_operation(number: int) -> None:
    v = published("tree-operations.json")[number]
    tree = RatchetTree.decode(SUITES[v["cipher_suite"]], bytes.fromhex(v["tree_before"]))
    assert tree.tree_hash().hex() == v["tree_hash_before"]
    match decode(read_proposal, bytes.fromhex(v["proposal"])):
        case Add(key_package):
            tree, _ = tree.with_leaves_added([key_package.leaf_node])
        case Update(leaf_node):
            tree = tree.with_leaves_updated([(v["proposal_sender"], leaf_node)])
        case Remove(removed):
            tree = tree.with_leaves_removed([removed])
        case other:
            pytest.fail(f"unexpected {other}")
    assert tree.encode().hex() == v["tree_after"]
    assert tree.tree_hash().hex() == v["tree_hash_after"]
