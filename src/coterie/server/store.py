"""The server's store: SQLAlchemy Core, synchronous, over SQLite. One flush for many jobs.

``batch`` runs what arrived while the last batch was being flushed in one transaction; results are handed out when it
is durable. Reads have connections of their own. What the rules are is in ``delivery``.
"""

import errno
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.exc import DatabaseError, OperationalError

from coterie.errors import CoterieError, StorageError
from coterie.server import schema
from coterie.server.delivery import Rates
from coterie.server.reading import Reading
from coterie.server.writing import Transaction
from coterie.wire.frames import Post

DATABASE = "coterie.db"
APPLICATION_ID = 0x436F7453  # "CotS": tells our databases from others'
REVISION = "0001"  # the newest migration that this version knows


@dataclass(frozen=True, slots=True)
class PostJob:
    """A post of a device. Gives ``Posted``."""

    post: Post
    device: bytes
    monotonic: float  # seconds of the server's clock


Job = Callable[[Transaction], Any] | PostJob


class Store:
    """All that the server keeps, but for its secret file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rates = Rates()
        self.reading = Reading(engine)
        self.server_id = self.reading.meta("server_id")
        self.generation = self.reading.meta("generation")

    @classmethod
    def open(cls, folder: Path) -> "Store":
        """The store in a data folder, made or brought up to date. Raises StorageError."""
        path = folder / DATABASE
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        try:
            with _mapped(path):
                _migrate(engine, path)
                with engine.begin() as connection:
                    for key in ("server_id", "generation"):
                        if (
                            connection.scalar(select(schema.meta.c.value).filter_by(key=key))
                            is None
                        ):
                            value = secrets.token_bytes(16)
                            connection.execute(schema.meta.insert().values(key=key, value=value))
        except BaseException:
            engine.dispose()
            raise
        path.chmod(0o600)
        return cls(engine)

    def batch(self, jobs: Sequence[Job], now: float) -> list[Any]:
        """Each job's result or CoterieError, in order, once all of it is durable. ``now``: seconds since 1970.

        A job that raises leaves nothing. Raises StorageError where nothing could be written.
        """
        with _mapped(DATABASE), self._engine.begin() as connection:
            transaction = Transaction(connection, self._rates, now)
            results: list[Any] = []
            for job in jobs:
                if isinstance(
                    job, PostJob
                ):  # judged before anything is written: needs no savepoint
                    results.append(transaction.post(job.post, job.device, job.monotonic))
                    continue
                transaction.flush()
                savepoint = connection.begin_nested()
                try:
                    results.append(job(transaction))
                    savepoint.commit()
                except CoterieError as error:
                    savepoint.rollback()
                    results.append(error)
            transaction.flush()
        return results

    def idle(self) -> None:
        """Deleted means deleted: empties the write-ahead log."""
        with _mapped(DATABASE), self._engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(
        "BEGIN IMMEDIATE" if not connection.get_execution_options().get("is_reading") else "BEGIN"
    )


def _migrate(engine: Engine, path: Path) -> None:
    """Brings an empty or older database to ``REVISION``; refuses a newer one and those of other programs."""
    with engine.connect() as connection:
        application_id = connection.exec_driver_sql("PRAGMA application_id").scalar()
        is_empty = not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
        found = (
            None
            if is_empty or application_id != APPLICATION_ID
            else connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        )
        connection.rollback()
    if not is_empty and application_id != APPLICATION_ID:
        raise StorageError(
            f"{path} is a database of another program", hint="choose another --data folder"
        )
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        raise StorageError(
            f"{path} was written by a newer version (schema {found}, this one knows {REVISION})",
            hint="install that version of coterie, or a newer one",
        )
    from alembic import command  # noqa: PLC0415  # slow to import, and seldom needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


@contextmanager
def _mapped(path: Path | str) -> Iterator[None]:
    """The one place where the database's errors become ours."""
    try:
        yield
    except (DatabaseError, OperationalError) as error:
        reason = str(error.orig)
        if "full" in reason:
            raise StorageError(
                "the disk is full", hint="free some space: nothing was lost"
            ) from error
        if "not a database" in reason or "malformed" in reason:
            raise StorageError(f"{path} is damaged or no database: {reason}") from error
        raise StorageError(f"the database cannot be used: {reason}") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageError(
                "the disk is full", hint="free some space: nothing was lost"
            ) from error
        raise


def count_accounts(reading: Reading) -> int:
    """How many there are."""
    with reading.connection() as connection:
        return int(connection.scalar(select(func.count()).select_from(schema.account)) or 0)
