"""What SQLite is asked to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.pool import Pool


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements of every connection that is taken from a pool meanwhile, with their values."""
    seen: list[str] = []

    def taken(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(seen.append)

    def given_back(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(None)

    event.listen(Pool, "checkout", taken)
    event.listen(Pool, "checkin", given_back)
    try:
        yield seen
    finally:
        event.remove(Pool, "checkout", taken)
        event.remove(Pool, "checkin", given_back)
