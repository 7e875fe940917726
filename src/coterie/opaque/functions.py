"""What the protocol is built of besides the group: KDF, MAC and hash of RFC 9807 section 2, all with SHA-512."""

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from coterie.opaque import oprf
from coterie.opaque.group import Element
from coterie.secret import Secret

NN = 32  # bytes of a nonce
NM = 64  # bytes of a MAC
NH = 64  # bytes of a hash
NX = 64  # bytes of Extract's output
NSEED = 32  # bytes


def extract(ikm: Secret) -> Secret:
    """``Extract("", ikm)``, 64 bytes."""
    return Secret(HKDF.extract(hashes.SHA512(), None, ikm.expose()))


def expand(prk: Secret, info: bytes, size: int) -> Secret:
    """``Expand``."""
    return Secret(HKDFExpand(hashes.SHA512(), size, info).derive(prk.expose()))


def mac(key: Secret, message: bytes) -> bytes:
    """``MAC``, 64 bytes."""
    return hmac.digest(key.expose(), message, "sha512")


def hashed(message: bytes) -> bytes:
    """``Hash``, 64 bytes."""
    return hashlib.sha512(message).digest()


def derive_dh_key_pair(seed: Secret) -> tuple[Secret, Element]:
    """``DeriveDiffieHellmanKeyPair`` for ristretto255, from 32 bytes: section 6.4.1.1."""
    return oprf.derive_key_pair(seed, b"OPAQUE-DeriveDiffieHellmanKeyPair")


def vector(data: bytes) -> bytes:
    """``data`` behind its length in 2 bytes: ``I2OSP(len(data), 2)``."""
    return len(data).to_bytes(2, "big") + data


def xor(a: bytes, b: bytes) -> bytes:
    """Of two strings of one length."""
    return bytes(x ^ y for x, y in zip(a, b, strict=True))
