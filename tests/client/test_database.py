"""The client's database: sealed on the disk, all or nothing, and clear about what is wrong."""

import os
import sqlite3
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import apsw
import pytest

from coterie.client.database import Database
from coterie.errors import LocalProtocolError, StorageError
from coterie.secret import Secret
from tests.client import sqlcipher

KEY = Secret(bytes(range(100, 132)))
APPLICATION_ID = 0x54657374
MIGRATIONS = ("CREATE TABLE note (number INTEGER PRIMARY KEY, text TEXT NOT NULL);",)
MARK = "plaintext-mark-7e1f"


def open_database(path: Path, migrations: tuple[str, ...] = MIGRATIONS) -> Database:
    return Database.open(path, KEY, application_id=APPLICATION_ID, migrations=migrations)


def notes(database: Database) -> list[str]:
    return [text for (text,) in database.execute("SELECT text FROM note ORDER BY number")]


def add(database: Database, text: str) -> None:
    database.execute("INSERT INTO note (text) VALUES (?)", (text,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "client.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = open_database(path)
    yield database
    database.close()


# --- what is on the disk -------------------------------------------------------------------------


def test_what_was_written_is_there_after_closing_and_opening(path: Path) -> None:
    database = open_database(path)
    with database.transaction():
        database.executemany("INSERT INTO note (text) VALUES (?)", [("one",), ("two",)])
    database.close()
    database = open_database(path)
    assert notes(database) == ["one", "two"]
    database.close()


def test_no_plaintext_and_no_sign_of_sqlite_is_in_any_file(database: Database, path: Path) -> None:
    # As long as a page and longer, in and out of an index, so that it reaches overflow pages too.
    database.execute("CREATE INDEX note_text ON note (text)")
    add(database, MARK * 500)
    wal = path.with_name("client.db-wal").read_bytes()
    assert len(wal) > sqlcipher.PAGE_SIZE
    database.truncate_wal()
    assert MARK.encode() in b"".join(
        sqlcipher.pages(path.read_bytes(), KEY.expose())
    )  # the control
    for forms in (MARK, "SQLite format", "CREATE TABLE"):
        raw = forms.encode()
        for form in (raw, raw.hex().encode(), forms.encode("utf-16-le"), forms.encode("utf-16-be")):
            assert form not in wal
            for file in path.parent.iterdir():
                assert form not in file.read_bytes(), file


def test_key_is_the_key_itself_and_no_password(database: Database, path: Path) -> None:
    """Read by other code, in the published format, with the raw key: no stretching took place."""
    database.truncate_wal()
    schema = next(sqlcipher.pages(path.read_bytes(), KEY.expose()))
    assert b"CREATE TABLE note" in schema


def test_all_files_are_for_the_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        database = open_database(path)
        add(database, "one")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["client.db", "client.db-wal", "client.db-shm"], 0o600)


def test_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    open_database(path).close()
    path.chmod(0o644)
    open_database(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_settings_are_those_that_keep_the_promises(database: Database) -> None:
    wanted: dict[str, str | int] = {
        "journal_mode": "wal",
        "synchronous": 2,  # full
        "foreign_keys": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
        "temp_store": 2,  # memory
    }
    for name, value in wanted.items():
        assert list(database.execute(f"PRAGMA {name}")) == [(value,)], name


def test_deleted_means_deleted(database: Database, path: Path) -> None:
    add(database, MARK)
    database.truncate_wal()
    database.execute("DELETE FROM note")
    database.truncate_wal()
    assert path.with_name("client.db-wal").stat().st_size == 0
    assert MARK.encode() not in b"".join(sqlcipher.pages(path.read_bytes(), KEY.expose()))


def test_full_text_search_deletes_too(database: Database, path: Path) -> None:
    """What a later search over everything will need: FTS5 is there, sealed, and forgets."""
    database.execute("CREATE VIRTUAL TABLE search USING fts5(text)")
    database.execute("INSERT INTO search (search, rank) VALUES ('secure-delete', 1)")
    database.execute("INSERT INTO search (text) VALUES (?)", ("zanzibar mackerel",))
    found = list(database.execute("SELECT text FROM search WHERE search MATCH 'zanz*'"))
    assert found == [("zanzibar mackerel",)]
    database.truncate_wal()
    assert b"zanzibar" in b"".join(sqlcipher.pages(path.read_bytes(), KEY.expose()))
    database.execute("DELETE FROM search")
    database.truncate_wal()
    assert b"zanzibar" not in b"".join(sqlcipher.pages(path.read_bytes(), KEY.expose()))


def test_closing_empties_the_write_ahead_log_and_may_be_done_twice(path: Path) -> None:
    database = open_database(path)
    add(database, "one")
    database.close()
    database.close()
    assert [file.name for file in path.parent.iterdir()] == ["client.db"]
    with pytest.raises(StorageError):
        notes(database)


def test_closing_empties_the_write_ahead_log_while_another_program_looks_in(path: Path) -> None:
    database, other = open_database(path), open_database(path)
    add(database, "one")
    database.close()
    assert path.with_name("client.db-wal").stat().st_size == 0
    other.close()


def test_opening_does_not_wait_for_another_program_that_looks_in(path: Path) -> None:
    database = open_database(path)
    add(database, "one")
    with database.transaction():
        assert notes(database) == ["one"]
        other = open_database(path)
        assert notes(other) == ["one"]
    other.close()
    database.close()


def test_key_is_in_no_repr_and_no_error(path: Path) -> None:
    database = open_database(path)
    assert repr(database) == f"<Database {path}>"
    database.close()
    wrong = Secret(bytes(range(1, 33)))
    with pytest.raises(StorageError) as caught:
        Database.open(path, wrong, application_id=APPLICATION_ID, migrations=MIGRATIONS)
    told = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "does not open" in told
    assert wrong.expose().hex() not in told.lower()
    assert repr(wrong.expose()) not in told


# --- all or nothing ------------------------------------------------------------------------------


def add_all_or_nothing(database: Database, *texts: str) -> None:
    with database.transaction():
        for text in texts:
            add(database, text)


def test_transaction_that_fails_leaves_nothing(database: Database) -> None:
    add(database, "before")
    with pytest.raises(TypeError):
        add_all_or_nothing(database, "inside", cast("str", object()))
    assert notes(database) == ["before"]
    add_all_or_nothing(database, "after")
    assert notes(database) == ["before", "after"]


def test_transaction_inside_a_transaction_is_refused(database: Database) -> None:
    with pytest.raises(LocalProtocolError), database.transaction(), database.transaction():
        pytest.fail("was let in")
    assert notes(database) == []


def test_write_ahead_log_is_not_emptied_inside_a_transaction(database: Database) -> None:
    with database.transaction(), pytest.raises(LocalProtocolError):
        database.truncate_wal()


def test_rows_of_a_statement_do_not_hold_up_anything(database: Database) -> None:
    for text in "abc":
        add(database, text)
    rows = database.execute("SELECT text FROM note ORDER BY number")
    assert next(rows) == ("a",)
    database.truncate_wal()
    database.execute("DELETE FROM note")
    assert list(rows) == [("b",), ("c",)]


def run_until_inside(script: str, path: Path) -> subprocess.Popen[bytes]:
    """A process of its own that has come to the point where it prints "inside" and waits."""
    process = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout
    assert process.stdout.readline() == b"inside\n"
    return process


KILLED_INSIDE = """
import sys
from pathlib import Path
from tests.client.test_database import add, open_database
database = open_database(Path(sys.argv[1]))
add(database, "before")
database.execute("PRAGMA cache_size = 5")  # so that pages reach the disk before the end
with database.transaction():
    for number in range(500):
        add(database, f"inside {number}" * 50)
    print("inside", flush=True)
    sys.stdin.read()
"""


def test_process_killed_inside_a_transaction_leaves_the_state_before_it(path: Path) -> None:
    with run_until_inside(KILLED_INSIDE, path) as process:
        process.kill()
    assert path.with_name("client.db-wal").stat().st_size > 50 * sqlcipher.PAGE_SIZE
    database = open_database(path)
    assert path.with_name("client.db-wal").stat().st_size == 0, "what was deleted is in there"
    assert notes(database) == ["before"]
    assert list(database.execute("PRAGMA integrity_check")) == [("ok",)]
    database.close()


def test_full_disk_is_told_and_leaves_the_state_before(database: Database) -> None:
    add(database, "before")
    [(pages,)] = database.execute("PRAGMA page_count")
    database.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageError, match="the disk is full") as caught:
        add_all_or_nothing(database, *["inside" * 1000] * 100)
    assert "free some space" in caught.value.hint
    assert notes(database) == ["before"]
    database.execute("PRAGMA max_page_count = 1000")
    add_all_or_nothing(database, "after")
    assert notes(database) == ["before", "after"]


# --- being brought up to date --------------------------------------------------------------------


def test_only_migrations_not_yet_applied_are_applied(path: Path) -> None:
    database = open_database(path)
    add(database, "one")
    database.close()
    second = "ALTER TABLE note ADD COLUMN color TEXT NOT NULL DEFAULT 'red'; CREATE TABLE more (x);"
    for _ in range(2):
        database = open_database(path, (*MIGRATIONS, second))
        assert list(database.execute("SELECT text, color FROM note")) == [("one", "red")]
        assert list(database.execute("PRAGMA user_version")) == [(2,)]
        database.close()


def test_migration_that_fails_leaves_the_version_before(path: Path) -> None:
    open_database(path).close()
    with pytest.raises(StorageError, match="no such table"):
        open_database(path, (*MIGRATIONS, "CREATE TABLE more (x); DROP TABLE nowhere;"))
    database = open_database(path)
    assert list(database.execute("PRAGMA user_version")) == [(1,)]
    assert list(database.execute("SELECT name FROM sqlite_schema")) == [("note",)]
    database.close()


def test_newer_version_is_refused_and_left_alone(path: Path) -> None:
    open_database(path, (*MIGRATIONS, "CREATE TABLE more (x);")).close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="version 2, known are those up to 1") as caught:
        open_database(path)
    assert "update" in caught.value.hint
    assert path.read_bytes() == before


