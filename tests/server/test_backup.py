"""A backup and what is restored from it: the same, but for what must not be used twice."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from secrets import token_bytes

import msgspec
import pytest

from coterie.errors import CoterieError, InvalidInput, StorageError
from coterie.secret import Secret
from coterie.server import backup as backups
from coterie.server import database
from coterie.server.backup import SNAPSHOT, Manifest, make_backup
from coterie.server.check import check
from coterie.server.config import FILE as CONFIG
from coterie.server.database import FILE as DATABASE
from coterie.server.folder import RESTORING
from coterie.server.keys import FILE as SECRETS
from coterie.server.keys import Keys
from coterie.server.restore import restore
from coterie.server.sealed_file import SealedWriter
from coterie.server.store import Store
from tests.server.people import GROUP, NOW, Person, Writer, count, entries, group_of

PASSPHRASE = Secret(b"nine herons over a grey lake")
SETTINGS = 'listen = "127.0.0.1:7617"\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's data: somebody who has said a hundred things, key packages of all kinds, an invite that is open."""
    folder = tmp_path_factory.mktemp("made")
    (folder / CONFIG).write_text(SETTINGS)
    Keys.open(folder)
    with closing(Store.open(folder)) as store:
        anna = Person("anna").register(store)
        writer = group_of(store, anna.first)
        store.batch(
            [writer.job(writer.post(after=0, body=token_bytes(9000))) for _ in range(100)], NOW
        )
        packages = (anna.first.device, (b"once", b"once too"), b"last resort")
        store.do(lambda t: t.directory.add_key_packages(*packages, replace=False), NOW)
        store.do(lambda t: t.accounts.create_invite(b"i" * 16, 5, 1e9), NOW)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return shutil.copytree(made, tmp_path / "data")


@pytest.fixture(scope="module")
def sealed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    file = tmp_path_factory.mktemp("sealed") / "backup"
    make_backup(made, file, PASSPHRASE)
    return file


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"lock"}


# --- what a backup is ----------------------------------------------------------------------------


def test_backup_says_what_it_holds_and_is_its_owners_alone(folder: Path, tmp_path: Path) -> None:
    before = names(folder)
    manifest = make_backup(folder, tmp_path / "b", PASSPHRASE)
    assert str(manifest.holdings) == "1 account, 1 device, 1 group, 100 entries"
    assert [member.name for member in manifest.files] == [DATABASE, SECRETS, CONFIG]
    assert manifest.schema == database.REVISION
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert names(folder) - before <= {f"{DATABASE}-wal", f"{DATABASE}-shm"}
    assert names(tmp_path) == {"data", "b"}


def test_nothing_that_it_holds_can_be_read_in_it(made: Path, sealed: Path) -> None:
    found = sealed.read_bytes()
    secrets = (made / SECRETS).read_bytes()
    assert secrets in (made / SECRETS).read_bytes(), "the control"
    for part in (secrets[40:72], b"SQLite format 3", b"listen =", b"last resort", b'"schema"'):
        assert part not in found


def test_file_that_is_there_is_kept_unless_it_is_to_be_replaced(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "b").write_text("yesterday's")
    with pytest.raises(InvalidInput, match="is there already"):
        make_backup(folder, tmp_path / "b", PASSPHRASE)
    assert (tmp_path / "b").read_text() == "yesterday's"
    make_backup(folder, tmp_path / "b", PASSPHRASE, replace=True)
    restore(tmp_path / "b", tmp_path / "new", PASSPHRASE)


def test_backup_into_its_own_data_folder_is_refused_even_by_force(folder: Path) -> None:
    for name in ("b", DATABASE):
        with pytest.raises(InvalidInput, match="is what the backup is of"):
            make_backup(folder, folder / name, PASSPHRASE, replace=True)
    assert check(folder).is_sound


def test_backup_that_cannot_be_written_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for file in (tmp_path / "missing" / "b", tmp_path / "b"):
        with pytest.raises(StorageError, match="cannot be written"):
            make_backup(folder, file, PASSPHRASE, replace=True)
    assert names(tmp_path) == {"data", "b"}
    assert SNAPSHOT not in names(folder)


