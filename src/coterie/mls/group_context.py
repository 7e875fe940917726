"""The group context: RFC 9420 section 8.1."""

from dataclasses import dataclass, field, replace

from coterie.errors import RuleViolation
from coterie.mls.codec import (
    Reader,
    encode_opaque,
    encode_uint16,
    encode_uint64,
    keep_encoding,
)
from coterie.mls.extension import Extension, encode_extensions, read_extensions
from coterie.mls.leaf_node import MLS10

MAX_EPOCH = 2**64 - 1


@dataclass(frozen=True, slots=True)
class GroupContext:
    """``struct GroupContext``: what all members of an epoch agree on."""

    cipher_suite: int
    group_id: bytes
    epoch: int
    tree_hash: bytes
    confirmed_transcript_hash: bytes
    extensions: tuple[Extension, ...] = ()
    version: int = MLS10
    _encoded: bytes = field(default=b"", init=False, repr=False, compare=False)  # kept, once known

    def encode(self) -> bytes:
        """The wire form, which every signature of the epoch covers."""
        if not self._encoded:
            encoded = (
                encode_uint16(self.version)
                + encode_uint16(self.cipher_suite)
                + encode_opaque(self.group_id)
                + encode_uint64(self.epoch)
                + encode_opaque(self.tree_hash)
                + encode_opaque(self.confirmed_transcript_hash)
                + encode_extensions(self.extensions)
            )
            keep_encoding(self, encoded)
        return self._encoded

    def following(
        self,
        tree_hash: bytes,
        confirmed_transcript_hash: bytes,
        extensions: tuple[Extension, ...],
    ) -> "GroupContext":
        """Of the next epoch. Raises RuleViolation after the last one that has a number."""
        if self.epoch == MAX_EPOCH:
            raise RuleViolation("epoch-last")
        return replace(
            self,
            epoch=self.epoch + 1,
            tree_hash=tree_hash,
            confirmed_transcript_hash=confirmed_transcript_hash,
            extensions=extensions,
        )

    @classmethod
    def decode(cls, reader: Reader) -> "GroupContext":
        """Takes it from the wire."""
        version, cipher_suite = reader.uint16(), reader.uint16()
        return cls(
            cipher_suite,
            reader.opaque(),
            reader.uint64(),
            reader.opaque(),
            reader.opaque(),
            read_extensions(reader),
            version,
        )
