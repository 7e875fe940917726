"""The file format of SQLCipher 4, read without SQLite: what is in a database for whoever has the key."""

import hmac
from collections.abc import Iterator
from hashlib import pbkdf2_hmac, sha512

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAGE_SIZE, SALT_SIZE, IV_SIZE, MAC_SIZE = 4096, 16, 16, 64


def pages(file: bytes, key: bytes) -> Iterator[bytes]:
    """The plaintext of each page of a database file under a raw 32-byte key. Raises ValueError at a false MAC."""
    salt = bytes(byte ^ 0x3A for byte in file[:SALT_SIZE])
    mac_key = pbkdf2_hmac("sha512", key, salt, 2, 32)
    for start in range(0, len(file), PAGE_SIZE):
        page = file[start : start + PAGE_SIZE]
        sealed, mac = page[SALT_SIZE if start == 0 else 0 : -MAC_SIZE], page[-MAC_SIZE:]
        number = (start // PAGE_SIZE + 1).to_bytes(4, "little")
        if not hmac.compare_digest(mac, hmac.digest(mac_key, sealed + number, sha512)):
            raise ValueError(f"page {start // PAGE_SIZE + 1} has a false MAC")
        ciphertext, iv = sealed[:-IV_SIZE], sealed[-IV_SIZE:]
        decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
        yield decryptor.update(ciphertext) + decryptor.finalize()