def test_what_is_no_data_folder_has_no_backup(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is no data folder"):
        make_backup(tmp_path, tmp_path / "b", PASSPHRASE)
    assert names(tmp_path) == set()


def test_two_backups_at_once_are_one_too_many_and_one_that_crashed_is_cleared_away(
    folder: Path, tmp_path: Path
) -> None:
    (folder / SNAPSHOT).write_bytes(b"of one that was killed")
    refused: list[str] = []

    def again(*_: object) -> None:
        if not refused:
            with pytest.raises(StorageError) as raised:
                make_backup(folder, tmp_path / "second", PASSPHRASE)
            refused.append(str(raised.value))

    make_backup(folder, tmp_path / "first", PASSPHRASE, progress=again)
    assert "another backup" in refused[0]
    restore(tmp_path / "first", tmp_path / "new", PASSPHRASE)
    assert SNAPSHOT not in names(folder)


def test_disk_without_room_for_the_snapshot_is_a_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "RESERVE", 2**60)
    with pytest.raises(StorageError, match="a backup needs "):
        make_backup(folder, tmp_path / "b", PASSPHRASE)
    assert names(tmp_path) == {"data"}


def test_backup_is_of_one_moment_though_the_server_writes_while_it_is_made(
    folder: Path, tmp_path: Path
) -> None:
    """And no post waits for it."""
    with closing(Store.open(folder)) as store:
        writer = Writer(store, b"h" * 16, Person("ben").register(store).first)
        store.do(lambda t: t.logs.create_group(writer.group, writer.device.device, "ben"), NOW)
        during: list[str] = []

        def post(work: str, *_: int) -> None:
            writer.accepted(writer.post(after=0, body=bytes(20_000)))
            store.idle()
            during.append(work)

        manifest = make_backup(folder, tmp_path / "b", PASSPHRASE, progress=post)
        assert set(during) == {"copying", "encrypting"}
        assert str(manifest.holdings) == "2 accounts, 2 devices, 2 groups, 100 entries"
        assert count(store, "entry") == 100 + len(during)
    restore(tmp_path / "b", tmp_path / "new", PASSPHRASE)
    report = check(tmp_path / "new")
    assert (report.findings, report.holdings) == ((), manifest.holdings)


# --- what is restored ----------------------------------------------------------------------------


def test_restored_server_is_the_same_under_a_new_generation(
    made: Path, sealed: Path, tmp_path: Path
) -> None:
    restored = restore(sealed, tmp_path / "new", PASSPHRASE)
    new = tmp_path / "new"
    assert {path.stat().st_mode & 0o777 for path in new.iterdir()} == {0o600}
    assert new.stat().st_mode & 0o777 == 0o700
    assert names(new) == {DATABASE, SECRETS, CONFIG}
    assert (new / CONFIG).read_text() == SETTINGS
    assert Keys.open(new).fingerprint == Keys.open(made).fingerprint
    with closing(Store.open(made)) as old, closing(Store.open(new)) as store:
        assert store.server_id == old.server_id == bytes.fromhex(restored.manifest.server_id)
        assert store.generation == restored.generation != old.generation
        (device,) = (row[0] for row in rows(new, "SELECT device FROM device"))
        anna = Person("anna").first
        anna.device = device
        assert entries(store, anna) == entries(old, anna)
    assert check(new).findings == ()


def rows(folder: Path, query: str) -> list[tuple[bytes, ...]]:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        return connection.execute(query).fetchall()


def test_what_may_have_been_used_since_is_not_used_again(sealed: Path, tmp_path: Path) -> None:
    restore(sealed, tmp_path / "new", PASSPHRASE)
    assert rows(tmp_path / "new", "SELECT key_package FROM key_package") == [(b"last resort",)]
    assert rows(tmp_path / "new", "SELECT * FROM invite") == []


def test_restored_server_takes_posts_and_is_backed_up_in_its_turn(
    sealed: Path, tmp_path: Path
) -> None:
    restore(sealed, tmp_path / "new", PASSPHRASE)
    (device,) = (row[0] for row in rows(tmp_path / "new", "SELECT device FROM device"))
    anna = Person("anna").first
    anna.device = device
    with closing(Store.open(tmp_path / "new")) as store:
        writer = Writer(store, GROUP, anna, count=100)
        assert writer.accepted(writer.post(after=100)) == 101
    manifest = make_backup(tmp_path / "new", tmp_path / "b", PASSPHRASE)
    assert manifest.holdings.entries == 101


