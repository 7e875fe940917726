"""HPKE in base mode (RFC 9180) for MLS: sealing by pyca/cryptography, DeriveKeyPair and export from its KEMs.

Private keys travel as bytes in the KEM's SerializePrivateKey form. MLKEM768-X25519 is draft-ietf-hpke-pq's, its
private key the 32-byte seed.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke as pyca
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.secret import Secret


class Kem(Protocol):
    """One of RFC 9180's KEMs, or the post-quantum hybrid."""

    kem_id: int
    enc_size: int
    pyca_id: pyca.KEM

    def derive_key_pair(self, ikm: Secret) -> tuple[Secret, bytes]:
        """``DeriveKeyPair``: private and public key."""

    def public_of(self, private: Secret) -> bytes:
        """The public key of a private one."""

    def load_private(self, private: Secret) -> Any:
        """pyca's object."""

    def load_public(self, public: bytes) -> Any:
        """pyca's object. Raises RuleViolation for a key to which one cannot encapsulate."""

    def check_public(self, public: bytes) -> None:
        """Raises RuleViolation for a key to which one cannot encapsulate."""

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """``Encap``: shared secret and enc."""

    def decapsulate(self, private: Secret, enc: bytes) -> bytes:
        """``Decap``. Raises RemoteProtocolError."""


def _extract(hash_name: str, salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(hashlib.new(hash_name).digest_size), ikm, hash_name)


def _expand(hash_name: str, prk: bytes, info: bytes, size: int) -> bytes:
    block, out, counter = b"", b"", 1
    while len(out) < size:
        block = hmac.digest(prk, block + info + bytes([counter]), hash_name)
        out += block
        counter += 1
    return out[:size]


def _labeled_extract(
    hash_name: str, suite_id: bytes, salt: bytes, label: bytes, ikm: bytes
) -> bytes:
    return _extract(hash_name, salt, b"HPKE-v1" + suite_id + label + ikm)


def _labeled_expand(  # RFC 9180's list
    hash_name: str, suite_id: bytes, prk: bytes, label: bytes, info: bytes, size: int
) -> bytes:
    return _expand(
        hash_name, prk, size.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + info, size
    )


def _extract_and_expand(
    hash_name: str, kem_id: int, dh: bytes, kem_context: bytes, size: int
) -> bytes:
    """RFC 9180 section 4.1, of the DHKEMs."""
    suite_id = b"KEM" + kem_id.to_bytes(2, "big")
    prk = _labeled_extract(hash_name, suite_id, b"", b"eae_prk", dh)
    return _labeled_expand(hash_name, suite_id, prk, b"shared_secret", kem_context, size)


class DhkemX25519:
    """DHKEM(X25519, HKDF-SHA256)."""

    kem_id = 0x0020
    enc_size = 32
    pyca_id = pyca.KEM.X25519

    def derive_key_pair(self, ikm: Secret) -> tuple[Secret, bytes]:
        """RFC 9180 section 7.1.3."""
        suite_id = b"KEM" + self.kem_id.to_bytes(2, "big")
        prk = _labeled_extract("sha256", suite_id, b"", b"dkp_prk", ikm.expose())
        private = Secret(_labeled_expand("sha256", suite_id, prk, b"sk", b"", 32))
        return private, self.public_of(private)

    def public_of(self, private: Secret) -> bytes:
        """32 bytes."""
        return bytes(self.load_private(private).public_key().public_bytes_raw())

    def load_private(self, private: Secret) -> X25519PrivateKey:
        """From 32 bytes."""
        return private.exposed_to(X25519PrivateKey.from_private_bytes)

    def load_public(self, public: bytes) -> X25519PublicKey:
        """From 32 bytes; a point of low order is refused."""
        return _x25519_public(public)

    def check_public(self, public: bytes) -> None:
        """As in ``load_public``."""
        _check_x25519(public)

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """RFC 9180 section 4.1."""
        ephemeral = X25519PrivateKey.generate()
        enc = ephemeral.public_key().public_bytes_raw()
        dh = ephemeral.exchange(self.load_public(public))
        return _extract_and_expand("sha256", self.kem_id, dh, enc + public, 32), enc

    def decapsulate(self, private: Secret, enc: bytes) -> bytes:
        """RFC 9180 section 4.1."""
        try:
            dh = self.load_private(private).exchange(X25519PublicKey.from_public_bytes(enc))
        except ValueError as error:
            raise RemoteProtocolError("encapsulated key of low order") from error
        return _extract_and_expand("sha256", self.kem_id, dh, enc + self.public_of(private), 32)


