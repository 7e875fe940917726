"""Key packages, as they are written: one-time ones, each handed out once, and the one of last resort."""

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from coterie.errors import Refused
from coterie.server import schema
from coterie.wire import limits
from coterie.wire.frames import (
    Code,
    DeviceKeyPackage,
    KeyPackageCount,
    KeyPackages,
    SignedDocument,
)

ONE_TIME_LIFETIME_S = 90 * 86_400.0  # PROTOCOL.md section 3, "Key packages"


class Directory:
    """What a job may do to them. Raises Refused."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection, self._now = connection, now

    def add_key_packages(
        self,
        device: bytes,
        one_time: tuple[bytes, ...],
        last_resort: bytes | None,
        *,
        replace: bool,
    ) -> KeyPackageCount:
        """Adds one-time ones up to the limit; replaces the one of last resort where given."""
        c = schema.key_package.c
        mine = c.device == device
        old = mine & c.is_last_resort.is_(False)
        self._connection.execute(
            delete(schema.key_package).where(old if replace else old & is_expired(self._now))
        )
        if last_resort is not None:
            self._connection.execute(
                delete(schema.key_package).where(mine, c.is_last_resort.is_(True))
            )
        kept = count_key_packages(self._connection, device, self._now).one_time
        new = [(package, False) for package in one_time[: limits.MAX_KEY_PACKAGES - kept]]
        if last_resort is not None:
            new.append((last_resort, True))
        rows = [
            {
                "device": device,
                "key_package": package,
                "is_last_resort": is_last,
                "uploaded": self._now,
            }
            for package, is_last in new
        ]
        if rows:
            self._connection.execute(insert(schema.key_package), rows)
        return count_key_packages(self._connection, device, self._now)

    def take_key_packages(self, name: str) -> KeyPackages:
        """One for each device: a one-time one, which nobody gets again, else the one of last resort."""
        a, d = schema.account.c, schema.device.c
        row = self._connection.execute(
            select(a.list_document, a.list_signature).where(a.name == name)
        ).first()
        if row is None:
            raise Refused(Code.NOT_FOUND, f"there is no account {name}")
        devices = self._connection.scalars(
            select(d.device).where(d.name == name, d.is_revoked.is_(False)).order_by(d.device)
        ).all()
        taken = [self._take(device) for device in devices]
        return KeyPackages(SignedDocument(row[0], row[1]), tuple(t for t in taken if t is not None))

    def _take(self, device: bytes) -> DeviceKeyPackage | None:
        c = schema.key_package.c
        found = self._connection.execute(
            select(c.id, c.key_package, c.is_last_resort)
            .where(c.device == device, c.is_last_resort.is_(True) | ~is_expired(self._now))
            .order_by(c.is_last_resort, c.id)
            .limit(1)
        ).first()
        if found is None:
            return None
        number, package, is_last = found
        if not is_last:
            self._connection.execute(delete(schema.key_package).where(c.id == number))
        return DeviceKeyPackage(device, package, bool(is_last))


def is_expired(now: float) -> ColumnElement[bool]:
    """Of one-time ones. The one of last resort is handed out at any age: its taker judges it."""
    return schema.key_package.c.uploaded < now - ONE_TIME_LIFETIME_S


def count_key_packages(connection: Connection, device: bytes, now: float) -> KeyPackageCount:
    """What can be handed out for a device."""
    c = schema.key_package.c
    rows = connection.execute(
        select(c.is_last_resort, func.count())
        .where(c.device == device, c.is_last_resort.is_(True) | ~is_expired(now))
        .group_by(c.is_last_resort)
    )
    counts = {bool(is_last): int(count) for is_last, count in rows}
    return KeyPackageCount(counts.get(False, 0), bool(counts.get(True)))