@pytest.mark.parametrize("name", ["thesis.tex", DATABASE, SECRETS, CONFIG])
def test_folder_that_is_not_empty_is_left_as_it_is(sealed: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(StorageError, match=f"is not empty: it has {name}"):
        restore(sealed, tmp_path, PASSPHRASE)
    assert names(tmp_path) == {name}
    assert (tmp_path / name).read_text() == "mine"


def test_interrupted_restore_is_begun_anew_and_a_server_that_runs_is_never_taken_for_one(
    sealed: Path, tmp_path: Path
) -> None:
    (tmp_path / RESTORING).mkdir()
    (tmp_path / RESTORING / SECRETS).write_bytes(b"half")
    (tmp_path / DATABASE).write_bytes(b"renamed already")
    restore(sealed, tmp_path, PASSPHRASE)
    assert check(tmp_path).is_sound
    (tmp_path / RESTORING).mkdir()  # killed right before its last step
    with pytest.raises(StorageError, match="is not empty"):
        restore(sealed, tmp_path, PASSPHRASE)
    assert check(tmp_path).is_sound


def test_wrong_passphrase_makes_no_folder(sealed: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the passphrase is not the one of"):
        restore(sealed, tmp_path / "new", Secret(b"another"))
    assert names(tmp_path) == set()


def test_file_that_is_cut_or_altered_puts_nothing_in_place(sealed: Path, tmp_path: Path) -> None:
    whole = sealed.read_bytes()
    for number, part in enumerate((whole[:-1], whole[: len(whole) // 2], whole[:-1] + b"\x00")):
        (tmp_path / "b").write_bytes(part)
        folder = tmp_path / f"new{number}"
        with pytest.raises(StorageError, match="is damaged or"):
            restore(tmp_path / "b", folder, PASSPHRASE)
        assert not folder.exists() or names(folder) == set()


def test_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        restore(tmp_path / "missing", tmp_path / "new", PASSPHRASE)
    assert names(tmp_path) == set()


# --- manifests that somebody with the passphrase made wrong -----------------------------------------


def forge(path: Path, manifest: bytes, data: bytes = b"") -> Path:
    with path.open("wb") as file:
        writer = SealedWriter(file, PASSPHRASE)
        writer.write(len(manifest).to_bytes(4, "big") + manifest + data)
        writer.finish()
    return path


def refusal(file: Path, folder: Path) -> CoterieError:
    with pytest.raises(StorageError) as raised:
        restore(file, folder, PASSPHRASE)
    assert not folder.exists() or names(folder) == set()
    return raised.value


def with_files(*members: tuple[str, int], schema: str = database.REVISION) -> bytes:
    listed = [{"name": name, "size": size, "sha256": "00" * 32} for name, size in members]
    counts = {"accounts": 0, "devices": 0, "groups": 0, "entries": 0}

    told = {
        "made": "2026-11-24T21:00:00+00:00",
        "coterie": "9.1",
        "schema": schema,
        "server_id": "00",
        "generation": "00",
        "holdings": counts,
        "files": listed,
    }
    encoded = msgspec.json.encode(told)
    msgspec.json.decode(encoded, type=Manifest)
    return encoded


BOTH = ((DATABASE, 3), (SECRETS, 3))


def test_backup_of_a_newer_version_says_which_to_install(tmp_path: Path) -> None:
    refused = refusal(forge(tmp_path / "b", with_files(*BOTH, schema="0999")), tmp_path / "new")
    assert "made by a newer version (schema 0999" in str(refused)
    assert "coterie 9.1" in refused.hint


@pytest.mark.parametrize(
    ("manifest", "data", "part"),
    [
        (b"{}", b"", "a manifest that cannot be read"),
        (with_files(*BOTH, ("../lock", 1)), b"", "holds other files than a server's"),
        (with_files((DATABASE, 3)), b"abc", "holds other files"),
        (with_files(*BOTH, (DATABASE, 3)), b"abcabcabc", "holds other files"),
        (with_files(*BOTH), b"abc", "another checksum"),
        (with_files((DATABASE, 0), (SECRETS, 9)), b"", "another checksum"),
        (with_files((DATABASE, 9), (SECRETS, 9)), b"abc", "ends before its last file"),
        (bytes(2**17), b"", "a manifest of 131072 bytes"),
    ],
)
def test_manifest_that_is_wrong_is_refused(
    tmp_path: Path, manifest: bytes, data: bytes, part: str
) -> None:
    assert part in str(refusal(forge(tmp_path / "b", manifest, data), tmp_path / "new"))