# --- what is not ours ----------------------------------------------------------------------------


def test_wrong_key_is_told_and_leaves_the_file(path: Path) -> None:
    open_database(path).close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="the key is wrong or it is damaged") as caught:
        Database.open(path, Secret(bytes(32)), application_id=APPLICATION_ID, migrations=MIGRATIONS)
    assert "backup" in caught.value.hint
    assert path.read_bytes() == before
    open_database(path).close()


def test_key_of_another_size_is_refused(path: Path) -> None:
    with pytest.raises(LocalProtocolError):
        Database.open(path, Secret(bytes(16)), application_id=APPLICATION_ID, migrations=MIGRATIONS)
    assert not path.exists()


def test_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE theirs (x)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="another program's"):
        open_database(path)
    assert path.read_bytes() == before


def test_database_of_another_program_under_the_same_key_is_refused(path: Path) -> None:
    Database.open(path, KEY, application_id=7, migrations=MIGRATIONS).close()
    with pytest.raises(StorageError, match="another program's"):
        open_database(path)


def test_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"a letter to my aunt\n" * 1000)
    with pytest.raises(StorageError, match="damaged"):
        open_database(path)
    assert path.read_bytes() == b"a letter to my aunt\n" * 1000


def test_altered_page_is_told_when_it_is_read(path: Path) -> None:
    database = open_database(path)
    add(database, MARK)
    database.close()
    altered = bytearray(path.read_bytes())
    altered[sqlcipher.PAGE_SIZE + 100] ^= 1
    path.write_bytes(altered)
    database = open_database(path)
    with pytest.raises(StorageError, match="damaged"):
        notes(database)
    database.close()


def test_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file or directory"):
        open_database(tmp_path / "nowhere" / "client.db")
    with pytest.raises(StorageError):
        open_database(tmp_path)


LOCKED = """
import sys
from pathlib import Path
from tests.client.test_database import open_database
with open_database(Path(sys.argv[1])).transaction():
    print("inside", flush=True)
    sys.stdin.read()
"""


def test_file_locked_by_another_program_is_told(path: Path) -> None:
    open_database(path).close()
    with run_until_inside(LOCKED, path) as process:
        database = open_database(path)
        with pytest.raises(StorageError, match="in use by another program"):
            add(database, "one")
        process.kill()
    add(database, "two")
    assert notes(database) == ["two"]
    database.close()


class SQLiteWithoutCiphers(apsw.Connection):
    """What the package ``apsw`` does with pragmas that only Multiple Ciphers knows."""

    def pragma(self, name: str, value: object = None, *, schema: str | None = None) -> None:
        return None


def test_sqlite_that_cannot_encrypt_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "Connection", SQLiteWithoutCiphers)
    with pytest.raises(StorageError, match="cannot encrypt"):
        open_database(path)
    assert path.read_bytes() == b""
