"""What is read from the store, on reader threads: directory, logs, inboxes. Nothing here writes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, select

from coterie.server import schema
from coterie.server.accounts import check_registration
from coterie.server.database import mapped
from coterie.server.delivery import NOT_MEMBER
from coterie.server.directory import count_key_packages
from coterie.server.many import Read, Row
from coterie.wire import chain as log_chain
from coterie.wire import limits
from coterie.wire.frames import (
    Diverged,
    Entry,
    Failed,
    GroupInfoLine,
    Groups,
    Inbox,
    InboxItem,
    KeyPackageCount,
    Kind,
    SignedDocument,
    Subscribed,
)
from coterie.wire.stream import EncodedEntries, encode_entries


@dataclass(frozen=True, slots=True)
class AccountRow:
    """What a client is told of an account."""

    vault: bytes
    device_list: SignedDocument


@dataclass(frozen=True, slots=True)
class Seen:
    """Of a log, what a device may see."""

    last: int  # the head, or the entry that took it off
    is_listed: bool
    count: int  # the last that the device has used


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as the server has it."""

    device: bytes
    name: str
    device_key: bytes
    is_revoked: bool


class Reading:
    """The store's reads; each may be called from any thread. Raises StorageError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(is_reading=True)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection that sees one moment."""
        with mapped(), self._engine.connect() as connection:
            connection.begin()  # ends with the connection: nothing was written
            yield connection

    def meta(self, key: str) -> bytes:
        """A single value; empty where there is none."""
        with self.connection() as connection:
            found = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == key))
            return bytes(found) if found is not None else b""

    def check_registration(self, token: bytes, name: str, now: float) -> None:
        """Raises Refused where the invite is not valid or the name is taken."""
        with self.connection() as connection:
            check_registration(connection, token, name, now)

    def opaque_record(self, name: str) -> bytes | None:
        """By name: what a login by password needs, and no more, so that known and unknown names cost the same."""
        c = schema.account.c
        with self.connection() as connection:
            return connection.scalar(select(c.opaque_record).where(c.name == name))

    def account(self, name: str) -> AccountRow | None:
        """By name."""
        c = schema.account.c
        columns = (c.vault, c.list_document, c.list_signature)
        with self.connection() as connection:
            row = connection.execute(select(*columns).where(c.name == name)).first()
        return AccountRow(row[0], SignedDocument(row[1], row[2])) if row else None

    def device(self, device: bytes) -> DeviceRow | None:
        """By id."""
        c = schema.device.c
        with self.connection() as connection:
            row = connection.execute(
                select(c.device, c.name, c.device_key, c.is_revoked).where(c.device == device)
            ).first()
        return DeviceRow(*row) if row else None

    def count_key_packages(self, device: bytes, now: float) -> KeyPackageCount:
        """What can be handed out for a device."""
        with self.connection() as connection:
            return count_key_packages(connection, device, now)

    def entries(
        self, group_id: bytes, device: bytes, after: int, most: int
    ) -> EncodedEntries | Failed:
        """Entries after ``after`` that the device may read, bounded in number and bytes."""
        with self.connection() as connection:
            seen = _seen(connection, group_id, device)
            if seen is None:
                return NOT_MEMBER
            last = min(seen.last, after + most)
            found = _bounded(_ENTRIES.run(connection, (group_id, after, last)))
            return encode_entries(found, seen.last)

    def subscribe(
        self, group_id: bytes, device: bytes, cursor: int, chain: bytes
    ) -> tuple[Subscribed | Diverged | Failed, bool]:
        """Whether the device's chain is ours at its cursor; and whether it is to hear of what comes."""
        with self.connection() as connection:
            seen = _seen(connection, group_id, device)
            if seen is None:
                return NOT_MEMBER, False
            c = schema.entry.c
            here = log_chain.first(group_id) if cursor == 0 else None
            if 0 < cursor <= seen.last:
                here = connection.scalar(
                    select(c.chain).where(c.group_id == group_id, c.seq == cursor)
                )
            if here == chain:
                return Subscribed(seen.last, seen.count), seen.is_listed
            found = _SUCCESSORS.run(connection, (group_id, seen.last))
            return Diverged(seen.last, tuple(_bounded(found))), False

    def groups_of(self, device: bytes) -> Groups:
        """The groups whose list holds, or held, a device, bounded: those first in which it has posted."""
        m, g = schema.member.c, schema.group.c
        with self.connection() as connection:
            rows = connection.execute(
                select(m.group_id, g.head, m.removed_at)
                .join_from(schema.member, schema.group, m.group_id == g.group_id)
                .where(m.device == device)
                .order_by(m.removed_at.is_not(None), m.count == 0, m.group_id)
                .limit(limits.MAX_GROUPS)
            )
            return Groups(
                tuple(
                    GroupInfoLine(group_id, head if removed_at is None else removed_at, removed_at)
                    for group_id, head, removed_at in rows
                )
            )

    def inbox(self, device: bytes, after: int) -> tuple[Inbox, frozenset[bytes]]:
        """Items after ``after``, as many as fit in an answer; and the groups in which they allow it to post."""
        i, w, m = schema.inbox.c, schema.welcome.c, schema.member.c
        found: list[InboxItem] = []
        silent: set[bytes] = set()
        size = 0
        with self.connection() as connection:
            rows = connection.execute(
                select(i.number, i.group_id, i.sender, w.welcome, m.may_post)
                .join_from(schema.inbox, schema.welcome, i.welcome_id == w.id)
                .outerjoin(schema.member, (m.group_id == i.group_id) & (m.device == i.device))
                .where(i.device == device, i.number > after)
                .order_by(i.number)
            )
            for number, group_id, sender, welcome, may_post in rows:
                size += len(welcome)
                if found and (
                    size > limits.MAX_FETCH_BYTES or len(found) == limits.MAX_FETCH_ENTRIES
                ):
                    break
                found.append(InboxItem(number, group_id, sender, welcome))
                if may_post is False:
                    silent.add(group_id)
        return Inbox(tuple(found)), frozenset(silent)


