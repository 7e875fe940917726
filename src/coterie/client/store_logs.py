"""What a client keeps of each group: MLS state, chain and outbox. MLS state is written as the rows that changed.

PROTOCOL.md section 5.
"""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

import msgspec

from coterie.client.group_log import Rival
from coterie.client.intent import Intent, Outgoing, Sealed
from coterie.client.log import GroupLog, Halt, Step
from coterie.client.store_rows import Rows
from coterie.mls import Group, PendingCommit, Policy, changes, load


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
    strange: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    successor_at: float = 0.0
    rivals: tuple[Rival, ...] = ()
    instead: bool = False
    successor_key: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_log_rows = msgspec.msgpack.Decoder(_LogRow)
_intents = msgspec.msgpack.Decoder(Intent)
_sealed = msgspec.msgpack.Decoder(Sealed)


class Logs(Rows):
    """The logs of all groups."""

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
            new.strange,
            new.accepted,
            new.successor_at,
            new.rivals,
            new.instead,
            new.successor_key,
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
                    row.successor_key,
                    row.agreed,
                    row.declined,
                    row.strange,
                    row.accepted,
                    row.successor_at,
                    row.rivals,
                    row.instead,
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
