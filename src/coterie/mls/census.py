"""What is in a ratchet tree, counted: the rules of RFC 9420 section 7.3 that are about all members at once.

Kept up along what changes, so that a commit in a group of thousands is not held against each of them.
"""

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, TypeVar

from coterie.mls.leaf_node import LeafNode

if TYPE_CHECKING:
    from coterie.mls.ratchet_tree import Node

K = TypeVar("K", bound=Hashable)
Change = tuple["Node | None", "Node | None"]  # what was there, and what is there now


class Census:
    """How often each key and each list of credential types is there."""

    __slots__ = ("_credential_types", "_encryption_keys", "_leaves", "_nodes", "_signature_keys")

    def __init__(self, nodes: Iterable["Node | None"] = ()) -> None:
        self._nodes = self._leaves = 0
        self._encryption_keys: dict[bytes, int] = {}
        self._signature_keys: dict[bytes, int] = {}
        # (in use, supported): as few as there are kinds of client
        self._credential_types: dict[tuple[int, tuple[int, ...]], int] = {}
        for node in nodes:
            self._count(node, 1)

    def after(self, changes: Iterable[Change]) -> "Census":
        """Of the tree with those changes."""
        census = Census()
        census._nodes, census._leaves = self._nodes, self._leaves
        census._encryption_keys = self._encryption_keys.copy()
        census._signature_keys = self._signature_keys.copy()
        census._credential_types = self._credential_types.copy()
        for old, new in changes:
            census._count(old, -1)
            census._count(new, 1)
        return census

    def _count(self, node: "Node | None", by: int) -> None:
        if node is None:
            return
        self._nodes += by
        _add(self._encryption_keys, node.encryption_key, by)
        if isinstance(node, LeafNode):
            self._leaves += by
            _add(self._signature_keys, node.signature_key, by)
            kind = node.credential.credential_type, node.capabilities.credentials
            _add(self._credential_types, kind, by)

    def has_encryption_key(self, key: bytes) -> bool:
        """Of any node."""
        return key in self._encryption_keys

    @property
    def has_encryption_key_twice(self) -> bool:
        """Among all nodes."""
        return len(self._encryption_keys) < self._nodes

    @property
    def has_signature_key_twice(self) -> bool:
        """Among all members."""
        return len(self._signature_keys) < self._leaves

    def unsupported_credential_types(self) -> set[int]:
        """Those in use that not all members support."""
        used = {in_use for in_use, _ in self._credential_types}
        return used - used.intersection(*(supported for _, supported in self._credential_types))


def _add(counts: dict[K, int], key: K, by: int) -> None:
    count = counts.get(key, 0) + by
    if count:
        counts[key] = count
    else:
        del counts[key]