# Loading a private key costs a scalar multiplication: its Secret keeps what was loaded, and it is gone with that.

_P = 2**255 - 19
_LOW_ORDER = (
    frozenset(  # all encodings of points whose order divides 8, on the curve and on its twist
        (u + high).to_bytes(32, "little")
        for u in (
            *(0, 1, _P - 1, _P, _P + 1),
            0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
            0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        )
        for high in (0, 2**255)  # the bit that RFC 7748 section 5 has us ignore
    )
)


def _check_x25519(public: bytes) -> None:
    if len(public) != 32:  # noqa: PLR2004  # RFC 7748
        raise RuleViolation("encapsulation-key", f"{len(public)} bytes, must be 32")
    # "For X25519 ... implementations MUST check ... whether the Diffie-Hellman shared secret is the all-zero value"
    # (RFC 9180 section 7.1.4): it is so for these points alone, whatever the private key.
    if public in _LOW_ORDER:
        raise RuleViolation("encapsulation-key", "a point of low order")


def _x25519_public(public: bytes) -> X25519PublicKey:
    _check_x25519(public)
    return X25519PublicKey.from_public_bytes(public)


class DhkemP:
    """DHKEM over a NIST curve."""

    def __init__(  # the columns of RFC 9180's table 2
        self,
        kem_id: int,
        curve: ec.EllipticCurve,
        hash_name: str,
        nsk: int,
        order: int,
        pyca_id: pyca.KEM,
    ) -> None:
        self.kem_id = kem_id
        self.pyca_id = pyca_id
        self.enc_size = 2 * nsk + 1
        self._curve, self._hash, self._nsk, self._order = curve, hash_name, nsk, order
        self._bitmask = 0x01 if nsk == 66 else 0xFF  # noqa: PLR2004  # P-521 has 521 bits
        self._nsecret = hashlib.new(hash_name).digest_size

    def derive_key_pair(self, ikm: Secret) -> tuple[Secret, bytes]:
        """RFC 9180 section 7.1.3."""
        suite_id = b"KEM" + self.kem_id.to_bytes(2, "big")
        prk = _labeled_extract(self._hash, suite_id, b"", b"dkp_prk", ikm.expose())
        for counter in range(256):
            candidate = bytearray(
                _labeled_expand(
                    self._hash, suite_id, prk, b"candidate", bytes([counter]), self._nsk
                )
            )
            candidate[0] &= self._bitmask
            if 0 < int.from_bytes(candidate, "big") < self._order:
                private = Secret(bytes(candidate))
                return private, self.public_of(private)
        raise RemoteProtocolError("DeriveKeyPairError")

    def public_of(self, private: Secret) -> bytes:
        """The point, uncompressed."""
        public = self.load_private(private).public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def load_private(self, private: Secret) -> ec.EllipticCurvePrivateKey:
        """From the integer, big-endian; shorter than it should be means zeros on the left."""
        return private.exposed_to(self._derive)

    def _derive(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(private, "big"), self._curve)

    def load_public(self, public: bytes) -> ec.EllipticCurvePublicKey:
        """From an uncompressed point, which must be on the curve."""
        if len(public) != self.enc_size or public[0] != 4:  # noqa: PLR2004  # SEC 1: uncompressed
            raise RuleViolation("encapsulation-key", "no uncompressed point")
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(self._curve, public)
        except ValueError as error:
            raise RuleViolation("encapsulation-key", "no point of the curve") from error

    def check_public(self, public: bytes) -> None:
        """By loading it."""
        self.load_public(public)

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """RFC 9180 section 4.1."""
        ephemeral = ec.generate_private_key(self._curve)
        enc = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        dh = ephemeral.exchange(ec.ECDH(), self.load_public(public))
        return _extract_and_expand(self._hash, self.kem_id, dh, enc + public, self._nsecret), enc

    def decapsulate(self, private: Secret, enc: bytes) -> bytes:
        """RFC 9180 section 4.1."""
        dh = self.load_private(private).exchange(ec.ECDH(), self.load_public(enc))
        context = enc + self.public_of(private)
        return _extract_and_expand(self._hash, self.kem_id, dh, context, self._nsecret)


