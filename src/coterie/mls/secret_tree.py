"""The secret tree and its ratchets: RFC 9420 section 9.

A value: taking a key gives a new tree that shares the rest, without the key and without what it came from (the
deletion schedule of section 9.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType

from coterie.errors import LocalProtocolError, RuleViolation
from coterie.mls import tree_math
from coterie.mls.codec import Reader, encode_opaque, encode_uint32
from coterie.mls.suites import CipherSuite
from coterie.secret import Secret, derived

MAX_FORWARD = 1024  # generations that a message may be ahead of the last one; each costs a hash
LAST_GENERATION = 2**32 - 1  # never used: what follows it would have no number


class RatchetType(IntEnum):
    """Each leaf has two."""

    HANDSHAKE = 0
    APPLICATION = 1


@dataclass(frozen=True, slots=True)
class MessageKey:
    """A key and nonce, for one message."""

    key: Secret
    nonce: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ratchet:
    """One leaf's ratchet: the secret of the next generation, and the keys that were skipped."""

    secret: Secret
    generation: int = 0
    skipped: tuple[tuple[int, MessageKey], ...] = ()

    def encode(self) -> bytes:
        """A row."""
        return (
            encode_uint32(self.generation)
            + encode_opaque(self.secret.expose())
            + b"".join(
                encode_uint32(generation)
                + encode_opaque(key.key.expose())
                + encode_opaque(key.nonce)
                for generation, key in self.skipped
            )
        )

    @classmethod
    def decode(cls, reader: Reader) -> "Ratchet":
        """What ``encode`` gave."""
        generation, secret = reader.uint32(), Secret(reader.opaque())
        skipped = []
        while not reader.is_at_end:
            number = reader.uint32()
            skipped.append((number, MessageKey(Secret(reader.opaque()), reader.opaque())))
        return cls(secret, generation, tuple(skipped))


RatchetId = tuple[int, RatchetType]  # (leaf index, which)


