"""A profile's folder: made whole or not at all, held by one process, opened by its key alone."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.client.custody import Custody
from coterie.client.profile import Profile, ProfileInUse, default_folder
from coterie.errors import InvalidInput, StorageError
from coterie.secret import Secret
from tests.client.keyrings import ForgetfulKeyring, MemoryKeyring, use


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def memory_keyring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    backend = MemoryKeyring()
    use(backend, monkeypatch)
    return backend


class Person:
    """Types a passphrase as often as asked."""

    def __init__(self, passphrase: bytes) -> None:
        self.passphrase = passphrase
        self.asked = 0

    def __call__(self) -> Secret:
        self.asked += 1
        return Secret(self.passphrase)


def nobody() -> Secret:
    pytest.fail("was asked for a passphrase")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- made, and opened again ----------------------------------------------------------------------


def test_profile_with_a_key_file_opens_with_the_same_key(folder: Path) -> None:
    with Profile.create(folder, Custody.FILE, nobody) as made:
        key = made.database_key
        assert len(key) == 32
        assert (made.folder, made.custody) == (folder, Custody.FILE)
        assert made.database_path == folder / "client.db"
    with Profile.open(folder, nobody) as opened:
        assert opened.database_key == key
        assert opened.custody is Custody.FILE
    assert names(folder) == {"profile.json", "key", "lock"}


def test_all_of_it_is_for_the_owner_alone(folder: Path) -> None:
    folder.mkdir(0o755)
    before = os.umask(0)
    try:
        Profile.create(folder, Custody.FILE).close()
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_every_profile_has_a_key_and_an_id_of_its_own(tmp_path: Path) -> None:
    profiles = [Profile.create(tmp_path / name, Custody.FILE) for name in "ab"]
    assert profiles[0].database_key != profiles[1].database_key
    files = [json.loads((profile.folder / "profile.json").read_bytes()) for profile in profiles]
    assert files[0]["id"] != files[1]["id"]
    for profile in profiles:
        profile.close()


def test_profile_behind_a_passphrase_opens_with_it_alone(folder: Path) -> None:
    person = Person(b"correct horse battery staple")
    with Profile.create(folder, Custody.PASSPHRASE, person) as made:
        key = made.database_key
    assert person.asked == 1
    with pytest.raises(InvalidInput, match="the passphrase is wrong"):
        Profile.open(folder, Person(b"correct horse battery stapler"))
    with pytest.raises(InvalidInput, match="nobody to ask"):
        Profile.open(folder)
    with Profile.open(folder, person) as opened:
        assert opened.database_key == key
    assert person.asked == 2


def test_profile_in_the_keyring_opens_with_the_same_key(
    folder: Path, memory_keyring: MemoryKeyring
) -> None:
    with Profile.create(folder, passphrase=nobody) as made:  # the keyring is what is preferred
        assert made.custody is Custody.KEYRING
        key = made.database_key
    assert list(memory_keyring.kept.values()) == [key.expose().hex()]
    with Profile.open(folder, nobody) as opened:
        assert opened.database_key == key
    memory_keyring.kept.clear()
    with pytest.raises(StorageError, match="the keyring has no key"):
        Profile.open(folder)


def test_profile_has_a_key_file_where_there_is_no_keyring(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(ForgetfulKeyring(), monkeypatch)
    with Profile.create(folder) as made:
        assert made.custody is Custody.FILE
    with pytest.raises(StorageError, match="did not keep") as caught:
        Profile.create(folder.with_name("other"), Custody.KEYRING)
    assert "passphrase" in caught.value.hint


@pytest.mark.parametrize("custody", [Custody.KEYRING, Custody.PASSPHRASE])
@pytest.mark.usefixtures("memory_keyring")
def test_key_is_nowhere_in_the_folder(folder: Path, custody: Custody) -> None:
    passphrase = b"correct horse battery staple"
    with Profile.create(folder, custody, Person(passphrase)) as made:
        content = b"".join(path.read_bytes() for path in folder.iterdir())
        for secret in (made.database_key.expose(), passphrase):
            assert secret not in content
            assert secret.hex().encode() not in content.lower()


def test_profile_stays_where_it_is_when_the_process_goes_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    with Profile.create(Path(folder.name), Custody.FILE) as made:
        assert made.database_path == folder / "client.db"
    with Profile.open(Path(folder.name)) as opened:
        assert opened.database_path == folder / "client.db"


def test_key_is_in_no_repr(folder: Path) -> None:
    with Profile.create(folder, Custody.FILE) as made:
        assert repr(made.database_key.expose())[2:-1] not in repr(vars(made))
        assert made.database_key.expose().hex() not in repr(vars(made))


# --- refused -------------------------------------------------------------------------------------


def test_folder_without_a_profile_is_told_with_what_makes_one(folder: Path) -> None:
    assert not Profile.exists(folder)
    with pytest.raises(StorageError, match=f"there is no profile in {folder}") as caught:
        Profile.open(folder, nobody)
    assert caught.value.hint == "`coterie join INVITE NAME` makes one"
    assert not folder.exists()


def test_second_profile_is_not_made_over_the_first(folder: Path) -> None:
    Profile.create(folder, Custody.FILE).close()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(StorageError, match="already"):
        Profile.create(folder, Custody.FILE)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["letter.txt", "client.db"])
def test_folder_that_holds_something_else_is_left_alone(folder: Path, name: str) -> None:
    folder.mkdir(0o755)
    (folder / name).write_text("dear aunt")
    (folder / "key").write_text("of the garden")
    with pytest.raises(StorageError, match=f"holds something else: {name}"):
        Profile.create(folder, Custody.FILE)
    assert names(folder) == {name, "key"}
    assert (folder / "key").read_text() == "of the garden"
    assert folder.stat().st_mode & 0o777 == 0o755


def test_file_in_place_of_the_folder_is_told(folder: Path) -> None:
    folder.write_text("a letter")
    with pytest.raises(StorageError, match="profile is no folder"):
        Profile.create(folder, Custody.FILE)
    assert not Profile.exists(folder)
    with pytest.raises(StorageError, match="there is no profile"):
        Profile.open(folder)


def test_profile_of_another_version_is_told_and_let_go(folder: Path) -> None:
    Profile.create(folder, Custody.FILE).close()
    (folder / "profile.json").write_text('{"program": "coterie client", "version": 2}')
    for _ in range(2):
        with pytest.raises(StorageError, match="version 2"):
            Profile.open(folder)


def test_empty_passphrase_makes_nothing(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        Profile.create(folder, Custody.PASSPHRASE, Person(b""))
    assert not Profile.exists(folder)
    Profile.create(folder, Custody.FILE).close()


class KeyringBesideAFullDisk(MemoryKeyring):
    """When it has the key, nothing more can be written."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        (self.folder / ".profile.json.new" / "in the way").mkdir(parents=True)


