"""Groups for ``mls.py``: bulk-made (one commit adds everybody) and worn in (every parent node has a key).

All members' private keys are at hand, so that any of them can act without a thousand groups in memory.
"""

import gc
import multiprocessing
import os
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import _lru_cache_wrapper
from pathlib import Path

from coterie.mls import (
    Add,
    BasicCredential,
    Capabilities,
    CipherSuite,
    Group,
    KeyPackage,
    KeyPackageBundle,
    Lifetime,
    NewLeaf,
    PendingCommit,
    Remove,
    TakeAll,
    commit,
    load,
    rows,
)
from coterie.secret import Secret

LIFETIME = Lifetime(0, 2**40)


@dataclass(frozen=True)
class Client:
    """A key package with all its private keys."""

    bundle: KeyPackageBundle
    signature_private: Secret


def new_client(suite: CipherSuite, name: str) -> Client:
    """One that nobody has met."""
    leaf = new_leaf(suite, name)
    return Client(KeyPackageBundle.create(suite, leaf, LIFETIME), leaf.signature_private)


def new_leaf(suite: CipherSuite, name: str) -> NewLeaf:
    """With the capabilities that are usual."""
    private, public = suite.signature.generate()
    # those that the peers have: one that lists less would be refused beside them
    capabilities = Capabilities((1,), (suite.number,), credentials=(1, 2))
    return NewLeaf(private, public, BasicCredential(name.encode()), capabilities)


def create(suite: CipherSuite, packages: Sequence[KeyPackage]) -> PendingCommit:
    """What ``mls.py`` times as create: a new group, and one commit that adds everybody."""
    group = Group.create(suite, b"benchmark", new_leaf(suite, "creator"), LIFETIME)
    return commit(group, list(map(Add, packages)))[1]


def forget() -> None:
    """Empties the caches of public keys, so that a member is timed that has met nobody yet."""
    for found in gc.get_objects():
        if isinstance(found, _lru_cache_wrapper) and found.__module__.startswith("coterie.mls"):
            found.cache_clear()


class Crowd:
    """A bulk-made group of ``size`` members, each of whom can act."""

    def __init__(self, suite: CipherSuite, size: int) -> None:
        self.suite = suite
        clients = [new_client(suite, f"member {i}") for i in range(1, size)]
        self.group = create(suite, [c.bundle.key_package for c in clients]).group
        self._signature_private = [self.group.signature_private]
        self._signature_private += [client.signature_private for client in clients]
        self._private_keys = dict(self.group.private_keys)
        for i, client in enumerate(clients, 1):
            self._private_keys[2 * i] = client.bundle.encryption_private

    def fork(self) -> "Crowd":
        """Another that goes its own way from here."""
        other = copy(self)
        other._private_keys = dict(self._private_keys)
        return other

    def as_member(self, index: int) -> Group:
        """The group as that member sees it, but for the keys of parents: enough to send."""
        return replace(
            self.group,
            own_leaf_index=index,
            signature_private=self._signature_private[index],
            private_keys={2 * index: self._private_keys[2 * index]},
        )

    def commit(self, index: int, *proposals: Add | Remove) -> PendingCommit:
        """By that member; the crowd goes on in what follows."""
        pending = commit(self.as_member(index), proposals)[1]
        self.group = pending.group
        self._private_keys[2 * index] = pending.group.private_keys[2 * index]
        return pending

    def wear_in(self) -> None:
        """An update by every second member: then each parent has a key, and nobody is unmerged."""
        bits = (self.group.tree.width - 1).bit_length()
        order = (int(f"{i:0{bits}b}"[::-1], 2) if bits else 0 for i in range(2**bits))
        for index in order:  # halves, quarters, ...: a path then meets few blanks
            if index % 2 == 0 and self.group.tree.leaf(index) is not None:
                self.commit(index)

    def let_in(self, index: int, package: KeyPackage) -> bytes:
        """A guest in place of that member, by its sibling's commit, so that it is unmerged nowhere. The Welcome."""
        self.commit(index ^ 1, Remove(index))
        welcome = self.commit(index ^ 1, Add(package)).welcome
        assert welcome is not None
        return welcome


def memory_of_group(suite: CipherSuite, size: int) -> float:
    """Bytes that a worn-in group holds resident once loaded, with its hashes; in a process of its own."""
    crowd = Crowd(suite, size)
    crowd.wear_in()
    saved = rows(crowd.group)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_resident, (saved,))


def _resident(saved: dict[bytes, bytes], copies: int = 8) -> float:
    def size() -> int:
        gc.collect()
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def loaded() -> Group:
        group = load(saved, TakeAll())
        group.tree.tree_hash()
        return group.protect(b"message")[0]

    held = [loaded()]  # what is made once for all groups does not count
    before = size()
    held += [loaded() for _ in range(copies)]
    return (size() - before) / copies
