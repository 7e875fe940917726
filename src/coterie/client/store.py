"""What a client keeps: logs with their MLS state, outbox, timeline, pins and key packages, one transaction a step.

Everything lies in the encrypted database. MLS state is written as the rows that changed (PROTOCOL.md section 5).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from coterie.client.database import Database
from coterie.client.intent import Intent, Outgoing, Sealed
from coterie.client.log import GroupLog, Halt, Step
from coterie.client.rejoin import Asked
from coterie.identity import Pin, PinnedHow
from coterie.mls import Group, PendingCommit, Policy, changes, load
from coterie.secret import Secret
from coterie.wire.frames import SignedDocument

APPLICATION_ID = 0x436F7465  # "Cote": tells our databases from others'

SCHEMA = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE log (
        group_id BLOB PRIMARY KEY, room_id BLOB NOT NULL, row BLOB NOT NULL, is_current INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE mls (
        group_id BLOB NOT NULL, is_pending INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (group_id, is_pending, key)
    ) WITHOUT ROWID;
    CREATE TABLE chain (
        group_id BLOB NOT NULL, seq INTEGER NOT NULL, chain BLOB NOT NULL, PRIMARY KEY (group_id, seq)
    ) WITHOUT ROWID;
    CREATE TABLE used (
        group_id BLOB NOT NULL, device BLOB NOT NULL, message_id BLOB NOT NULL,
        PRIMARY KEY (group_id, device, message_id)
    ) WITHOUT ROWID;
    CREATE TABLE outbox (
        group_id BLOB NOT NULL, ticket BLOB NOT NULL, place REAL NOT NULL, intent BLOB NOT NULL,
        message_id BLOB NOT NULL, sealed BLOB, PRIMARY KEY (group_id, ticket)
    ) WITHOUT ROWID;
    CREATE TABLE timeline (
        number INTEGER PRIMARY KEY, room_id BLOB NOT NULL, group_id BLOB NOT NULL, seq INTEGER NOT NULL,
        message_id BLOB NOT NULL, sender TEXT NOT NULL, device BLOB NOT NULL, time INTEGER NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL, content BLOB
    );
    CREATE INDEX timeline_room ON timeline (room_id, number);
    CREATE TABLE pin (
        name TEXT PRIMARY KEY, account_key BLOB NOT NULL, how TEXT NOT NULL, since INTEGER NOT NULL,
        changed_key BLOB, list_version INTEGER NOT NULL, document BLOB, signature BLOB
    ) WITHOUT ROWID;
    CREATE TABLE key_package (
        reference BLOB PRIMARY KEY, bundle BLOB NOT NULL, is_last_resort INTEGER NOT NULL, made INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE rejoin (
        group_id BLOB PRIMARY KEY, asked BLOB, attempts INTEGER NOT NULL, ended INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE rejoin_post (
        group_id BLOB NOT NULL, message_id BLOB NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (group_id, message_id)
    ) WITHOUT ROWID;
    CREATE TABLE declined (group_id BLOB PRIMARY KEY) WITHOUT ROWID;
    """,
    """
    CREATE TABLE held_welcome (
        group_id BLOB PRIMARY KEY, room_id BLOB NOT NULL, account_key BLOB NOT NULL, welcome BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE shown_before (
        room_id BLOB NOT NULL, device BLOB NOT NULL, message_id BLOB NOT NULL,
        PRIMARY KEY (room_id, device, message_id)
    ) WITHOUT ROWID;
    """,
)


class _LogRow(msgspec.Struct, frozen=True, array_like=True):
    """The small part of a ``GroupLog``: everything but the MLS state and the outbox."""

    device: bytes
    cursor: int
    chain: bytes
    base: int
    landed: int
    begins_with: bytes | None
    halt: Halt
    stuck_by: str
    forks: dict[bytes, bool]
    unopened: tuple[str, ...]
    heal_first: bool
    healed_at: float
    committed_at: float
    successor: bytes = b""
    successor_by: str = ""
    agreed: bool = False
    declined: bool = False
    let_in_by: str = ""


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One line of a room as it is kept. ``number`` orders a client's whole history."""

    number: int
    room_id: bytes
    group_id: bytes
    seq: int
    message_id: bytes
    sender: str
    device: bytes
    time_ms: int
    kind: str
    text: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class HeldWelcome:
    """An invitation to a second group of a room that is known, until a successor names that group."""

    group_id: bytes
    room_id: bytes
    account_key: bytes  # of who signed it
    welcome: bytes


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """What this client holds of another account."""

    pin: Pin
    changed_key: bytes | None  # another key than the pinned one was seen, and not yet acknowledged
    list_version: int  # the highest that was heard of: ``device_list`` may be older
    device_list: SignedDocument | None