def test_key_of_a_profile_that_was_not_made_does_not_stay_in_the_keyring(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = KeyringBesideAFullDisk(folder)
    use(backend, monkeypatch)
    with pytest.raises(StorageError, match=r"profile\.json cannot be written"):
        Profile.create(folder, Custody.KEYRING)
    assert backend.kept == {}


# --- one process at a time -----------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from coterie.client.profile import Profile
from coterie.secret import Secret
with Profile.open(Path(sys.argv[1]), lambda: Secret(b"correct horse")):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own that holds a profile behind a passphrase."""
    Profile.create(folder, Custody.PASSPHRASE, Person(b"correct horse")).close()
    process = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_second_process_is_told_where_to_ask_the_first_and_no_passphrase_is_asked_for(
    folder: Path, held: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(ProfileInUse, match="in use by another process") as caught:
        Profile.open(folder, nobody)
    held.kill()
    held.wait()
    with Profile.open(folder, Person(b"correct horse")) as opened:
        assert caught.value.socket_path == opened.socket_path


def test_profile_is_held_within_one_process_too_until_it_is_closed(folder: Path) -> None:
    made = Profile.create(folder, Custody.FILE)
    with pytest.raises(ProfileInUse):
        Profile.open(folder)
    made.close()
    made.close()
    Profile.open(folder).close()


def test_profile_that_another_process_is_making_is_in_use(folder: Path) -> None:
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ProfileInUse):
            Profile.create(folder, Custody.FILE)
    Profile.create(folder, Custody.FILE).close()


# --- killed --------------------------------------------------------------------------------------

CREATE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from coterie.client.custody import Custody
from coterie.client.profile import Profile

remaining = int(sys.argv[2])

def die_at_the_last_step(event, args):
    global remaining
    if event in ("open", "os.mkdir", "os.chmod", "os.remove", "os.rename", "fcntl.flock"):
        remaining -= 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die_at_the_last_step)
Profile.create(Path(sys.argv[1]), Custody.FILE)
"""


def create_and_die(folder: Path, step: int) -> int:
    return subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", CREATE_AND_DIE, str(folder), str(step)], check=False
    ).returncode


