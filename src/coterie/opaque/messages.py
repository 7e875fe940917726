"""The messages of registration and login: RFC 9807 sections 5.1, 6.1 and 6.3.1. All fields have fixed sizes."""

from dataclasses import dataclass, fields
from typing import ClassVar, Self

from coterie.errors import RemoteProtocolError
from coterie.opaque.functions import NH, NM, NN
from coterie.opaque.group import ELEMENT_SIZE, Element, decode_element

ENVELOPE_SIZE = NN + NM  # bytes: nonce and tag
MASKED_RESPONSE_SIZE = ELEMENT_SIZE + ENVELOPE_SIZE  # the server's public key and the envelope
CREDENTIAL_RESPONSE_SIZE = ELEMENT_SIZE + NN + MASKED_RESPONSE_SIZE


@dataclass(frozen=True, slots=True, repr=False)
class _Message:
    """Fields one after the other, each ``SIZES`` bytes."""

    SIZES: ClassVar[tuple[int, ...]]

    def encode(self) -> bytes:
        """The wire form."""
        return b"".join(getattr(self, f.name) for f in fields(self))

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """From the wire; what is an ``Element`` by type is one. Raises RemoteProtocolError."""
        if len(encoded) != sum(cls.SIZES):
            wanted = sum(cls.SIZES)
            raise RemoteProtocolError(f"{cls.__name__} of {len(encoded)} bytes, must be {wanted}")
        values, start = [], 0
        for f, size in zip(fields(cls), cls.SIZES, strict=True):
            value = encoded[start : start + size]
            values.append(decode_element(value) if f.type is Element else value)
            start += size
        return cls(*values)


@dataclass(frozen=True, slots=True, repr=False)
class RegistrationRequest(_Message):
    """32 bytes."""

    SIZES = (ELEMENT_SIZE,)
    blinded_message: Element


@dataclass(frozen=True, slots=True, repr=False)
class RegistrationResponse(_Message):
    """64 bytes."""

    SIZES = (ELEMENT_SIZE, ELEMENT_SIZE)
    evaluated_message: Element
    server_public_key: Element


@dataclass(frozen=True, slots=True, repr=False)
class RegistrationRecord(_Message):
    """192 bytes: what the server keeps of an account."""

    SIZES = (ELEMENT_SIZE, NH, ENVELOPE_SIZE)
    client_public_key: Element
    masking_key: bytes
    envelope: bytes


@dataclass(frozen=True, slots=True, repr=False)
class KE1(_Message):
    """96 bytes: ``CredentialRequest`` and ``AuthRequest``."""

    SIZES = (ELEMENT_SIZE, NN, ELEMENT_SIZE)
    blinded_message: Element
    client_nonce: bytes
    client_public_keyshare: Element


@dataclass(frozen=True, slots=True, repr=False)
class CredentialResponse(_Message):
    """160 bytes: the first part of KE2."""

    SIZES = (ELEMENT_SIZE, NN, MASKED_RESPONSE_SIZE)
    evaluated_message: Element
    masking_nonce: bytes
    masked_response: bytes


@dataclass(frozen=True, slots=True, repr=False)
class AuthResponse(_Message):
    """128 bytes: the second part of KE2."""

    SIZES = (NN, ELEMENT_SIZE, NM)
    server_nonce: bytes
    server_public_keyshare: Element
    server_mac: bytes


def decode_ke2(encoded: bytes) -> tuple[CredentialResponse, AuthResponse]:
    """KE2's two parts, 320 bytes. Raises RemoteProtocolError."""
    return (
        CredentialResponse.decode(encoded[:CREDENTIAL_RESPONSE_SIZE]),
        AuthResponse.decode(encoded[CREDENTIAL_RESPONSE_SIZE:]),
    )
