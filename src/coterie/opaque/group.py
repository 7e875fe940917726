"""The group ristretto255 (RFC 9496): libsodium's, by way of rbcl. Nothing else of Coterie knows of either.

rbcl's warts are handled here: it unpacks the library into the temporary folder at import, and takes 32 zero bytes
(the identity) for a valid point.
"""

import hashlib
import os
import tempfile
from contextlib import suppress

from coterie.errors import CoterieError, RemoteProtocolError
from coterie.secret import Secret

try:
    import rbcl
    from rbcl.rbcl import _sodium
except OSError as error:
    raise CoterieError(
        f"libsodium cannot be loaded from {tempfile.gettempdir()}: {error}",
        hint="the temporary folder may be mounted noexec: set TMPDIR to one that is not",
    ) from error

with suppress(OSError):  # the unpacked library is loaded; its file is of no more use to anybody
    os.unlink(_sodium._name)

ELEMENT_SIZE = 32  # bytes: Noe, Npk
SCALAR_SIZE = 32  # bytes: Nok, Nsk
_IDENTITY = bytes(ELEMENT_SIZE)
_ZERO = bytes(SCALAR_SIZE)


def decode_element(encoded: bytes) -> bytes:
    """``encoded``, known to be an element other than the identity. Raises RemoteProtocolError (DeserializeError)."""
    if len(encoded) != ELEMENT_SIZE or encoded == _IDENTITY:
        raise RemoteProtocolError("not an element of ristretto255")
    if not rbcl.crypto_core_ristretto255_is_valid_point(encoded):
        raise RemoteProtocolError("not an element of ristretto255")
    return encoded


def multiply(scalar: Secret, element: bytes) -> bytes:
    """``scalar * element``; the element must have been decoded. Raises RemoteProtocolError for the identity."""
    try:
        product = rbcl.crypto_scalarmult_ristretto255(scalar.expose(), element)
    except (RuntimeError, ValueError, TypeError) as error:
        raise RemoteProtocolError("the product is the identity") from error
    return bytes(product)


def multiply_base(scalar: Secret) -> bytes:
    """``scalar * G``."""
    return bytes(rbcl.crypto_scalarmult_ristretto255_base(scalar.expose()))


def inverse(scalar: Secret) -> Secret:
    """``1 / scalar``."""
    return Secret(bytes(rbcl.crypto_core_ristretto255_scalar_invert(scalar.expose())))


def random_scalar() -> Secret:
    """Uniform, never zero."""
    return Secret(bytes(rbcl.crypto_core_ristretto255_scalar_random()))


def hash_to_group(data: bytes, dst: bytes) -> bytes:
    """RFC 9497 section 4.1: ``expand_message_xmd`` to 64 bytes, then the one-way map of RFC 9496."""
    return bytes(rbcl.crypto_core_ristretto255_from_hash(_expand_message_xmd(data, dst, 64)))


def hash_to_scalar(data: bytes, dst: bytes) -> Secret | None:
    """RFC 9497 section 4.1: 64 bytes, little-endian, modulo the order. None for zero."""
    scalar = bytes(rbcl.crypto_core_ristretto255_scalar_reduce(_expand_message_xmd(data, dst, 64)))
    return None if scalar == _ZERO else Secret(scalar)


def _expand_message_xmd(message: bytes, dst: bytes, size: int) -> bytes:
    """RFC 9380 section 5.3.1 with SHA-512, for one block."""
    dst_prime = dst + bytes([len(dst)])
    b_0 = hashlib.sha512(
        bytes(128) + message + size.to_bytes(2, "big") + b"\0" + dst_prime
    ).digest()
    return hashlib.sha512(b_0 + b"\x01" + dst_prime).digest()[:size]
