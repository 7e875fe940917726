"""The ratchet tree: changes as the RFC has them, hashes that stay true, and what a hostile tree may cost."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import FunctionType

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from coterie.errors import RemoteProtocolError
from coterie.mls import LeafNode, RatchetTree, tree_math, treekem, validation
from coterie.mls.census import Census
from coterie.mls.codec import encode_opaque, encode_optional, encode_vector
from coterie.mls.ratchet_tree import MAX_LEAVES, Node, ParentNode, encode_node
from tests.mls.counting import CountedInt, at_most
from tests.mls.rooms import ONE, Room, new_bundle, new_leaf, refuses


def some_leaf() -> LeafNode:
    return new_bundle(ONE, new_leaf(ONE, "somebody")).key_package.leaf_node


LEAVES = [some_leaf() for _ in range(40)]


def fresh(tree: RatchetTree) -> RatchetTree:
    """The same without any hash that was kept."""
    return RatchetTree(tree.suite, tree.nodes)


def encoded(nodes: Sequence[Node | None]) -> bytes:
    """The extension's data."""
    return encode_vector(encode_optional(None if n is None else encode_node(n)) for n in nodes)


def grown(size: int) -> RatchetTree:
    tree, _ = RatchetTree(ONE, [LEAVES[0]]).with_leaves_added(LEAVES[1:size])
    return tree


def with_path(tree: RatchetTree, by: int, keys: Mapping[int, bytes]) -> RatchetTree:
    parents, _ = treekem._parents(tree, by, tree.filtered_direct_path(by), keys)
    return tree.with_nodes(parents.items())


