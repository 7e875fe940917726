"""The database file: opening, migrating, and its errors as sentences. SQLAlchemy over SQLite."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from coterie.errors import StorageError

FILE = "coterie.db"
APPLICATION_ID = 0x436F7453  # "CotS": tells our databases from others'
REVISION = "0002"  # the newest migration that this version knows
CACHE_KIB = (
    16 * 2**10
)  # of each connection: the inner pages of the indexes of a log of 10^7 entries
CHECKPOINT_PAGES = 4_000  # 16 MB: a page that many batches change is copied once, in some 20 ms
BUSY_TIMEOUT_S = 30.0  # for another process of ours, `coterie invite`, which writes a single row


class DiskFull(StorageError):
    """Nothing was written, and nothing that was there is lost."""

    def __init__(self) -> None:
        super().__init__("the disk is full", hint="free some space: nothing was lost")


def open_database(path: Path) -> Engine:
    """The database in a file of mode 0600, made or brought up to date. Raises StorageError."""
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_TIMEOUT_S},
        hide_parameters=True,  # of failed statements: errors are logged
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        with mapped():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if revision_of(path) != REVISION:
                _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_read_only(path: Path) -> Engine:
    """A database that is there, as it is: nothing is written, and nothing brought up to date. Raises StorageError."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with mapped():
        revision_of(path)
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
        ),
        poolclass=NullPool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    return engine.execution_options(is_reading=True)


def checkpoint(engine: Engine) -> None:
    """Empties the write-ahead log into the database: deleted means deleted.

    Where somebody still reads what it would take away, such as a backup under way, it is left for the next time: to
    wait for him would hold up every post.
    """
    with mapped():
        connection = engine.raw_connection()  # it cannot run inside a transaction
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
            cursor.close()
            connection.close()


@contextmanager
def mapped() -> Iterator[None]:
    """The one place where the database's errors become ours."""
    try:
        yield
    except DBAPIError as error:
        raise _mapped(error.orig) from error
    except sqlite3.Error as error:
        raise _mapped(error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull from error
        raise StorageError(f"{FILE} cannot be used: {error.strerror}") from error


def _mapped(error: BaseException | None) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what extends it
    if code == sqlite3.SQLITE_FULL:
        return DiskFull()
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StorageError(
            f"{FILE} is damaged, or no database", hint="put back a backup: `coterie restore`"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StorageError(
            f"{FILE} cannot be opened or written", hint="check who owns the data folder"
        )
    return StorageError(f"{FILE} cannot be used: {error}")


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "trusted_schema = OFF",
        f"cache_size = -{CACHE_KIB}",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    """Who will write says so at once: a lock that is taken later can fail."""
    is_reading = connection.get_execution_options().get("is_reading")
    driver(connection).execute("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def driver(connection: Connection) -> sqlite3.Connection:
    """SQLite's own, for what every post and every page needs: SQLAlchemy adds some 20 us to a statement."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def revision_of(path: Path) -> str | None:
    """The newest migration that was applied, None in a new database. Reads only: what is not ours is left as it is.

    Raises StorageError for a newer version's, and those of other programs.
    """
    uri = f"{path.absolute().as_uri()}?mode=rw"  # "ro" leaves files for the write-ahead log behind
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:

        def ask(sql: str) -> Any:
            (answer,) = connection.execute(sql).fetchone()
            return answer

        if not ask("SELECT count(*) FROM sqlite_master"):
            return None
        if ask("PRAGMA application_id") != APPLICATION_ID:
            raise StorageError(
                f"{path} is a database of another program", hint="choose another --data folder"
            )
        found = str(ask("SELECT version_num FROM alembic_version"))
    if found > REVISION:
        raise StorageError(
            f"{path} was written by a newer version (schema {found}, this one knows {REVISION})",
            hint="install that version of coterie, or a newer one",
        )
    return found


def _migrate(engine: Engine) -> None:
    """Brings an empty or older database to ``REVISION``."""
    from alembic import command  # noqa: PLC0415  # slow to import, and seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
