"""The KEM functions of the HFS extension (noise_hfs_spec section 3): ML-KEM-768 (FIPS 203)."""

import secrets
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from coterie.errors import RemoteProtocolError
from coterie.secret import Secret

_SEED_SIZE = 64  # bytes: d ‖ z of FIPS 203's key generation


@dataclass(frozen=True, slots=True)
class KemKeyPair:
    """A KEM key pair. The private key is pyca's object: it neither prints nor pickles."""

    private: MLKEM768PrivateKey
    public: bytes


class KEM(Protocol):
    """``GENERATE_KEM_KEYPAIR``, ``GENERATE_KEM_CIPHERTEXT`` and ``KEM``."""

    name: str
    public_key_size: int  # bytes: KEMPUBLICKEYLEN
    ciphertext_size: int  # bytes: KEMCIPHERTEXTLEN

    def generate(self) -> KemKeyPair: ...

    def encapsulate(self, public: bytes) -> tuple[bytes, Secret]: ...

    def decapsulate(self, key_pair: KemKeyPair, ciphertext: bytes) -> Secret: ...


class _MLKEM768:
    """ML-KEM-768: public key 1,184 bytes, ciphertext 1,088, output 32."""

    name = "MLKEM768"
    public_key_size = 1184
    ciphertext_size = 1088

    def generate(self) -> KemKeyPair:
        """A fresh pair."""
        return self.from_seed(Secret(secrets.token_bytes(_SEED_SIZE)))

    def from_seed(self, seed: Secret) -> KemKeyPair:
        """The pair that grows from 64 bytes, d ‖ z: FIPS 203 section 7.1."""
        private = MLKEM768PrivateKey.from_seed_bytes(seed.expose())
        return KemKeyPair(private, private.public_key().public_bytes_raw())

    def encapsulate(self, public: bytes) -> tuple[bytes, Secret]:
        """Ciphertext and output. Raises RemoteProtocolError for a key that fails FIPS 203's check (section 7.2)."""
        try:
            output, ciphertext = MLKEM768PublicKey.from_public_bytes(public).encapsulate()
        except ValueError as error:
            raise RemoteProtocolError("no ML-KEM-768 public key") from error
        return ciphertext, Secret(output)

    def decapsulate(self, key_pair: KemKeyPair, ciphertext: bytes) -> Secret:
        """32 bytes; raises RemoteProtocolError for a wrong length.

        A ciphertext that was altered gives another output, by design: the next tag shows it.
        """
        try:
            return Secret(key_pair.private.decapsulate(ciphertext))
        except ValueError as error:
            raise RemoteProtocolError("no ML-KEM-768 ciphertext") from error


MLKEM768 = _MLKEM768()
