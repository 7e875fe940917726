"""An encrypted SQLite database: SQLite3 Multiple Ciphers in the format of SQLCipher 4, under a raw key.

Each page is sealed with AES-256-CBC and HMAC-SHA512; the first 16 bytes of the file are the salt of the HMAC's key.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import apsw

from coterie.errors import LocalProtocolError, StorageError
from coterie.private_files import FILE_MODE, storage_error
from coterie.secret import Secret

SQLValue: TypeAlias = bytes | str | int | float | None

KEY_SIZE = 32
BUSY_TIMEOUT_MS = 1000  # only another program that looks into the file can hold a lock, and briefly

_PLAINTEXT_HEADER = b"SQLite format 3\0"
_PUT_BACK = "keep a copy of its folder as it is, then put the whole folder back from a backup: the key is part of it"

# In the order they are given. What was deleted is overwritten, and nothing is ever written in the clear.
_SETTINGS = (
    ("temp_store", "memory"),
    ("trusted_schema", 0),
    ("foreign_keys", 1),
    ("secure_delete", 1),
    ("synchronous", "full"),  # in WAL: a commit returns when it is on the disk
    (
        "fullfsync",
        1,
    ),  # on macOS an fsync alone stops at the disk's cache; elsewhere it does nothing
    ("journal_mode", "wal"),  # last: it writes
)


class Database:
    """One open file, used by one thread at a time."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._connection = connection
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Database {self.path}>"

    @classmethod
    def open(
        cls, path: Path, key: Secret, *, application_id: int, migrations: Sequence[str]
    ) -> "Database":
        """The database at ``path``, made where there is none, brought up to date.

        ``key`` is 32 bytes. ``user_version`` counts the migrations, SQL scripts, that were applied, each in a
        transaction of its own. Raises StorageError: another program's database, a newer version, the wrong key,
        a damaged file, a full disk, a place that cannot be written.
        """
        if len(key) != KEY_SIZE:
            raise LocalProtocolError(f"key of {len(key)} bytes, must be {KEY_SIZE}")
        _make_private(path)
        with _mapped_errors(path, None):
            connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READWRITE)
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        database = cls(path, connection)
        try:
            database._unlock(key)
            database._check(application_id, len(migrations))
            database._configure()
            database._migrate(application_id, migrations)
            database._empty_log_of_killed()
        except BaseException:
            connection.close()
            raise
        return database

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is durable at the end, or, after any exception, as if it had never been."""
        if self._connection.in_transaction:
            raise LocalProtocolError("a transaction inside a transaction")
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # After some errors, such as a full disk, SQLite has rolled back already.
            if self._connection.in_transaction:
                self.execute("ROLLBACK")
            raise

    def execute(self, sql: str, params: Sequence[SQLValue] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement, which has run to its end: none stays open to hold up ``truncate_wal``."""
        with _mapped_errors(self.path, self._connection):
            return iter(self._connection.execute(sql, params).fetchall())

    def executemany(self, sql: str, rows: Iterable[Sequence[SQLValue]]) -> None:
        """Runs a statement once for each row."""
        with _mapped_errors(self.path, self._connection):
            self._connection.executemany(sql, rows)

    def truncate_wal(self) -> None:
        """Empties the write-ahead log, where what was deleted since the last time can still be found."""
        if self._connection.in_transaction:
            raise LocalProtocolError("the write-ahead log is in use by a transaction")
        log = Path(f"{self.path}-wal")
        if log.exists() and log.stat().st_size == 0:
            return  # an idle client asks every few seconds
        with _mapped_errors(self.path, self._connection):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def _empty_log_of_killed(self) -> None:
        """A process that was killed left in it what it had deleted."""
        with _mapped_errors(self.path, self._connection):
            self._connection.set_busy_timeout(0)
            with suppress(apsw.BusyError):  # another program looks in: it is emptied when idle
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)

    def close(self) -> None:
        """Empties the write-ahead log and closes the file, which it does even if the first fails. Again: nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.truncate_wal()
        finally:
            with _mapped_errors(self.path, self._connection):
                self._connection.close()

    def _unlock(self, key: Secret) -> None:
        with _mapped_errors(self.path, self._connection):
            answers = (
                self._connection.pragma("cipher", "sqlcipher"),
                self._connection.pragma("legacy", 4),
                # In this form the bytes are the key itself, and no password to be stretched. ``pragma`` keeps the
                # statement out of the cache, and there is no variable that a traceback could show.
                self._connection.pragma("key", f"x'{key.expose().hex()}'"),
            )
        if answers != ("sqlcipher", "4", "ok"):
            # SQLite ignores pragmas it does not know, and would go on to write plaintext.
            raise StorageError(
                "the installed SQLite cannot encrypt",
                hint="the package apsw has replaced apsw-sqlite3mc: uninstall both, then install apsw-sqlite3mc",
            )

    def _check(self, application_id: int, newest: int) -> None:
        """Reads only: another program's database is left as it was."""
        try:
            [(found_id,)] = self.execute("PRAGMA application_id")
            [(version,)] = self.execute("PRAGMA user_version")
            [(tables,)] = self.execute("SELECT count(*) FROM sqlite_schema")
        except StorageError as error:
            if isinstance(error.__cause__, apsw.NotADBError) and _is_plaintext(self.path):
                raise StorageError(f"{self.path} is another program's database") from error
            raise
        if (found_id, version, tables) == (0, 0, 0):
            return
        if found_id != application_id:
            raise StorageError(f"{self.path} is another program's database")
        if version > newest:
            raise StorageError(
                f"{self.path} is of version {version}, known are those up to {newest}",
                hint="a newer Coterie wrote it: update this one",
            )

    def _configure(self) -> None:
        with _mapped_errors(self.path, self._connection):
            for name, value in _SETTINGS:
                self._connection.pragma(name, value)
            mode = self._connection.pragma("journal_mode")
        if mode != "wal":
            raise StorageError(
                f"{self.path} cannot have a write-ahead log",
                hint="choose a folder on a local disk",
            )

    def _migrate(self, application_id: int, migrations: Sequence[str]) -> None:
        [(version,)] = self.execute("PRAGMA user_version")
        for number, script in enumerate(migrations[version:], version + 1):
            with self.transaction():
                self.execute(script)
                self.execute(f"PRAGMA application_id = {application_id:d}")
                self.execute(f"PRAGMA user_version = {number:d}")


