"""What a list change and its Welcome may not make too many: devices in a group, Welcomes that nobody fetches."""

from sqlalchemy import Connection, func, select

from coterie.server import schema
from coterie.server.limits import Limits
from coterie.wire.frames import Code, Failed, ListChange, WelcomeFor


class Crowding:
    """Looks at both in a transaction. Refusals are for good: the client drops the change, and says why."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._connection, self._limits = connection, limits

    def refusal(
        self, group_id: bytes, change: ListChange, welcome: WelcomeFor | None, sender: bytes
    ) -> Failed | None:
        """None where there is room for it."""
        if change.add and self._members(group_id) + len(change.add) > self._limits.members:
            return Failed(
                Code.TOO_LARGE, f"a group's list has room for {self._limits.members} devices"
            )
        if welcome and self._unfetched(welcome.devices, sender) >= self._limits.inbox_length:
            return Failed(
                Code.TOO_LARGE,
                f"a device has {self._limits.inbox_length} Welcomes of this one to fetch first",
            )
        return None

    def _members(self, group_id: bytes) -> int:
        m = schema.member.c
        listed = select(func.count()).where(m.group_id == group_id, m.removed_at.is_(None))
        return int(self._connection.scalar(listed) or 0)

    def _unfetched(self, devices: tuple[bytes, ...], sender: bytes) -> int:
        """Of one sender to one device, where they are most: nobody fills an inbox for the others."""
        i = schema.inbox.c
        waiting = (
            select(func.count().label("number"))
            .where(i.device.in_(devices), i.sender == sender)
            .group_by(i.device)
            .subquery()
        )
        return int(self._connection.scalar(select(func.max(waiting.c.number))) or 0)
