"""The data folder: ours or refused, and used by one server at a time."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from coterie.errors import StorageError
from coterie.server.config import FILE as CONFIG
from coterie.server.database import FILE as DATABASE
from coterie.server.keys import FILE as SECRETS

LOCK = "lock"
RESTORING = ".restoring"  # a folder, while a backup is being restored
_BEFORE_THE_FIRST_START = {LOCK, CONFIG, f".{SECRETS}.new", "lost+found"}  # the last: a new disk


@contextmanager
def data_folder(path: Path) -> Iterator[Path]:
    """The folder, made where it is not there, and locked for this process. Raises StorageError."""

    def check() -> None:
        if not is_data_folder(path) and _names(path) - _BEFORE_THE_FIRST_START:
            raise StorageError(
                f"{path} holds something else than a Coterie server's data",
                hint="choose another --data folder, or an empty one",
            )

    with _locked(path, check):
        yield path


@contextmanager
def empty_folder(path: Path) -> Iterator[Path]:
    """The same for one with nothing in it, or with what a restore left that was interrupted. Raises StorageError."""

    def check() -> None:
        found = _names(path) - {LOCK, "lost+found"}
        was_interrupted = RESTORING in found and SECRETS not in found  # they are put there last
        if found and not was_interrupted:
            raise StorageError(
                f"{path} is not empty: it has {min(found)}",
                hint="restore into a new folder, or move the old one away",
            )

    with _locked(path, check):
        yield path


@contextmanager
def _locked(path: Path, check: Callable[[], None]) -> Iterator[None]:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        check()  # before anything is written there
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(f"{path} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StorageError(f"another server is running on {path}") from error
        except OSError as error:
            raise StorageError(f"{path} cannot be locked: {error.strerror}") from error
        yield
    finally:
        os.close(descriptor)


def _names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


def is_data_folder(path: Path) -> bool:
    """Whether a server has begun to keep its data there."""
    return (path / DATABASE).exists() or (path / SECRETS).exists()
