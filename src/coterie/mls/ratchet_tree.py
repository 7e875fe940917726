"""The ratchet tree, public part: RFC 9420 sections 4, 7.1 and 7.7 to 7.9.

A value. Nodes and tree hashes are copied as pointers on a change (2,000 for 1,000 members, 5 µs), and only the hashes
along what changed are computed anew.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from coterie.errors import LocalProtocolError, RemoteProtocolError, RuleViolation
from coterie.mls import tree_math
from coterie.mls.census import Census, Change
from coterie.mls.codec import (
    Reader,
    decode,
    encode_opaque,
    encode_optional,
    encode_uint8,
    encode_uint32,
    encode_vector,
    read_uint32,
)
from coterie.mls.leaf_node import LeafNode
from coterie.mls.suites import CipherSuite


@dataclass(frozen=True, slots=True)
class ParentNode:
    """``struct ParentNode``: section 7.1."""

    encryption_key: bytes
    parent_hash: bytes
    unmerged_leaves: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The wire form."""
        return (
            encode_opaque(self.encryption_key)
            + encode_opaque(self.parent_hash)
            + encode_vector(map(encode_uint32, self.unmerged_leaves))
        )

    def hash(self, suite: CipherSuite, original_sibling_tree_hash: bytes) -> bytes:
        """Its parent hash, as ``struct ParentHashInput`` has it: section 7.9."""
        return suite.hash(
            encode_opaque(self.encryption_key)
            + encode_opaque(self.parent_hash)
            + encode_opaque(original_sibling_tree_hash)
        )

    @classmethod
    def decode(cls, reader: Reader) -> "ParentNode":
        """Takes it from the wire."""
        node = cls(reader.opaque(), reader.opaque(), reader.vector(read_uint32))
        # "The vector is sorted in increasing order" (section 7.1)
        if any(
            a >= b for a, b in zip(node.unmerged_leaves, node.unmerged_leaves[1:], strict=False)
        ):
            raise RuleViolation("unmerged-leaves-order")
        return node


Node = LeafNode | ParentNode


def encode_node(node: Node) -> bytes:
    """``struct Node``: section 12.4.3.3."""
    return encode_uint8(1 if isinstance(node, LeafNode) else 2) + node.encode()


def read_node(reader: Reader) -> Node:
    """Takes one from the wire."""
    node_type = reader.uint8()
    if node_type == 1:
        return LeafNode.decode(reader)
    if node_type == 2:  # noqa: PLR2004  # enum NodeType
        return ParentNode.decode(reader)
    raise RemoteProtocolError(f"node type {node_type}")


MAX_LEAVES = (
    2**16
)  # of a tree, blank ones too: hashing a message of a megabyte of blanks would take seconds


