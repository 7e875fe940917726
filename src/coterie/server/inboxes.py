"""Inboxes, as they are written. A Welcome is stored once, and goes when every inbox has taken it."""

from itertools import islice

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select, update

from coterie.server import schema

_AT_ONCE = 1_000  # Welcomes of one statement: most builds of SQLite take 32,766 values at most


class Inboxes:
    """What a job may do to them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_welcome(
        self, group_id: bytes, sender: bytes, welcome: bytes, devices: set[bytes]
    ) -> None:
        """One item for each device, all of them with the same Welcome."""
        stored = self._connection.execute(insert(schema.welcome).values(welcome=welcome))
        welcome_id = (stored.inserted_primary_key or (0,))[0]
        d = schema.device.c
        for device in sorted(devices):
            number = self._connection.scalar(
                update(schema.device)
                .where(d.device == device)
                .values(inbox_head=d.inbox_head + 1)
                .returning(d.inbox_head)
            )
            self._connection.execute(
                insert(schema.inbox).values(
                    device=device,
                    number=number,
                    group_id=group_id,
                    sender=sender,
                    welcome_id=welcome_id,
                )
            )

    def delete_taken(self, device: bytes, after: int) -> None:
        """Deletes what the device has taken."""
        i = schema.inbox.c
        self._delete((i.device == device) & (i.number <= after))

    def delete_all(self, devices: set[bytes]) -> None:
        """Deletes what nobody will take: the devices are revoked."""
        self._delete(schema.inbox.c.device.in_(devices))

    def _delete(self, items: ColumnElement[bool]) -> None:
        """A Welcome that nobody waits for any more goes with the last of its items. No others are looked at."""
        i, w = schema.inbox.c, schema.welcome.c
        welcomes = iter(set(self._connection.scalars(select(i.welcome_id).where(items))))
        self._connection.execute(delete(schema.inbox).where(items))
        while some := list(islice(welcomes, _AT_ONCE)):
            is_waited_for = exists().where(i.welcome_id == w.id)
            self._connection.execute(delete(schema.welcome).where(w.id.in_(some), ~is_waited_for))

    def welcomed(self, device: bytes, groups: frozenset[bytes]) -> None:
        """The device has fetched its Welcomes to these groups: from now on it may post there."""
        m = schema.member.c
        self._connection.execute(
            update(schema.member)
            .where(m.device == device, m.group_id.in_(groups))
            .values(may_post=True)
        )
