"""Key packages: RFC 9420 section 10."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from coterie.errors import LocalProtocolError, RuleViolation
from coterie.mls.codec import Reader, decode, encode_opaque, encode_uint16, keep_encoding
from coterie.mls.credential import Credential
from coterie.mls.extension import (
    DEFAULT_EXTENSIONS,
    DEFAULT_PROPOSALS,
    Capabilities,
    Extension,
    Lifetime,
    encode_extensions,
    read_extensions,
)
from coterie.mls.grease import grease_extension
from coterie.mls.leaf_node import MLS10 as MLS10  # noqa: PLC0414  # its users look for it here
from coterie.mls.leaf_node import LeafNode, LeafNodeSource
from coterie.mls.signature_batch import Signed, first_invalid
from coterie.mls.suites import CipherSuite, suite_of
from coterie.secret import Secret


@dataclass(frozen=True, slots=True)
class NewLeaf:
    """What a client puts into every leaf of its own, and the key that signs it."""

    signature_private: Secret
    signature_key: bytes
    credential: Credential
    capabilities: Capabilities
    extensions: tuple[Extension, ...] = ()

    def __post_init__(self) -> None:
        # "The following proposal and extension types are considered 'default' and MUST NOT be listed" (section 7.2)
        listed = [
            *DEFAULT_EXTENSIONS.intersection(self.capabilities.extensions),
            *DEFAULT_PROPOSALS.intersection(self.capabilities.proposals),
        ]
        if listed:
            raise LocalProtocolError(f"capabilities list default types: {listed}")


@dataclass(frozen=True, slots=True)
class KeyPackage:
    """``struct KeyPackage``: lets others add its maker while it is away."""

    version: int
    cipher_suite: int
    init_key: bytes
    leaf_node: LeafNode
    extensions: tuple[Extension, ...] = ()
    signature: bytes = b""
    _encoded: bytes = field(default=b"", init=False, repr=False, compare=False)  # kept, once known
    _is_verified: bool = field(default=False, init=False, repr=False, compare=False)  # its two

    def _tbs(self) -> bytes:
        if self._encoded:
            return self._encoded[: -len(encode_opaque(self.signature))]
        return (
            encode_uint16(self.version)
            + encode_uint16(self.cipher_suite)
            + encode_opaque(self.init_key)
            + self.leaf_node.encode()
            + encode_extensions(self.extensions)
        )

    def encode(self) -> bytes:
        """The wire form."""
        if not self._encoded:
            keep_encoding(self, self._tbs() + encode_opaque(self.signature))
        return self._encoded

    @classmethod
    def decode(cls, reader: Reader) -> "KeyPackage":
        """Takes it from the wire."""
        start = reader.position
        package = cls(
            reader.uint16(),
            reader.uint16(),
            reader.opaque(),
            LeafNode.decode(reader),
            read_extensions(reader),
            reader.opaque(),
        )
        return keep_encoding(package, reader.since(start))

    @classmethod
    def from_bytes(cls, encoded: bytes) -> "KeyPackage":
        """Takes the only one there; ``validate`` comes after. Raises RemoteProtocolError."""
        return decode(cls.decode, encoded)

    def reference(self) -> bytes:
        """``KeyPackageRef``: section 5.2."""
        suite = suite_of(self.cipher_suite)
        return suite.ref_hash(b"MLS 1.0 KeyPackage Reference", self.encode())

    def _signed(self) -> Signed:
        return Signed(self.leaf_node.signature_key, b"KeyPackageTBS", self._tbs(), self.signature)

    def validate(self, suite: CipherSuite) -> None:
        """Section 10.1, but for what only the application and the group can say. Raises RuleViolation."""
        if self.version != MLS10:
            raise RuleViolation("key-package-version", str(self.version))
        if self.cipher_suite != suite.number:
            raise RuleViolation("key-package-suite", str(self.cipher_suite))
        leaf = self.leaf_node
        if leaf.source is not LeafNodeSource.KEY_PACKAGE:
            raise RuleViolation("key-package-leaf-source")
        leaf.check(suite)
        if not self._is_verified:
            leaf.verify(suite)
            if not self._signed().holds(suite):
                raise RuleViolation("key-package-signature")
            object.__setattr__(self, "_is_verified", True)
        # "Verify that the value of leaf_node.encryption_key is different from the value of the init_key field"
        if leaf.encryption_key == self.init_key:
            raise RuleViolation("key-package-keys-equal")
        suite.check_encapsulation_key(self.init_key)


def verify_ahead(suite: CipherSuite, packages: Iterable[KeyPackage]) -> None:
    """Verifies the signatures of many over threads, if they all hold; ``validate`` says which does not."""
    packages = [
        package
        for package in packages
        if package.cipher_suite == suite.number and not package._is_verified
    ]
    signed = [s for p in packages for s in (p.leaf_node.signed_at(), p._signed())]
    if first_invalid(suite, signed) is None:
        for package in packages:
            object.__setattr__(package, "_is_verified", True)


@dataclass(frozen=True, slots=True)
class KeyPackageBundle:
    """A key package with its private keys. The signature key is not in it: all of a client's share one."""

    key_package: KeyPackage
    init_private: Secret
    encryption_private: Secret

    @classmethod
    def create(
        cls,
        suite: CipherSuite,
        leaf: NewLeaf,
        lifetime: Lifetime,
        extensions: tuple[Extension, ...] = (),
    ) -> "KeyPackageBundle":
        """A fresh one, with a GREASE extension that says nothing: section 13.5."""
        init_private, init_key = suite.hpke.generate_key_pair()
        encryption_private, encryption_key = suite.hpke.generate_key_pair()
        leaf_node = LeafNode(
            encryption_key,
            leaf.signature_key,
            leaf.credential,
            leaf.capabilities,
            LeafNodeSource.KEY_PACKAGE,
            leaf.extensions,
            lifetime=lifetime,
        ).signed(suite, leaf.signature_private)
        package = KeyPackage(
            MLS10, suite.number, init_key, leaf_node, (*extensions, grease_extension())
        )
        signature = suite.sign_with_label(leaf.signature_private, b"KeyPackageTBS", package._tbs())
        return cls(replace(package, signature=signature), init_private, encryption_private)

    def encode(self) -> Secret:
        """To be kept encrypted at rest until a Welcome uses it."""
        return Secret(
            encode_opaque(self.init_private.expose())
            + encode_opaque(self.encryption_private.expose())
            + self.key_package.encode()
        )

    @classmethod
    def load(cls, encoded: Secret) -> "KeyPackageBundle":
        """What ``encode`` gave."""
        reader = Reader(encoded.expose())
        init_private, encryption_private = Secret(reader.opaque()), Secret(reader.opaque())
        return cls(KeyPackage.decode(reader), init_private, encryption_private)
