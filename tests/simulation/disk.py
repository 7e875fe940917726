"""The disks: the real stores over databases in memory, of which a crash takes what was not flushed.

A server's batch is written when it is applied and durable when it is flushed, later; readers see what is durable. A
client's transaction is durable at its end. Either may meet a full disk, and a client may die between any two writes.
"""

import errno
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import apsw
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

from coterie.client.database import Database, SQLValue
from coterie.client.store import APPLICATION_ID, SCHEMA
from coterie.private_files import storage_error
from coterie.server.database import FILE, open_database
from coterie.server.limits import Limits
from coterie.server.reading import Reading
from coterie.server.store import Batch, Job, Store
from tests.simulation.loop import Died

SQLITE_FULL, SQLITE_IOERR_FSYNC = 13, 1034  # result codes, section "Result Code Meanings"


class ServerDisk:
    """What survives of a server, and what its disk refuses."""

    def __init__(self, durable: bytes) -> None:
        self.durable = durable
        self.is_full = False
        self.fails_flush = False  # the next one
        self.failed = 0  # flushes that did not happen

    def commit(self, _: object = None) -> None:
        """Asked before each transaction ends. Raises what SQLite would."""
        if self.is_full or self.fails_flush:
            code = SQLITE_FULL if self.is_full else SQLITE_IOERR_FSYNC
            self.fails_flush = False
            self.failed += 1
            error = sqlite3.OperationalError("by order of the simulation")
            error.sqlite_errorcode = code
            raise error


class TwinStore(Store):
    """The real store. ``apply`` and ``flush`` are the two halves of ``batch``; in between the batch can be lost."""

    def __init__(self, disk: ServerDisk) -> None:
        self.disk = disk
        self._written, self._readable = _in_memory(disk.durable), _in_memory(disk.durable)
        engine = _engine(self._written)
        event.listen(engine, "commit", disk.commit)
        super().__init__(engine, Limits())
        self.reading = Reading(_engine(self._readable))

    def batch(self, jobs: Sequence[Job], now: float) -> Batch:
        """Durable when it returns, as the real one's."""
        done = self.apply(jobs, now)
        self.flush()
        return done

    def apply(self, jobs: Sequence[Job], now: float) -> Batch:
        """Written, and lost in a crash."""
        return super().batch(jobs, now)

    def flush(self) -> None:
        """What was written is durable, and seen by readers."""
        self.disk.durable = self._written.serialize()
        self._readable.deserialize(self.disk.durable)


def empty_server() -> bytes:
    """A server's database as its migrations make it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        open_database(path).dispose()
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = DELETE").close()  # a log cannot be in memory
        connection.close()
        return path.read_bytes()


def _in_memory(image: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.deserialize(image)
    connection.execute("PRAGMA foreign_keys = ON").close()
    return connection


def _engine(connection: sqlite3.Connection) -> Engine:
    engine = create_engine(
        "sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True
    )
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


class ClientDisk:
    """What a client's disk does to it, and where the client dies."""

    def __init__(self) -> None:
        self.is_full = False
        self.refused = 0  # writes
        self.dies_in: int | None = None  # writes from now
        self.dies_after = False  # the write is done before it dies
        self.is_dead = False
        self.on_died: Callable[[], object] = lambda: None


class TwinDatabase(Database):
    """The real one, unencrypted in memory. ``image`` is what a file of it would hold."""

    def __init__(self, disk: ClientDisk, image: bytes | None = None) -> None:
        connection = apsw.Connection(":memory:")
        super().__init__(Path("in-memory"), connection)
        self.disk = disk
        if image is not None:
            connection.deserialize("main", image)
        else:
            self._migrate(APPLICATION_ID, SCHEMA)

    def image(self) -> bytes:
        """What was committed. Asked once the client is dead or at rest."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        return self._connection.serialize("main")

    def execute(self, sql: str, params: Sequence[SQLValue] = ()) -> Iterator[tuple[Any, ...]]:
        is_write = self._before(sql)
        rows = super().execute(sql, params)
        self._after(is_write)
        return rows

    def executemany(self, sql: str, rows: Iterable[Sequence[SQLValue]]) -> None:
        is_write = self._before(sql)
        super().executemany(sql, rows)
        self._after(is_write)

    def _before(self, sql: str) -> bool:
        disk = self.disk
        if disk.is_dead:
            raise Died
        if sql.lstrip().startswith(("SELECT", "PRAGMA", "ROLLBACK")):
            return False
        if disk.dies_in is not None:
            disk.dies_in -= 1
            if disk.dies_in <= 0 and not disk.dies_after:
                self._die()
        if disk.is_full and not sql.startswith("BEGIN"):
            disk.refused += 1
            raise storage_error(self.path, "written", errno.ENOSPC)
        return True

    def _after(self, is_write: bool) -> None:
        if is_write and self.disk.dies_in is not None and self.disk.dies_in <= 0:
            self._die()

    def _die(self) -> NoReturn:
        self.disk.is_dead = True
        self.disk.on_died()
        raise Died
