"""The database under all that a client keeps."""

from collections.abc import Iterable
from typing import Any

from coterie.client.database import Database


class Rows:
    """What reads and writes rows."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def _all(self, sql: str, params: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        return list(self._db.execute(sql, tuple(params)))

    def _one(self, sql: str, params: Iterable[Any] = ()) -> tuple[Any, ...] | None:
        return next(iter(self._all(sql, params)), None)


def marks(count: int) -> str:
    """So many places for values in a statement."""
    return ", ".join("?" * count)
