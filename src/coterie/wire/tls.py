"""TLS around a channel: what both sides know of it. It carries the channel as TCP would, and the channel asks nothing
of it.

A pin is written ``sha256//`` and base64, as curl writes it: SHA-256 of the certificate's SubjectPublicKeyInfo.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from coterie.errors import InvalidInput

ALPN = (
    "coterie/1"  # RFC 7301; without it a server of another protocol could be talked to by mistake
)
PIN_MARK = "sha256//"
PIN_SIZE = 32  # bytes


@dataclass(frozen=True, slots=True)
class Trust:
    """By what a client judges the server's certificate.

    Pins alone: the key must be one of them, and nothing else counts (as DANE-EE, RFC 7671 section 5.1). Otherwise name,
    dates and chain must be right, by these authorities or by those of the system; and the key too where there are pins.
    """

    authorities: str = ""  # certificates in PEM; empty: those that the system trusts
    pins: tuple[bytes, ...] = ()

    @property
    def is_by_pin_alone(self) -> bool:
        """Whether name, dates and chain count for nothing."""
        return bool(self.pins) and not self.authorities


def pin_of(certificate: bytes) -> bytes:
    """32 bytes: that of a certificate in DER. Raises ValueError where it is none, or its key of an unknown kind."""
    from cryptography import x509  # noqa: PLC0415  # few connections need it
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
    )

    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()


def show_pin(pin: bytes) -> str:
    """As people pass it on."""
    return PIN_MARK + base64.b64encode(pin).decode()


def decode_pin(text: str) -> bytes:
    """The 32 bytes. Raises InvalidInput."""
    try:
        pin = base64.b64decode(text.removeprefix(PIN_MARK), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        pin = b""
    if not text.startswith(PIN_MARK) or len(pin) != PIN_SIZE:
        raise InvalidInput(
            f"not a pin: {text[:80]!r}",
            hint=f"it is {PIN_MARK} and 44 characters; `coterie serve` prints it",
        )
    return pin
