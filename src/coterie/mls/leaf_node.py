"""Leaf nodes: RFC 9420 section 7.2."""

from dataclasses import dataclass, field, replace
from enum import IntEnum

from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.mls.codec import (
    Reader,
    encode_opaque,
    encode_uint8,
    encode_uint32,
    keep_encoding,
)
from coterie.mls.credential import Credential, read_credential
from coterie.mls.extension import (
    Capabilities,
    Extension,
    Lifetime,
    encode_extensions,
    read_extensions,
)
from coterie.mls.signature_batch import Signed
from coterie.mls.suites import CipherSuite
from coterie.secret import Secret

MLS10 = 1  # ProtocolVersion


class LeafNodeSource(IntEnum):
    """How a leaf came into the tree."""

    KEY_PACKAGE = 1
    UPDATE = 2
    COMMIT = 3


@dataclass(frozen=True, slots=True)
class LeafNode:
    """``struct LeafNode``: everything that describes a member.

    ``lifetime`` is there with KEY_PACKAGE alone, ``parent_hash`` with COMMIT alone.
    """

    encryption_key: bytes
    signature_key: bytes
    credential: Credential
    capabilities: Capabilities
    source: LeafNodeSource
    extensions: tuple[Extension, ...] = ()
    lifetime: Lifetime | None = None
    parent_hash: bytes | None = None
    signature: bytes = b""
    _encoded: bytes = field(default=b"", init=False, repr=False, compare=False)  # kept, once known

    def _unsigned(self) -> bytes:
        if self._encoded:
            return self._encoded[: -len(encode_opaque(self.signature))]
        parts = [
            encode_opaque(self.encryption_key),
            encode_opaque(self.signature_key),
            self.credential.encode(),
            self.capabilities.encode(),
            encode_uint8(self.source),
        ]
        if self.lifetime is not None:
            parts.append(self.lifetime.encode())
        if self.parent_hash is not None:
            parts.append(encode_opaque(self.parent_hash))
        parts.append(encode_extensions(self.extensions))
        return b"".join(parts)

    def encode(self) -> bytes:
        """The wire form."""
        if not self._encoded:
            keep_encoding(self, self._unsigned() + encode_opaque(self.signature))
        return self._encoded

    @classmethod
    def decode(cls, reader: Reader) -> "LeafNode":
        """Takes it from the wire."""
        start = reader.position
        encryption_key, signature_key = reader.opaque(), reader.opaque()
        credential = read_credential(reader)
        capabilities = Capabilities.decode(reader)
        number = reader.uint8()
        try:
            source = LeafNodeSource(number)
        except ValueError:
            raise RemoteProtocolError(f"leaf node source {number}") from None
        lifetime = parent_hash = None
        if source is LeafNodeSource.KEY_PACKAGE:
            lifetime = Lifetime.decode(reader)
        elif source is LeafNodeSource.COMMIT:
            parent_hash = reader.opaque()
        leaf = cls(
            encryption_key,
            signature_key,
            credential,
            capabilities,
            source,
            read_extensions(reader),
            lifetime,
            parent_hash,
            reader.opaque(),
        )
        return keep_encoding(leaf, reader.since(start))

    def _tbs(self, group_id: bytes, leaf_index: int) -> bytes:
        """``LeafNodeTBS``: bound to its place, unless it comes from a key package."""
        if self.source is LeafNodeSource.KEY_PACKAGE:
            return self._unsigned()
        return self._unsigned() + encode_opaque(group_id) + encode_uint32(leaf_index)

    def signed(
        self, suite: CipherSuite, private: Secret, group_id: bytes = b"", leaf_index: int = 0
    ) -> "LeafNode":
        """The same under its own signature key."""
        tbs = self._tbs(group_id, leaf_index)
        return replace(self, signature=suite.sign_with_label(private, b"LeafNodeTBS", tbs))

    def check(self, suite: CipherSuite) -> None:
        """What a leaf says must fit together: sections 7.2 and 7.3. Raises RuleViolation."""
        capabilities = self.capabilities
        # "the credential type used in the LeafNode MUST be included in the credentials field"
        if self.credential.credential_type not in capabilities.credentials:
            raise RuleViolation("leaf-credential-type")
        # "the ID for each extension in the extensions field is listed in ... capabilities.extensions"
        if not capabilities.supports_extensions(e.extension_type for e in self.extensions):
            raise RuleViolation("leaf-extension-unlisted")
        suite.check_encapsulation_key(self.encryption_key)

    def check_lifetime(self, now: int, max_total_s: int | None = None) -> None:
        """Of a key package's leaf, at ``now`` in seconds since 1970; others have none. Raises RuleViolation.

        "Applications MUST define a maximum total lifetime" (section 7.2): that is ``max_total_s``.
        """
        if self.lifetime is None:
            return
        not_before, not_after = self.lifetime.not_before, self.lifetime.not_after
        if not not_before <= now <= not_after:
            raise RuleViolation("lifetime", f"{now} is not within {not_before} to {not_after}")
        if max_total_s is not None and not_after - not_before > max_total_s:
            raise RuleViolation(
                "lifetime-total", f"{not_after - not_before} s, limit {max_total_s}"
            )

    def signed_at(self, group_id: bytes = b"", leaf_index: int = 0) -> Signed:
        """What its signature must hold for at this place."""
        tbs = self._tbs(group_id, leaf_index)
        return Signed(self.signature_key, b"LeafNodeTBS", tbs, self.signature)

    def verify(self, suite: CipherSuite, group_id: bytes = b"", leaf_index: int = 0) -> None:
        """Raises RuleViolation unless its signature holds at this place."""
        if not self.signed_at(group_id, leaf_index).holds(suite):
            raise RuleViolation("leaf-signature")
