"""Cipher suites: RFC 9420 section 5.1 and 17.1, with the labels that sections 5.1.2, 5.1.3 and 8 put around them."""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.mls import hpke
from coterie.mls.codec import encode_opaque, encode_uint16, encode_uint32
from coterie.secret import Secret

AEAD_TAG_SIZE = 16  # bytes, of all three AEADs


class SignatureScheme(Protocol):
    """How members sign. Private keys are as the vectors have them."""

    def generate(self) -> tuple[Secret, bytes]: ...

    def sign(self, private: Secret, data: bytes) -> bytes: ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool: ...


class _Ed25519:
    """Private key: the 32-byte seed."""

    def generate(self) -> tuple[Secret, bytes]:
        """A fresh pair."""
        key = Ed25519PrivateKey.generate()
        return Secret(key.private_bytes_raw()), key.public_key().public_bytes_raw()

    def sign(self, private: Secret, data: bytes) -> bytes:
        """64 bytes."""
        return private.exposed_to(Ed25519PrivateKey.from_private_bytes).sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """Whether it holds."""
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


class _Ecdsa:
    """Private key: the integer, big-endian. Signatures are DER."""

    def __init__(self, curve: ec.EllipticCurve, algorithm: hashes.HashAlgorithm) -> None:
        self._curve, self._algorithm = curve, ec.ECDSA(algorithm)

    def generate(self) -> tuple[Secret, bytes]:
        """A fresh pair."""
        key = ec.generate_private_key(self._curve)
        size = (self._curve.key_size + 7) // 8
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return Secret(key.private_numbers().private_value.to_bytes(size, "big")), public

    def sign(self, private: Secret, data: bytes) -> bytes:
        """About 70 to 140 bytes."""
        return private.exposed_to(self._load).sign(data, self._algorithm)

    def _load(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(private, "big"), self._curve)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """Whether it holds."""
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, public)
            key.verify(signature, data, self._algorithm)
        except (InvalidSignature, ValueError):
            return False
        return True


