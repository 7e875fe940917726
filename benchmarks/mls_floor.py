"""The floor for ``mls.py``: the primitives that a step cannot do without, as often as it needs them, in bare loops.

No protocol, no checks, no framing and one thread. Keys that a member has anyway are loaded before the clock starts,
those that a step meets for the first time are loaded within. The number of hashes and HMACs is the RFC's, rounded up.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coterie.mls import DEFAULT_SUITE, CipherSuite

EPOCH_MACS = (
    16  # joiner, member, epoch and welcome secrets, the nine of section 8, the confirmation tag
)
MESSAGE_MACS = 5  # two keys, two nonces, the ratchet's next secret


class Floor:
    """The primitives of one suite, and loops of them for each step."""

    def __init__(self, suite: CipherSuite) -> None:
        is_hybrid = suite.number == DEFAULT_SUITE
        self._hash = hashlib.sha384 if is_hybrid else hashlib.sha256
        self._hash_name = suite.hash_name
        self._key = bytes(suite.nk)
        self._secret = bytes(suite.nh)
        self._hpke = hpke.Suite(
            hpke.KEM.MLKEM768_X25519 if is_hybrid else hpke.KEM.X25519,
            hpke.KDF.HKDF_SHA384 if is_hybrid else hpke.KDF.HKDF_SHA256,
            hpke.AEAD.AES_256_GCM if is_hybrid else hpke.AEAD.AES_128_GCM,
        )
        x25519 = X25519PrivateKey.generate()
        self._x25519_public = x25519.public_key().public_bytes_raw()
        private: hpke.MLKEM768X25519PrivateKey | X25519PrivateKey = x25519
        self._ml_kem_public = b""
        if is_hybrid:
            ml_kem = MLKEM768PrivateKey.generate()
            self._ml_kem_public = ml_kem.public_key().public_bytes_raw()
            private = hpke.MLKEM768X25519PrivateKey(ml_kem, x25519)
        self._private = private
        self._public = self._load_public()
        self._sealed = self._hpke.encrypt(self._secret, self._public, b"info")
        self._signing = Ed25519PrivateKey.generate()
        self._signature_key = self._signing.public_key().public_bytes_raw()
        self._verifying = self._signing.public_key()
        self._leaf = bytes(len(self._x25519_public + self._ml_kem_public) + 200)  # about a leaf
        self._signature = self._signing.sign(self._leaf)

    def _load_public(self) -> hpke.MLKEM768X25519PublicKey | X25519PublicKey:
        x25519 = X25519PublicKey.from_public_bytes(self._x25519_public)
        if not self._ml_kem_public:
            return x25519
        ml_kem = MLKEM768PublicKey.from_public_bytes(self._ml_kem_public)
        return hpke.MLKEM768X25519PublicKey(ml_kem, x25519)

    # --- loops ---------------------------------------------------------------------------------

    def _hashes(self, count: int, data: bytes) -> None:
        for _ in range(count):
            self._hash(data).digest()

    def _macs(self, count: int) -> None:
        for _ in range(count):
            hmac.digest(self._secret, self._key, self._hash_name)

    def _opens_a_ratchet(self, depth: int) -> None:
        """In a new epoch: both children of each node from the root to a leaf, and the leaf's two ratchets."""
        self._macs(2 * depth + 2)

    def _seals(self, count: int) -> None:
        for _ in range(count):
            self._hpke.encrypt(self._secret, self._public, b"info")

    def _opens(self, count: int) -> None:
        for _ in range(count):
            self._hpke.decrypt(self._sealed, self._private, b"info")

    def _signs(self, count: int) -> None:
        for _ in range(count):
            self._signing.sign(self._leaf)

    def _verifies(self, count: int) -> None:
        for _ in range(count):
            self._verifying.verify(self._signature, self._leaf)

    def _loads_signature_keys(self, count: int) -> None:
        for _ in range(count):
            Ed25519PublicKey.from_public_bytes(self._signature_key)

    def _loads_public_keys(self, count: int) -> None:
        for _ in range(count):
            self._load_public()

    def _derives_key_pairs(self, count: int) -> None:
        """One path secret to the next, to the node's secret and to its pair."""
        self._macs(4 * count)
        for _ in range(count):
            X25519PrivateKey.from_private_bytes(self._key[:16] * 2).public_key().public_bytes_raw()
            if self._ml_kem_public:
                ml_kem = MLKEM768PrivateKey.from_seed_bytes(self._key * 2)
                ml_kem.public_key().public_bytes_raw()

    def _aeads(self, size: int) -> None:
        AESGCM(self._key).encrypt(bytes(12), bytes(size), b"aad")

    # --- steps ---------------------------------------------------------------------------------

    def create(self, size: int) -> None:
        """``size`` - 1 adds: two signatures each to verify, one secret to seal, a reference and the tree to hash."""
        self._loads_signature_keys(size)
        self._loads_public_keys(2 * size)
        self._verifies(2 * (size - 1))
        self._derives_key_pairs(2 + _depth(size))
        self._seals(size - 1)
        self._hashes(3 * size, self._leaf)
        self._signs(4)
        self._macs(2 * EPOCH_MACS)
        self._hashes(1, self._leaf * size)  # the GroupInfo, which each seal is bound to
        self._aeads(size * len(self._leaf))

    def join(self, size: int) -> None:
        """A signature each to verify, the tree to hash; a GroupInfo, the secrets and the path to us to open."""
        self._loads_signature_keys(size)
        self._loads_public_keys(size)
        self._verifies(size + 1)
        self._opens(1)
        self._hashes(2 * size, self._leaf)
        self._hashes(1, self._leaf * size)
        self._derives_key_pairs(1)
        self._macs(EPOCH_MACS)
        self._aeads(size * len(self._leaf))

    def update(self, size: int, seals: int) -> None:
        """A path with fresh keys, so many secrets to seal, the path to hash, two signatures."""
        depth = _depth(size)
        self._derives_key_pairs(depth + 1)
        self._seals(seals)
        self._hashes(3 * depth + 4, self._leaf)
        self._signs(2)
        self._macs(EPOCH_MACS + MESSAGE_MACS)
        self._opens_a_ratchet(depth)
        self._aeads(seals * 100)

    def process(self, size: int, derived: int) -> None:
        """Two signatures to verify, a secret to open, so many key pairs to derive, the path to load and to hash."""
        depth = _depth(size)
        self._loads_signature_keys(1)
        self._loads_public_keys(depth + 1)
        self._verifies(2)
        self._opens(1)
        self._derives_key_pairs(derived)
        self._hashes(3 * depth + 4, self._leaf)
        self._macs(EPOCH_MACS + MESSAGE_MACS)
        self._opens_a_ratchet(depth)
        self._aeads(100)
        self._aeads(16)

    def encrypt(self, size: int) -> None:
        """``size`` bytes."""
        self._signs(1)
        self._macs(MESSAGE_MACS)
        self._aeads(size)
        self._aeads(16)

    def decrypt(self, size: int) -> None:
        """``size`` bytes."""
        self._verifies(1)
        self._macs(MESSAGE_MACS)
        self._aeads(size)
        self._aeads(16)


def _depth(size: int) -> int:
    return (size - 1).bit_length()
