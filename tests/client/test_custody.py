"""Where a profile's key lies, and which keyrings can be trusted to keep one."""

import subprocess
import sys
from pathlib import Path

import keyring
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from keyring.backend import KeyringBackend
from keyring.backends import SecretService
from keyring.core import load_keyring

from coterie.client import custody
from coterie.client.custody import Custody
from coterie.errors import InvalidInput, StorageError
from coterie.secret import Secret
from tests.client.keyrings import (
    ChainOfKeyrings,
    ForgetfulKeyring,
    LockedKeyring,
    MemoryKeyring,
    PlaintextKeyring,
    use,
)

KEY = Secret(bytes(range(100, 132)))
SALT = b"sixteen bytes of"


@pytest.fixture
def memory_keyring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    backend = MemoryKeyring()
    use(backend, monkeypatch)
    return backend


# --- keyring -------------------------------------------------------------------------------------


def test_keyring_is_preferred_where_it_keeps_what_it_is_given(
    memory_keyring: MemoryKeyring,
) -> None:
    assert custody.preferred_custody() is Custody.KEYRING
    assert memory_keyring.kept == {}  # nothing of the trial stays


FAIL = load_keyring("keyring.backends.fail.Keyring")
NULL = load_keyring("keyring.backends.null.Keyring")
UNUSABLE = {
    "one that fails": FAIL,
    "one that does nothing": NULL,
    "locked": LockedKeyring(),
    "forgetful": ForgetfulKeyring(),
    "plaintext": PlaintextKeyring(),
    "empty chain": ChainOfKeyrings(),
    "chain of such": ChainOfKeyrings(NULL, PlaintextKeyring()),
}


