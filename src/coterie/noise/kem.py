"""The KEM of the HFS extension (noise_hfs_spec section 3): ML-KEM-768 (FIPS 203)."""

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)

from coterie.errors import RemoteProtocolError
from coterie.secret import Secret


@dataclass(frozen=True, slots=True)
class KemKeyPair:
    """A KEM key pair."""

    private: MLKEM768PrivateKey
    public: bytes


class _MLKEM768:
    """ML-KEM-768: public key 1,184 bytes, ciphertext 1,088, output 32."""

    name = "MLKEM768"
    public_key_len = 1184
    ciphertext_len = 1088

    def generate(self, seed: Secret | None = None) -> KemKeyPair:
        """``GENERATE_KEM_KEYPAIR``; ``seed`` (64 bytes, d ‖ z) is for vectors."""
        private = MLKEM768PrivateKey.from_seed_bytes(
            seed.expose() if seed else secrets.token_bytes(64)
        )
        return KemKeyPair(private, private.public_key().public_bytes_raw())

    def encapsulate(self, public: bytes) -> tuple[bytes, Secret]:
        """``GENERATE_KEM_CIPHERTEXT``: ciphertext and output.

        Raises RemoteProtocolError for a key that fails FIPS 203's check (section 7.2).
        """
        try:
            output, ciphertext = MLKEM768PublicKey.from_public_bytes(public).encapsulate()
        except ValueError as error:
            raise RemoteProtocolError("no ML-KEM-768 public key") from error
        return ciphertext, Secret(output)

    def decapsulate(self, key_pair: KemKeyPair, ciphertext: bytes) -> Secret:
        """``KEM``: 32 bytes. A wrong ciphertext gives a wrong output, which the next tag shows.

        Raises RemoteProtocolError for a wrong length.
        """
        try:
            return Secret(key_pair.private.decapsulate(ciphertext))
        except ValueError as error:
            raise RemoteProtocolError("no ML-KEM-768 ciphertext") from error


MLKEM768 = _MLKEM768()
