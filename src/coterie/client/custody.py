"""Where the key of a profile's database lies: the system's keyring, a passphrase, or a file beside it.

``keyring`` and ``cryptography`` take long to import, and many a process needs neither: they are imported where they
are used.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from coterie.errors import InvalidInput, StorageError
from coterie.private_files import storage_error, write_private
from coterie.secret import Secret, derived

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

KEY_SIZE = 32
SALT_SIZE = 16
CHECK_SIZE = 16
KEY_FILE = "key"

_SERVICE = "coterie"  # what a person sees in the keyring, beside the profile's id
_PUT_BACK = "put it back from a backup, readable by you: without it nothing here can be read"
_RECOMMENDED = 1  # "a priority of one or greater is recommended" (keyring); below are plain files


class Custody(StrEnum):
    """Who keeps the key."""

    KEYRING = "keyring"
    PASSPHRASE = "passphrase"  # noqa: S105  # not one, but that there is one
    FILE = "file"

    @property
    def sentence(self) -> str:
        """For people: where the key is, what that protects against, and what not."""
        return _SENTENCES[self]


_SENTENCES = {
    Custody.KEYRING: (
        "the key to what is kept here is in the system's keyring: a stolen disk or a copied folder cannot be read; "
        "a program that runs as you while the keyring is unlocked can read it"
    ),
    Custody.PASSPHRASE: (
        "the key to what is kept here is made from your passphrase: a stolen disk or a copied folder can be read by "
        "who guesses it, and by nobody if it is forgotten; a program that runs as you while it is open can read it"
    ),
    Custody.FILE: (
        "the key to what is kept here is in a file beside it that other users of this machine cannot read; "
        "a stolen disk, a copied folder and its backups can be read, so encrypt the disk or use a passphrase"
    ),
}


def preferred_custody() -> Custody:
    """The keyring where one keeps what it is given, else a file: a passphrase is only ever asked for by choice."""
    probe = f"probe {secrets.token_hex(8)}"
    try:
        save_to_keyring(probe, Secret(secrets.token_bytes(KEY_SIZE)))
        delete_from_keyring(probe)
    except StorageError:
        return Custody.FILE
    return Custody.KEYRING


# --- keyring -------------------------------------------------------------------------------------


def save_to_keyring(profile_id: str, key: Secret) -> None:
    """Gives the key to the system's keyring and looks whether it is there. Raises StorageError."""
    with _keyring_errors():
        backend = next(_backends(), None)
        if backend is None:
            raise StorageError(
                "no keyring of this system can keep a key", hint="use a passphrase or a file"
            )
        backend.set_password(_SERVICE, profile_id, key.expose().hex())
        found = backend.get_password(_SERVICE, profile_id)
    if found is None or _decode(found) != key:
        raise StorageError(
            "the keyring did not keep the key it was given", hint="use a passphrase or a file"
        )


def load_from_keyring(profile_id: str) -> Secret:
    """The key given to ``save_to_keyring``. Raises StorageError."""
    with _keyring_errors():
        answers = (backend.get_password(_SERVICE, profile_id) for backend in _backends())
        found = next((answer for answer in answers if answer is not None), None)
    if found is None:
        raise StorageError(
            f"the keyring has no key for {_SERVICE} {profile_id}",
            hint="it is in the keyring of the user and the machine that made the profile; "
            "that keyring may be locked",
        )
    return _decode(found)


def delete_from_keyring(profile_id: str) -> None:
    """Takes the key out, where it is in. Raises StorageError."""
    with _keyring_errors():
        for backend in _backends():
            if backend.get_password(_SERVICE, profile_id) is not None:
                backend.delete_password(_SERVICE, profile_id)


def _backends() -> "Iterator[KeyringBackend]":
    """The keyrings that count, best first: no stand-ins, none that keeps files in plaintext, none that would hang."""
    import keyring  # noqa: PLC0415
    from keyring.backends import chainer, fail, null  # noqa: PLC0415

    chosen = keyring.get_keyring()
    members = chosen.backends if isinstance(chosen, chainer.ChainerBackend) else [chosen]
    for backend in members:
        is_real = not isinstance(backend, (fail.Keyring, null.Keyring, chainer.ChainerBackend))
        if is_real and backend.priority >= _RECOMMENDED and _will_answer(backend):
            yield backend


def _will_answer(backend: "KeyringBackend") -> bool:
    """Secret Service asks for its password on the screen, and without one waits for ever."""
    from keyring.backends import SecretService, libsecret  # noqa: PLC0415

    has_screen = any(os.environ.get(name) for name in ("WAYLAND_DISPLAY", "DISPLAY"))
    if has_screen or not isinstance(backend, (SecretService.Keyring, libsecret.Keyring)):
        return True
    import secretstorage  # noqa: PLC0415

    with closing(secretstorage.dbus_init()) as bus:
        return not secretstorage.Collection(bus).is_locked()


@contextmanager
def _keyring_errors() -> Iterator[None]:
    """Turns each error of a keyring into a StorageError."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        # Backends raise what they like: of D-Bus, of COM, of a program they run. Neither text nor cause is passed on,
        # since such a program's error may quote its arguments, the key among them.
        raise StorageError(
            f"the system's keyring cannot be used: {type(error).__name__}",
            hint="unlock it, and see that this process belongs to your session",
        ) from None


def _decode(found: str) -> Secret:
    try:
        return _checked(bytes.fromhex(found), "the key in the keyring")
    except ValueError:
        raise StorageError("the key in the keyring is damaged", hint=_PUT_BACK) from None


# --- passphrase ----------------------------------------------------------------------------------


def derive_from_passphrase(passphrase: Secret, salt: bytes) -> tuple[Secret, bytes]:
    """The key, and 16 bytes that tell whether a passphrase is the right one.

    Argon2id (RFC 9106) with 64 MiB, t = 3, p = 4: a tenth of a second, for every guess too. A guess is no cheaper by
    the check than by the database. Raises InvalidInput for an empty passphrase.
    """
    if not len(passphrase):
        raise InvalidInput("the passphrase is empty")
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415

    kdf = Argon2id(
        salt=salt, length=KEY_SIZE + CHECK_SIZE, iterations=3, lanes=4, memory_cost=64 * 1024
    )
    output = kdf.derive(passphrase.expose())
    return derived("client.database_key", Secret(output[:KEY_SIZE])), output[KEY_SIZE:]


# --- file ----------------------------------------------------------------------------------------


def save_to_file(folder: Path, key: Secret) -> None:
    """Writes the key into a profile's folder, for the owner alone. Raises StorageError."""
    write_private(folder / KEY_FILE, key.expose())


def load_from_file(folder: Path) -> Secret:
    """The key given to ``save_to_file``. Raises StorageError, also where others can read it."""
    path = folder / KEY_FILE
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            found = file.read(KEY_SIZE + 1)
    except OSError as error:
        told = storage_error(path, "read", error.errno)
        raise StorageError(str(told), hint=_PUT_BACK) from error
    if mode & 0o077:
        raise StorageError(
            f"{path} is open to other users", hint=f"if none of them has read it: chmod 600 {path}"
        )
    return _checked(found, str(path))


def _checked(found: bytes, where: str) -> Secret:
    if len(found) != KEY_SIZE:
        raise StorageError(f"{where} is damaged: not {KEY_SIZE} bytes", hint=_PUT_BACK)
    return Secret(found)