class CipherSuite:
    """One suite. All secrets it derives are Nh, its keys Nk and its nonces Nn bytes."""

    def __init__(  # the columns of RFC 9420's table 7
        self,
        number: int,
        hpke_suite: hpke.Hpke,
        hash_name: str,
        aead: type[AESGCM] | type[ChaCha20Poly1305],
        nk: int,
        signature: SignatureScheme,
    ) -> None:
        self.number = number
        self.hpke = hpke_suite
        self.hash_name = hash_name
        self.nh = hashlib.new(hash_name).digest_size
        self.nk = nk
        self.nn = 12
        self._aead = aead
        self._new_hash = getattr(hashlib, hash_name)
        self.signature = signature

    def __repr__(self) -> str:
        return f"<CipherSuite {self.number}>"

    # --- hash, MAC, KDF ------------------------------------------------------------------------

    def hash(self, data: bytes) -> bytes:
        """``Hash``."""
        return bytes(self._new_hash(data).digest())

    def mac(self, key: Secret, data: bytes) -> bytes:
        """``MAC``: HMAC."""
        return hmac.digest(key.expose(), data, self.hash_name)

    def extract(self, salt: bytes, ikm: bytes) -> Secret:
        """``KDF.Extract``."""
        return Secret(hmac.digest(salt or bytes(self.nh), ikm, self.hash_name))

    def expand_with_label(
        self, secret: Secret, label: bytes, context: bytes, length: int
    ) -> Secret:
        """``ExpandWithLabel``: section 8."""
        info = _kdf_label(length, label) + encode_opaque(context)
        key, name = secret.expose(), self.hash_name
        block = hmac.digest(key, info + b"\x01", name)
        if length <= self.nh:
            return Secret(block[:length])
        out, counter = block, 2
        while len(out) < length:
            block = hmac.digest(key, block + info + bytes([counter]), name)
            out += block
            counter += 1
        return Secret(out[:length])

    def derive_secret(self, secret: Secret, label: bytes) -> Secret:
        """``DeriveSecret``: section 8."""
        return self.expand_with_label(secret, label, b"", self.nh)

    def derive_tree_secret(
        self, secret: Secret, label: bytes, generation: int, length: int
    ) -> Secret:
        """``DeriveTreeSecret``: section 9.1."""
        return self.expand_with_label(secret, label, encode_uint32(generation), length)

    def ref_hash(self, label: bytes, value: bytes) -> bytes:
        """``RefHash``: section 5.2."""
        return self.hash(encode_opaque(label) + encode_opaque(value))

    # --- signatures ----------------------------------------------------------------------------

    def sign_with_label(self, private: Secret, label: bytes, content: bytes) -> bytes:
        """``SignWithLabel``: section 5.1.2."""
        return self.signature.sign(private, _sign_content(label, content))

    def verify_with_label(
        self, public: bytes, label: bytes, content: bytes, signature: bytes
    ) -> bool:
        """``VerifyWithLabel``."""
        return self.signature.verify(public, _sign_content(label, content), signature)

    # --- AEAD and HPKE -------------------------------------------------------------------------

    def seal(self, key: Secret, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """``AEAD.Seal``."""
        return self._aead(key.expose()).encrypt(nonce, plaintext, aad)

    def open(self, key: Secret, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """``AEAD.Open``. Raises RemoteProtocolError."""
        try:
            return self._aead(key.expose()).decrypt(nonce, ciphertext, aad)
        except InvalidTag:
            raise RemoteProtocolError(
                f"{len(ciphertext)} bytes of ciphertext do not open"
            ) from None

    def encrypt_with_label(
        self, public: bytes, label: bytes, context: bytes, plaintext: bytes
    ) -> tuple[bytes, bytes]:
        """``EncryptWithLabel``: kem_output and ciphertext. Section 5.1.3. Raises RuleViolation for a bad key."""
        return self.hpke.seal(public, _encrypt_context(label, context), plaintext)

    def encrypt_with_label_to_many(
        self, label: bytes, context: bytes
    ) -> Callable[[bytes, bytes], tuple[bytes, bytes]]:
        """``EncryptWithLabel`` of one long context, from public key and plaintext."""
        return self.hpke.seal_to_many(_encrypt_context(label, context))

    def decrypt_with_label(
        self, private: Secret, label: bytes, context: bytes, kem_output: bytes, ciphertext: bytes
    ) -> bytes:
        """``DecryptWithLabel``. Raises RemoteProtocolError."""
        return self.hpke.open(private, kem_output, _encrypt_context(label, context), ciphertext)

    def check_encapsulation_key(self, public: bytes) -> None:
        """Raises RuleViolation for a key to which nobody could encapsulate."""
        self.hpke.kem.check_public(public)


@lru_cache(maxsize=128)  # the RFC's, and those of exports
def _label(label: bytes) -> bytes:
    return encode_opaque(b"MLS 1.0 " + label)


@lru_cache(maxsize=128)
def _kdf_label(length: int, label: bytes) -> bytes:
    """The beginning of ``struct KDFLabel``."""
    return encode_uint16(length) + _label(label)


def _sign_content(label: bytes, content: bytes) -> bytes:
    return _label(label) + encode_opaque(content)


def _encrypt_context(label: bytes, context: bytes) -> bytes:
    return _label(label) + encode_opaque(context)


_ED25519 = _Ed25519()
_ECDSA_P256 = _Ecdsa(ec.SECP256R1(), hashes.SHA256())
_ECDSA_P384 = _Ecdsa(ec.SECP384R1(), hashes.SHA384())
_ECDSA_P521 = _Ecdsa(ec.SECP521R1(), hashes.SHA512())

# draft-ietf-mls-pq-ciphersuites has no code points yet, so its second suite stands here under a private-use one
# (RFC 9420 section 17.1: 0xF000 to 0xFFFF), the KEM's number with the first digit of that range.
DEFAULT_SUITE = 0xF47A

SUITES = MappingProxyType(
    {
        suite.number: suite
        for suite in (
            CipherSuite(1, hpke.Hpke(hpke.X25519, 1, 1), "sha256", AESGCM, 16, _ED25519),
            CipherSuite(2, hpke.Hpke(hpke.P256, 1, 1), "sha256", AESGCM, 16, _ECDSA_P256),
            CipherSuite(3, hpke.Hpke(hpke.X25519, 1, 3), "sha256", ChaCha20Poly1305, 32, _ED25519),
            CipherSuite(5, hpke.Hpke(hpke.P521, 3, 2), "sha512", AESGCM, 32, _ECDSA_P521),
            CipherSuite(7, hpke.Hpke(hpke.P384, 2, 2), "sha384", AESGCM, 32, _ECDSA_P384),
            CipherSuite(
                DEFAULT_SUITE, hpke.Hpke(hpke.MLKEM768_X25519, 2, 2), "sha384", AESGCM, 32, _ED25519
            ),
        )
    }
)


def suite_of(number: int) -> CipherSuite:
    """Raises RuleViolation for a suite that is not supported."""
    try:
        return SUITES[number]
    except KeyError:
        raise RuleViolation("cipher-suite", f"{number} is not supported") from None