class SecretTree:
    """The secrets from which an epoch's message keys come, as far as they are still needed."""

    __slots__ = ("_suite", "keep_skipped", "n_leaves", "node_secrets", "ratchets")

    def __init__(
        self,
        suite: CipherSuite,
        n_leaves: int,
        node_secrets: Mapping[int, Secret],
        ratchets: Mapping[RatchetId, Ratchet],
        keep_skipped: int = 0,
    ) -> None:
        self._suite = suite
        self.n_leaves = n_leaves
        self.node_secrets = node_secrets
        self.ratchets = ratchets
        self.keep_skipped = keep_skipped  # skipped keys a ratchet keeps for late messages

    @classmethod
    def begin(
        cls, suite: CipherSuite, encryption_secret: Secret, n_leaves: int, keep_skipped: int = 0
    ) -> "SecretTree":
        """The tree of a new epoch; ``n_leaves`` is the width of the ratchet tree."""
        root = tree_math.root(n_leaves)
        return cls(
            suite,
            n_leaves,
            MappingProxyType({root: encryption_secret}),
            MappingProxyType({}),
            keep_skipped,
        )

    def next_key(self, leaf: int, which: RatchetType) -> tuple["SecretTree", int, MessageKey]:
        """For sending: the tree after it, the generation and its key."""
        tree, ratchet = self._opened(leaf, which)
        if ratchet.generation == LAST_GENERATION:
            raise LocalProtocolError("this epoch's messages are used up: commit first")
        generation, after = ratchet.generation, self._following(ratchet)
        key = _told(leaf, which, generation, self._message_key(ratchet))
        return tree._with(leaf, which, after), generation, key

    def key_of(
        self, leaf: int, which: RatchetType, generation: int
    ) -> tuple["SecretTree", MessageKey]:
        """For receiving: the tree without the key, and the key.

        Raises RuleViolation("generation") for one that was used, or lies too far ahead.
        """
        if not 0 <= leaf < self.n_leaves:
            raise RuleViolation("sender-leaf", f"{leaf} is outside the tree")
        tree, ratchet = self._opened(leaf, which)
        if generation < ratchet.generation:
            for number, key in ratchet.skipped:
                if number == generation:
                    skipped = tuple(s for s in ratchet.skipped if s[0] != generation)
                    after = Ratchet(ratchet.secret, ratchet.generation, skipped)
                    return tree._with(leaf, which, after), _told(leaf, which, generation, key)
            raise RuleViolation("generation", f"{generation}, the next is {ratchet.generation}")
        last = ratchet.generation - 1
        if generation - last > MAX_FORWARD or generation == LAST_GENERATION:
            raise RuleViolation("generation", f"{generation}, the last was {last}")
        kept = list(ratchet.skipped)
        while ratchet.generation < generation:
            if generation - ratchet.generation <= self.keep_skipped:
                kept.append((ratchet.generation, self._message_key(ratchet)))
            ratchet = self._following(ratchet)
        skipped = tuple(kept[-self.keep_skipped :]) if self.keep_skipped else ()
        after = replace(self._following(ratchet), skipped=skipped)
        key = _told(leaf, which, generation, self._message_key(ratchet))
        return tree._with(leaf, which, after), key

    def _message_key(self, ratchet: Ratchet) -> MessageKey:
        suite, generation = self._suite, ratchet.generation
        key = suite.derive_tree_secret(ratchet.secret, b"key", generation, suite.nk)
        nonce = suite.derive_tree_secret(ratchet.secret, b"nonce", generation, suite.nn)
        return MessageKey(key, nonce.expose())

    def _following(self, ratchet: Ratchet) -> Ratchet:
        suite, generation = self._suite, ratchet.generation
        secret = suite.derive_tree_secret(ratchet.secret, b"secret", generation, suite.nh)
        return Ratchet(secret, generation + 1, ratchet.skipped)

    def _opened(self, leaf: int, which: RatchetType) -> tuple["SecretTree", Ratchet]:
        """The leaf's ratchet, and a tree in which the secrets on the way to it are split."""
        found = self.ratchets.get((leaf, which))
        if found is not None:
            return self, found
        suite, node = self._suite, 2 * leaf
        path = [node, *tree_math.direct_path(node, self.n_leaves)]
        start = next((x for x in path if x in self.node_secrets), None)
        if start is None:
            raise LocalProtocolError(f"the secrets of leaf {leaf} were lost")
        nodes = dict(self.node_secrets)
        for x in reversed(path[1 : path.index(start) + 1]):
            secret = nodes.pop(x)
            for child, side in ((tree_math.left(x), b"left"), (tree_math.right(x), b"right")):
                nodes[child] = suite.expand_with_label(secret, b"tree", side, suite.nh)
        secret = nodes.pop(node)
        ratchets = dict(self.ratchets)
        for kind, label in (
            (RatchetType.HANDSHAKE, b"handshake"),
            (RatchetType.APPLICATION, b"application"),
        ):
            ratchets[leaf, kind] = Ratchet(suite.expand_with_label(secret, label, b"", suite.nh))
        tree = SecretTree(suite, self.n_leaves, nodes, ratchets, self.keep_skipped)
        return tree, ratchets[leaf, which]

    def _with(self, leaf: int, which: RatchetType, ratchet: Ratchet) -> "SecretTree":
        ratchets = dict(self.ratchets)
        ratchets[leaf, which] = ratchet
        return SecretTree(
            self._suite, self.n_leaves, self.node_secrets, ratchets, self.keep_skipped
        )


def _told(leaf: int, which: RatchetType, generation: int, key: MessageKey) -> MessageKey:
    """``key``, once the observer knows which message of whom it is for."""
    derived(f"mls.{which.name.lower()}_key.leaf-{leaf}.generation-{generation}", key.key)
    return key


def sender_data_key_and_nonce(
    suite: CipherSuite, sender_data_secret: Secret, ciphertext: bytes
) -> MessageKey:
    """Section 6.3.2: from the first Nh bytes of the ciphertext."""
    sample = ciphertext[: suite.nh]
    key = suite.expand_with_label(sender_data_secret, b"key", sample, suite.nk)
    return MessageKey(
        derived("mls.sender_data_key", key),
        suite.expand_with_label(sender_data_secret, b"nonce", sample, suite.nn).expose(),
    )