class RatchetTree:
    """Leaves and parents; None is blank. The number of leaves, ``width``, is a power of two."""

    __slots__ = ("_census", "_end", "_hashes", "_uncounted", "nodes", "suite")

    def __init__(self, suite: CipherSuite, nodes: Sequence[Node | None]) -> None:
        self.suite = suite
        self.nodes = nodes
        self._hashes: list[bytes | None] = [None] * len(nodes)  # a known one has known ones below
        self._census: Census | None = None
        self._uncounted: list[Change] = []  # what changed since
        self._end: int | None = None  # see _filled

    def _changed(
        self, nodes: Sequence[Node | None], hashes: list[bytes | None], changes: Sequence[Change]
    ) -> "RatchetTree":
        """Another tree, in which ``changes`` are what differs from this."""
        tree = RatchetTree.__new__(RatchetTree)
        tree.suite, tree.nodes, tree._hashes = self.suite, nodes, hashes
        tree._census, tree._uncounted = self._census, [*self._uncounted, *changes]
        if len(tree._uncounted) > len(nodes):  # to count anew is less
            tree._census, tree._uncounted = None, []
        tree._end = None
        return tree

    # --- reading -------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """The number of leaves, blank ones too."""
        return (len(self.nodes) + 1) // 2

    @property
    def root(self) -> int:
        """The root's index."""
        return tree_math.root(self.width)

    def leaf(self, index: int) -> LeafNode | None:
        """The leaf at a leaf index; None for a blank one, and outside the tree."""
        if not 0 <= index < self.width:
            return None
        node = self.nodes[2 * index]
        return node if isinstance(node, LeafNode) else None

    def leaves(self) -> Iterator[tuple[int, LeafNode]]:
        """The leaves that are not blank, with their indices."""
        for index in range(self.width):
            node = self.nodes[2 * index]
            if isinstance(node, LeafNode):
                yield index, node

    def resolution(self, x: int) -> list[int]:
        """The node indices that together cover the subtree: section 4.1.1."""
        node = self.nodes[x]
        if isinstance(node, ParentNode):
            return [x, *(2 * leaf for leaf in node.unmerged_leaves)]
        if node is not None:
            return [x]
        if tree_math.level(x) == 0 or tree_math.first_below(x) >= self._filled:
            return []
        return self.resolution(tree_math.left(x)) + self.resolution(tree_math.right(x))

    @property
    def _filled(self) -> int:
        """How many nodes there are up to the last that is not blank: all subtrees to the right of it are empty."""
        if self._end is None:
            self._end = len(self.nodes)
            while self._end and self.nodes[self._end - 1] is None:
                self._end -= 1
        return self._end

    def _is_empty(self, x: int) -> bool:
        """Whether the resolution of ``x`` is empty."""
        if self.nodes[x] is not None:
            return False
        if tree_math.level(x) == 0 or tree_math.first_below(x) >= self._filled:
            return True
        return self._is_empty(tree_math.left(x)) and self._is_empty(tree_math.right(x))

    def filtered_direct_path(self, leaf: int) -> list[tuple[int, int]]:
        """Each node of it with its child on the copath: section 4.1.2."""
        path, child = [], 2 * leaf
        for node in tree_math.direct_path(child, self.width):
            copath = tree_math.sibling(child)
            if not self._is_empty(copath):
                path.append((node, copath))
            child = node
        return path

    @property
    def census(self) -> Census:
        """What is in it."""
        if self._census is None:
            self._census = Census(self.nodes)
        elif self._uncounted:
            self._census = self._census.after(self._uncounted)
        self._uncounted = []
        return self._census

    def encryption_key(self, x: int) -> bytes:
        """The public key of a node that is not blank."""
        node = self.nodes[x]
        if node is None:
            raise LocalProtocolError(f"node {x} is blank")
        return node.encryption_key

    # --- hashes --------------------------------------------------------------------------------

    def tree_hash(self, x: int | None = None) -> bytes:
        """Of the subtree of ``x``, of the whole tree without: section 7.8."""
        x = self.root if x is None else x
        found = self._hashes[x]
        if found is None:
            found = self._hashes[x] = self._compute_hash(x, frozenset())
        return found

    def _compute_hash(self, x: int, excluded: Collection[int]) -> bytes:
        """The tree hash with some leaves taken out, as if they had never been added."""
        node = self.nodes[x]
        if tree_math.level(x) == 0:
            leaf = x // 2
            is_there = node is not None and leaf not in excluded
            encoded = encode_optional(node.encode() if node is not None and is_there else None)
            return self.suite.hash(b"\x01" + encode_uint32(leaf) + encoded)
        left = self._child_hash(tree_math.left(x), excluded)
        right = self._child_hash(tree_math.right(x), excluded)
        if isinstance(node, ParentNode) and excluded:
            kept = tuple(leaf for leaf in node.unmerged_leaves if leaf not in excluded)
            node = replace(node, unmerged_leaves=kept)
        encoded = encode_optional(node.encode() if node is not None else None)
        return self.suite.hash(b"\x02" + encoded + encode_opaque(left) + encode_opaque(right))

    def _child_hash(self, child: int, excluded: Collection[int]) -> bytes:
        inside = excluded and {leaf for leaf in excluded if tree_math.is_below(2 * leaf, child)}
        return self._compute_hash(child, inside) if inside else self.tree_hash(child)

    def verify_parent_hashes(self) -> None:
        """Section 7.9.2. Raises RuleViolation for a parent that no child accounts for."""
        for x in range(1, len(self.nodes), 2):
            node = self.nodes[x]
            if isinstance(node, ParentNode) and not self._is_parent_hash_valid(x, node):
                raise RuleViolation("parent-hash", f"node {x}")

    def _is_parent_hash_valid(self, x: int, node: ParentNode) -> bool:
        sides = (tree_math.left(x), tree_math.right(x))
        for child, copath_child in (sides, sides[::-1]):
            # "the intersection of P's unmerged_leaves with the subtree under C is equal to the resolution of C
            # with D removed": so D is what the resolution has more
            unmerged = {
                2 * leaf for leaf in node.unmerged_leaves if tree_math.is_below(2 * leaf, child)
            }
            resolution = set(self.resolution(child))
            more = resolution - unmerged
            if len(more) != 1 or not unmerged <= resolution:
                continue
            found = self.nodes[more.pop()]
            if found is not None and found.parent_hash == self._parent_hash(node, copath_child):
                return True
        return False

    def _parent_hash(self, node: ParentNode, copath_child: int) -> bytes:
        """Of a node here, for what lies on the other side of ``copath_child``: section 7.9."""
        excluded = {
            leaf for leaf in node.unmerged_leaves if tree_math.is_below(2 * leaf, copath_child)
        }
        # "the tree hash of S ... modified as follows: For each leaf L in P.unmerged_leaves, blank L and remove it"
        original_sibling = (
            self._compute_hash(copath_child, excluded) if excluded else self.tree_hash(copath_child)
        )
        return node.hash(self.suite, original_sibling)

    # --- changes: each gives a new tree --------------------------------------------------------

    def with_nodes(self, changed: Iterable[tuple[int, Node | None]]) -> "RatchetTree":
        """With these nodes in place of what was there; of two for one place the later."""
        nodes, hashes, root = list(self.nodes), list(self._hashes), self.root
        changes, end = [], self._end
        for x, node in changed:
            if nodes[x] is not node:
                changes.append((nodes[x], node))
            nodes[x] = node
            if end is not None and node is not None and x >= end:
                end = x + 1
            hashes[x] = None
            while x != root and hashes[x := tree_math.parent(x)] is not None:
                hashes[x] = None
        tree = self._changed(nodes, hashes, changes)
        # the last one is mostly where it was
        tree._end = end if end and nodes[end - 1] is not None else None
        return tree

    def with_leaves_added(
        self, leaves: Sequence[LeafNode]
    ) -> tuple["RatchetTree", tuple[int, ...]]:
        """Each at the leftmost blank place, the tree doubled where there is none: section 7.7.

        Raises RuleViolation where the tree would grow beyond MAX_LEAVES.
        """
        if not leaves:
            return self, ()
        tree = self
        blank = [index for index in range(self.width) if self.nodes[2 * index] is None]
        while len(blank) < len(leaves):
            if tree.width == MAX_LEAVES:
                raise RuleViolation("tree-too-large", f"more than {MAX_LEAVES} leaves")
            blank += range(tree.width, 2 * tree.width)
            tree = tree._extended()
        indices = tuple(blank[: len(leaves)])
        unmerged: dict[int, list[int]] = {}
        for index in indices:
            for x in tree_math.direct_path(2 * index, tree.width):
                unmerged.setdefault(x, []).append(index)
        changed: list[tuple[int, Node | None]] = [
            (2 * index, leaf) for index, leaf in zip(indices, leaves, strict=True)
        ]
        for x, more in unmerged.items():
            node = tree.nodes[x]
            if isinstance(node, ParentNode):
                both = tuple(sorted((*node.unmerged_leaves, *more)))
                changed.append((x, replace(node, unmerged_leaves=both)))
        return tree.with_nodes(changed), indices

    def with_leaves_updated(self, leaves: Sequence[tuple[int, LeafNode]]) -> "RatchetTree":
        """Other leaves in those places, their direct paths blank: section 12.1.2."""
        if not leaves:
            return self
        changed: list[tuple[int, Node | None]] = []
        for index, leaf in leaves:
            changed.append((2 * index, leaf))
            changed += ((x, None) for x in tree_math.direct_path(2 * index, self.width))
        return self.with_nodes(changed)

    def with_leaves_removed(self, indices: Sequence[int]) -> "RatchetTree":
        """Leaves and direct paths blank, the tree halved while its right half is empty: section 12.1.3."""
        if not indices:
            return self
        tree = self.with_nodes(
            (x, None)
            for index in indices
            for x in (2 * index, *tree_math.direct_path(2 * index, self.width))
        )
        while tree.width > 1 and tree._is_empty(tree_math.right(tree.root)):
            half = tree_math.node_width(tree.width // 2)
            dropped = [(node, None) for node in tree.nodes[half:] if node is not None]
            tree = tree._changed(tree.nodes[:half], tree._hashes[:half], dropped)
        return tree

    def _extended(self) -> "RatchetTree":
        more = [None] * (tree_math.node_width(2 * self.width) - len(self.nodes))
        return self._changed([*self.nodes, *more], [*self._hashes, *more], [])

    # --- the ratchet_tree extension ------------------------------------------------------------

    def encode(self) -> bytes:
        """``optional<Node> ratchet_tree<V>`` without the blanks at its end: section 12.4.3.3."""
        return encode_vector(
            encode_optional(encode_node(node) if node is not None else None)
            for node in self.nodes[: self._filled]
        )

    @classmethod
    def decode(cls, suite: CipherSuite, encoded: bytes) -> "RatchetTree":
        """From the extension. Raises RemoteProtocolError."""

        def read_optional(reader: Reader) -> Node | None:
            return reader.optional(read_node)

        nodes = list(decode(lambda reader: reader.vector(read_optional), encoded))
        # "The receiver MUST check that the last node in ratchet_tree is non-blank"
        if not nodes or nodes[-1] is None:
            raise RuleViolation("ratchet-tree-trailing-blank")
        if len(nodes) > tree_math.node_width(MAX_LEAVES):
            raise RuleViolation("tree-too-large", f"{len(nodes)} nodes")
        width = 1
        while tree_math.node_width(width) < len(nodes):
            width *= 2
        nodes += [None] * (tree_math.node_width(width) - len(nodes))
        for x, node in enumerate(nodes):
            if node is not None and isinstance(node, LeafNode) != (x % 2 == 0):
                raise RuleViolation("ratchet-tree-node-type", f"node {x}")
        return cls(suite, nodes)