def test_killed_at_any_step_create_leaves_a_profile_or_what_does_not_block_the_next(
    tmp_path: Path,
) -> None:
    outcomes = []
    for step in range(1, 100):
        folder = tmp_path / "new" / str(step)
        if create_and_die(folder, step) == 0:
            break
        outcomes.append(Profile.exists(folder))
        if Profile.exists(folder):
            Profile.open(folder, nobody).close()
        else:
            Profile.create(folder, Custody.FILE).close()
            Profile.open(folder, nobody).close()
            assert names(folder) == {"profile.json", "key", "lock"}
    assert step > 10
    # Neither kind is missing, and once there is a profile there is one.
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {False, True}


def test_what_a_killed_create_had_half_written_is_replaced(folder: Path) -> None:
    folder.mkdir()
    for name in ("lock", "key", ".key.new", ".profile.json.new"):
        (folder / name).write_bytes(b"half")
    with Profile.create(folder, Custody.FILE) as made:
        assert made.database_key.expose() == (folder / "key").read_bytes()
    assert names(folder) == {"profile.json", "key", "lock"}


@pytest.mark.usefixtures("memory_keyring")
def test_key_file_of_a_killed_create_does_not_stay_when_the_keyring_is_chosen(folder: Path) -> None:
    folder.mkdir()
    (folder / "key").write_bytes(bytes(32))
    Profile.create(folder, Custody.KEYRING).close()
    assert names(folder) == {"profile.json", "lock"}


# --- where ---------------------------------------------------------------------------------------


def test_folder_is_the_environments_else_among_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("COTERIE_PROFILE", raising=False)
    assert default_folder().is_relative_to(tmp_path)
    assert default_folder().parts[-2:] == ("coterie", "default")
    monkeypatch.setenv("COTERIE_PROFILE", "/elsewhere/alice")
    assert default_folder() == Path("/elsewhere/alice")
    monkeypatch.setenv("COTERIE_PROFILE", "~/alice")
    assert default_folder() == tmp_path / "alice"


def test_lost_database_of_an_account_is_told_before_anything_is_asked(folder: Path) -> None:
    """With half a backup put back, the screen said that an account was begun here, and asked for an invite."""
    with Profile.create(folder, Custody.FILE) as profile:
        profile.database_path.touch()
        profile.note_account()
    Profile.open(folder).close()
    (folder / "client.db").unlink()
    with pytest.raises(StorageError, match=r"client\.db is missing") as caught:
        Profile.open(folder)
    assert "backup" in caught.value.hint


def test_profile_without_an_account_yet_has_no_database_to_miss(folder: Path) -> None:
    Profile.create(folder, Custody.FILE).close()
    Profile.open(folder).close()
