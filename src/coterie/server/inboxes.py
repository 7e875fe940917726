"""Inboxes, as they are written. A Welcome is stored once, and goes when every inbox has taken it."""

from sqlalchemy import Connection, delete, insert, select, update

from coterie.server import schema


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
        """Deletes what the device has taken; a Welcome that nobody waits for any more goes with it."""
        i, w = schema.inbox.c, schema.welcome.c
        mine = (i.device == device) & (i.number <= after)
        welcomes = set(self._connection.scalars(select(i.welcome_id).where(mine)))
        if welcomes:
            self._connection.execute(delete(schema.inbox).where(mine))
            self._connection.execute(
                delete(schema.welcome).where(w.id.in_(welcomes), w.id.not_in(select(i.welcome_id)))
            )

    def welcomed(self, device: bytes, groups: frozenset[bytes]) -> None:
        """The device has fetched its Welcomes to these groups: from now on it may post there."""
        m = schema.member.c
        self._connection.execute(
            update(schema.member)
            .where(m.device == device, m.group_id.in_(groups))
            .values(may_post=True)
        )