def counted(tree: RatchetTree) -> list[object]:
    """All that the census counts."""
    return [getattr(tree.census, name) for name in Census.__slots__]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_changes_by_many_are_changes_one_by_one_and_hashes_stay_true(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    free = list(LEAVES[1:])
    many = RatchetTree(ONE, [LEAVES[0]])
    for _ in range(6):
        one = many
        there = [index for index, _ in many.leaves()]
        if chance.random() < 0.6 or len(there) < 3:
            count = min(len(free), chance.randint(0, 7))
            added, free = free[:count], free[count:]
            many, indices = many.with_leaves_added(added)
            singly = []
            for leaf in added:
                one, (index,) = one.with_leaves_added([leaf])
                singly.append(index)
            assert indices == tuple(singly)
        else:
            removed = chance.sample(there, chance.randint(0, len(there) - 1))
            free += [leaf for gone, leaf in many.leaves() if gone in removed]
            many = many.with_leaves_removed(removed)
            for gone in removed:
                one = one.with_leaves_removed([gone])
        by = chance.choice([index for index, _ in many.leaves()])
        keys = {node: chance.randbytes(32) for node, _ in many.filtered_direct_path(by)}
        many, one = (with_path(tree, by, keys) for tree in (many, one))
        assert many.nodes == one.nodes
        assert many.tree_hash() == one.tree_hash() == fresh(many).tree_hash()
        assert counted(many) == counted(one) == counted(fresh(many))
        assert many._filled == one._filled == fresh(many)._filled
        assert RatchetTree.decode(ONE, many.encode()).nodes == many.nodes
        assert_shape(many)


def assert_shape(tree: RatchetTree) -> None:
    assert tree.width & (tree.width - 1) == 0
    assert tree.width == 1 or not tree._is_empty(tree_math.right(tree.root))
    there = {2 * index for index, _ in tree.leaves()}
    for x in range(len(tree.nodes)):
        below = {leaf for leaf in there if tree_math.is_below(leaf, x)}
        resolution = tree.resolution(x)
        assert below == {leaf for leaf in there for y in resolution if tree_math.is_below(leaf, y)}
    for index, _ in tree.leaves():
        on_path = {node for node, _ in tree.filtered_direct_path(index)}
        assert on_path <= set(tree_math.direct_path(2 * index, tree.width))


def test_a_new_leaf_takes_the_leftmost_place_and_is_unmerged_above() -> None:
    room = Room(ONE, "a", "b", "c", "d", "e")
    for name in room.groups:
        room.commit(name)
    tree = room["a"].tree.with_leaves_removed([1])
    tree, indices = tree.with_leaves_added([LEAVES[0], LEAVES[1], LEAVES[2]])
    assert indices == (1, 5, 6)
    for x in tree_math.direct_path(2, tree.width):
        assert tree.nodes[x] is None  # b's path went blank with it
    assert [getattr(tree.nodes[x], "unmerged_leaves", None) for x in (9, 11, 13)] == [None] * 3


def test_an_updated_leaf_blanks_its_path() -> None:
    room = Room(ONE, "a", "b", "c", "d")
    for name in room.groups:
        room.commit(name)
    tree = room["a"].tree
    after = tree.with_leaves_updated([(0, LEAVES[0])])
    assert after.leaf(0) == LEAVES[0]
    assert [after.nodes[x] for x in (1, 3)] == [None, None]
    assert after.nodes[5] == tree.nodes[5]
    assert after.tree_hash() == fresh(after).tree_hash()


def test_a_tree_of_nothing_or_that_ends_in_a_blank_is_refused() -> None:
    cases: list[list[LeafNode | None]] = [[], [None], [LEAVES[0], None], [LEAVES[0], None, None]]
    for nodes in cases:
        with refuses("ratchet-tree-trailing-blank"):
            RatchetTree.decode(ONE, encoded(nodes))


def test_leaves_and_parents_have_their_places() -> None:
    parent, leaf = ParentNode(b"key", b""), LEAVES[0]
    cases: list[list[Node]] = [[parent], [leaf, leaf], [leaf, parent, parent]]
    for nodes in cases:
        with refuses("ratchet-tree-node-type"):
            RatchetTree.decode(ONE, encoded(nodes))


def test_unmerged_leaves_are_in_order_and_once() -> None:
    for unmerged in ((2, 1), (1, 1)):
        parent = ParentNode(b"key", b"", unmerged)
        with refuses("unmerged-leaves-order"):
            RatchetTree.decode(ONE, encoded([LEAVES[0], parent]))


def test_a_parent_that_no_path_accounts_for_is_refused() -> None:
    tree = grown(5)
    tree.verify_parent_hashes()
    with refuses("parent-hash"):
        tree.with_nodes([(3, ParentNode(b"key", b""))]).verify_parent_hashes()


# --- what a hostile tree costs -----------------------------------------------------------------


def test_a_megabyte_of_blanks_is_refused_before_it_is_hashed() -> None:
    """It took 3.5 s, in which a client did nothing else. The least that is too much shows it as well."""
    many = 2 * MAX_LEAVES
    blanks = encode_opaque(bytes(many) + encode_optional(encode_node(LEAVES[0])))
    with at_most(calls=10 * many), refuses("tree-too-large"):  # to read each; a hash is 10 more
        RatchetTree.decode(ONE, blanks)


def test_a_tree_grows_no_wider_than_its_limit() -> None:
    full: list[LeafNode | None] = [LEAVES[0], None] * MAX_LEAVES
    tree = RatchetTree(ONE, full[:-1])
    assert tree.width == MAX_LEAVES
    with refuses("tree-too-large"):
        tree.with_leaves_added([LEAVES[1]])


WIDTH = 2**10
LEVELS = 10


def wide(unmerged_below: int, size: int = WIDTH) -> RatchetTree:
    """A tree where every parent of the lowest levels lists all that is below it as unmerged."""
    nodes: list[LeafNode | ParentNode | None] = [None] * tree_math.node_width(size)
    for index in range(size):
        nodes[2 * index] = replace(LEAVES[0], encryption_key=index.to_bytes(32, "big"))
    for x in range(1, len(nodes), 2):
        if tree_math.level(x) <= unmerged_below:
            reach = 2 ** (tree_math.level(x) - 1)
            middle = (x + 1) // 2
            unmerged = tuple(map(CountedInt, range(middle - reach, middle + reach)))
            nodes[x] = ParentNode((2**20 + x).to_bytes(32, "big"), b"", unmerged)
    CountedInt.looked_at = 0
    return RatchetTree(ONE, nodes)


def test_checking_unmerged_leaves_costs_no_square_of_them() -> None:
    """16,384 leaves took 3.3 s: each entry was looked for in the lists of all nodes between."""
    tree = wide(LEVELS)
    with at_most(calls=50 * WIDTH * LEVELS):
        validation._check_unmerged_leaves(tree)
    assert 0 < CountedInt.looked_at < 10 * WIDTH * LEVELS


def test_looking_for_who_accounts_for_a_parent_costs_no_square_of_its_leaves() -> None:
    """16,384 leaves took 11 s for the root alone: a set of them was built for each of them."""
    tree = wide(LEVELS)
    root = tree.nodes[tree.root]
    assert isinstance(root, ParentNode)
    with at_most(calls=50 * WIDTH * LEVELS):
        assert not tree._is_parent_hash_valid(tree.root, root)
    assert CountedInt.looked_at < 50 * WIDTH


def test_a_list_of_two_hundred_adds_does_not_copy_the_tree_for_each() -> None:
    """2,000 in a tree of 16,384 leaves took 2.6 s."""
    tree = wide(0)
    assert isinstance(RatchetTree.__init__, FunctionType)
    with at_most(calls=10, of=RatchetTree.__init__):
        tree, indices = tree.with_leaves_added([LEAVES[1]] * 200)
        tree.with_leaves_removed(indices)


ROOM = Room(ONE, "a", "b", "c", "d", "e")
for _name in list(ROOM.groups):
    ROOM.commit(_name)
GROUP = ROOM["a"]
ENCODED = GROUP.tree.encode()


def taken(changed: bytes) -> None:
    tree = RatchetTree.decode(ONE, changed)
    assert tree.encode() == changed
    validation.check_tree(tree, GROUP.group_id, GROUP.extensions)
    tree.verify_parent_hashes()


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(ENCODED) - 1), put=st.binary(max_size=4))
def test_a_changed_tree_is_refused(at: int, put: bytes) -> None:
    changed = ENCODED[:at] + put + ENCODED[at + 1 :]
    assume(changed != ENCODED)
    with pytest.raises(RemoteProtocolError):
        taken(changed)
