"""The DH functions: X25519 (Noise section 12.1), to be proven against published vectors, and FFDHE2048 (RFC 7919)."""

import secrets
from dataclasses import dataclass
from typing import Protocol

import gmpy2
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.secret import Secret


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A DH key pair."""

    private: Secret
    public: bytes


class DH(Protocol):
    """``GENERATE_KEYPAIR`` and ``DH`` of Noise section 4.1."""

    name: str
    size: int  # bytes of a public value and of a shared secret: DHLEN

    def generate(self) -> KeyPair: ...

    def from_private(self, private: Secret) -> KeyPair: ...

    def dh(self, key_pair: KeyPair, public: bytes) -> Secret: ...


class _X25519:
    """Curve25519; 32 bytes."""

    name = "25519"
    size = 32

    def generate(self) -> KeyPair:
        """A fresh pair."""
        return self.from_private(Secret(secrets.token_bytes(32)))

    def from_private(self, private: Secret) -> KeyPair:
        """The pair of a 32-byte private key. Raises LocalProtocolError for another length."""
        if len(private) != self.size:
            raise LocalProtocolError(f"private key of {len(private)} bytes, must be {self.size}")
        key = X25519PrivateKey.from_private_bytes(private.expose())
        return KeyPair(private, key.public_key().public_bytes_raw())

    def dh(self, key_pair: KeyPair, public: bytes) -> Secret:
        """32 bytes. Raises RemoteProtocolError for a public value of low order."""
        key = X25519PrivateKey.from_private_bytes(key_pair.private.expose())
        try:
            return Secret(key.exchange(X25519PublicKey.from_public_bytes(public)))
        except ValueError as error:
            raise RemoteProtocolError("public value of low order") from error


# RFC 7919 appendix A.1: p = 2^2048 - 2^1984 + (floor(2^1918 * e) + 560316) * 2^64 - 1, a safe prime; g = 2
_P = gmpy2.mpz(
    "0xFFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9"
    "7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935"
    "984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB"
    "B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61"
    "9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA"
    "886B423861285C97FFFFFFFFFFFFFFFF"
)
_G = gmpy2.mpz(2)
_SIZE = 256  # bytes of p
_EXPONENT_SIZE = 32  # bytes: 256 bits, above the 225 that RFC 7919 section 5.2 asks for


class _FFDHE2048:
    """The 2048-bit group of RFC 7919; 256 bytes."""

    name = "FFDHE2048"
    size = _SIZE

    def generate(self) -> KeyPair:
        """A fresh pair: an exponent of 256 random bits with the top bit set."""
        exponent = bytearray(secrets.token_bytes(_EXPONENT_SIZE))
        exponent[0] |= 0x80
        return self.from_private(Secret(bytes(exponent)))

    def from_private(self, private: Secret) -> KeyPair:
        """The pair of a 32-byte exponent. Raises LocalProtocolError for one that ``generate`` cannot have made."""
        if len(private) != _EXPONENT_SIZE or not private.expose()[0] & 0x80:
            raise LocalProtocolError("exponent must be 256 bits with the top bit set")
        return KeyPair(private, _power(_G, private))

    def dh(self, key_pair: KeyPair, public: bytes) -> Secret:
        """256 bytes, padded on the left. Raises RemoteProtocolError for a value outside 2 ... p-2."""
        if len(public) != _SIZE:
            raise RemoteProtocolError(f"public value of {len(public)} bytes, must be {_SIZE}")
        value = gmpy2.mpz.from_bytes(public, "big")
        # "by ensuring that 1 < Y < p-1" (RFC 7919 section 5.1), and before any power of it is taken.
        # p is a safe prime, so what is left has the order q or 2q: of a static exponent its parity could leak,
        # one bit of 256.
        if not 2 <= value <= _P - 2:  # noqa: PLR2004
            raise RemoteProtocolError("public value outside 2 ... p-2")
        return Secret(_power(value, key_pair.private))


def _power(base: "gmpy2.mpz", exponent: Secret) -> bytes:
    """``base ** exponent mod p`` by GMP's side-channel-silent function.

    Always 256 bytes: a secret whose leading zeros were dropped would tell them by the time its hash takes (Raccoon).
    """
    power = gmpy2.powmod_sec(base, gmpy2.mpz.from_bytes(exponent.expose(), "big"), _P)
    return bytes(power.to_bytes(_SIZE, "big"))


def prepare_thread() -> None:
    """To be called first in each thread of a pool: lets GMP release the interpreter's lock there.

    The setting belongs to gmpy2's context, and each thread has one of its own. Without it two threads take twice
    the time of one, and the event loop stalls meanwhile.
    """
    gmpy2.get_context().allow_release_gil = True


X25519: DH = _X25519()
FFDHE2048: DH = _FFDHE2048()
