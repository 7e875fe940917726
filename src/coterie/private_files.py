"""Files and folders for one user alone, written so that a crash leaves the old state or the new one."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from coterie.errors import StorageError

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def temporary_name(path: Path) -> Path:
    """Where ``replace_private`` writes before it renames; a crash can leave it behind."""
    return path.with_name(f".{path.name}.new")


def write_private(path: Path, data: bytes) -> None:
    """``replace_private``, with what the system says as a StorageError."""
    try:
        replace_private(path, data)
    except OSError as error:
        raise storage_error(path, "written", error.errno) from error


def replace_private(path: Path, data: bytes) -> None:
    """A file of mode 0600, whole and durable or not at all. Raises OSError."""
    with replacing_private(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing_private(path: Path) -> Iterator[BinaryIO]:
    """The same for what is too large to be held: there once the block ends, and not if it raises. Raises OSError."""
    temporary = temporary_name(path)
    try:
        temporary.unlink(missing_ok=True)  # it could have another mode
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def make_private_folder(folder: Path) -> None:
    """A folder of mode 0700, durable, with those above it where they are missing. Raises StorageError."""
    try:
        if not folder.parent.exists():
            make_private_folder(folder.parent)
        folder.mkdir(FOLDER_MODE, exist_ok=True)
        folder.chmod(FOLDER_MODE)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(folder, "made", error.errno) from error


def storage_error(path: Path, done: str, number: int | None) -> StorageError:
    """What cannot be done to ``path``, and why by ``errno``: "/a/key cannot be read: permission denied"."""
    if number in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"{path} cannot be {done}: the disk is full",
            hint="free some space and try again; what was saved before is kept",
        )
    reason = os.strerror(number).lower() if number else "input/output error"
    return StorageError(f"{path} cannot be {done}: {reason}")


def sync_folder(folder: Path) -> None:
    """Makes the names in it durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
