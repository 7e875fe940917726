"""A profile: the folder in which one device keeps what it knows, held by one process at a time.

profile.json   who wrote it and where the key is; written last, it makes the folder a profile
client.db      everything else, encrypted
key            the key to it, with custody ``file`` alone
lock           held by the process that has the profile open
socket         where that process serves the user's other ones
"""

import fcntl
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from msgspec import structs

from coterie.client import profile_file
from coterie.client.custody import (
    KEY_FILE,
    KEY_SIZE,
    SALT_SIZE,
    Custody,
    delete_from_keyring,
    derive_from_passphrase,
    load_from_file,
    load_from_keyring,
    preferred_custody,
    save_to_file,
    save_to_keyring,
)
from coterie.client.profile_file import ProfileFile
from coterie.client.socket_path import socket_path
from coterie.errors import InvalidInput, StorageError, Unavailable
from coterie.private_files import (
    FILE_MODE,
    make_private_folder,
    storage_error,
    temporary_name,
)
from coterie.secret import Secret

DATABASE_FILE = "client.db"
LOCK_FILE = "lock"

LOST = (
    "put it back from a backup of the whole folder; without one the messages and keys of this device are gone, and an "
    "invite makes another account in another folder: `coterie --profile DIR join INVITE NAME`"
)

_LEFTOVERS = (  # of a ``create`` that was killed
    KEY_FILE,
    temporary_name(Path(KEY_FILE)).name,
    temporary_name(Path(profile_file.NAME)).name,
)

Passphrase = Callable[[], Secret]


class ProfileInUse(StorageError):
    """Another process has the profile open, and can be asked at ``socket_path``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is in use by another process")
        self.folder = folder

    @property
    def socket_path(self) -> Path:
        """Where that process serves us. Raises StorageError."""
        return socket_path(self.folder)


class HolderEnded(Unavailable):
    """The process that had the profile open ended while it was asked: who opens the profile now has it."""

    def __init__(self) -> None:
        super().__init__(
            "the process that held the profile has ended",
            hint="what was asked of it may be done all the same: look before you try again",
        )


class NoAccount(StorageError):
    """A profile whose account was begun, and is not known to be made: the same ``join`` goes on with it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"the profile in {folder} has no account yet",
            hint="run `coterie join INVITE NAME` again: it goes on from where it was",
        )


class Profile:
    """An open profile. Whoever has one is the only one, until it is closed."""

    def __init__(self, folder: Path, lock: int, custody: Custody, database_key: Secret) -> None:
        self.folder = folder
        self.custody = custody
        self.database_key = database_key
        self._lock: int | None = lock

    @classmethod
    def create(
        cls, folder: Path, custody: Custody | None = None, passphrase: Passphrase | None = None
    ) -> "Profile":
        """A new profile with a new key. Killed at any moment, it leaves a profile or nothing that blocks the next.

        Without ``custody`` it is ``preferred_custody()``. Raises StorageError where the folder holds a profile or
        something else, or cannot be written; InvalidInput for an empty passphrase.
        """
        folder = folder.absolute()
        check_vacant(folder)
        make_private_folder(folder)
        lock = _take_lock(folder)
        try:
            check_vacant(folder)  # again: another process may have been faster
            _clear(folder)
            file, key = _make_key(folder, custody or preferred_custody(), passphrase)
            try:
                file.save(folder)
            except StorageError:
                if file.custody is Custody.KEYRING:
                    delete_from_keyring(file.id)
                raise
        except BaseException:
            os.close(lock)
            raise
        return cls(folder, lock, file.custody, key)

    @classmethod
    def open(cls, folder: Path, passphrase: Passphrase | None = None) -> "Profile":
        """The profile in ``folder``; ``passphrase`` is called only where there is one.

        Raises ProfileInUse, and that before anybody is asked; StorageError where there is no profile, or one of
        another program or version, or a damaged one; InvalidInput for a wrong passphrase.
        """
        folder = folder.absolute()
        if not cls.exists(folder):
            raise StorageError(
                f"there is no profile in {folder}", hint="`coterie join INVITE NAME` makes one"
            )
        lock = _take_lock(folder)
        try:
            file = ProfileFile.load(folder)
            if file.has_account and not (folder / DATABASE_FILE).exists():
                raise StorageError(f"{folder / DATABASE_FILE} is missing", hint=LOST)
            return cls(folder, lock, file.custody, _load_key(folder, file, passphrase))
        except BaseException:
            os.close(lock)
            raise

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether there is a profile, in whatever state. Raises StorageError where that cannot be seen."""
        path = folder / profile_file.NAME
        try:
            return path.exists()
        except OSError as error:
            raise storage_error(path, "read", error.errno) from error

    @property
    def database_path(self) -> Path:
        """Where the encrypted database is, or is to be."""
        return self.folder / DATABASE_FILE

    @property
    def socket_path(self) -> Path:
        """Where this process serves the user's other ones. Raises StorageError."""
        return socket_path(self.folder)

    def note_account(self) -> None:
        """There is an account from now on, and so a database that can be missed. Raises StorageError."""
        file = ProfileFile.load(self.folder)
        if not file.has_account:
            structs.replace(file, has_account=True).save(self.folder)

    def close(self) -> None:
        """Lets go of the profile. Closing again does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> "Profile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def default_folder() -> Path:
    """``COTERIE_PROFILE``, else the place for a user's data: on Linux ~/.local/share/coterie/default."""
    if named := os.environ.get("COTERIE_PROFILE"):
        return Path(named).expanduser()
    import platformdirs  # noqa: PLC0415  # often not needed

    return platformdirs.user_data_path("coterie", appauthor=False) / "default"


