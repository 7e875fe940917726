"""The server's secrets: a file of their own, apart from the database (PROTOCOL.md section 5).

With the database alone no password can be guessed; so the two are never in one file, and backups are encrypted.
"""

import errno
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from coterie.errors import LocalProtocolError, StorageError
from coterie.noise.dh import FFDHE2048, KeyPair
from coterie.noise.production import fingerprint
from coterie.opaque.server import ServerKeys
from coterie.private_files import replace_private
from coterie.secret import Secret
from coterie.server.database import FILE as DATABASE
from coterie.server.database import DiskFull

FILE = "secrets"
_MARK = "coterie server secrets"
_VERSION = 1


class _Header(msgspec.Struct, frozen=True):
    mark: str
    version: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mark: str
    version: int
    noise_static: bytes  # 32-byte exponent
    opaque: bytes  # 96 bytes
    checksum: bytes  # SHA-256: a damaged key would be a working key of another server


@dataclass(frozen=True, slots=True)
class Keys:
    """What the server proves itself with, and what makes its password records useless to a thief."""

    static: KeyPair
    opaque: ServerKeys

    @property
    def fingerprint(self) -> bytes:
        """32 bytes, for invites."""
        return fingerprint(self.static.public)

    @classmethod
    def open(cls, folder: Path) -> "Keys":
        """Those of a data folder, made at its first start. Raises StorageError."""
        path = folder / FILE
        try:
            if path.stat().st_mode & 0o077:
                raise StorageError(
                    f"{path} can be read by others than its owner", hint=f"chmod 600 {path}"
                )
            encoded = path.read_bytes()
        except FileNotFoundError:
            if (folder / DATABASE).exists():
                # New keys would shut out every client, and make every password wrong.
                raise StorageError(
                    f"{path} is missing, and {DATABASE} is of no use without it",
                    hint="put it back from a backup; to begin anew, move the data folder away",
                ) from None
            return cls._create(path)
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        return cls._decode(path, encoded)

    @classmethod
    def _decode(cls, path: Path, encoded: bytes) -> "Keys":
        damaged = StorageError(
            f"{path} is damaged, or of another program", hint="put it back from a backup"
        )
        try:
            header = msgspec.msgpack.decode(encoded, type=_Header)
            if header.mark != _MARK:
                raise damaged
            if header.version != _VERSION:
                raise StorageError(
                    f"{path} is of version {header.version}, this one knows {_VERSION}",
                    hint="install the version of coterie that wrote it",
                )
            file = msgspec.msgpack.decode(encoded, type=_File)
            if file.checksum != _checksum(file.noise_static, file.opaque):
                raise damaged
            static = FFDHE2048.from_private(Secret(file.noise_static))
            return cls(static, ServerKeys.decode(Secret(file.opaque)))
        except (msgspec.DecodeError, UnicodeDecodeError, LocalProtocolError, ValueError) as error:
            raise damaged from error

    @classmethod
    def _create(cls, path: Path) -> "Keys":
        keys = cls(FFDHE2048.generate(), ServerKeys.generate())
        secrets = keys.static.private.expose(), keys.opaque.encode().expose()
        file = _File(_MARK, _VERSION, *secrets, _checksum(*secrets))
        write_private(path, msgspec.msgpack.encode(file))
        return keys


def _checksum(noise_static: bytes, opaque: bytes) -> bytes:
    return hashlib.sha256(b"coterie server secrets" + noise_static + opaque).digest()


def write_private(path: Path, data: bytes) -> None:
    """A file of mode 0600, whole or not at all. Raises StorageError."""
    try:
        replace_private(path, data)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull from error
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
