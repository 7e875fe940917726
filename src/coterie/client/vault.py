"""The vault: the account key as it lies on the server, sealed under what only the password gives. PROTOCOL.md section 3."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coterie.errors import RemoteProtocolError
from coterie.secret import Secret, derived

LABEL = b"coterie/1 vault"
NONCE_SIZE = 12  # bytes; random: a key seals once, since each registration gives another export_key
ACCOUNT_KEY_SIZE = 32  # bytes, an Ed25519 seed
_VERSION = b"\x01"


def seal_vault(account_key: Secret, export_key: Secret, name: str, server_id: bytes) -> bytes:
    """61 bytes: nonce ‖ AES-256-GCM of version ‖ account key, for this name on this server (16 bytes) alone."""
    nonce = secrets.token_bytes(NONCE_SIZE)
    plaintext = _VERSION + account_key.expose()
    return nonce + _cipher(export_key).encrypt(nonce, plaintext, name.encode() + server_id)


def open_vault(vault: bytes, export_key: Secret, name: str, server_id: bytes) -> Secret:
    """The account key. Raises RemoteProtocolError: with the right password only a server that altered it does that."""
    nonce, ciphertext = vault[:NONCE_SIZE], vault[NONCE_SIZE:]
    try:
        plaintext = _cipher(export_key).decrypt(nonce, ciphertext, name.encode() + server_id)
    except (InvalidTag, ValueError) as error:  # ValueError: too short for a nonce
        raise RemoteProtocolError(f"the vault of {len(vault)} bytes does not open") from error
    if plaintext[:1] != _VERSION or len(plaintext) != 1 + ACCOUNT_KEY_SIZE:
        raise RemoteProtocolError(
            "the vault is of another version", hint="update this client: a newer one wrote it"
        )
    return Secret(plaintext[1:])


def _cipher(export_key: Secret) -> AESGCM:
    key = HKDF(SHA512(), length=32, salt=None, info=LABEL).derive(export_key.expose())
    return AESGCM(derived("vault.key", Secret(key)).expose())
