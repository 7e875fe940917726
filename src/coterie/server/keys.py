"""The server's secrets: a file of their own, apart from the database (PROTOCOL.md section 5).

With the database alone no password can be guessed; so the two are never in one file, and backups are encrypted.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from coterie.errors import StorageError
from coterie.noise.dh import FFDHE2048, KeyPair
from coterie.noise.production import fingerprint
from coterie.opaque.server import ServerKeys
from coterie.secret import Secret

FILE = "secrets"
_MARK = "coterie server secrets"
_VERSION = 1


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mark: str
    version: int
    noise_static: bytes  # 32-byte exponent
    opaque: bytes  # 96 bytes


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
            encoded = path.read_bytes()
        except FileNotFoundError:
            return cls._create(path)
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        try:
            file = msgspec.msgpack.decode(encoded, type=_File)
        except msgspec.DecodeError as error:
            raise StorageError(f"{path} is damaged, or of another program") from error
        if file.mark != _MARK or file.version != _VERSION:
            raise StorageError(f"{path} is of version {file.version}, known is {_VERSION}")
        static = FFDHE2048.from_private(Secret(file.noise_static))
        return cls(static, ServerKeys.decode(Secret(file.opaque)))

    @classmethod
    def _create(cls, path: Path) -> "Keys":
        keys = cls(FFDHE2048.generate(), ServerKeys.generate())
        file = _File(_MARK, _VERSION, keys.static.private.expose(), keys.opaque.encode().expose())
        write_private(path, msgspec.msgpack.encode(file))
        return keys


def write_private(path: Path, data: bytes) -> None:
    """A file of mode 0600, whole or not at all. Raises StorageError."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
