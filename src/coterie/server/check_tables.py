"""Whether the tables are whole, and agree with each other.

What a client may bring about by the rules is no finding: a keeper may name an account as keeper that is in no room.
"""

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, exists, func, select

from coterie.errors import RemoteProtocolError
from coterie.logs import short
from coterie.server import schema
from coterie.server.finding import Finding
from coterie.server.store import ID_SIZE
from coterie.wire.frames import SignedDocument
from coterie.wire.signed import open_device_list

Look = Callable[[Connection], Iterator[Finding]]  # at one moment

_A, _D, _E, _G = schema.account.c, schema.device.c, schema.entry.c, schema.group.c
_I, _K, _KP, _M = schema.inbox.c, schema.keeper.c, schema.key_package.c, schema.member.c
_META, _W = schema.meta.c, schema.welcome.c


def integrity(connection: Connection) -> Iterator[Finding]:
    """SQLite's own look at every page and index."""
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if line != "ok":
            yield Finding("integrity", str(line))


def _foreign_keys(connection: Connection) -> Iterator[Finding]:
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Finding("foreign keys", f"row {row} of {table} names no {parent}")


def _ids(connection: Connection) -> Iterator[Finding]:
    for key in ("server_id", "generation"):
        found = connection.scalar(select(_META.value).where(_META.key == key))
        if found is None or len(found) != ID_SIZE:
            yield Finding("ids", f"{key} is not {ID_SIZE} bytes")


def _device_lists(connection: Connection) -> Iterator[Finding]:
    """Each account's list is signed by it, and names the devices that were not revoked."""
    rows = connection.execute(
        select(
            _A.name, _A.account_key, _A.list_version, _A.list_document, _A.list_signature
        ).order_by(_A.name)
    )
    devices: dict[str, set[tuple[bytes, bytes]]] = {}
    for name, device, key in connection.execute(
        select(_D.name, _D.device, _D.device_key).where(_D.is_revoked.is_(False))
    ):
        devices.setdefault(name, set()).add((device, key))
    for name, account_key, version, document, signature in rows:
        try:
            listed = open_device_list(SignedDocument(document, signature))
        except RemoteProtocolError as error:
            yield Finding("device lists", f"account {name}: {error}")
            continue
        if (listed.name, listed.account_key, listed.version) != (name, account_key, version):
            yield Finding(
                "device lists", f"account {name}: the list is another account's or version's"
            )
        if {(one.device, one.device_key) for one in listed.devices} != devices.get(name, set()):
            yield Finding("device lists", f"account {name}: the list names other devices")


def _members(connection: Connection) -> Iterator[Finding]:
    mistaken = (
        select(_M.group_id, _M.device)
        .join_from(schema.member, schema.device, _M.device == _D.device)
        .where(_M.name != _D.name)
    )
    for group_id, device in connection.execute(mistaken):
        yield Finding(
            "members", f"group {short(group_id)}, device {short(device)}: under another account"
        )


def _keepers(connection: Connection) -> Iterator[Finding]:
    for group_id, name in connection.execute(
        select(_K.group_id, _K.name).where(~exists().where(_A.name == _K.name))
    ):
        yield Finding("keepers", f"group {short(group_id)}: {name} is no account")
    for group_id in connection.scalars(
        select(_G.group_id).where(~exists().where(_K.group_id == _G.group_id))
    ):
        yield Finding("keepers", f"group {short(group_id)} has none")


def _inboxes(connection: Connection) -> Iterator[Finding]:
    for number in connection.scalars(select(_W.id).where(~exists().where(_I.welcome_id == _W.id))):
        yield Finding("inboxes", f"Welcome {number} is in none")
    for device, number, head, is_revoked in connection.execute(
        select(_I.device, _I.number, _D.inbox_head, _D.is_revoked)
        .join_from(schema.inbox, schema.device, _I.device == _D.device)
        .where((_I.number > _D.inbox_head) | _D.is_revoked)
    ):
        why = "it was revoked" if is_revoked else f"its last is {head}"
        yield Finding("inboxes", f"device {short(device)} has an item {number}, and {why}")


def _key_packages(connection: Connection) -> Iterator[Finding]:
    for device, count in connection.execute(
        select(_KP.device, func.count())
        .join_from(schema.key_package, schema.device, _KP.device == _D.device)
        .where(_D.is_revoked)
        .group_by(_KP.device)
    ):
        yield Finding("key packages", f"device {short(device)} was revoked, and has {count}")


def _orphans(connection: Connection) -> Iterator[Finding]:
    for group_id in connection.scalars(
        select(_E.group_id).where(~exists().where(_G.group_id == _E.group_id)).distinct()
    ):
        yield Finding("entries", f"some are of group {short(group_id)}, which there is not")


LOOKS: tuple[Look, ...] = (
    _foreign_keys,
    _ids,
    _device_lists,
    _members,
    _keepers,
    _inboxes,
    _key_packages,
    _orphans,
)
