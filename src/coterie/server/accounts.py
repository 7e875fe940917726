"""Invites, accounts and their devices, as they are written."""

import hashlib

from sqlalchemy import Connection, delete, insert, select, update

from coterie.errors import NotAuthenticated, Refused
from coterie.server import schema
from coterie.server.inboxes import Inboxes
from coterie.server.news import News
from coterie.wire.frames import Code, Done, SignedDocument
from coterie.wire.signed import DeviceCertificate, DeviceList


class Accounts:
    """What a job may do to them. Raises Refused."""

    def __init__(self, connection: Connection, inboxes: Inboxes, news: News, now: float) -> None:
        self._connection, self._inboxes = connection, inboxes
        self._news, self._now = news, now

    def create_invite(self, token: bytes, uses: int, lifetime_s: float) -> Done:
        """An invite, of whose token only the hash is kept. Those that have expired are deleted.

        Again with the same token: nothing is changed, so that a retry is safe.
        """
        c = schema.invite.c
        self._connection.execute(delete(schema.invite).where(c.expires < self._now))
        token_hash = _hash(token)
        if not self._connection.scalar(select(c.uses_left).where(c.token_hash == token_hash)):
            self._connection.execute(delete(schema.invite).where(c.token_hash == token_hash))
            self._connection.execute(
                insert(schema.invite).values(
                    token_hash=token_hash, uses_left=uses, expires=self._now + lifetime_s
                )
            )
        return Done()

    def register(  # an account is all of these
        self,
        token: bytes,
        record: bytes,
        vault: bytes,
        signed: SignedDocument,
        device_list: DeviceList,
        certificate: DeviceCertificate,
    ) -> Done:
        """An account with its first device; the invite is used."""
        check_registration(self._connection, token, device_list.name, self._now)
        c = schema.invite.c
        self._connection.execute(
            update(schema.invite)
            .where(c.token_hash == _hash(token))
            .values(uses_left=c.uses_left - 1)
        )
        self._connection.execute(
            insert(schema.account).values(
                name=device_list.name,
                account_key=device_list.account_key,
                opaque_record=record,
                vault=vault,
                list_version=device_list.version,
                list_document=signed.document,
                list_signature=signed.signature,
            )
        )
        self._add_device(certificate)
        return Done()

    def replace_device_list(
        self, signed: SignedDocument, device_list: DeviceList, certificate: DeviceCertificate | None
    ) -> Done:
        """Version n+1 of an account's list, with at most one device that is new.

        Devices that are not on it any more are revoked for good: with what waits for them in inboxes, and their key
        packages.
        """
        a, d = schema.account.c, schema.device.c
        found = self._connection.execute(
            select(a.account_key, a.list_version).where(a.name == device_list.name)
        ).first()
        if found is None or found[0] != device_list.account_key:
            raise Refused(Code.MALFORMED, "the list is not under this account's key")
        if device_list.version != found[1] + 1:
            raise Refused(
                Code.LIST_VERSION, f"list version {device_list.version}, the next is {found[1] + 1}"
            )
        if certificate is not None:
            self._check_certificate(certificate, device_list)
            self._add_device(certificate)
        mine = (d.name == device_list.name) & d.is_revoked.is_(False)
        rows = self._connection.execute(select(d.device, d.device_key).where(mine))
        known = {row[0]: row[1] for row in rows}
        listed = {one.device: one.device_key for one in device_list.devices}
        if not listed.items() <= known.items():
            raise Refused(Code.MALFORMED, "the list names a device that is unknown or was revoked")
        self._connection.execute(
            update(schema.account)
            .where(a.name == device_list.name)
            .values(
                list_version=device_list.version,
                list_document=signed.document,
                list_signature=signed.signature,
            )
        )
        self._revoke(known.keys() - listed.keys())
        return Done()

    def check_device(self, device: bytes) -> None:
        """Raises NotAuthenticated for one that was revoked since its job was queued."""
        d = schema.device.c
        if self._connection.scalar(select(d.is_revoked).where(d.device == device)) is not False:
            raise NotAuthenticated("the device was revoked")

    def _revoke(self, devices: set[bytes]) -> None:
        """What they have queued behind this finds them revoked, and their posts, unable to post."""
        if not devices:
            return
        d, m, k = schema.device.c, schema.member.c, schema.key_package.c
        self._connection.execute(
            update(schema.device).where(d.device.in_(devices)).values(is_revoked=True)
        )
        self._connection.execute(
            update(schema.member).where(m.device.in_(devices)).values(may_post=False)
        )
        self._inboxes.delete_all(devices)
        self._connection.execute(delete(schema.key_package).where(k.device.in_(devices)))
        self._news.revoked |= devices

    @staticmethod
    def _check_certificate(certificate: DeviceCertificate, device_list: DeviceList) -> None:
        is_consistent = (
            certificate.name == device_list.name
            and certificate.account_key == device_list.account_key
            and certificate.list_version == device_list.version
        )
        if not is_consistent:
            raise Refused(Code.MALFORMED, "certificate and device list do not agree")

    def _add_device(self, certificate: DeviceCertificate) -> None:
        d = schema.device.c
        if self._connection.scalar(select(d.device).where(d.device == certificate.device)):
            raise Refused(Code.MALFORMED, "the device id is in use")
        self._connection.execute(
            insert(schema.device).values(
                device=certificate.device,
                name=certificate.name,
                device_key=certificate.device_key,
                is_revoked=False,
                inbox_head=0,
            )
        )


def check_registration(connection: Connection, token: bytes, name: str, now: float) -> None:
    """Raises Refused where the invite is not valid or the name is taken. Nothing is used up.

    The invite first: only who holds one learns which names exist.
    """
    c, a = schema.invite.c, schema.account.c
    found = connection.execute(
        select(c.uses_left, c.expires).where(c.token_hash == _hash(token))
    ).first()
    if found is None or found[0] < 1 or found[1] < now:
        raise Refused(
            Code.INVITE,
            "this invite is unknown, spent or expired",
            hint="ask who runs the server for another: `coterie invite` makes one",
        )
    if connection.scalar(select(a.name).where(a.name == name)) is not None:
        raise Refused(Code.NAME_TAKEN, f"the name {name} is taken", hint="choose another")


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(b"coterie/1 invite token" + token).digest()
