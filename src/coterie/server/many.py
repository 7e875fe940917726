"""Statements that run for many rows at once, without what SQLAlchemy Core adds to each: every post needs a few.

They are Core's, compiled once for the database at hand, so the same ones run on SQLite and on PostgreSQL. SQLite's
driver is given them directly, inside the transaction that the connection is in: a batch of one post has as many.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Table,
    and_,
    bindparam,
    column,
    insert,
    select,
    values,
)
from sqlalchemy.sql.compiler import SQLCompiler

from coterie.server import database

Row = tuple[Any, ...]
SQLITE = "sqlite"  # the dialect
_SIZES = (1, 8, 64)  # keys of one query: few texts, so that the driver keeps them prepared


class _Driver:
    """A statement as the database's driver takes it: its text, and its parameters in the order of ``names``."""

    def __init__(self, compiled: SQLCompiler, names: Sequence[str]) -> None:
        self.text = str(compiled)
        self._names = None if compiled.positional else names
        if compiled.positional and list(names) != compiled.positiontup:
            raise ValueError(f"parameters are {compiled.positiontup}, not {names}")

    def parameters(self, row: Row) -> Any:
        """By position or by name."""
        return row if self._names is None else dict(zip(self._names, row, strict=True))


class _Statement:
    """One whose parameters are a tuple in the order of ``names``."""

    def __init__(self, statement: Executable, names: Sequence[str]) -> None:
        self._statement, self._names = statement, names
        self._drivers: dict[str, _Driver] = {}

    def _driver(self, dialect: Dialect) -> _Driver:
        driver = self._drivers.get(dialect.name)
        if driver is None:
            driver = _Driver(_compiled(self._statement, dialect), self._names)
            self._drivers[dialect.name] = driver
        return driver


class Write(_Statement):
    """An insert or update."""

    def run(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Once for each row; one round trip."""
        driver = self._driver(connection.dialect)
        if connection.dialect.name == SQLITE:
            database.driver(connection).executemany(driver.text, rows)
        else:
            connection.exec_driver_sql(driver.text, list(map(driver.parameters, rows)))


class Read(_Statement):
    """A query for many rows, which come as the driver gives them."""

    def run(self, connection: Connection, row: Row) -> Iterable[Row]:
        """What it finds for these parameters."""
        return _run(connection, self._driver(connection.dialect), row)


class Insert:
    """New rows of a table: tuples of all its columns, up to 64 in a statement.

    Not one by one: with each statement SQLite's driver gives the interpreter's lock to whoever waits for it.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._drivers: dict[tuple[str, int], _Driver] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """All of them."""
        for at in range(0, len(rows), _SIZES[-1]):
            chunk = rows[at : at + _SIZES[-1]]
            driver = self._driver(connection.dialect, len(chunk))
            _run(connection, driver, tuple(chain.from_iterable(chunk)))

    def _driver(self, dialect: Dialect, size: int) -> _Driver:
        driver = self._drivers.get((dialect.name, size))
        if driver is None:
            keys = [one.key for one in self._table.columns]
            names = [[f"{key}_{n}" for key in keys] for n in range(size)]
            rows: list[dict[str, Any]] = [
                dict(zip(keys, map(bindparam, row), strict=True)) for row in names
            ]
            statement = insert(self._table).values(rows)
            driver = _Driver(_compiled(statement, dialect), list(chain.from_iterable(names)))
            self._drivers[dialect.name, size] = driver
        return driver


class Lookup:
    """The rows of a table that have one of many keys: ``columns`` of them, as the driver gives them."""

    def __init__(
        self, table: Table, keys: Sequence[str], columns: Sequence[ColumnElement[Any]]
    ) -> None:
        self._table, self._keys, self._columns = table, keys, columns
        self._drivers: dict[tuple[str, int], _Driver] = {}

    def run(self, connection: Connection, wanted: Iterable[Row]) -> Iterator[Row]:
        """A key that is not there gives nothing; a row may come twice. 64 keys are one query."""
        left = iter(wanted)
        while chunk := list(islice(left, _SIZES[-1])):
            size = next(size for size in _SIZES if size >= len(chunk))
            chunk += chunk[-1:] * (size - len(chunk))
            driver = self._driver(connection.dialect, size)
            yield from _run(connection, driver, tuple(chain.from_iterable(chunk)))

    def _driver(self, dialect: Dialect, size: int) -> _Driver:
        driver = self._drivers.get((dialect.name, size))
        if driver is None:
            keys = [self._table.c[key] for key in self._keys]
            rows = [[bindparam(f"{c.name}_{n}", type_=c.type) for c in keys] for n in range(size)]
            wanted = values(*(column(c.name, c.type) for c in keys)).data(
                [tuple(row) for row in rows]
            )
            table = wanted.cte("wanted")
            is_wanted = and_(*(c == table.c[c.name] for c in keys))
            query = select(*self._columns).select_from(table.join(self._table, is_wanted))
            names = [parameter.key for row in rows for parameter in row]
            driver = _Driver(_compiled(query, dialect), names)
            self._drivers[dialect.name, size] = driver
        return driver


def _run(connection: Connection, driver: _Driver, row: Row) -> Iterable[Row]:
    if connection.dialect.name == SQLITE:
        return database.driver(connection).execute(driver.text, row)
    return connection.exec_driver_sql(driver.text, driver.parameters(row))


def _compiled(statement: Any, dialect: Dialect) -> SQLCompiler:
    compiled: SQLCompiler = statement.compile(dialect=dialect)
    return compiled