def _seen(connection: Connection, group_id: bytes, device: bytes) -> Seen | None:
    """None: the device is and was nobody here, or there is no such group."""
    for head, removed_at, count in _SEEN.run(connection, (group_id, device)):
        return Seen(head if removed_at is None else removed_at, removed_at is None, count)
    return None


def _bounded(rows: Iterable[Row]) -> Iterator[Entry]:
    """As many as fit in an answer, and at least one. Rows are taken one by one: each can be ``MAX_BODY``."""
    size = 0
    for seq, kind, device, message_id, body in rows:
        size += len(body)
        if size > limits.MAX_FETCH_BYTES and size > len(body):
            return
        yield Entry(seq, _KINDS[kind], device, message_id, body)


_KINDS = {kind.value: kind for kind in Kind}
_E, _M, _G = schema.entry.c, schema.member.c, schema.group.c
_ENTRY: tuple[ColumnElement[Any], ...] = (_E.seq, _E.kind, _E.device, _E.message_id, _E.body)
_ENTRIES = Read(
    select(*_ENTRY)
    .where(
        _E.group_id == bindparam("b_group"),
        _E.seq > bindparam("b_after"),
        _E.seq <= bindparam("b_last"),
    )
    .order_by(_E.seq),
    ("b_group", "b_after", "b_last"),
)
_SUCCESSORS = Read(
    select(*_ENTRY)
    .where(
        schema.IS_SUCCESSOR,
        _E.group_id == bindparam("b_group"),
        _E.seq <= bindparam("b_last"),
    )
    .order_by(_E.seq),
    ("b_group", "b_last"),
)
_SEEN = Read(
    select(_G.head, _M.removed_at, _M.count)
    .join_from(schema.member, schema.group, _M.group_id == _G.group_id)
    .where(_M.group_id == bindparam("b_group"), _M.device == bindparam("b_device")),
    ("b_group", "b_device"),
)
