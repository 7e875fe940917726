"""The ``external_senders`` extension: RFC 9420 section 12.1.8.1."""

from collections.abc import Iterable
from dataclasses import dataclass

from coterie.mls.codec import Reader, decode, encode_opaque, encode_vector
from coterie.mls.credential import Credential, read_credential
from coterie.mls.extension import Extension, ExtensionType


@dataclass(frozen=True, slots=True)
class ExternalSender:
    """``struct ExternalSender``: who may propose without being a member."""

    signature_key: bytes
    credential: Credential

    def encode(self) -> bytes:
        """The wire form."""
        return encode_opaque(self.signature_key) + self.credential.encode()

    @classmethod
    def decode(cls, reader: Reader) -> "ExternalSender":
        """Takes it from the wire."""
        return cls(reader.opaque(), read_credential(reader))


def read_external_senders(data: bytes) -> tuple[ExternalSender, ...]:
    """The extension's data. Raises RemoteProtocolError."""
    return decode(lambda reader: reader.vector(ExternalSender.decode), data)


def external_senders(senders: Iterable[ExternalSender]) -> Extension:
    """For a group's extensions: these may propose, each known by its place in the list."""
    return Extension(ExtensionType.EXTERNAL_SENDERS, encode_vector(s.encode() for s in senders))