@pytest.mark.parametrize("backend", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_file_is_preferred_where_no_keyring_keeps_a_key(
    backend: KeyringBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(backend, monkeypatch)
    assert custody.preferred_custody() is Custody.FILE
    with pytest.raises(StorageError):
        custody.save_to_keyring("id", KEY)
    assert not getattr(backend, "kept", None)


def test_keyring_that_cannot_even_be_chosen_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.Keyring")
    assert custody.preferred_custody() is Custody.FILE


def test_keyring_gives_back_the_key(memory_keyring: MemoryKeyring) -> None:
    custody.save_to_keyring("id", KEY)
    assert list(memory_keyring.kept) == [("coterie", "id")]
    assert custody.load_from_keyring("id") == KEY
    custody.delete_from_keyring("id")
    assert memory_keyring.kept == {}
    custody.delete_from_keyring("id")


def test_of_a_chain_the_best_keyring_keeps_and_each_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    best, second = MemoryKeyring(), MemoryKeyring()
    use(ChainOfKeyrings(NULL, best, second), monkeypatch)
    custody.save_to_keyring("id", KEY)
    assert (len(best.kept), len(second.kept)) == (1, 0)
    second.kept, best.kept = best.kept, {}
    assert custody.load_from_keyring("id") == KEY


def test_keyring_without_the_key_is_told(memory_keyring: MemoryKeyring) -> None:
    with pytest.raises(StorageError, match="no key for coterie id") as caught:
        custody.load_from_keyring("id")
    assert caught.value.hint


@pytest.mark.parametrize("found", ["", "zz", "00" * 31, "ü"])
def test_key_that_the_keyring_has_damaged_is_told(
    memory_keyring: MemoryKeyring, found: str
) -> None:
    memory_keyring.kept["coterie", "id"] = found
    with pytest.raises(StorageError, match="damaged"):
        custody.load_from_keyring("id")


class AlteringKeyring(MemoryKeyring):
    """Gives back something else."""

    def get_password(self, service: str, username: str) -> str | None:
        return "00" * 32


def test_keyring_that_gives_back_another_key_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(AlteringKeyring(), monkeypatch)
    with pytest.raises(StorageError, match="did not keep the key"):
        custody.save_to_keyring("id", KEY)
    assert custody.preferred_custody() is Custody.FILE


def test_error_of_a_keyring_is_passed_on_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    use(LockedKeyring(), monkeypatch)
    with pytest.raises(StorageError, match="KeyringLocked") as caught:
        custody.save_to_keyring("id", KEY)
    assert KEY.expose().hex() not in str(caught.value)
    assert caught.value.__cause__ is None


class MemorySecretService(MemoryKeyring, SecretService.Keyring):
    """The keyring of a Linux desktop."""


class Bus:
    """A session bus on which somebody keeps secrets."""

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("is_locked", "screen", "preferred"),
    [
        (False, None, Custody.KEYRING),
        (True, None, Custody.FILE),
        (True, ":0", Custody.KEYRING),
    ],
)
def test_locked_keyring_is_not_asked_where_it_has_no_screen_to_ask_on(
    is_locked: bool, screen: str | None, preferred: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over ssh to a desktop `join` stood still for ever: the keyring waited for a window nobody could see."""
    secretstorage = pytest.importorskip("secretstorage")
    collection = type(
        "Collection", (), {"__init__": lambda *_: None, "is_locked": lambda _: is_locked}
    )
    monkeypatch.setattr(secretstorage, "dbus_init", Bus)
    monkeypatch.setattr(secretstorage, "Collection", collection)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv("DISPLAY", screen)
    use(MemorySecretService(), monkeypatch)
    assert custody.preferred_custody() is preferred


# --- passphrase ----------------------------------------------------------------------------------


def test_passphrase_is_stretched_by_argon2id_with_the_numbers_of_the_design() -> None:
    key, check = custody.derive_from_passphrase(Secret(b"correct horse"), SALT)
    whole = Argon2id(salt=SALT, length=48, iterations=3, lanes=4, memory_cost=65536)
    assert key.expose() + check == whole.derive(b"correct horse")
    assert (len(key), len(check)) == (32, 16)


def test_another_passphrase_or_salt_gives_another_key_and_check() -> None:
    first = custody.derive_from_passphrase(Secret(b"one"), SALT)
    for passphrase, salt in ((b"two", SALT), (b"one", SALT[::-1])):
        other = custody.derive_from_passphrase(Secret(passphrase), salt)
        assert other[0] != first[0]
        assert other[1] != first[1]


def test_empty_passphrase_is_refused() -> None:
    with pytest.raises(InvalidInput, match="empty"):
        custody.derive_from_passphrase(Secret(b""), SALT)


# --- file ----------------------------------------------------------------------------------------


def test_file_gives_back_the_key_and_is_for_the_owner_alone(tmp_path: Path) -> None:
    custody.save_to_file(tmp_path, KEY)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert custody.load_from_file(tmp_path) == KEY


def test_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    custody.save_to_file(tmp_path, KEY)
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(StorageError, match="open to other users") as caught:
        custody.load_from_file(tmp_path)
    assert f"chmod 600 {tmp_path / 'key'}" in caught.value.hint


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)], ids=len)
def test_key_file_of_another_size_is_told(tmp_path: Path, content: bytes) -> None:
    custody.save_to_file(tmp_path, KEY)
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        custody.load_from_file(tmp_path)


def test_missing_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        StorageError, match="key cannot be read: no such file or directory"
    ) as caught:
        custody.load_from_file(tmp_path)
    assert "backup" in caught.value.hint


# --- people, and time ----------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", Custody)
def test_each_custody_says_what_it_protects_against_and_what_not(chosen: Custody) -> None:
    assert chosen.sentence.startswith("the key to what is kept here is ")
    assert "stolen disk" in chosen.sentence
    assert not chosen.sentence.endswith(".")


def test_profile_is_looked_at_without_slow_imports() -> None:
    """A second process only asks where the first one listens."""
    script = (
        "import sys, coterie.client.profile;"
        "print({'keyring', 'platformdirs', 'cryptography', 'apsw', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout == "set()\n"