class MlKem768X25519:
    """MLKEM768-X25519 of draft-ietf-hpke-pq: public key 1,216 bytes, enc 1,120, private key a 32-byte seed."""

    kem_id = 0x647A
    enc_size = 1120
    pyca_id = pyca.KEM.MLKEM768_X25519

    def derive_key_pair(self, ikm: Secret) -> tuple[Secret, bytes]:
        """``LabeledDerive`` with SHAKE256 to the seed (the draft's section on one-stage KDFs)."""
        label, size = b"DeriveKeyPair", 32
        labeled = (
            ikm.expose()
            + b"HPKE-v1KEM"
            + self.kem_id.to_bytes(2, "big")
            + len(label).to_bytes(2, "big")
            + label
            + size.to_bytes(2, "big")
        )
        private = Secret(hashlib.shake_256(labeled).digest(size))
        return private, self.public_of(private)

    def public_of(self, private: Secret) -> bytes:
        """ML-KEM's key, then X25519's."""
        ml_kem, x25519 = private.exposed_to(_hybrid_private)
        return ml_kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def load_private(self, private: Secret) -> pyca.MLKEM768X25519PrivateKey:
        """From the seed."""
        return pyca.MLKEM768X25519PrivateKey(*private.exposed_to(_hybrid_private))

    def load_public(self, public: bytes) -> pyca.MLKEM768X25519PublicKey:
        """Refuses a point of low order, and an ML-KEM key that fails FIPS 203's check (section 7.2)."""
        return pyca.MLKEM768X25519PublicKey(*_hybrid_public(public))

    def check_public(self, public: bytes) -> None:
        """By loading it, which is kept."""
        _hybrid_public(public)

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        """X-Wing's combiner."""
        ml_kem, x25519 = _hybrid_public(public)
        secret_m, ciphertext = ml_kem.encapsulate()
        ephemeral = X25519PrivateKey.generate()
        enc_x = ephemeral.public_key().public_bytes_raw()
        secret_x = ephemeral.exchange(x25519)
        return _x_wing(secret_m, secret_x, enc_x, public[-32:]), ciphertext + enc_x

    def decapsulate(self, private: Secret, enc: bytes) -> bytes:
        """X-Wing's combiner."""
        if len(enc) != self.enc_size:
            raise RemoteProtocolError(f"enc of {len(enc)} bytes, must be {self.enc_size}")
        ml_kem, x25519 = private.exposed_to(_hybrid_private)
        try:
            secret_m = ml_kem.decapsulate(enc[:-32])
            secret_x = x25519.exchange(X25519PublicKey.from_public_bytes(enc[-32:]))
        except ValueError as error:
            raise RemoteProtocolError("encapsulated key of low order") from error
        public_x = x25519.public_key().public_bytes_raw()
        return _x_wing(secret_m, secret_x, enc[-32:], public_x)


def _x_wing(secret_m: bytes, secret_x: bytes, enc_x: bytes, public_x: bytes) -> bytes:
    return hashlib.sha3_256(secret_m + secret_x + enc_x + public_x + b"\\.//^\\").digest()


