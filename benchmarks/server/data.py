"""A data folder with accounts, rooms and logs in it, made without a server."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from shapes import BODY_SIZE
from sqlalchemy import insert

from coterie.server import schema
from coterie.server.database import FILE, open_database
from coterie.server.keys import Keys
from coterie.wire import chain

DEVICE_KEY = Ed25519PrivateKey.generate()  # one for all devices: it is the server that is measured
STORED_AT = 1.7e9  # seconds since 1970
_NO_RATES = """[limits]  # they are looked at as ever, and are not in the way
requests_per_second = 1000000
posts_per_second = 1000000
bytes_per_day = 1000000000000
handshakes_per_second = 10000
"""


@dataclass(frozen=True, slots=True)
class Seat:
    """A device in a room."""

    room: int
    name: str
    device: bytes


def group_id(room: int) -> bytes:
    return room.to_bytes(16, "big")


def seats(rooms: int, members: int) -> list[Seat]:
    """Every device of every room; each is an account of its own."""
    return [
        Seat(room, f"m{room}x{number}", (room * members + number + 1).to_bytes(16, "big"))
        for room in range(rooms)
        for number in range(members)
    ]


def make(
    folder: Path, rooms: int, members: int, *, entries: int = 0, filled: int | None = None
) -> bytes:
    """The folder, with ``entries`` in the logs of all rooms or the ``filled`` first; its server's fingerprint."""
    folder.mkdir(mode=0o700)
    (folder / "coterie.toml").write_text(_NO_RATES)
    keys = Keys.open(folder)
    engine = open_database(folder / FILE)
    made = seats(rooms, members)
    firsts = made[::members]
    with engine.begin() as connection:
        connection.execute(insert(schema.account), [_account(seat) for seat in made])
        connection.execute(insert(schema.device), [_device(seat) for seat in made])
        connection.execute(insert(schema.group), [_group(room) for room in range(rooms)])
        connection.execute(insert(schema.member), [_member(seat) for seat in made])
        keepers = [{"group_id": group_id(seat.room), "name": seat.name} for seat in firsts]
        connection.execute(insert(schema.keeper), keepers)
    engine.dispose()
    if entries:
        firsts = firsts[:filled]
        _fill(folder / FILE, firsts, entries // len(firsts))
    return keys.fingerprint


def _fill(path: Path, firsts: list[Seat], each: int) -> None:
    """Logs that the first device of each room has written, all rooms at once. Of the chains only the ends matter."""
    body, link = secrets.token_bytes(BODY_SIZE), bytes(32)
    step = 2**128 // (each + 1)  # message ids are random; these are spread as evenly

    def rows() -> Iterator[tuple[object, ...]]:
        for seq in range(1, each + 1):
            message_id = (seq * step).to_bytes(16, "big")
            for seat in firsts:
                yield group_id(seat.room), seq, 1, seat.device, message_id, body, link, STORED_AT

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        connection.execute("BEGIN")
        columns = "group_id, seq, kind, device, message_id, body, chain, stored_at"
        marks = ", ".join("?" * 8)
        connection.executemany(f"INSERT INTO entry ({columns}) VALUES ({marks})", rows())  # noqa: S608
        groups = [(each, link, group_id(seat.room)) for seat in firsts]
        connection.executemany(
            "UPDATE log_group SET head = ?, chain = ? WHERE group_id = ?", groups
        )
        devices = [(each, seat.device) for seat in firsts]
        connection.executemany("UPDATE member SET count = ? WHERE device = ?", devices)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _account(seat: Seat) -> dict[str, object]:
    return {
        "name": seat.name,
        "account_key": bytes(32),
        "opaque_record": b"",
        "vault": b"",
        "list_version": 1,
        "list_document": b"",
        "list_signature": bytes(64),
    }


def _device(seat: Seat) -> dict[str, object]:
    return {
        "device": seat.device,
        "name": seat.name,
        "device_key": DEVICE_KEY.public_key().public_bytes_raw(),
        "is_revoked": False,
        "inbox_head": 0,
    }


def _group(room: int) -> dict[str, object]:
    return {
        "group_id": group_id(room),
        "head": 0,
        "chain": chain.first(group_id(room)),
        "last_handshake": 0,
        "turn_device": None,
        "turn_at": 0.0,
    }


def _member(seat: Seat) -> dict[str, object]:
    return {
        "group_id": group_id(seat.room),
        "device": seat.device,
        "name": seat.name,
        "count": 0,
        "may_post": True,
        "removed_at": None,
        "proposal_at": 0,
        "stale_after": None,
        "turn_at": 0.0,
    }