@dataclass(frozen=True, slots=True)
class KeptRejoin:
    """What outlives a connection of asking to be let in."""

    asked: Asked | None  # the proposal that waits or stands
    attempts: int  # how many came to nothing
    ended: int | None  # when the device was in, or needed it no longer; None: it asks


_TIMELINE = (
    "SELECT number, room_id, group_id, seq, message_id, sender, device, time, kind, text, content"
    " FROM timeline"
)
_NEWEST = "ORDER BY number DESC LIMIT ?"
_encode = msgspec.msgpack.Encoder().encode
_log_rows = msgspec.msgpack.Decoder(_LogRow)
_intents = msgspec.msgpack.Decoder(Intent)
_sealed = msgspec.msgpack.Decoder(Sealed)
_asked = msgspec.msgpack.Decoder(Asked)


class Store:
    """One device's database. Synchronous: a step takes well under a millisecond."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside is written, or nothing of it."""
        return self._db.transaction()

    def close(self) -> None:
        """Closes the database; what was deleted is gone from the write-ahead log too."""
        self._db.close()

    def tidy(self) -> None:
        """Deleted means deleted: empties the write-ahead log. Called when idle."""
        self._db.truncate_wal()

    # --- single values -------------------------------------------------------------------------

    def get(self, key: str) -> bytes | None:
        """A single value of the profile."""
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return row[0] if row else None

    def put(self, key: str, value: bytes) -> None:
        """Sets it."""
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    # --- logs ----------------------------------------------------------------------------------

    def chain_at(self, group_id: bytes, seq: int) -> bytes | None:
        """The running hash at ``seq``: ``log.History``."""
        row = self._one("SELECT chain FROM chain WHERE group_id = ? AND seq = ?", (group_id, seq))
        return row[0] if row else None

    def has_used(self, group_id: bytes, device: bytes, message_id: bytes) -> bool:
        """Whether this epoch had this id from this device: ``log.History``."""
        return (
            self._one(
                "SELECT 1 FROM used WHERE group_id = ? AND device = ? AND message_id = ?",
                (group_id, device, message_id),
            )
            is not None
        )

    def save_log(
        self, old: GroupLog | None, new: GroupLog, room_id: bytes, *, is_current: bool = True
    ) -> None:
        """Writes what differs between two values of a log; ``is_current``: the room lives in its group."""
        group_id = new.group_id
        self._save_group(group_id, 0, old.group if old else None, new.group)
        self._save_group(
            group_id,
            1,
            old.pending.group if old and old.pending else None,
            new.pending.group if new.pending else None,
        )
        self._save_outbox(group_id, old.outbox if old else (), new.outbox)
        row = _LogRow(
            new.device,
            new.cursor,
            new.chain,
            new.base,
            new.landed,
            new.begins_with,
            new.halt,
            new.stuck_by,
            dict(new.forks),
            new.unopened,
            new.heal_first,
            new.healed_at,
            new.committed_at,
            new.successor,
            new.successor_by,
            new.agreed,
            new.declined,
            new.let_in_by,
        )
        self._db.execute(
            "INSERT INTO log (group_id, room_id, row, is_current) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (group_id) DO UPDATE SET row = excluded.row, is_current = excluded.is_current",
            (group_id, room_id, _encode(row), int(is_current)),
        )
        if old is None:
            self._db.execute(
                "INSERT OR REPLACE INTO chain (group_id, seq, chain) VALUES (?, ?, ?)",
                (group_id, new.cursor, new.chain),
            )

    def save_step(self, step: Step) -> None:
        """Writes what later steps look up: the chain at this place, and the id that was used."""
        log = step.log
        if step.is_handshake:
            self._db.execute("DELETE FROM chain WHERE group_id = ?", (log.group_id,))
        self._db.execute(
            "INSERT OR REPLACE INTO chain (group_id, seq, chain) VALUES (?, ?, ?)",
            (log.group_id, log.cursor, log.chain),
        )
        if step.is_new_epoch:
            self._db.execute("DELETE FROM used WHERE group_id = ?", (log.group_id,))
        elif step.used:
            self._db.execute(
                "INSERT INTO used (group_id, device, message_id) VALUES (?, ?, ?)",
                (log.group_id, *step.used),
            )

    def load_logs(self, policy: Policy) -> Iterator[tuple[bytes, GroupLog]]:
        """Every log with its room's id."""
        for group_id, room_id, encoded in self._all("SELECT group_id, room_id, row FROM log"):
            row = _log_rows.decode(encoded)
            outbox = tuple(self._load_outbox(group_id))
            rows = self._group_rows(group_id, 1)
            pending = None
            if rows:
                first = next(out.sealed for out in outbox if out.sealed)
                pending = PendingCommit(first.body, first.welcome, load(rows, policy))
            yield (
                room_id,
                GroupLog(
                    load(self._group_rows(group_id, 0), policy),
                    row.device,
                    row.cursor,
                    row.chain,
                    row.base,
                    row.landed,
                    outbox,
                    pending,
                    row.begins_with,
                    row.halt,
                    row.stuck_by,
                    MappingProxyType(row.forks),
                    row.unopened,
                    row.heal_first,
                    row.healed_at,
                    row.committed_at,
                    row.successor,
                    row.successor_by,
                    row.agreed,
                    row.declined,
                    row.let_in_by,
                ),
            )

    def prepared_groups(self) -> set[bytes]:
        """Those in which a room may go on and does not yet."""
        return {row[0] for row in self._all("SELECT group_id FROM log WHERE is_current = 0")}

    def forget_log(self, group_id: bytes) -> None:
        """Deletes keys, outbox and chain of a group; what was read in it stays in the timeline."""
        for table in ("log", "mls", "chain", "used", "outbox"):
            self._db.execute(f"DELETE FROM {table} WHERE group_id = ?", (group_id,))  # noqa: S608

    def _save_group(
        self, group_id: bytes, is_pending: int, old: Group | None, new: Group | None
    ) -> None:
        if new is None:
            if old is not None:
                self._db.execute(
                    "DELETE FROM mls WHERE group_id = ? AND is_pending = ?", (group_id, is_pending)
                )
            return
        if old is new:
            return
        differ = changes(old, new)
        self._db.executemany(
            "INSERT OR REPLACE INTO mls (group_id, is_pending, key, value) VALUES (?, ?, ?, ?)",
            [(group_id, is_pending, key, value) for key, value in differ.put.items()],
        )
        self._db.executemany(
            "DELETE FROM mls WHERE group_id = ? AND is_pending = ? AND key = ?",
            [(group_id, is_pending, key) for key in differ.delete],
        )

    def _group_rows(self, group_id: bytes, is_pending: int) -> dict[bytes, bytes]:
        return dict(
            self._all(
                "SELECT key, value FROM mls WHERE group_id = ? AND is_pending = ?",
                (group_id, is_pending),
            )
        )

    def _save_outbox(
        self, group_id: bytes, old: Sequence[Outgoing], new: Sequence[Outgoing]
    ) -> None:
        if old is new:
            return
        before = {out.ticket: out for out in old}
        kept = {out.ticket for out in new}
        self._db.executemany(
            "DELETE FROM outbox WHERE group_id = ? AND ticket = ?",
            [(group_id, ticket) for ticket in before if ticket not in kept],
        )
        places = dict(self._all("SELECT ticket, place FROM outbox WHERE group_id = ?", (group_id,)))
        place = 0.0
        for index, out in enumerate(new):
            if out.ticket in places:
                place = places[out.ticket]
                if before.get(out.ticket) is out:
                    continue
            else:  # between its neighbours
                following = (places[o.ticket] for o in new[index + 1 :] if o.ticket in places)
                place = (place + next(following, place + 2.0)) / 2
            self._db.execute(
                "INSERT OR REPLACE INTO outbox (group_id, ticket, place, intent, message_id, sealed)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    group_id,
                    out.ticket,
                    place,
                    _encode(out.intent),
                    out.message_id,
                    _encode(out.sealed) if out.sealed else None,
                ),
            )

    def _load_outbox(self, group_id: bytes) -> Iterator[Outgoing]:
        rows = self._all(
            "SELECT ticket, intent, message_id, sealed FROM outbox WHERE group_id = ? ORDER BY place",
            (group_id,),
        )
        for ticket, intent, message_id, sealed in rows:
            yield Outgoing(
                ticket,
                _intents.decode(intent),
                message_id,
                _sealed.decode(sealed) if sealed else None,
            )

    # --- rejoins -------------------------------------------------------------------------------

    def rejoin_count(self, group_id: bytes, message_id: bytes) -> int | None:
        """The count of a rejoin of ours: ``log.History``."""
        row = self._one(
            "SELECT count FROM rejoin_post WHERE group_id = ? AND message_id = ?",
            (group_id, message_id),
        )
        return int(row[0]) if row else None

    def rejoin(self, group_id: bytes) -> KeptRejoin | None:
        """What is kept of asking a group to let this device in; None where it never did."""
        row = self._one("SELECT asked, attempts, ended FROM rejoin WHERE group_id = ?", (group_id,))
        return KeptRejoin(_asked.decode(row[0]) if row[0] else None, *row[1:]) if row else None

    def save_rejoin(self, group_id: bytes, asked: Asked | None, attempts: int) -> None:
        """Writes both. A proposal's id and count are kept for good: its entry may be read much later."""
        encoded = _encode(asked) if asked else None
        self._db.execute(
            "INSERT OR REPLACE INTO rejoin (group_id, asked, attempts) VALUES (?, ?, ?)",
            (group_id, encoded, attempts),
        )
        if asked:
            self._db.execute(
                "INSERT OR REPLACE INTO rejoin_post (group_id, message_id, count) VALUES (?, ?, ?)",
                (group_id, asked.message_id, asked.count),
            )

    def end_rejoin(self, group_id: bytes, now: float) -> None:
        """The device is in the group, or need not ask."""
        self._db.execute(
            "UPDATE rejoin SET asked = NULL, attempts = attempts + 1, ended = ?"
            " WHERE group_id = ? AND ended IS NULL",
            (int(now), group_id),
        )
        self._db.execute("DELETE FROM declined WHERE group_id = ?", (group_id,))

    def decline(self, group_id: bytes) -> None:
        """A group that is not asked to let us in: its Welcome broke a rule."""
        self._db.execute("INSERT OR IGNORE INTO declined (group_id) VALUES (?)", (group_id,))

    def has_declined(self, group_id: bytes) -> bool:
        """Whether ``decline`` was said of it."""
        return self._one("SELECT 1 FROM declined WHERE group_id = ?", (group_id,)) is not None

    # --- invitations that wait for a successor -------------------------------------------------

    def hold_welcome(self, held: HeldWelcome) -> None:
        """Keeps it, the newest of an account for a room."""
        self._db.execute(
            "DELETE FROM held_welcome WHERE room_id = ? AND account_key = ?",
            (held.room_id, held.account_key),
        )
        self._db.execute(
            "INSERT OR REPLACE INTO held_welcome (group_id, room_id, account_key, welcome) VALUES (?, ?, ?, ?)",
            (held.group_id, held.room_id, held.account_key, held.welcome),
        )

    def held_welcomes(self, room_id: bytes) -> list[HeldWelcome]:
        """Those for a room."""
        found = self._all(
            "SELECT group_id, room_id, account_key, welcome FROM held_welcome WHERE room_id = ?",
            (room_id,),
        )
        return [HeldWelcome(*row) for row in found]

    def size_of_held_welcomes(self) -> tuple[int, int]:
        """How many, and their bytes."""
        row = self._one("SELECT count(*), coalesce(sum(length(welcome)), 0) FROM held_welcome")
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def is_held(self, group_id: bytes) -> bool:
        """Whether one for that group waits."""
        return self._one("SELECT 1 FROM held_welcome WHERE group_id = ?", (group_id,)) is not None

    def drop_held_welcome(self, group_id: bytes) -> None:
        """It is taken, or never will be."""
        self._db.execute("DELETE FROM held_welcome WHERE group_id = ?", (group_id,))

    # --- what a room's earlier group has shown -------------------------------------------------

    def remember_shown(self, room_id: bytes, last: int) -> None:
        """The newest ``last`` messages, which their senders may not know to have been read."""
        self._db.execute("DELETE FROM shown_before WHERE room_id = ?", (room_id,))
        self._db.execute(
            "INSERT OR IGNORE INTO shown_before (room_id, device, message_id)"
            " SELECT room_id, device, message_id FROM timeline WHERE room_id = ? AND sender <> ''"
            " ORDER BY number DESC LIMIT ?",
            (room_id, last),
        )

    def was_shown(self, room_id: bytes, device: bytes, message_id: bytes) -> bool:
        """Whether it is among those."""
        row = self._one(
            "SELECT 1 FROM shown_before WHERE room_id = ? AND device = ? AND message_id = ?",
            (room_id, device, message_id),
        )
        return row is not None

    # --- timeline ------------------------------------------------------------------------------

    def add_to_timeline(self, row: TimelineRow) -> int:
        """The number that the row got; ``row.number`` is not looked at."""
        self._db.execute(
            "INSERT INTO timeline (room_id, group_id, seq, message_id, sender, device, time, kind, text, content)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.room_id,
                row.group_id,
                row.seq,
                row.message_id,
                row.sender,
                row.device,
                row.time_ms,
                row.kind,
                row.text,
                row.content,
            ),
        )
        found = self._one("SELECT last_insert_rowid()")
        return int(found[0]) if found else 0

    def timeline(
        self, room_id: bytes | None, last: int, before: int | None = None
    ) -> list[TimelineRow]:
        """The newest ``last`` rows of a room (of all rooms), oldest first; those under number ``before``."""
        end = before if before is not None else 2**63 - 1
        if room_id is None:
            rows = self._all(f"{_TIMELINE} WHERE number < ? {_NEWEST}", (end, last))
        else:
            rows = self._all(
                f"{_TIMELINE} WHERE room_id = ? AND number < ? {_NEWEST}", (room_id, end, last)
            )
        return [TimelineRow(*row) for row in rows][::-1]

    def timeline_after(self, room_id: bytes | None, number: int, most: int) -> list[TimelineRow]:
        """The first ``most`` rows of a room (of all rooms) above ``number``, oldest first."""
        first = "ORDER BY number LIMIT ?"
        if room_id is None:
            rows = self._all(f"{_TIMELINE} WHERE number > ? {first}", (number, most))
        else:
            rows = self._all(
                f"{_TIMELINE} WHERE room_id = ? AND number > ? {first}", (room_id, number, most)
            )
        return [TimelineRow(*row) for row in rows]

    def timeline_end(self) -> int:
        """The number of the newest row of all; 0 where there is none."""
        row = self._one("SELECT max(number) FROM timeline")
        return int(row[0] or 0) if row else 0

    # --- people --------------------------------------------------------------------------------

    def account(self, name: str) -> KnownAccount | None:
        """What is held of an account."""
        row = self._one(
            "SELECT account_key, how, since, changed_key, list_version, document, signature"
            " FROM pin WHERE name = ?",
            (name,),
        )
        if row is None:
            return None
        key, how, since, changed, version, document, signature = row
        device_list = SignedDocument(document=document, signature=signature) if document else None
        return KnownAccount(Pin(name, key, PinnedHow(how), since), changed, version, device_list)

    def save_account(self, known: KnownAccount) -> None:
        """Writes it whole."""
        pin, signed = known.pin, known.device_list
        self._db.execute(
            "INSERT OR REPLACE INTO pin"
            " (name, account_key, how, since, changed_key, list_version, document, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                pin.name,
                pin.account_key,
                pin.how.value,
                pin.since,
                known.changed_key,
                known.list_version,
                signed.document if signed else None,
                signed.signature if signed else None,
            ),
        )

    # --- key packages --------------------------------------------------------------------------

    def add_key_package(
        self, reference: bytes, bundle: Secret, *, is_last_resort: bool, now: float
    ) -> None:
        """Keeps a key package's private half until a Welcome uses it or it is too old."""
        self._db.execute(
            "INSERT INTO key_package (reference, bundle, is_last_resort, made) VALUES (?, ?, ?, ?)",
            (reference, bundle.expose(), int(is_last_resort), int(now)),
        )

    def key_package(self, reference: bytes) -> tuple[Secret, bool] | None:
        """The private half, and whether it is one of last resort."""
        row = self._one(
            "SELECT bundle, is_last_resort FROM key_package WHERE reference = ?", (reference,)
        )
        return (Secret(row[0]), bool(row[1])) if row else None

    def drop_key_package(self, reference: bytes) -> None:
        """A one-time key package has been used."""
        self._db.execute("DELETE FROM key_package WHERE reference = ?", (reference,))

    def drop_old_key_packages(self, one_time_before: float, last_resort_before: float) -> None:
        """Deletes private halves made before those times; never the newest one of last resort."""
        self._db.execute(
            "DELETE FROM key_package WHERE is_last_resort = 0 AND made < ?", (int(one_time_before),)
        )
        self._db.execute(
            "DELETE FROM key_package WHERE is_last_resort = 1 AND made < ? AND made <"
            " (SELECT max(made) FROM key_package WHERE is_last_resort = 1)",
            (int(last_resort_before),),
        )

    def newest_last_resort(self) -> float | None:
        """When the newest key package of last resort was made."""
        row = self._one("SELECT max(made) FROM key_package WHERE is_last_resort = 1")
        return float(row[0]) if row and row[0] is not None else None

    # --- rows ----------------------------------------------------------------------------------

    def _all(self, sql: str, params: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        return list(self._db.execute(sql, tuple(params)))

    def _one(self, sql: str, params: Iterable[Any] = ()) -> tuple[Any, ...] | None:
        return next(iter(self._all(sql, params)), None)
