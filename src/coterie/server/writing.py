"""What is written to the store: the methods of one transaction, which many jobs share.

Groups and members that posts touch are held in memory for the transaction and written once at its end.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from coterie.errors import Refused
from coterie.server import schema
from coterie.server.delivery import (
    NOT_MEMBER,
    Appended,
    GroupState,
    MemberState,
    PostAnswer,
    Rates,
    check_change,
    judge,
)
from coterie.wire import chain, limits
from coterie.wire.frames import (
    Accepted,
    ChangeList,
    Code,
    DeviceKeyPackage,
    Done,
    Entry,
    Failed,
    KeyPackageCount,
    KeyPackages,
    ListChange,
    Post,
    SignedDocument,
)
from coterie.wire.signed import DeviceCertificate, DeviceList

ONE_TIME_LIFETIME_S = 90 * 86_400  # PROTOCOL.md section 3, "Key packages"


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer, and where it was accepted what others are told once it is durable."""

    answer: PostAnswer
    group_id: bytes
    entry: Entry | None = None
    inboxes: tuple[bytes, ...] = ()  # devices that have something new


class Transaction:
    """Everything that a job may do. Raises Refused; the job then has done nothing."""

    def __init__(self, connection: Connection, rates: Rates, now: float) -> None:
        self._connection = connection
        self._rates = rates
        self._now = now
        self._groups: dict[bytes, GroupState | None] = {}
        self._members: dict[bytes, dict[bytes, MemberState]] = {}
        self._entries: dict[tuple[bytes, bytes, bytes], dict[str, Any]] = {}

    # --- invites and accounts ------------------------------------------------------------------

    def set_meta(self, key: str, value: bytes) -> None:
        """A single value."""
        self._connection.execute(delete(schema.meta).where(schema.meta.c.key == key))
        self._connection.execute(insert(schema.meta).values(key=key, value=value))

    def create_invite(self, token: bytes, uses: int, lifetime_s: float) -> Done:
        """An invite, of whose token only the hash is kept. Those that have expired are deleted."""
        c = schema.invite.c
        self._connection.execute(delete(schema.invite).where(c.expires < self._now))
        self._connection.execute(
            insert(schema.invite).values(
                token_hash=_hash(token), uses_left=uses, expires=self._now + lifetime_s
            )
        )
        return Done()

    def check_registration(self, token: bytes, name: str) -> None:
        """Raises Refused where the invite is not valid or the name is taken. Nothing is used up."""
        c = schema.invite.c
        found = self._connection.execute(
            select(c.uses_left, c.expires).where(c.token_hash == _hash(token))
        ).first()
        if found is None or found[0] < 1 or found[1] < self._now:
            raise Refused(
                Code.INVITE,
                "this invite is unknown, spent or expired",
                hint="ask who runs the server for another: `coterie invite` makes one",
            )
        a = schema.account.c
        if self._connection.scalar(select(a.name).where(a.name == name)) is not None:
            raise Refused(Code.NAME_TAKEN, f"the name {name} is taken", hint="choose another")

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
        self.check_registration(token, device_list.name)
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
        """Version n+1 of an account's list; devices that are not on it any more are revoked."""
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
            self._add_device(certificate)
        self._connection.execute(
            update(schema.account)
            .where(a.name == device_list.name)
            .values(
                list_version=device_list.version,
                list_document=signed.document,
                list_signature=signed.signature,
            )
        )
        listed = [listed.device for listed in device_list.devices]
        self._connection.execute(
            update(schema.device)
            .where(d.name == device_list.name, d.device.not_in(listed))
            .values(is_revoked=True)
        )
        return Done()

    def _add_device(self, certificate: DeviceCertificate) -> None:
        try:
            self._connection.execute(
                insert(schema.device).values(
                    device=certificate.device,
                    name=certificate.name,
                    device_key=certificate.device_key,
                    is_revoked=False,
                    inbox_head=0,
                )
            )
        except IntegrityError as error:
            raise Refused(Code.MALFORMED, "the device id is in use") from error

    # --- key packages --------------------------------------------------------------------------

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
        if replace:
            self._connection.execute(
                delete(schema.key_package).where(mine, c.is_last_resort.is_(False))
            )
        if last_resort is not None:
            self._connection.execute(
                delete(schema.key_package).where(mine, c.is_last_resort.is_(True))
            )
        count = select(func.count()).select_from(schema.key_package)
        kept = int(self._connection.scalar(count.where(mine, c.is_last_resort.is_(False))) or 0)
        new = [(package, False) for package in one_time[: limits.MAX_KEY_PACKAGES - kept]]
        if last_resort is not None:
            new.append((last_resort, True))
        if new:
            self._connection.execute(
                insert(schema.key_package),
                [
                    {
                        "device": device,
                        "key_package": package,
                        "is_last_resort": is_last,
                        "uploaded": self._now,
                    }
                    for package, is_last in new
                ],
            )
        has_last = self._connection.scalar(count.where(mine, c.is_last_resort.is_(True)))
        one_time_kept = self._connection.scalar(count.where(mine, c.is_last_resort.is_(False)))
        return KeyPackageCount(int(one_time_kept or 0), bool(has_last))

    def take_key_packages(self, name: str) -> KeyPackages:
        """One for each device: a one-time one, which nobody gets again, else the one of last resort."""
        a, d, c = schema.account.c, schema.device.c, schema.key_package.c
        row = self._connection.execute(
            select(a.list_document, a.list_signature).where(a.name == name)
        ).first()
        if row is None:
            raise Refused(Code.NOT_FOUND, f"there is no account {name}")
        self._connection.execute(
            delete(schema.key_package).where(
                c.is_last_resort.is_(False), c.uploaded < self._now - ONE_TIME_LIFETIME_S
            )
        )
        devices = self._connection.scalars(
            select(d.device).where(d.name == name, d.is_revoked.is_(False))
        )
        taken = []
        for device in devices.all():
            found = self._connection.execute(
                select(c.id, c.key_package, c.is_last_resort)
                .where(c.device == device)
                .order_by(c.is_last_resort, c.id)
                .limit(1)
            ).first()
            if found is None:
                continue
            number, package, is_last = found
            if not is_last:
                self._connection.execute(delete(schema.key_package).where(c.id == number))
            taken.append(DeviceKeyPackage(device, package, bool(is_last)))
        return KeyPackages(SignedDocument(row[0], row[1]), tuple(taken))

    # --- groups --------------------------------------------------------------------------------

    def create_group(self, group_id: bytes, device: bytes, name: str) -> Done:
        """A new log with this device alone; again while it is empty and ours."""
        group = self._group(group_id)
        if group is not None:
            mine = self._member(group_id, device)
            if group.head == 0 and mine is not None and group.keepers == {name}:
                return Done()
            raise Refused(Code.EXISTS, "there is a group of that id")
        self._connection.execute(
            insert(schema.group).values(
                group_id=group_id, head=0, chain=chain.first(group_id), last_handshake=0
            )
        )
        self._connection.execute(
            insert(schema.member).values(
                group_id=group_id, device=device, name=name, count=0, may_post=True
            )
        )
        self._connection.execute(insert(schema.keeper).values(group_id=group_id, name=name))
        self._groups.pop(group_id, None)
        self._members.pop(group_id, None)
        return Done()

    def post(self, post: Post, device: bytes, monotonic: float) -> Posted:
        """Judges a post and, where it is accepted, appends it with its Welcome and its list change."""
        group = self._group(post.group)
        members = self._members.setdefault(post.group, {})
        concerned = {device, *(post.list_change.remove if post.list_change else ())}
        for other in concerned:
            self._member(post.group, other)
        known = self._known_seq(post.group, device, post.message_id)
        if post.list_change:
            missing = self._unknown_devices(post.list_change)
            if missing:
                answer = Failed(Code.NOT_FOUND, f"{missing} devices to add are unknown or revoked")
                return Posted(answer, post.group)
        judged = judge(post, group, members, device, known, self._rates, monotonic)
        if not isinstance(judged, Appended):
            return Posted(judged, post.group)
        entry = judged.entry
        self._entries[post.group, device, post.message_id] = {
            "group_id": post.group,
            "seq": entry.seq,
            "kind": int(entry.kind),
            "device": device,
            "message_id": entry.message_id,
            "body": entry.body,
            "chain": judged.chain,
        }
        if post.list_change and group is not None:
            by_keeper = members[device].name in group.keepers
            self._change(group, post.list_change, entry.seq, by_keeper=by_keeper)
        inboxes: tuple[bytes, ...] = ()
        if post.welcome is not None:
            inboxes = post.welcome.devices
            self._put_welcome(post.group, device, post.welcome.welcome, inboxes)
        return Posted(Accepted(post.message_id, entry.seq), post.group, entry, inboxes)

    def change_list(self, request: ChangeList, device: bytes) -> Done | Failed:
        """A list change without an entry: one takes himself off, a keeper puts the list right."""
        group = self._group(request.group)
        mine = self._member(request.group, device)
        if group is None or mine is None or mine.removed_at is not None:
            return NOT_MEMBER
        for other in request.change.remove:
            self._member(request.group, other)
        refused = check_change(request.change, group, self._members[request.group], mine)
        if refused is not None:
            return refused
        if self._unknown_devices(request.change):
            return Failed(Code.NOT_FOUND, "a device to add is unknown or revoked")
        self._change(group, request.change, group.head, by_keeper=mine.name in group.keepers)
        return Done()

    def read_inbox(self, device: bytes, after: int) -> None:
        """Deletes what the device has taken; a Welcome that nobody waits for any more goes with it."""
        i, w, m = schema.inbox.c, schema.welcome.c, schema.member.c
        taken = self._connection.execute(
            select(i.welcome_id, i.group_id).where(i.device == device, i.number <= after)
        ).all()
        if not taken:
            return
        self._connection.execute(delete(schema.inbox).where(i.device == device, i.number <= after))
        still = select(i.welcome_id)
        self._connection.execute(
            delete(schema.welcome).where(w.id.in_({row[0] for row in taken}), w.id.not_in(still))
        )
        self._connection.execute(
            update(schema.member)
            .where(m.device == device, m.group_id.in_({row[1] for row in taken}))
            .values(may_post=True)
        )
        for _, group_id in taken:
            self._members.get(group_id, {}).pop(device, None)

    # --- what posts share ----------------------------------------------------------------------

    def flush(self) -> None:
        """Writes what posts have changed in memory."""
        if not self._entries:
            return
        touched = {key[0] for key in self._entries}
        self._connection.execute(insert(schema.entry), list(self._entries.values()))
        g, m = schema.group.c, schema.member.c
        groups = [self._groups[group_id] for group_id in sorted(touched)]
        self._connection.execute(
            update(schema.group)
            .where(g.group_id == bindparam("b_id"))
            .values(
                head=bindparam("b_head"),
                chain=bindparam("b_chain"),
                last_handshake=bindparam("b_last"),
            ),
            [
                {
                    "b_id": s.group_id,
                    "b_head": s.head,
                    "b_chain": s.chain,
                    "b_last": s.last_handshake,
                }
                for s in groups
                if s is not None
            ],
        )
        posters = {(group_id, device) for group_id, device, _ in self._entries}
        self._connection.execute(
            update(schema.member)
            .where(m.group_id == bindparam("b_id"), m.device == bindparam("b_device"))
            .values(count=bindparam("b_count")),
            [
                {
                    "b_id": group_id,
                    "b_device": device,
                    "b_count": self._members[group_id][device].count,
                }
                for group_id, device in sorted(posters)
            ],
        )
        self._entries.clear()

    def _group(self, group_id: bytes) -> GroupState | None:
        if group_id not in self._groups:
            g, k = schema.group.c, schema.keeper.c
            row = self._connection.execute(
                select(g.head, g.chain, g.last_handshake).where(g.group_id == group_id)
            ).first()
            state = None
            if row is not None:
                keepers = self._connection.scalars(select(k.name).where(k.group_id == group_id))
                state = GroupState(group_id, *row, keepers=set(keepers))
            self._groups[group_id] = state
        return self._groups[group_id]

    def _member(self, group_id: bytes, device: bytes) -> MemberState | None:
        members = self._members.setdefault(group_id, {})
        if device not in members:
            m = schema.member.c
            row = self._connection.execute(
                select(m.device, m.name, m.count, m.may_post, m.removed_at).where(
                    m.group_id == group_id, m.device == device
                )
            ).first()
            if row is None:
                return None
            members[device] = MemberState(*row)
        return members[device]

    def _known_seq(self, group_id: bytes, device: bytes, message_id: bytes) -> int | None:
        waiting = self._entries.get((group_id, device, message_id))
        if waiting is not None:
            return int(waiting["seq"])
        c = schema.entry.c
        return self._connection.scalar(
            select(c.seq).where(
                c.group_id == group_id, c.device == device, c.message_id == message_id
            )
        )

    def _unknown_devices(self, change: ListChange) -> int:
        if not change.add:
            return 0
        d = schema.device.c
        found = self._connection.scalar(
            select(func.count())
            .select_from(schema.device)
            .where(d.device.in_(change.add), d.is_revoked.is_(False))
        )
        return len(set(change.add)) - int(found or 0)

    def _change(self, group: GroupState, change: ListChange, seq: int, *, by_keeper: bool) -> None:
        m, d, k = schema.member.c, schema.device.c, schema.keeper.c
        here = m.group_id == group.group_id
        self.flush()  # counts of those concerned
        for device in change.remove:
            self._connection.execute(
                update(schema.member)
                .where(here, m.device == device, m.removed_at.is_(None))
                .values(removed_at=seq)
            )
        for device in change.add:
            name = self._connection.scalar(select(d.name).where(d.device == device))
            known = self._connection.execute(
                update(schema.member)
                .where(here, m.device == device)
                .values(removed_at=None, may_post=by_keeper)
            )
            if not known.rowcount:
                self._connection.execute(
                    insert(schema.member).values(
                        group_id=group.group_id,
                        device=device,
                        name=name,
                        count=0,
                        may_post=by_keeper,
                    )
                )
        for name in set(change.add_keepers) - group.keepers:
            self._connection.execute(
                insert(schema.keeper).values(group_id=group.group_id, name=name)
            )
        for name in change.remove_keepers:
            self._connection.execute(
                delete(schema.keeper).where(k.group_id == group.group_id, k.name == name)
            )
        group.keepers = (group.keepers | set(change.add_keepers)) - set(change.remove_keepers)
        for device in (*change.add, *change.remove):
            self._members[group.group_id].pop(device, None)

    def _put_welcome(
        self, group_id: bytes, sender: bytes, welcome: bytes, devices: tuple[bytes, ...]
    ) -> None:
        stored = self._connection.execute(insert(schema.welcome).values(welcome=welcome))
        welcome_id = (stored.inserted_primary_key or (0,))[0]
        d = schema.device.c
        for device in devices:
            self._connection.execute(
                update(schema.device).where(d.device == device).values(inbox_head=d.inbox_head + 1)
            )
            number = self._connection.scalar(select(d.inbox_head).where(d.device == device))
            self._connection.execute(
                insert(schema.inbox).values(
                    device=device,
                    number=number,
                    group_id=group_id,
                    sender=sender,
                    welcome_id=welcome_id,
                )
            )


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(b"coterie/1 invite token" + token).digest()