def _hybrid_private(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(
        expanded[64:]
    )


@lru_cache(maxsize=8192)  # loading an ML-KEM key costs 30 µs, an X25519 one 2
def _hybrid_public(public: bytes) -> tuple[MLKEM768PublicKey, X25519PublicKey]:
    try:
        ml_kem = MLKEM768PublicKey.from_public_bytes(public[:-32])
    except ValueError as error:
        raise RuleViolation("encapsulation-key", "no ML-KEM-768 key") from error
    return ml_kem, _x25519_public(public[-32:])


X25519 = DhkemX25519()
P256 = DhkemP(
    0x0010,
    ec.SECP256R1(),
    "sha256",
    32,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    pyca.KEM.P256,
)
P384 = DhkemP(
    0x0011,
    ec.SECP384R1(),
    "sha384",
    48,
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    pyca.KEM.P384,
)
P521 = DhkemP(
    0x0012,
    ec.SECP521R1(),
    "sha512",
    66,
    0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    pyca.KEM.P521,
)
MLKEM768_X25519 = MlKem768X25519()

_HASHES = {1: "sha256", 2: "sha384", 3: "sha512"}
_KDFS = {1: pyca.KDF.HKDF_SHA256, 2: pyca.KDF.HKDF_SHA384, 3: pyca.KDF.HKDF_SHA512}
_AEADS = {1: pyca.AEAD.AES_128_GCM, 2: pyca.AEAD.AES_256_GCM, 3: pyca.AEAD.CHACHA20_POLY1305}
_SEALING: dict[int, tuple[type[AESGCM] | type[ChaCha20Poly1305], int]] = {  # with Nk
    1: (AESGCM, 16),
    2: (AESGCM, 32),
    3: (ChaCha20Poly1305, 32),
}


class Hpke:
    """A KEM, a KDF and an AEAD. Numbers are RFC 9180's (section 7)."""

    def __init__(self, kem: Kem, kdf_id: int, aead_id: int) -> None:
        self.kem = kem
        self._hash = _HASHES[kdf_id]
        self._aead, self._key_size = _SEALING[aead_id]
        self._suite = pyca.Suite(kem.pyca_id, _KDFS[kdf_id], _AEADS[aead_id])
        self._suite_id = (
            b"HPKE"
            + kem.kem_id.to_bytes(2, "big")
            + kdf_id.to_bytes(2, "big")
            + aead_id.to_bytes(2, "big")
        )

    def generate_key_pair(self) -> tuple[Secret, bytes]:
        """A fresh pair."""
        return self.kem.derive_key_pair(Secret(secrets.token_bytes(66)))

    def seal(self, public: bytes, info: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """``SealBase`` with empty aad: enc and ciphertext. Raises RuleViolation for an unusable key."""
        sealed = self._suite.encrypt(plaintext, self.kem.load_public(public), info)
        return sealed[: self.kem.enc_size], sealed[self.kem.enc_size :]

    def seal_to_many(self, info: bytes) -> Callable[[bytes, bytes], tuple[bytes, bytes]]:
        """``seal`` for many public keys with one long ``info``, which is hashed once and not for each."""
        context = self._schedule_context(info)

        def seal(public: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
            shared_secret, enc = self.kem.encapsulate(public)
            secret = self._extract(shared_secret, b"secret", b"")
            key = self._expand(secret, b"key", context, self._key_size)
            nonce = self._expand(secret, b"base_nonce", context, 12)
            return enc, self._aead(key).encrypt(nonce, plaintext, b"")

        return seal

    def open(self, private: Secret, enc: bytes, info: bytes, ciphertext: bytes) -> bytes:
        """``OpenBase`` with empty aad. Raises RemoteProtocolError."""
        if len(enc) != self.kem.enc_size:
            raise RemoteProtocolError(f"enc of {len(enc)} bytes, must be {self.kem.enc_size}")
        try:
            return self._suite.decrypt(enc + ciphertext, self.kem.load_private(private), info)
        except (InvalidTag, ValueError) as error:
            raise RemoteProtocolError("an HPKE ciphertext does not open") from error

    def setup_and_export(self, public: bytes, context: bytes, size: int) -> tuple[bytes, Secret]:
        """``SetupBaseS`` with empty info and ``Export``: enc and the exported secret."""
        shared_secret, enc = self.kem.encapsulate(public)
        return enc, self._export(shared_secret, context, size)

    def receive_and_export(self, private: Secret, enc: bytes, context: bytes, size: int) -> Secret:
        """``SetupBaseR`` with empty info and ``Export``. Raises RemoteProtocolError."""
        return self._export(self.kem.decapsulate(private, enc), context, size)

    def _export(self, shared_secret: bytes, context: bytes, size: int) -> Secret:
        """RFC 9180 section 5.3."""
        secret = self._extract(shared_secret, b"secret", b"")
        nh = hashlib.new(self._hash).digest_size
        exporter = self._expand(secret, b"exp", self._schedule_context(b""), nh)
        return Secret(self._expand(exporter, b"sec", context, size))

    def _schedule_context(self, info: bytes) -> bytes:
        """``key_schedule_context`` in base mode: RFC 9180 section 5.1."""
        return (
            b"\x00"
            + self._extract(b"", b"psk_id_hash", b"")
            + self._extract(b"", b"info_hash", info)
        )

    def _extract(self, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return _labeled_extract(self._hash, self._suite_id, salt, label, ikm)

    def _expand(self, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
        return _labeled_expand(self._hash, self._suite_id, prk, label, info, size)
