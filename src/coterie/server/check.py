"""``coterie check``: whether what a server keeps is whole, and agrees with itself. Reads only; the server may run.

Each look is a short read of one moment, so that nobody is held up, and what is written meanwhile is no fault.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
from sqlalchemy import Engine, select

from coterie.errors import StorageError
from coterie.server import check_tables, schema
from coterie.server.check_logs import look_at_log
from coterie.server.database import FILE as DATABASE
from coterie.server.database import REVISION, mapped, open_read_only, revision_of
from coterie.server.finding import Finding
from coterie.server.folder import is_data_folder
from coterie.server.holdings import Holdings, holdings
from coterie.server.keys import FILE as SECRETS
from coterie.server.keys import Keys
from coterie.server.progress import Progress, unwatched

MOST_FINDINGS = 100  # of one look; one fault can show in many places


class Report(msgspec.Struct, frozen=True):
    """What came of a check."""

    holdings: Holdings | None  # None: the database cannot be read
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Nothing was found."""
        return not self.findings


def check(folder: Path, progress: Progress = unwatched) -> Report:
    """Looks at all of a data folder. Raises StorageError where it is none, or of another version."""
    if not is_data_folder(folder):
        raise StorageError(
            f"{folder} is no data folder of a Coterie server", hint="name another with --data DIR"
        )
    findings = list(_secrets(folder))
    if not (folder / DATABASE).exists():
        return Report(None, (*findings, Finding("database", f"{DATABASE} is missing")))
    engine = _opened(folder / DATABASE)
    try:
        for finding in _database(engine, progress):
            findings.append(finding)  # noqa: PERF402  # those before an error count
        with mapped(), engine.connect() as connection:
            held = holdings(connection)
    except StorageError as error:
        return Report(None, (*findings, Finding("database", str(error))))
    finally:
        engine.dispose()
    return Report(held, tuple(findings))


def _opened(path: Path) -> Engine:
    with mapped():
        revision = revision_of(path)
    if revision != REVISION:
        raise StorageError(
            f"{path} is of an older version (schema {revision}, this one checks {REVISION})",
            hint="`coterie serve` brings it up to date",
        )
    return open_read_only(path)


def _secrets(folder: Path) -> Iterator[Finding]:
    if not (folder / SECRETS).exists():
        yield Finding("secrets", f"{SECRETS} is missing: no password works, no client trusts it")
        return
    try:
        Keys.open(folder)
    except StorageError as error:
        yield Finding("secrets", str(error))


def _database(engine: Engine, progress: Progress) -> Iterator[Finding]:
    progress("reading the database", 0, 1)
    damage = _found(engine, check_tables.integrity)
    yield from damage
    if damage:
        return  # what is read from it further on means nothing
    for look in check_tables.LOOKS:
        yield from _found(engine, look)
    with mapped(), engine.connect() as connection:
        total = holdings(connection).entries
        groups = connection.scalars(select(schema.group.c.group_id)).all()
    done = 0

    def hashed(entries: int) -> None:
        nonlocal done
        done += entries
        progress("checking logs", done, max(done, total))

    for group_id in groups:
        yield from islice(look_at_log(engine, group_id, hashed), MOST_FINDINGS)


def _found(engine: Engine, look: "check_tables.Look") -> list[Finding]:
    with mapped(), engine.connect() as connection:
        return list(islice(look(connection), MOST_FINDINGS))
