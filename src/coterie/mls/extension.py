"""Extensions, capabilities and lifetimes: RFC 9420 sections 7.2, 11.1 and 13."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from coterie.errors import RuleViolation
from coterie.mls.codec import (
    Reader,
    decode,
    encode_opaque,
    encode_uint16,
    encode_uint64,
    encode_vector,
    read_uint16,
)


class ExtensionType(IntEnum):
    """Section 17.3. Any other number is kept as it is."""

    APPLICATION_ID = 1
    RATCHET_TREE = 2
    REQUIRED_CAPABILITIES = 3
    EXTERNAL_PUB = 4
    EXTERNAL_SENDERS = 5


DEFAULT_EXTENSIONS = frozenset(ExtensionType)  # everybody has them; capabilities need not list them
DEFAULT_PROPOSALS = frozenset(range(1, 8))  # likewise


@dataclass(frozen=True, slots=True)
class Extension:
    """``struct Extension``. Its data does not print: a room's name is in one."""

    extension_type: int
    extension_data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The wire form."""
        return encode_uint16(self.extension_type) + encode_opaque(self.extension_data)

    @classmethod
    def decode(cls, reader: Reader) -> "Extension":
        """Takes it from the wire."""
        return cls(reader.uint16(), reader.opaque())


def encode_extensions(extensions: Iterable[Extension]) -> bytes:
    """``Extension extensions<V>``."""
    return encode_vector(extension.encode() for extension in extensions)


def read_extensions(reader: Reader) -> tuple[Extension, ...]:
    """``Extension extensions<V>``. Raises RuleViolation where a type comes twice (section 13.4)."""
    extensions = reader.vector(Extension.decode)
    if len({e.extension_type for e in extensions}) != len(extensions):
        raise RuleViolation("extension-twice")
    return extensions


def find_extension(extensions: Iterable[Extension], extension_type: int) -> bytes | None:
    """The data of the extension of that type."""
    return next((e.extension_data for e in extensions if e.extension_type == extension_type), None)


def _encode_uint16s(numbers: Iterable[int]) -> bytes:
    return encode_vector(encode_uint16(number) for number in numbers)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``struct Capabilities``: what a client supports beyond what everybody must."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...] = ()
    proposals: tuple[int, ...] = ()
    credentials: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The wire form."""
        return b"".join(
            map(
                _encode_uint16s,
                (
                    self.versions,
                    self.cipher_suites,
                    self.extensions,
                    self.proposals,
                    self.credentials,
                ),
            )
        )

    @classmethod
    def decode(cls, reader: Reader) -> "Capabilities":
        """Takes it from the wire. Clients of a kind share one value: a tree of thousands holds a few."""
        start = reader.position
        for _ in range(5):
            reader.opaque()
        encoded = reader.since(start)
        return _shared(encoded) if len(encoded) <= _MAX_SHARED else _read_capabilities(encoded)

    def supports_extensions(self, extension_types: Iterable[int]) -> bool:
        """Whether the client knows all of these; as sets, for a hostile leaf lists many."""
        return set(extension_types) <= DEFAULT_EXTENSIONS.union(self.extensions)

    def supports_proposals(self, proposal_types: Iterable[int]) -> bool:
        """Whether the client can take proposals of all these types."""
        return set(proposal_types) <= DEFAULT_PROPOSALS.union(self.proposals)


_MAX_SHARED = 512  # bytes: a hostile leaf lists many, and nothing of it shall be kept


def _read_capabilities(encoded: bytes) -> Capabilities:
    return decode(lambda r: Capabilities(*(r.vector(read_uint16) for _ in range(5))), encoded)


@lru_cache(maxsize=64)
def _shared(encoded: bytes) -> Capabilities:
    return _read_capabilities(encoded)


@dataclass(frozen=True, slots=True)
class RequiredCapabilities:
    """``struct RequiredCapabilities``: section 11.1."""

    extension_types: tuple[int, ...] = ()
    proposal_types: tuple[int, ...] = ()
    credential_types: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The wire form."""
        return b"".join(
            map(_encode_uint16s, (self.extension_types, self.proposal_types, self.credential_types))
        )

    @classmethod
    def decode(cls, reader: Reader) -> "RequiredCapabilities":
        """Takes it from the wire."""
        return cls(*(reader.vector(read_uint16) for _ in range(3)))

    def are_met_by(self, capabilities: Capabilities) -> bool:
        """Whether a client with these may be in the group."""
        return (
            capabilities.supports_extensions(self.extension_types)
            and capabilities.supports_proposals(self.proposal_types)
            and set(self.credential_types) <= set(capabilities.credentials)
        )


@dataclass(frozen=True, slots=True)
class Lifetime:
    """``struct Lifetime``, seconds since 1970. The application looks at it, since only it has a clock."""

    not_before: int
    not_after: int

    def encode(self) -> bytes:
        """16 bytes."""
        return encode_uint64(self.not_before) + encode_uint64(self.not_after)

    @classmethod
    def decode(cls, reader: Reader) -> "Lifetime":
        """Takes it from the wire."""
        return cls(reader.uint64(), reader.uint64())
