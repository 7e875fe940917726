"""What the operator does to his database is what the proofs say that he does."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from coterie.demo import database
from coterie.demo.database import alter, copy_server, replay, stored
from coterie.demo.relay import bit_distance
from coterie.server.database import FILE
from coterie.server.keys import FILE as SECRETS
from coterie.server.schema import metadata
from coterie.wire import chain
from coterie.wire.frames import Kind

GROUP, DEVICE = bytes(16), b"d" * 16
BODIES = (b"a commit", b"the first message", b"the second message")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A server's data with three entries."""
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / SECRETS).write_bytes(b"keys")
    engine = create_engine(f"sqlite:///{folder / FILE}")
    metadata.create_all(engine)
    with engine.begin() as connection:
        value = chain.first(GROUP)
        for seq, body in enumerate(BODIES, 1):
            kind = Kind.COMMIT if seq == 1 else Kind.MESSAGE
            value = chain.link(value, seq, kind, DEVICE, bytes([seq]) * 16, body)
            entry = metadata.tables["entry"].insert()
            connection.execute(
                entry,
                {
                    "group_id": GROUP,
                    "seq": seq,
                    "kind": kind,
                    "device": DEVICE,
                    "message_id": bytes([seq]) * 16,
                    "body": body,
                    "chain": value,
                    "stored_at": 0.0,
                },
            )
        head = {"group_id": GROUP, "head": 3, "chain": value, "last_handshake": 1, "turn_at": 0.0}
        connection.execute(metadata.tables["log_group"].insert(), head)
    engine.dispose()
    return folder


def rows(folder: Path) -> list[tuple[int, int, bytes, bytes, bytes, bytes]]:
    with closing(sqlite3.connect(folder / FILE)) as opened:
        return opened.execute(
            "SELECT seq, kind, device, message_id, body, chain FROM entry ORDER BY seq"
        ).fetchall()


def fits(folder: Path) -> bool:
    """Whether the log is in itself without fault, to its head."""
    value = chain.first(GROUP)
    for seq, kind, device, message_id, body, said in rows(folder):
        value = chain.link(value, seq, Kind(kind), device, message_id, body)
        if value != said:
            return False
    with closing(sqlite3.connect(folder / FILE)) as opened:
        head, said = opened.execute("SELECT head, chain FROM log_group").fetchone()
    return bool(head == len(rows(folder)) and said == value)


def test_files_have_the_names_that_the_server_gives_them() -> None:
    assert (database.DATABASE, database.SECRETS) == (FILE, SECRETS)


def test_entry_is_shown_as_it_is_stored(folder: Path) -> None:
    entry = stored(folder, 2)
    assert (entry.seq, entry.kind, entry.body) == (2, "message", BODIES[1])


def test_altered_entry_differs_in_one_bit_and_the_log_fits(folder: Path) -> None:
    assert fits(folder)
    before = rows(folder)
    alter(folder, 2)
    after = rows(folder)
    assert bit_distance(before[1][4], after[1][4]) == 1
    assert (before[0], before[2][:5]) == (after[0], after[2][:5])
    assert before[2][5] != after[2][5]
    assert fits(folder)


def test_replayed_entry_is_the_old_one_at_the_head_and_the_log_fits(folder: Path) -> None:
    before = rows(folder)
    assert replay(folder, 2) == 4
    after = rows(folder)
    assert after[:3] == before
    assert after[3][1:5] == before[1][1:5]
    assert fits(folder)


def test_copy_is_a_server_of_its_own(folder: Path, tmp_path: Path) -> None:
    before = rows(folder)
    copy_server(folder, tmp_path / "forged" / "server")
    alter(tmp_path / "forged" / "server", 3)
    assert rows(folder) == before
    assert rows(tmp_path / "forged" / "server") != before
    assert (tmp_path / "forged" / "server" / SECRETS).read_bytes() == b"keys"
