"""Credentials: RFC 9420 section 5.3. What they mean is the application's to say."""

from dataclasses import dataclass

from coterie.mls.codec import Reader, encode_opaque, encode_uint16, encode_vector

BASIC = 1
X509 = 2


@dataclass(frozen=True, slots=True)
class BasicCredential:
    """A bare identity."""

    identity: bytes

    credential_type = BASIC

    def encode(self) -> bytes:
        """The wire form."""
        return encode_uint16(BASIC) + encode_opaque(self.identity)


@dataclass(frozen=True, slots=True)
class X509Credential:
    """A chain of DER certificates, the leaf first."""

    certificates: tuple[bytes, ...]

    credential_type = X509

    def encode(self) -> bytes:
        """The wire form."""
        return encode_uint16(X509) + encode_vector(map(encode_opaque, self.certificates))


@dataclass(frozen=True, slots=True)
class UnknownCredential:
    """A type that we do not know, kept as it came (section 13.3 lets it be a vector)."""

    credential_type: int
    data: bytes

    def encode(self) -> bytes:
        """The wire form."""
        return encode_uint16(self.credential_type) + encode_opaque(self.data)


Credential = BasicCredential | X509Credential | UnknownCredential


def read_credential(reader: Reader) -> Credential:
    """Takes one from the wire."""
    credential_type = reader.uint16()
    if credential_type == BASIC:
        return BasicCredential(reader.opaque())
    if credential_type == X509:
        return X509Credential(reader.vector(Reader.opaque))
    return UnknownCredential(credential_type, reader.opaque())
