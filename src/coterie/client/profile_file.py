"""``profile.json``: what may be known of a profile before its key is. Nothing in it is secret."""

from pathlib import Path

import msgspec

from coterie.client.custody import CHECK_SIZE, SALT_SIZE, Custody
from coterie.errors import StorageError
from coterie.private_files import storage_error, write_private

NAME = "profile.json"

_PROGRAM = "coterie client"
_VERSION = 1


class _Header(msgspec.Struct, frozen=True):
    """What every version has."""

    program: str
    version: int


class ProfileFile(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Version 1, in which Argon2id's numbers are those of ``custody``."""

    program: str
    version: int
    id: str  # random; the name under which a keyring has the key
    custody: Custody
    salt: bytes = b""  # with a passphrase
    check: bytes = b""  # with a passphrase
    has_account: bool = False  # whether one was ever made: then the database is here, or lost

    @classmethod
    def new(
        cls, profile_id: str, custody: Custody, *, salt: bytes = b"", check: bytes = b""
    ) -> "ProfileFile":
        """Of the version that we write."""
        return cls(
            program=_PROGRAM,
            version=_VERSION,
            id=profile_id,
            custody=custody,
            salt=salt,
            check=check,
        )

    def save(self, folder: Path) -> None:
        """Writes it, whole or not at all. Raises StorageError."""
        encoded = msgspec.json.format(msgspec.json.encode(self), indent=2)
        write_private(folder / NAME, encoded + b"\n")

    @classmethod
    def load(cls, folder: Path) -> "ProfileFile":
        """Raises StorageError: another program's, another version, damaged."""
        path = folder / NAME
        try:
            encoded = path.read_bytes()
            header = msgspec.json.decode(encoded, type=_Header)
        except OSError as error:
            raise storage_error(path, "read", error.errno) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StorageError(f"{path} is damaged, or of another program") from error
        if header.program != _PROGRAM:
            raise StorageError(f"{path} is of another program")
        if header.version != _VERSION:
            raise StorageError(
                f"{path} is of version {header.version}, known is {_VERSION}",
                hint="a newer Coterie wrote it: update this one",
            )
        try:
            found = msgspec.json.decode(encoded, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StorageError(f"{path} is damaged: {error}") from error
        sizes = (len(found.salt), len(found.check))
        if found.custody is Custody.PASSPHRASE and sizes != (SALT_SIZE, CHECK_SIZE):
            raise StorageError(f"{path} is damaged: salt of {sizes[0]} bytes, check of {sizes[1]}")
        return found
