"""The group ristretto255 (RFC 9496): libsodium's, by way of rbcl. Nothing else of Coterie knows of either.

rbcl's warts end here: it unpacks libsodium into the temporary folder at import and leaves it there; it answers wrong
input with three kinds of exceptions; its libsodium takes for a valid point 32 zero bytes, which are the identity, and
looks past the highest bit, so that an element had a second encoding.
"""

import hashlib
import os
import tempfile
import traceback
from contextlib import suppress
from typing import NewType

from coterie.errors import LocalProtocolError, RemoteProtocolError, StorageError
from coterie.secret import Secret

ELEMENT_SIZE = 32  # bytes: Noe and Npk
SCALAR_SIZE = 32  # bytes: Nok and Nsk
UNIFORM_SIZE = 64  # bytes that the one-way map and the reduction take
ORDER = 2**252 + 27742317777372353535851937790883648493

Element = NewType("Element", bytes)  # 32 bytes, the one encoding of an element; never the identity


def _remove(path: str) -> None:
    """The unpacked library: loaded, nobody needs its file (but Windows, which keeps it)."""
    with suppress(OSError):
        os.unlink(path)


def _not_loaded(error: OSError) -> StorageError:
    """What to say when rbcl was not imported. What it unpacked is removed: else each try would leave 2.8 MB."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == "rbcl._sodium" and "lib_path" in frame.f_globals:
            _remove(frame.f_globals["lib_path"])
    folder = os.environ.get("TMPDIR") or "the temporary folder"
    with suppress(OSError):  # raised where no folder at all can be written to
        folder = tempfile.gettempdir()
    return StorageError(
        f"libsodium cannot be loaded from {folder}: {error}",
        hint="the folder may be full, or mounted noexec: set TMPDIR to one that is neither",
    )


try:
    import rbcl
    from rbcl._sodium import lib_path
except OSError as failed:
    raise _not_loaded(failed) from failed
_remove(lib_path)


def decode_element(encoded: bytes) -> Element:
    """``DeserializeElement``. Raises RemoteProtocolError: RFC 9497 section 4.1 refuses the identity too."""
    # The size first, which rbcl answers with a ValueError.
    # "If the resulting value is >= p, decoding fails" (RFC 9496, 4.3.1): is_valid_point lets 2^255 and more pass.
    if (
        len(encoded) != ELEMENT_SIZE
        or encoded == bytes(ELEMENT_SIZE)
        or encoded[-1] & 0x80
        or not rbcl.crypto_core_ristretto255_is_valid_point(encoded)
    ):
        raise RemoteProtocolError("not an element of ristretto255, or its identity")
    return Element(encoded)


def decode_scalar(encoded: Secret) -> Secret:
    """``encoded``, if it is in 1 … order - 1, little-endian. Raises LocalProtocolError."""
    value = int.from_bytes(encoded.expose(), "little")
    if len(encoded) != SCALAR_SIZE or not 0 < value < ORDER:
        raise LocalProtocolError("not a scalar of ristretto255, or zero")
    return encoded


def multiply(scalar: Secret, element: Element) -> Element:
    """``scalar * element``. Raises RemoteProtocolError where that is the identity."""
    try:
        return Element(rbcl.crypto_scalarmult_ristretto255(scalar.expose(), element))
    except RuntimeError as error:
        raise RemoteProtocolError("a product is the identity of ristretto255") from error


def multiply_base(scalar: Secret) -> Element:
    """``scalar * G``; the scalar is not zero."""
    return Element(rbcl.crypto_scalarmult_ristretto255_base(scalar.expose()))


def inverse(scalar: Secret) -> Secret:
    """``1 / scalar``; the scalar is not zero."""
    return Secret(rbcl.crypto_core_ristretto255_scalar_invert(scalar.expose()))


def random_scalar() -> Secret:
    """Uniform, never zero."""
    return Secret(rbcl.crypto_core_ristretto255_scalar_random())


def hash_to_group(data: Secret, dst: bytes) -> Element:
    """RFC 9497 section 4.1: ``expand_message_xmd``, then the one-way map of RFC 9496 section 4.3.4."""
    uniform = _expand_message_xmd(data, dst)
    return Element(rbcl.crypto_core_ristretto255_from_hash(uniform))


def hash_to_scalar(data: Secret, dst: bytes) -> Secret:
    """RFC 9497 section 4.1: ``expand_message_xmd``, little-endian, modulo the order. May be zero."""
    uniform = _expand_message_xmd(data, dst)
    return Secret(rbcl.crypto_core_ristretto255_scalar_reduce(uniform))


def _expand_message_xmd(message: Secret, dst: bytes) -> bytes:
    """RFC 9380 section 5.3.1 with SHA-512, whose one block is all that is wanted."""
    dst_prime = dst + bytes([len(dst)])
    z_pad, l_i_b_str = bytes(128), UNIFORM_SIZE.to_bytes(2, "big")
    b_0 = hashlib.sha512(z_pad + message.expose() + l_i_b_str + b"\x00" + dst_prime).digest()
    return hashlib.sha512(b_0 + b"\x01" + dst_prime).digest()
