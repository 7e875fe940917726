"""The server's store: SQLAlchemy Core, synchronous. One flush for many jobs.

``batch`` runs what arrived while the last batch was being flushed in one transaction; results are handed out when it
is durable. Reads have connections of their own. What the rules are is in ``delivery``.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from coterie.errors import CoterieError, Refused
from coterie.server.database import FILE as DATABASE
from coterie.server.database import checkpoint, mapped, open_database
from coterie.server.delivery import Rates
from coterie.server.limits import Limits
from coterie.server.news import News
from coterie.server.reading import Reading
from coterie.server.states import Held
from coterie.server.writing import Transaction
from coterie.wire.frames import Code, Post

ID_SIZE = 16  # bytes of the server's id and of a generation id


@dataclass(frozen=True, slots=True)
class PostJob:
    """A post of a device. Gives a ``delivery.PostAnswer``."""

    post: Post
    device: bytes


Job = Callable[[Transaction], Any] | PostJob


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of one: each job's result or CoterieError, in order, and what others are told."""

    results: list[Any]
    news: News


class Store:
    """All that the server keeps, but for its secret file."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine, self._limits = engine, limits
        self._rates = Rates()
        self._held = Held()
        self.reading = Reading(engine)
        self.server_id = self._made_once("server_id")
        self.generation = self._made_once("generation")

    @classmethod
    def open(cls, folder: Path, limits: Limits | None = None) -> "Store":
        """The store in a data folder, made or brought up to date. Raises StorageError."""
        engine = open_database(folder / DATABASE)
        try:
            return cls(engine, limits or Limits())
        except BaseException:
            engine.dispose()
            raise

    def batch(self, jobs: Sequence[Job], now: float) -> Batch:
        """Runs the jobs in one transaction, and returns once it is durable. ``now``: seconds since 1970.

        A job that raises leaves nothing. Raises StorageError where nothing could be written.
        """
        try:
            with mapped(), self._engine.begin() as connection:
                transaction = Transaction(connection, self._held, self._rates, self._limits, now)
                results = _run(transaction, connection, jobs)
        except BaseException:
            self._held.clear()  # what it says was not written
            self._rates.undo()
            raise
        self._held.tidy()
        self._rates.keep()
        return Batch(results, transaction.news)

    def do(self, job: Callable[[Transaction], Any], now: float) -> Any:
        """One job by itself. Raises what it raises, and StorageError."""
        (result,) = self.batch([job], now).results
        if isinstance(result, CoterieError):
            raise result
        return result

    def idle(self) -> None:
        """Deleted means deleted: empties the write-ahead log."""
        checkpoint(self._engine)

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def _made_once(self, key: str) -> bytes:
        found = self.reading.meta(key)
        if not found:
            found = secrets.token_bytes(ID_SIZE)
            self.do(lambda t: t.set_meta(key, found), 0.0)
        return found


def _run(transaction: Transaction, connection: Connection, jobs: Sequence[Job]) -> list[Any]:
    """Their results. Posts beside each other are done together."""
    results: list[Any] = []
    posts: list[PostJob] = []
    for job in jobs:
        if isinstance(job, PostJob):
            posts.append(job)
            continue
        results += _post_all(transaction, posts)
        results.append(_attempt(transaction, connection, job))
        posts = []
    results += _post_all(transaction, posts)
    return results


def _post_all(transaction: Transaction, posts: Sequence[PostJob]) -> list[Any]:
    """They are judged before anything is written, so they need no savepoint."""
    transaction.logs.expect((job.post, job.device) for job in posts)
    answers = [transaction.logs.post(job.post, job.device) for job in posts]
    transaction.logs.flush()
    return answers


def _attempt(
    transaction: Transaction, connection: Connection, job: Callable[[Transaction], Any]
) -> Any:
    """Its result, or why it left nothing."""
    savepoint = connection.begin_nested()
    try:
        result = job(transaction)
        transaction.logs.flush()
        savepoint.commit()
    except (CoterieError, IntegrityError) as error:
        savepoint.rollback()
        return _refusal(error)
    else:
        return result
    finally:
        transaction.logs.forget()


def _refusal(error: CoterieError | IntegrityError) -> CoterieError:
    """What contradicts the tables is refused by itself: the rest of the batch is others'."""
    if isinstance(error, CoterieError):
        return error
    return Refused(Code.MALFORMED, "it contradicts what is stored")