def _make_private(path: Path) -> None:
    """Mode 0600, before SQLite writes a byte; it gives the files beside this one the same mode."""
    try:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))
        except FileExistsError:
            # Never opened here: closing a descriptor would drop the locks of all others in this process.
            path.chmod(FILE_MODE)
    except OSError as error:
        raise storage_error(path, "opened", error.errno) from error


def _is_plaintext(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PLAINTEXT_HEADER)) == _PLAINTEXT_HEADER


@contextmanager
def _mapped_errors(path: Path, connection: apsw.Connection | None) -> Iterator[None]:
    """Turns each error of SQLite into a StorageError. The one place that does."""
    try:
        yield
    except apsw.FullError as error:
        raise storage_error(path, "written", errno.ENOSPC) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise StorageError(
            f"{path} is in use by another program", hint="end it and try again"
        ) from error
    except apsw.NotADBError as error:
        raise StorageError(
            f"{path} does not open: the key is wrong or it is damaged", hint=_PUT_BACK
        ) from error
    except apsw.CorruptError as error:
        raise StorageError(f"{path} is damaged", hint=_PUT_BACK) from error
    except apsw.ReadOnlyError as error:
        raise storage_error(path, "written", errno.EACCES) from error
    except (apsw.CantOpenError, apsw.IOError) as error:
        number = connection.system_errno if connection else None
        raise storage_error(path, "read or written", number) from error
    except apsw.Error as error:
        raise StorageError(f"{path}: {error}") from error
