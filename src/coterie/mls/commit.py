"""Commits and update paths as structures: RFC 9420 sections 7.6 and 12.4."""

from dataclasses import dataclass, field

from coterie.mls.codec import Reader, encode_opaque, encode_optional, encode_vector, keep_encoding
from coterie.mls.leaf_node import LeafNode
from coterie.mls.proposals import ProposalOrRef, encode_proposal_or_ref, read_proposal_or_ref


@dataclass(frozen=True, slots=True)
class HpkeCiphertext:
    """``struct HPKECiphertext``."""

    kem_output: bytes
    ciphertext: bytes

    def encode(self) -> bytes:
        """The wire form."""
        return encode_opaque(self.kem_output) + encode_opaque(self.ciphertext)

    @classmethod
    def decode(cls, reader: Reader) -> "HpkeCiphertext":
        """Takes it from the wire."""
        return cls(reader.opaque(), reader.opaque())


@dataclass(frozen=True, slots=True)
class UpdatePathNode:
    """``struct UpdatePathNode``: one path secret, for each node of the copath's resolution."""

    encryption_key: bytes
    encrypted_path_secret: tuple[HpkeCiphertext, ...]

    def encode(self) -> bytes:
        """The wire form."""
        return encode_opaque(self.encryption_key) + encode_vector(
            ciphertext.encode() for ciphertext in self.encrypted_path_secret
        )

    @classmethod
    def decode(cls, reader: Reader) -> "UpdatePathNode":
        """Takes it from the wire."""
        return cls(reader.opaque(), reader.vector(HpkeCiphertext.decode))


@dataclass(frozen=True, slots=True)
class UpdatePath:
    """``struct UpdatePath``."""

    leaf_node: LeafNode
    nodes: tuple[UpdatePathNode, ...]

    def encode(self) -> bytes:
        """The wire form."""
        return self.leaf_node.encode() + encode_vector(node.encode() for node in self.nodes)

    @classmethod
    def decode(cls, reader: Reader) -> "UpdatePath":
        """Takes it from the wire."""
        return cls(LeafNode.decode(reader), reader.vector(UpdatePathNode.decode))


@dataclass(frozen=True, slots=True)
class Commit:
    """``struct Commit``."""

    proposals: tuple[ProposalOrRef, ...]
    path: UpdatePath | None
    _encoded: bytes = field(default=b"", init=False, repr=False, compare=False)  # kept, once known

    def encode(self) -> bytes:
        """The wire form, which its signature, its transcript hash and its tag all cover."""
        if not self._encoded:
            path = encode_optional(self.path.encode() if self.path else None)
            keep_encoding(self, encode_vector(map(encode_proposal_or_ref, self.proposals)) + path)
        return self._encoded

    @classmethod
    def decode(cls, reader: Reader) -> "Commit":
        """Takes it from the wire."""
        start = reader.position
        commit = cls(reader.vector(read_proposal_or_ref), reader.optional(UpdatePath.decode))
        return keep_encoding(commit, reader.since(start))