def _take_lock(folder: Path) -> int:
    """A descriptor that holds the lock until it is closed, by us or by the end of the process."""
    path = folder / LOCK_FILE
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as error:
        raise storage_error(path, "opened", error.errno) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ProfileInUse(folder) from None
    except OSError as error:
        os.close(lock)
        raise storage_error(path, "locked", error.errno) from error
    return lock


def check_vacant(folder: Path) -> None:
    """The folder of a new profile is missing, empty, or holds what a killed ``create`` left. Raises StorageError."""
    try:
        found = {entry.name for entry in folder.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise StorageError(
            f"{folder} is no folder", hint="choose another with --profile DIR"
        ) from error
    except OSError as error:
        raise storage_error(folder, "read", error.errno) from error
    if profile_file.NAME in found:
        raise StorageError(
            f"there is a profile in {folder} already", hint="choose another with --profile DIR"
        )
    if others := sorted(found - {LOCK_FILE, *_LEFTOVERS}):
        raise StorageError(
            f"{folder} holds something else: {others[0]}",
            hint="choose an empty or a new folder with --profile DIR",
        )


def _clear(folder: Path) -> None:
    for name in _LEFTOVERS:
        path = folder / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, "removed", error.errno) from error


def _make_key(
    folder: Path, custody: Custody, passphrase: Passphrase | None
) -> tuple[ProfileFile, Secret]:
    profile_id = secrets.token_hex(16)
    if custody is Custody.PASSPHRASE:
        salt = secrets.token_bytes(SALT_SIZE)
        key, check = derive_from_passphrase(_ask(passphrase), salt)
        return ProfileFile.new(profile_id, custody, salt=salt, check=check), key
    key = Secret(secrets.token_bytes(KEY_SIZE))
    if custody is Custody.KEYRING:
        save_to_keyring(profile_id, key)
    else:
        save_to_file(folder, key)
    return ProfileFile.new(profile_id, custody), key


def _load_key(folder: Path, file: ProfileFile, passphrase: Passphrase | None) -> Secret:
    match file.custody:
        case Custody.KEYRING:
            return load_from_keyring(file.id)
        case Custody.FILE:
            return load_from_file(folder)
        case Custody.PASSPHRASE:
            key, check = derive_from_passphrase(_ask(passphrase), file.salt)
            if not hmac.compare_digest(check, file.check):
                raise InvalidInput("the passphrase is wrong")
            return key


def _ask(passphrase: Passphrase | None) -> Secret:
    if passphrase is None:
        raise InvalidInput("the profile has a passphrase, and there is nobody to ask for it")
    return passphrase()
