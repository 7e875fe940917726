"""What a database holds, in numbers that people recognise."""

import msgspec
from sqlalchemy import Connection, func, select

from coterie.server import schema


class Holdings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At one moment."""

    accounts: int
    devices: int  # without those that were revoked
    groups: int
    entries: int

    def __str__(self) -> str:
        counts = msgspec.structs.asdict(self).items()
        return ", ".join(f"{count} {name if count != 1 else _ONE[name]}" for name, count in counts)


_ONE = {"accounts": "account", "devices": "device", "groups": "group", "entries": "entry"}


def holdings(connection: Connection) -> Holdings:
    """Entries are counted by the heads of their logs, which have no gaps: to count rows takes long."""
    d, g = schema.device.c, schema.group.c
    accounts = select(func.count()).select_from(schema.account)
    devices = select(func.count()).where(d.is_revoked.is_(False))
    groups = select(func.count(), func.coalesce(func.sum(g.head), 0))
    return Holdings(
        connection.scalar(accounts) or 0,
        connection.scalar(devices) or 0,
        *connection.execute(groups).one(),
    )
