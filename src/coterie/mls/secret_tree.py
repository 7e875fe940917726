"""The secret tree and its ratchets: RFC 9420 section 9.

A value: taking a key gives a new tree that shares the rest, without the key. What was consumed is in neither the new
tree nor its rows (the deletion schedule of section 9.2).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from coterie.errors import RuleViolation
from coterie.mls import tree_math
from coterie.mls.codec import Reader, encode_opaque, encode_uint32
from coterie.mls.suites import CipherSuite
from coterie.secret import Secret

MAX_FORWARD = 1024  # generations that one message may skip; each costs two hashes


class RatchetType(IntEnum):
    """Each leaf has two."""

    HANDSHAKE = 0
    APPLICATION = 1


@dataclass(frozen=True, slots=True)
class MessageKey:
    """A key and nonce, for one message."""

    key: Secret
    nonce: bytes


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
        key, following = self._step(ratchet)
        return tree._with(leaf, which, following), ratchet.generation, key

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
                    return tree._with(leaf, which, after), key
            raise RuleViolation("generation", f"{generation}, the next is {ratchet.generation}")
        if generation - ratchet.generation > MAX_FORWARD:
            raise RuleViolation("generation", f"{generation} after {ratchet.generation}")
        kept = list(ratchet.skipped)
        while ratchet.generation < generation:
            key, following = self._step(ratchet)
            if self.keep_skipped:
                kept.append((ratchet.generation, key))
            ratchet = following
        key, ratchet = self._step(ratchet)
        skipped = tuple(kept[-self.keep_skipped :]) if self.keep_skipped else ()
        return tree._with(leaf, which, Ratchet(ratchet.secret, ratchet.generation, skipped)), key

    def _step(self, ratchet: Ratchet) -> tuple[MessageKey, Ratchet]:
        suite, generation = self._suite, ratchet.generation
        if generation >= 2**32 - 1:
            raise RuleViolation("generation", "the ratchet has no more")
        key = suite.derive_tree_secret(ratchet.secret, b"key", generation, suite.nk)
        nonce = suite.derive_tree_secret(ratchet.secret, b"nonce", generation, suite.nn)
        secret = suite.derive_tree_secret(ratchet.secret, b"secret", generation, suite.nh)
        return MessageKey(key, nonce.expose()), Ratchet(secret, generation + 1, ratchet.skipped)

    def _opened(self, leaf: int, which: RatchetType) -> tuple["SecretTree", Ratchet]:
        """The leaf's ratchet, and a tree in which the secrets on the way to it are split."""
        found = self.ratchets.get((leaf, which))
        if found is not None:
            return self, found
        suite, node = self._suite, 2 * leaf
        path = [node, *tree_math.direct_path(node, self.n_leaves)]
        start = next((x for x in path if x in self.node_secrets), None)
        if start is None:
            raise RuleViolation("generation", "this leaf's secrets are used up")
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

    # --- rows ----------------------------------------------------------------------------------

    def rows(self) -> Iterator[tuple[bytes, Secret | Ratchet]]:
        """Keys of rows with the objects that they stand for; ``encode_row`` turns one into bytes."""
        for node, secret in self.node_secrets.items():
            yield b"n" + encode_uint32(node), secret
        for (leaf, which), ratchet in self.ratchets.items():
            yield b"r" + encode_uint32(leaf) + bytes([which]), ratchet

    @classmethod
    def load(
        cls, suite: CipherSuite, n_leaves: int, rows: Mapping[bytes, bytes], keep_skipped: int = 0
    ) -> "SecretTree":
        """From the rows that ``rows`` and ``encode_row`` gave."""
        nodes: dict[int, Secret] = {}
        ratchets: dict[RatchetId, Ratchet] = {}
        for key, value in rows.items():
            number = int.from_bytes(key[1:5], "big")
            if key[:1] == b"n":
                nodes[number] = Secret(value)
            else:
                ratchets[number, RatchetType(key[5])] = Ratchet.decode(Reader(value))
        return cls(suite, n_leaves, nodes, ratchets, keep_skipped)


def encode_row(value: Secret | Ratchet) -> bytes:
    """The bytes of an object that ``SecretTree.rows`` gave."""
    return value.encode() if isinstance(value, Ratchet) else value.expose()


def sender_data_key_and_nonce(
    suite: CipherSuite, sender_data_secret: Secret, ciphertext: bytes
) -> MessageKey:
    """Section 6.3.2: from the first Nh bytes of the ciphertext."""
    sample = ciphertext[: suite.nh]
    return MessageKey(
        suite.expand_with_label(sender_data_secret, b"key", sample, suite.nk),
        suite.expand_with_label(sender_data_secret, b"nonce", sample, suite.nn).expose(),
    )
