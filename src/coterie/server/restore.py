"""``coterie restore``: a server's data folder from a backup.

Everything is opened and looked at in a folder within the new one, then put in place by renaming, the secrets last:
a server does not start without them, so an interrupted restore is not taken for a whole one, and is begun anew.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import delete, update

from coterie.errors import StorageError
from coterie.private_files import FILE_MODE, make_private_folder, storage_error, sync_folder
from coterie.secret import Secret
from coterie.server import schema
from coterie.server.backup import MANIFEST_LENGTH_SIZE, Manifest
from coterie.server.config import FILE as CONFIG
from coterie.server.database import FILE as DATABASE
from coterie.server.database import REVISION, checkpoint, mapped, open_database
from coterie.server.folder import RESTORING, empty_folder
from coterie.server.holdings import holdings
from coterie.server.keys import FILE as SECRETS
from coterie.server.keys import Keys
from coterie.server.progress import Progress, unwatched
from coterie.server.sealed_file import CHUNK_SIZE, SealedReader
from coterie.server.store import ID_SIZE

IN_ORDER = (CONFIG, DATABASE, SECRETS)  # how they are put in place
MAX_MANIFEST = 64 * 2**10  # bytes; three files and a few numbers take one


@dataclass(frozen=True, slots=True)
class Restored:
    """A data folder that a server can be started on."""

    manifest: Manifest
    generation: bytes  # new: by it clients notice


def restore(
    file: Path, folder: Path, passphrase: Secret, *, progress: Progress = unwatched
) -> Restored:
    """Makes ``folder``, which is new or empty, of ``file``. Raises StorageError, and then nothing is in place."""
    try:
        raw = file.open("rb")
    except OSError as error:
        raise storage_error(file, "read", error.errno) from error
    with raw:
        sealed = SealedReader(raw, file, passphrase)  # before a folder is made
        manifest = _manifest(sealed, file)
        with empty_folder(folder), _writing(folder):
            _clear(folder)
            aside = folder / RESTORING
            try:
                make_private_folder(aside)
                _extract(sealed, manifest, aside, file, progress)
                generation = _prepare(aside, manifest, file)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise
            _put_in_place(aside, folder)
    return Restored(manifest, generation)


def _manifest(sealed: SealedReader, file: Path) -> Manifest:
    size = int.from_bytes(_exactly(sealed, MANIFEST_LENGTH_SIZE, file), "big")
    if size > MAX_MANIFEST:
        raise StorageError(f"{file} has a manifest of {size} bytes, limit {MAX_MANIFEST}")
    try:
        manifest = msgspec.json.decode(_exactly(sealed, size, file), type=Manifest)
    except msgspec.DecodeError as error:
        raise StorageError(f"{file} has a manifest that cannot be read") from error
    names = [member.name for member in manifest.files]
    if len(set(names)) < len(names) or not {DATABASE, SECRETS} <= set(names) <= set(IN_ORDER):
        raise StorageError(f"{file} holds other files than a server's: {', '.join(names)}")
    if manifest.schema > REVISION:
        raise StorageError(
            f"{file} was made by a newer version "
            f"(schema {manifest.schema}, this one knows {REVISION})",
            hint=f"install coterie {manifest.coterie}, or a newer one",
        )
    return manifest


def _extract(
    sealed: SealedReader, manifest: Manifest, folder: Path, file: Path, progress: Progress
) -> None:
    done, total = 0, sum(member.size for member in manifest.files)
    free = shutil.disk_usage(folder).free
    if free < total:
        raise StorageError(f"{folder.parent} has {free} bytes free, the backup holds {total}")
    for member in manifest.files:
        with os.fdopen(_create(folder / member.name), "wb") as target:
            digest, left = hashlib.sha256(), member.size
            while left:
                chunk = _some(sealed, min(left, CHUNK_SIZE), file)
                target.write(chunk)
                digest.update(chunk)
                left -= len(chunk)
                done += len(chunk)
                progress("decrypting", done, total)
            target.flush()
            os.fsync(target.fileno())
        if digest.hexdigest() != member.sha256:
            raise StorageError(f"{file}: {member.name} has another checksum than its manifest says")
    if sealed.read(1):
        raise StorageError(f"{file} holds more than its manifest says")


def _prepare(folder: Path, manifest: Manifest, file: Path) -> bytes:
    """Makes of the files those of a server that was restored; its new generation.

    What may have been used since the backup must not be used twice: one-time key packages, which would be handed out
    again, and invites, which would let somebody in again. The devices bring new key packages by themselves.
    """
    Keys.open(folder)
    generation = secrets.token_bytes(ID_SIZE)
    engine = open_database(folder / DATABASE)
    try:
        with mapped(), engine.begin() as connection:
            if holdings(connection) != manifest.holdings:
                raise StorageError(
                    f"{file}: its database holds other things than its manifest says"
                )
            m, k = schema.meta.c, schema.key_package.c
            connection.execute(
                update(schema.meta).where(m.key == "generation").values(value=generation)
            )
            connection.execute(delete(schema.key_package).where(k.is_last_resort.is_(False)))
            connection.execute(delete(schema.invite))
        checkpoint(engine)
    finally:
        engine.dispose()
    return generation


def _put_in_place(aside: Path, folder: Path) -> None:
    sync_folder(aside)
    for name in IN_ORDER:
        if (aside / name).exists():  # settings may be missing
            (aside / name).replace(folder / name)
            sync_folder(folder)
    shutil.rmtree(aside)


def _clear(folder: Path) -> None:
    """Takes away what an interrupted restore left. ``empty_folder`` has seen that it is one."""
    for name in IN_ORDER:
        (folder / name).unlink(missing_ok=True)
    if (folder / RESTORING).exists():
        shutil.rmtree(folder / RESTORING)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(folder, "written", error.errno) from error


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)


def _some(sealed: SealedReader, most: int, file: Path) -> bytes:
    found = sealed.read(most)
    if not found:
        raise StorageError(f"{file} ends before its last file does")
    return found


def _exactly(sealed: SealedReader, size: int, file: Path) -> bytes:
    found = b""
    while len(found) < size:
        found += _some(sealed, size - len(found), file)
    return found
