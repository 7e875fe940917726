"""What is read from the store, on reader threads: directory, logs, inboxes. Nothing here writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from coterie.server import schema
from coterie.server.delivery import NOT_MEMBER
from coterie.wire import chain as log_chain
from coterie.wire import limits
from coterie.wire.frames import (
    Diverged,
    Entries,
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


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as the server has it."""

    name: str
    account_key: bytes
    opaque_record: bytes
    vault: bytes
    device_list: SignedDocument


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as the server has it."""

    device: bytes
    name: str
    device_key: bytes
    is_revoked: bool


class Reading:
    """The store's reads; each may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(is_reading=True)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection that sees one moment."""
        with self._engine.connect() as connection:
            yield connection

    def meta(self, key: str) -> bytes:
        """A single value; empty where there is none."""
        with self.connection() as connection:
            found = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == key))
            return bytes(found) if found is not None else b""

    def account(self, name: str) -> AccountRow | None:
        """By name."""
        c = schema.account.c
        columns = (
            c.name,
            c.account_key,
            c.opaque_record,
            c.vault,
            c.list_document,
            c.list_signature,
        )
        with self.connection() as connection:
            row = connection.execute(select(*columns).where(c.name == name)).first()
        return AccountRow(*row[:4], SignedDocument(row[4], row[5])) if row else None

    def device(self, device: bytes) -> DeviceRow | None:
        """By id."""
        c = schema.device.c
        with self.connection() as connection:
            row = connection.execute(
                select(c.device, c.name, c.device_key, c.is_revoked).where(c.device == device)
            ).first()
        return DeviceRow(*row) if row else None

    def count_key_packages(self, device: bytes) -> KeyPackageCount:
        """What is kept for a device."""
        c = schema.key_package.c
        with self.connection() as connection:
            rows = connection.execute(
                select(c.is_last_resort, func.count())
                .where(c.device == device)
                .group_by(c.is_last_resort)
            )
            counts = {bool(is_last): count for is_last, count in rows}
        return KeyPackageCount(counts.get(False, 0), bool(counts.get(True)))

    def entries(self, group_id: bytes, device: bytes, after: int, most: int) -> Entries | Failed:
        """Entries after ``after`` that the device may read, bounded in number and bytes."""
        with self.connection() as connection:
            readable = _readable(connection, group_id, device)
            if readable is None:
                return NOT_MEMBER
            head, removed_at = readable
            last = head if removed_at is None else min(head, removed_at)
            found: list[Entry] = []
            size = 0
            for entry in _entries(connection, group_id, after, min(last, after + most)):
                size += len(entry.body)
                if found and size > limits.MAX_FETCH_BYTES:
                    break
                found.append(entry)
        return Entries(tuple(found), last)

    def subscribe(
        self, group_id: bytes, device: bytes, cursor: int, chain: bytes
    ) -> Subscribed | Diverged | Failed:
        """Whether the device's chain is ours at its cursor."""
        with self.connection() as connection:
            readable = _readable(connection, group_id, device)
            if readable is None:
                return NOT_MEMBER
            head, removed_at = readable
            last = head if removed_at is None else min(head, removed_at)
            c = schema.entry.c
            here = (
                log_chain.first(group_id)
                if cursor == 0
                else connection.scalar(
                    select(c.chain).where(c.group_id == group_id, c.seq == cursor)
                )
            )
            if cursor > head or here != chain:
                successors = _entries(connection, group_id, 0, last, Kind.SUCCESSOR)
                return Diverged(head, tuple(successors))
            m = schema.member.c
            count = connection.scalar(
                select(m.count).where(m.group_id == group_id, m.device == device)
            )
        return Subscribed(last, int(count or 0))

    def groups_of(self, device: bytes) -> Groups:
        """The groups whose list holds, or held, a device."""
        m, g = schema.member.c, schema.group.c
        with self.connection() as connection:
            rows = connection.execute(
                select(m.group_id, g.head, m.removed_at)
                .join_from(schema.member, schema.group, m.group_id == g.group_id)
                .where(m.device == device)
            )
            return Groups(tuple(GroupInfoLine(*row) for row in rows))

    def inbox(self, device: bytes, after: int) -> Inbox:
        """Items after ``after``, as many as fit in an answer."""
        i, w = schema.inbox.c, schema.welcome.c
        found: list[InboxItem] = []
        size = 0
        with self.connection() as connection:
            rows = connection.execute(
                select(i.number, i.group_id, i.sender, w.welcome)
                .join_from(schema.inbox, schema.welcome, i.welcome_id == w.id)
                .where(i.device == device, i.number > after)
                .order_by(i.number)
            )
            for row in rows:
                size += len(row[3])
                if found and size > limits.MAX_FETCH_BYTES:
                    break
                found.append(InboxItem(*row))
        return Inbox(tuple(found))


def _readable(
    connection: Connection, group_id: bytes, device: bytes
) -> tuple[int, int | None] | None:
    """The head, and up to where a device that was taken off may read. None: it is nobody here."""
    m, g = schema.member.c, schema.group.c
    row = connection.execute(
        select(g.head, m.removed_at)
        .join_from(schema.member, schema.group, m.group_id == g.group_id)
        .where(m.group_id == group_id, m.device == device)
    ).first()
    return (row[0], row[1]) if row else None


def _entries(
    connection: Connection, group_id: bytes, after: int, last: int, kind: Kind | None = None
) -> Iterator[Entry]:
    c = schema.entry.c
    query = (
        select(c.seq, c.kind, c.device, c.message_id, c.body)
        .where(c.group_id == group_id, c.seq > after, c.seq <= last)
        .order_by(c.seq)
    )
    if kind is not None:
        query = query.where(c.kind == kind)
    for seq, number, device, message_id, body in connection.execute(query):
        yield Entry(seq, Kind(number), device, message_id, body)
