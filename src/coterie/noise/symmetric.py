"""CipherState and SymmetricState: Noise revision 34, sections 5.1 and 5.2, with AESGCM and SHA256 (section 12)."""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.secret import Secret, derived

HASHLEN = 32  # bytes, SHA-256
TAGLEN = 16  # bytes
MAX_NONCE = 2**64 - 1  # reserved for Rekey(): section 5.1
_ZEROS = bytes(32)
_REKEY_NONCE = bytes(4) + MAX_NONCE.to_bytes(8, "big")


class CipherState:
    """A key ``k`` and its counter ``n``. Encrypts for one direction, once for each ``n``."""

    __slots__ = ("_aead", "_k", "_name", "n")

    def __init__(self, k: Secret, name: str) -> None:
        self._name = name  # "handshake", "initiator-to-responder" ...: for the story that keys tell
        self._set(k)
        self.n = 0

    def encrypt_with_ad(self, ad: bytes, plaintext: bytes) -> bytes:
        """``plaintext`` sealed, 16 bytes longer. Raises LocalProtocolError where the counter is used up."""
        n = self.n
        if n >= MAX_NONCE:
            raise LocalProtocolError("nonce used up: rekey long before")
        ciphertext = self._aead.encrypt(n.to_bytes(12, "big"), plaintext, ad)  # 4 zero bytes ‖ n
        self.n = n + 1
        return ciphertext

    def decrypt_with_ad(self, ad: bytes, ciphertext: bytes) -> bytes:
        """The plaintext. Raises RemoteProtocolError where it is forged, replayed or out of order; ``n`` stays."""
        n = self.n
        if n >= MAX_NONCE:
            raise RemoteProtocolError("nonce used up")
        try:
            plaintext = self._aead.decrypt(n.to_bytes(12, "big"), ciphertext, ad)
        except InvalidTag:
            raise RemoteProtocolError(
                f"record {n} of {len(ciphertext)} bytes does not open: altered, replayed or out of order"
            ) from None
        self.n = n + 1
        return plaintext

    def rekey(self) -> None:
        """``k = REKEY(k)``; ``n`` goes on. Sections 4.2 and 11.3."""
        self._set(Secret(self._aead.encrypt(_REKEY_NONCE, _ZEROS, b"")[:32]))

    def key_for_key_log(self) -> tuple[str, Secret]:
        """The direction's name and its present ``k``. The one way out; ``Channel.log_keys`` alone takes it."""
        return self._name, self._k

    def _set(self, k: Secret) -> None:
        self._k = derived(f"noise.{self._name}.k", k)
        self._aead = AESGCM(k.expose())

    def __repr__(self) -> str:
        return f"<CipherState {self._name}, n={self.n}>"


class SymmetricState:
    """A chaining key ``ck``, a handshake hash ``h`` and, once a key was mixed in, a cipher."""

    def __init__(self, protocol_name: str) -> None:
        name = protocol_name.encode()
        self.h = (
            name.ljust(HASHLEN, b"\0") if len(name) <= HASHLEN else hashlib.sha256(name).digest()
        )
        self._ck = Secret(self.h)
        self._cipher: CipherState | None = None

    @property
    def has_key(self) -> bool:
        """Whether what is sent now is encrypted."""
        return self._cipher is not None

    def mix_key(self, input_key_material: Secret) -> None:
        """Section 5.2, ``MixKey``: a new ``ck`` and ``k``, ``n`` at 0."""
        ck, temp_k = _hkdf(self._ck, input_key_material)
        self._ck = derived("noise.ck", ck)
        self._cipher = CipherState(temp_k, "handshake")

    def mix_hash(self, data: bytes) -> None:
        """``MixHash``."""
        self.h = hashlib.sha256(self.h + data).digest()

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """``EncryptAndHash``: the plaintext itself while there is no key."""
        ciphertext = self._cipher.encrypt_with_ad(self.h, plaintext) if self._cipher else plaintext
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """``DecryptAndHash``. Raises RemoteProtocolError."""
        plaintext = self._cipher.decrypt_with_ad(self.h, ciphertext) if self._cipher else ciphertext
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        """``Split``: the initiator's direction, then the responder's."""
        k1, k2 = _hkdf(self._ck, Secret(b""))
        self._ck, self._cipher = Secret(b""), None  # nothing needs them any more
        return CipherState(k1, "initiator-to-responder"), CipherState(k2, "responder-to-initiator")


def _hkdf(chaining_key: Secret, input_key_material: Secret) -> tuple[Secret, Secret]:
    """``HKDF(chaining_key, input_key_material, 2)``: section 4.3."""
    temp_key = hmac.digest(chaining_key.expose(), input_key_material.expose(), "sha256")
    output1 = hmac.digest(temp_key, b"\x01", "sha256")
    output2 = hmac.digest(temp_key, output1 + b"\x02", "sha256")
    return Secret(output1), Secret(output2)
