"""A file sealed under a passphrase, written and read as a stream: docs/reference/backup-format.md.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) as age uses it: chunks of AES-256-GCM whose nonces
are a counter and a mark of the last one, so that a chunk that is missing, moved, doubled or altered is found.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from coterie.errors import StorageError
from coterie.private_files import storage_error
from coterie.secret import Secret, derived

MAGIC = b"coterie backup\x00"
VERSION = 1
SALT_SIZE = 16
KEY_SIZE = 32
CHECK_SIZE = 16  # tells a wrong passphrase from a damaged file; a guess is no cheaper by it
HEADER_SIZE = len(MAGIC) + 1 + SALT_SIZE + CHECK_SIZE
CHUNK_SIZE = 64 * 2**10  # bytes of plaintext in each but the last: what is held in memory
_TAG_SIZE = 16

Derive = Callable[[Secret, bytes], tuple[Secret, bytes]]  # of passphrase and salt: key and check


def argon2id(passphrase: Secret, salt: bytes) -> tuple[Secret, bytes]:
    """The key, and the check. Argon2id (RFC 9106), 64 MiB, t = 3, p = 4: as OPAQUE's and a profile's."""
    kdf = Argon2id(
        salt=salt, length=KEY_SIZE + CHECK_SIZE, iterations=3, lanes=4, memory_cost=64 * 1024
    )
    output = kdf.derive(passphrase.expose())
    return derived("server.backup_key", Secret(output[:KEY_SIZE])), output[KEY_SIZE:]


class SealedWriter:
    """Seals what is written. Without ``finish`` the file is not whole, and nobody opens it."""

    def __init__(self, file: BinaryIO, passphrase: Secret, derive: Derive = argon2id) -> None:
        self._file = file
        salt = secrets.token_bytes(SALT_SIZE)
        key, check = derive(passphrase, salt)
        self._header = MAGIC + bytes([VERSION]) + salt + check
        self._aead = key.exposed_to(AESGCM)
        self._waiting = bytearray()
        self._number = 0
        file.write(self._header)

    def write(self, data: bytes) -> None:
        """Any number of bytes."""
        self._waiting += data
        while len(self._waiting) > CHUNK_SIZE:  # the last one waits: it is sealed as such
            self._seal(bytes(self._waiting[:CHUNK_SIZE]), is_last=False)
            del self._waiting[:CHUNK_SIZE]

    def finish(self) -> None:
        """Nothing follows."""
        self._seal(bytes(self._waiting), is_last=True)

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._number, is_last=is_last)
        self._file.write(self._aead.encrypt(nonce, chunk, self._header))
        self._number += 1


class SealedReader:
    """Opens what ``SealedWriter`` made. Gives no byte that was not authenticated; raises StorageError."""

    def __init__(
        self, file: BinaryIO, path: Path, passphrase: Secret, derive: Derive = argon2id
    ) -> None:
        self._file, self._path = file, path
        self._header = self._raw(HEADER_SIZE)
        magic, rest = self._header[: len(MAGIC)], self._header[len(MAGIC) :]
        if magic != MAGIC:
            raise StorageError(f"{path} is no backup of a Coterie server")
        if len(self._header) < HEADER_SIZE:
            raise StorageError(f"{path} is cut short: it ends within its header")
        if rest[0] != VERSION:
            raise StorageError(
                f"{path} is a backup of version {rest[0]}, this one knows {VERSION}",
                hint="install the version of coterie that made it, or a newer one",
            )
        salt, check = rest[1 : 1 + SALT_SIZE], rest[1 + SALT_SIZE :]
        key, expected = derive(passphrase, salt)
        if Secret(check) != Secret(expected):
            raise StorageError(f"the passphrase is not the one of {path}, or its header is damaged")
        self._aead = key.exposed_to(AESGCM)
        self._number = 0
        self._opened = b""
        self._next = self._raw(CHUNK_SIZE + _TAG_SIZE)

    def read(self, most: int) -> bytes:
        """At least one byte and ``most`` at most; none at the end of the whole file, and only there."""
        if not self._opened and not self._has_ended:
            self._opened = self._open()
        taken, self._opened = self._opened[:most], self._opened[most:]
        return taken

    @property
    def _has_ended(self) -> bool:
        """The last chunk was opened."""
        return self._number > 0 and not self._next

    def _open(self) -> bytes:
        sealed, self._next = self._next, self._raw(CHUNK_SIZE + _TAG_SIZE)
        chunk = self._opens(sealed, is_last=not self._next)
        if chunk is None:
            place = HEADER_SIZE + self._number * (CHUNK_SIZE + _TAG_SIZE)
            if not self._next and self._opens(sealed, is_last=False) is not None:
                raise StorageError(f"{self._path} is cut short: more must follow its last byte")
            what = "is damaged or was altered" if self._next else "is damaged or cut short"
            raise StorageError(f"{self._path} {what} after byte {place}", hint="try an older one")
        self._number += 1
        return chunk

    def _opens(self, sealed: bytes, *, is_last: bool) -> bytes | None:
        try:
            return self._aead.decrypt(_nonce(self._number, is_last=is_last), sealed, self._header)
        except InvalidTag:
            return None

    def _raw(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise storage_error(self._path, "read", error.errno) from error


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
