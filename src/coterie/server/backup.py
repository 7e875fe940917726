"""``coterie backup``: a server's data as it is at one moment, sealed into one file while the server runs.

The file holds a manifest and then the files that it lists, one after the other: docs/reference/backup-format.md.
"""

import fcntl
import hashlib
import io
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
from sqlalchemy import Connection, select

from coterie.errors import InvalidInput, StorageError
from coterie.private_files import FILE_MODE, replacing_private, storage_error
from coterie.secret import Secret
from coterie.server import schema
from coterie.server.config import FILE as CONFIG
from coterie.server.database import FILE as DATABASE
from coterie.server.database import mapped, open_read_only, revision_of
from coterie.server.folder import is_data_folder
from coterie.server.holdings import Holdings, holdings
from coterie.server.keys import FILE as SECRETS
from coterie.server.keys import Keys
from coterie.server.progress import Progress, unwatched
from coterie.server.sealed_file import CHUNK_SIZE, SealedWriter

SNAPSHOT = f".{DATABASE}.snapshot"  # in the data folder, while a backup is made
STEP = 512  # pages copied between two reports of progress: 2 MiB
RESERVE = 64 * 2**20  # bytes of disk that a snapshot leaves: the server goes on writing meanwhile
MANIFEST_LENGTH_SIZE = 4  # bytes, big-endian


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file in the backup."""

    name: str
    size: int
    sha256: str  # hex


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds. JSON in the file."""

    made: str  # ISO 8601, UTC
    coterie: str  # the version that made it
    schema: str
    server_id: str  # hex, as the next
    generation: str
    holdings: Holdings
    files: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The database at one moment."""

    path: Path
    made: datetime
    schema: str
    server_id: bytes
    generation: bytes
    holdings: Holdings


def make_backup(
    folder: Path,
    file: Path,
    passphrase: Secret,
    *,
    replace: bool = False,
    progress: Progress = unwatched,
) -> Manifest:
    """Writes ``file`` (mode 0600), whole or not at all; what it holds.

    Raises StorageError; InvalidInput where ``file`` is there and not to be replaced.
    """
    check_place(folder, file, replace=replace)
    Keys.open(folder)  # whether they are whole: without them the rest is of no use
    with ExitStack() as stack:
        snapshot = stack.enter_context(_snapshot(folder, progress))
        sources: list[tuple[str, BinaryIO]] = [
            (DATABASE, stack.enter_context(snapshot.path.open("rb"))),
            *((name, io.BytesIO(data)) for name, data in _small_files(folder)),
        ]
        manifest = Manifest(
            made=snapshot.made.isoformat(timespec="seconds"),
            coterie=version("coterie"),
            schema=snapshot.schema,
            server_id=snapshot.server_id.hex(),
            generation=snapshot.generation.hex(),
            holdings=snapshot.holdings,
            files=tuple(_member(name, source) for name, source in sources),
        )
        with _writing(file), replacing_private(file) as raw:
            _seal(SealedWriter(raw, passphrase), manifest, [s for _, s in sources], progress)
    return manifest


def check_place(folder: Path, file: Path, *, replace: bool) -> None:
    """Raises as ``make_backup`` does where a backup of ``folder`` to ``file`` makes no sense."""
    if not is_data_folder(folder):
        raise StorageError(
            f"{folder} is no data folder of a Coterie server", hint="name another with --data DIR"
        )
    if file.exists() and not replace:
        raise InvalidInput(f"{file} is there already", hint="give another name, or --force")
    if file.resolve().parent == folder.resolve():
        raise InvalidInput(
            f"{folder} is what the backup is of", hint="put it elsewhere, best on another machine"
        )


def _seal(
    sealed: SealedWriter, manifest: Manifest, sources: list[BinaryIO], progress: Progress
) -> None:
    encoded = msgspec.json.encode(manifest)
    sealed.write(len(encoded).to_bytes(MANIFEST_LENGTH_SIZE, "big") + encoded)
    done, total = 0, sum(member.size for member in manifest.files)
    for source in sources:
        source.seek(0)
        while chunk := source.read(CHUNK_SIZE):
            sealed.write(chunk)
            done += len(chunk)
            progress("encrypting", done, total)
    sealed.finish()


def _small_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Read once: a setting that is edited meanwhile must not contradict its checksum."""
    for name in (SECRETS, CONFIG):
        path = folder / name
        try:
            yield name, path.read_bytes()
        except FileNotFoundError:
            continue  # no settings, which is as good
        except OSError as error:
            raise storage_error(path, "read", error.errno) from error


def _member(name: str, source: BinaryIO) -> Member:
    digest = hashlib.file_digest(source, "sha256")  # type: ignore[arg-type]  # any binary file
    return Member(name, source.seek(0, os.SEEK_END), digest.hexdigest())


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(file, "written", error.errno) from error


# --- the snapshot --------------------------------------------------------------------------------


@contextmanager
def _snapshot(folder: Path, progress: Progress) -> Iterator[Snapshot]:
    """A copy of the database within the data folder, which is gone after the block.

    It is made in one read transaction, so it is one moment's, and in write-ahead mode no writer waits for it.
    """
    source, target = folder / DATABASE, folder / SNAPSHOT
    with _only_one(target), mapped():
        schema_revision = revision_of(source) or ""
        engine = open_read_only(source)
        try:
            with engine.connect() as connection:
                found = holdings(connection)  # the moment is that of this first look
                snapshot = Snapshot(
                    target,
                    datetime.now(UTC),
                    schema_revision,
                    _meta(connection, "server_id"),
                    _meta(connection, "generation"),
                    found,
                )
                _copy(connection, target, progress)
        finally:
            engine.dispose()
        yield snapshot


def _copy(connection: Connection, target: Path, progress: Progress) -> None:
    source = cast("sqlite3.Connection", connection.connection.driver_connection)
    pages, size = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("page_count", "page_size")
    )
    free = shutil.disk_usage(target.parent).free
    if free < pages * size + RESERVE:
        raise StorageError(
            f"a backup needs {pages * size + RESERVE} bytes free in {target.parent} for a while, "
            f"and there are {free}",
            hint="free some space and try again",
        )
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):  # a copy that fails is deleted
            copy.execute(f"PRAGMA {pragma}").close()
        source.backup(
            copy,
            pages=STEP,
            progress=lambda _, left, total: progress("copying", total - left, total),
        )


def _meta(connection: Connection, key: str) -> bytes:
    c = schema.meta.c
    return bytes(connection.scalars(select(c.value).where(c.key == key)).one())


@contextmanager
def _only_one(target: Path) -> Iterator[None]:
    """Makes the snapshot's file, empty and for its owner alone, and deletes it at the end; so also a crashed one's."""
    try:
        descriptor = os.open(target, os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as error:
        raise storage_error(target, "written", error.errno) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(descriptor).st_nlink:  # of one that has just ended
                raise BlockingIOError
        except BlockingIOError:
            raise StorageError(f"another backup of {target.parent} is under way") from None
        os.ftruncate(descriptor, 0)
        try:
            yield
        finally:
            target.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
