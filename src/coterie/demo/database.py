"""The server's database as its operator can use it: to look at what is stored, and to lie."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coterie.wire import chain
from coterie.wire.frames import Kind, SignedDocument

DATABASE, SECRETS = "coterie.db", "secrets"  # in a server's data folder


@dataclass(frozen=True, slots=True)
class Stored:
    """What the server has of a message."""

    seq: int
    kind: str
    body: bytes


def stored(folder: Path, seq: int) -> Stored:
    """The entry at ``seq`` of the one group there is. The server may be running."""
    with _reading(folder) as database:
        kind, body = database.execute(
            "SELECT kind, body FROM entry WHERE seq = ?", (seq,)
        ).fetchone()
        return Stored(seq, Kind(kind).name.lower(), body)


def copy_server(folder: Path, copy: Path) -> None:
    """A second data folder of the same server, with its keys: as an operator or a thief can make one."""
    copy.mkdir(parents=True)
    shutil.copy2(folder / SECRETS, copy / SECRETS)
    with _reading(folder) as database, closing(sqlite3.connect(copy / DATABASE)) as other:
        database.backup(other)


def alter(folder: Path, seq: int) -> None:
    """Changes one bit of the entry at ``seq``, and all that the server computes from it, so that it fits."""
    with _writing(folder) as database:
        (body,) = database.execute("SELECT body FROM entry WHERE seq = ?", (seq,)).fetchone()
        altered = bytearray(body)
        altered[-1] ^= 1
        database.execute("UPDATE entry SET body = ? WHERE seq = ?", (bytes(altered), seq))
        _make_fit(database)


def replay(folder: Path, seq: int) -> int:
    """Appends the entry at ``seq`` once more, as it is; the seq it has then."""
    with _writing(folder) as database:
        # The table allows an id once; its owner can have another table.
        database.execute("CREATE TABLE forged AS SELECT * FROM entry")
        database.execute("DROP TABLE entry")
        database.execute("ALTER TABLE forged RENAME TO entry")
        (last,) = database.execute("SELECT max(seq) FROM entry").fetchone()
        columns = [
            row[1] for row in database.execute("PRAGMA table_info(entry)") if row[1] != "seq"
        ]
        names = ", ".join(columns)
        database.execute(
            f"INSERT INTO entry (seq, {names}) SELECT ?, {names} FROM entry WHERE seq = ?",  # noqa: S608  # no input
            (last + 1, seq),
        )
        _make_fit(database)
        return int(last) + 1


def take_out(folder: Path, seq: int) -> None:
    """The entry at ``seq`` was never there: those behind it move up."""
    with _writing(folder) as database:
        (last,) = database.execute("SELECT max(seq) FROM entry").fetchone()
        database.execute("DELETE FROM entry WHERE seq = ?", (seq,))
        for later in range(seq + 1, last + 1):
            database.execute("UPDATE entry SET seq = ? WHERE seq = ?", (later - 1, later))
        _make_fit(database)


def append_from(folder: Path, other: Path, seq: int) -> None:
    """Appends what another copy of the same server has at ``seq``."""
    with _reading(other) as database:
        row = database.execute(
            "SELECT group_id, kind, device, message_id, body, chain, stored_at FROM entry WHERE seq = ?",
            (seq,),
        ).fetchone()
    with _writing(folder) as database:
        (last,) = database.execute("SELECT max(seq) FROM entry").fetchone()
        database.execute(
            "INSERT INTO entry (group_id, kind, device, message_id, body, chain, stored_at, seq) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, last + 1),
        )
        _make_fit(database)


def group_of(folder: Path) -> bytes:
    """The id of the one group there is."""
    with _reading(folder) as database:
        return bytes(database.execute("SELECT group_id FROM log_group").fetchone()[0])


def list_device(folder: Path, name: str, device: bytes) -> None:
    """Puts a device on the group's delivery list, which nobody has asked for."""
    with _writing(folder) as database:
        database.execute(
            "INSERT INTO member (group_id, device, name, count, may_post, proposal_at, turn_at) "
            "VALUES (?, ?, ?, 0, 1, 0, 0)",
            (group_of(folder), device, name),
        )


def replace_device_list(
    folder: Path, name: str, account_key: bytes, signed: SignedDocument
) -> None:
    """The directory says from now on that ``name`` has that account key and those devices."""
    with _writing(folder) as database:
        database.execute(
            "UPDATE account SET account_key = ?, list_document = ?, list_signature = ?, "
            "list_version = list_version + 1 WHERE name = ?",
            (account_key, signed.document, signed.signature, name),
        )


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{(folder / DATABASE).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        yield database


@contextmanager
def _writing(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        yield database


def _make_fit(database: sqlite3.Connection) -> None:
    """The running hash of every entry, and the head: what the server says of its log is in itself without fault."""
    (group_id,) = database.execute("SELECT group_id FROM log_group").fetchone()
    value, seq = chain.first(group_id), 0
    rows = database.execute(
        "SELECT seq, kind, device, message_id, body FROM entry ORDER BY seq"
    ).fetchall()
    for seq, kind, device, message_id, body in rows:
        value = chain.link(value, seq, Kind(kind), device, message_id, body)
        database.execute("UPDATE entry SET chain = ? WHERE seq = ?", (value, seq))
    database.execute("UPDATE log_group SET head = ?, chain = ?", (seq, value))
