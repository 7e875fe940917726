"""Logs and delivery lists, as they are written. The rules are in ``delivery``.

Groups and members that posts touch are held in memory for the transaction and written once at its end.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from coterie.errors import Refused
from coterie.server import schema, turns
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
from coterie.server.inboxes import Inboxes
from coterie.server.news import News
from coterie.wire import chain
from coterie.wire.frames import (
    Accepted,
    ChangeList,
    Code,
    Done,
    Failed,
    Kind,
    ListChange,
    Post,
    Stale,
)


class _Key(NamedTuple):
    """What makes a post the same as an earlier one."""

    group_id: bytes
    device: bytes
    message_id: bytes


class Logs:
    """What a job may do to them."""

    def __init__(
        self, connection: Connection, inboxes: Inboxes, rates: Rates, news: News, now: float
    ) -> None:
        self._connection, self._inboxes = connection, inboxes
        self._rates, self._news, self._now = rates, news, now
        self._groups: dict[bytes, GroupState | None] = {}
        self._members: dict[bytes, dict[bytes, MemberState]] = {}
        self._entries: dict[_Key, dict[str, Any]] = {}  # not yet written, nor are:
        self._changed_groups: set[bytes] = set()
        self._changed_members: set[tuple[bytes, bytes]] = set()

    # --- what a job may ask ----------------------------------------------------------------------

    def create_group(self, group_id: bytes, device: bytes, name: str) -> Done:
        """A new log with this device alone; again while it is empty and ours. Raises Refused."""
        group, mine = self._group(group_id), self._member(group_id, device)
        if group is not None:
            if group.head == 0 and mine is not None and group.keepers == {name}:
                return Done()
            raise Refused(Code.EXISTS, "there is a group of that id")
        self._connection.execute(
            insert(schema.group).values(
                group_id=group_id,
                head=0,
                chain=chain.first(group_id),
                last_handshake=0,
                turn_device=None,
                turn_at=0.0,
            )
        )
        self._list(group_id, device, name, may_post=True)
        self._connection.execute(insert(schema.keeper).values(group_id=group_id, name=name))
        del self._groups[group_id], self._members[group_id]
        return Done()

    def post(self, post: Post, device: bytes) -> PostAnswer:
        """Judges a post and, where it is accepted, appends it with its Welcome and its list change."""
        group, poster = self._group(post.group), self._member(post.group, device)
        if group is None or poster is None:
            return NOT_MEMBER
        change = post.list_change
        if change:
            self._load(post.group, change.remove)
        if post.kind is Kind.PROPOSAL:
            self._account(post.group, poster.name)
        known = self._known_seq(_Key(post.group, device, post.message_id))
        unknown = self._count_unknown(change) if change else 0
        members = self._members[post.group]
        judged = judge(post, group, members, device, known, unknown, self._rates, self._now)
        if isinstance(judged, Stale):
            self._refused_as_stale(post, group, poster)
        if not isinstance(judged, Appended):
            return judged
        self._append(post, group, poster, judged)
        return Accepted(post.message_id, judged.entry.seq)

    def change_list(self, request: ChangeList, device: bytes) -> Done | Stale | Failed:
        """A list change without an entry: one takes himself off, a keeper puts the list right."""
        group = self._group(request.group)
        mine = self._member(request.group, device)
        if group is None or mine is None or mine.removed_at is not None or not mine.may_post:
            return NOT_MEMBER
        if request.after < group.last_handshake:
            return Stale(group.head)
        self._load(request.group, request.change.remove)
        unknown = self._count_unknown(request.change)
        members = self._members[request.group]
        refused = check_change(request.change, group, members, mine, unknown)
        if refused is not None:
            return refused
        self._change(group, request.change, group.head, by_keeper=mine.name in group.keepers)
        return Done()

    def flush(self) -> None:
        """Writes what posts have changed in memory. Groups in the order of their ids: nodes cannot deadlock."""
        if self._entries:
            self._connection.execute(insert(schema.entry), list(self._entries.values()))
            self._entries.clear()
        groups = [self._groups[group_id] for group_id in sorted(self._changed_groups)]
        if groups:
            self._connection.execute(_UPDATE_GROUP, [_group_row(g) for g in groups if g])
            self._changed_groups.clear()
        changed = sorted(self._changed_members)
        if changed:
            rows = [_member_row(g, self._members[g][device]) for g, device in changed]
            self._connection.execute(_UPDATE_MEMBER, rows)
            self._changed_members.clear()

    def forget(self) -> None:
        """What is held in memory and not written: it was a job's that is undone."""
        for held in (self._groups, self._members, self._entries):
            held.clear()
        self._changed_groups.clear()
        self._changed_members.clear()

    # --- posts -----------------------------------------------------------------------------------

    def _append(
        self, post: Post, group: GroupState, poster: MemberState, appended: Appended
    ) -> None:
        entry = appended.entry
        self._entries[_Key(post.group, entry.device, entry.message_id)] = {
            "group_id": post.group,
            "seq": entry.seq,
            "kind": int(entry.kind),
            "device": entry.device,
            "message_id": entry.message_id,
            "body": entry.body,
            "chain": appended.chain,
            "stored_at": self._now,
        }
        self._has_changed(group, poster)
        if post.list_change:
            by_keeper = poster.name in group.keepers
            self._change(group, post.list_change, entry.seq, by_keeper=by_keeper)
        if post.welcome:
            devices = set(post.welcome.devices)
            self._inboxes.put_welcome(post.group, entry.device, post.welcome.welcome, devices)
            self._news.inboxes |= devices
        self._news.entries.setdefault(post.group, []).append(entry)

    def _refused_as_stale(self, post: Post, group: GroupState, poster: MemberState) -> None:
        self.flush()  # the entry behind ``after`` may be of this transaction
        e = schema.entry.c
        superseded_at = self._connection.scalar(
            select(e.stored_at).where(e.group_id == post.group, e.seq == post.after + 1)
        )
        before = (poster.stale_after, group.turn_at)
        account = self._account(post.group, poster.name)
        turns.refused_as_stale(post, group, poster, account, superseded_at or 0.0, self._now)
        if (poster.stale_after, group.turn_at) != before:
            self._has_changed(group, poster)

    def _has_changed(self, group: GroupState, member: MemberState) -> None:
        self._changed_groups.add(group.group_id)
        self._changed_members.add((group.group_id, member.device))

    def _known_seq(self, key: _Key) -> int | None:
        waiting = self._entries.get(key)
        if waiting is not None:
            return int(waiting["seq"])
        c = schema.entry.c
        return self._connection.scalar(
            select(c.seq).where(
                c.group_id == key.group_id,
                c.device == key.device,
                c.message_id == key.message_id,
            )
        )

    # --- groups and members ----------------------------------------------------------------------

    def _group(self, group_id: bytes) -> GroupState | None:
        if group_id not in self._groups:
            g, k = schema.group.c, schema.keeper.c
            columns = (g.head, g.chain, g.last_handshake, g.turn_device, g.turn_at)
            row = self._connection.execute(select(*columns).where(g.group_id == group_id)).first()
            state = None
            if row is not None:
                keepers = self._connection.scalars(select(k.name).where(k.group_id == group_id))
                state = GroupState(group_id, *row, keepers=set(keepers))
            self._groups[group_id] = state
        return self._groups[group_id]

    def _member(self, group_id: bytes, device: bytes) -> MemberState | None:
        members = self._members.setdefault(group_id, {})
        if device not in members:
            self._load(group_id, (device,))
        return members.get(device)

    def _load(self, group_id: bytes, devices: Iterable[bytes]) -> None:
        """Those of them that are or were members, by one query however many they are."""
        members = self._members.setdefault(group_id, {})
        missing = [device for device in devices if device not in members]
        if missing:
            here = (_M.group_id == group_id) & _M.device.in_(missing)
            for row in self._connection.execute(select(*_MEMBER_COLUMNS).where(here)):
                members[row[0]] = MemberState(*row)

    def _account(self, group_id: bytes, name: str) -> list[MemberState]:
        """The members of an account, those that were taken off among them."""
        members = self._members.setdefault(group_id, {})
        here = (_M.group_id == group_id) & (_M.name == name)
        for row in self._connection.execute(select(*_MEMBER_COLUMNS).where(here)):
            members.setdefault(row[0], MemberState(*row))
        return [member for member in members.values() if member.name == name]

    # --- delivery lists --------------------------------------------------------------------------

    def _count_unknown(self, change: ListChange) -> int:
        """How many of the devices to add do not exist or are revoked, and how many of the keepers do not exist."""
        unknown = 0
        if change.add:
            d = schema.device.c
            known = select(func.count()).where(d.device.in_(change.add), d.is_revoked.is_(False))
            unknown += len(set(change.add)) - int(self._connection.scalar(known) or 0)
        if change.add_keepers:
            a = schema.account.c
            known = select(func.count()).where(a.name.in_(change.add_keepers))
            unknown += len(set(change.add_keepers)) - int(self._connection.scalar(known) or 0)
        return unknown

    def _change(self, group: GroupState, change: ListChange, seq: int, *, by_keeper: bool) -> None:
        self.flush()  # counts of those concerned
        m, k = schema.member.c, schema.keeper.c
        here = m.group_id == group.group_id
        taken_off = self._connection.scalars(
            update(schema.member)
            .where(here, m.device.in_(change.remove), m.removed_at.is_(None))
            .values(removed_at=seq)
            .returning(m.device)
        ).all()
        self._members[group.group_id].clear()
        self._load(group.group_id, change.add)
        self._put_on(group.group_id, change.add, by_keeper=by_keeper)
        for name in set(change.add_keepers) - group.keepers:
            self._connection.execute(
                insert(schema.keeper).values(group_id=group.group_id, name=name)
            )
        self._connection.execute(
            delete(schema.keeper).where(
                k.group_id == group.group_id, k.name.in_(change.remove_keepers)
            )
        )
        group.keepers = (group.keepers | set(change.add_keepers)) - set(change.remove_keepers)
        self._news.taken_off |= {(group.group_id, device): seq for device in taken_off}

    def _put_on(self, group_id: bytes, devices: tuple[bytes, ...], *, by_keeper: bool) -> None:
        """Who is on the list already stays as he is: else anyone could silence anyone by adding him again."""
        m, d = schema.member.c, schema.device.c
        names = self._connection.execute(select(d.device, d.name).where(d.device.in_(devices)))
        for device, name in names:
            known = self._member(group_id, device)
            if known is None:
                self._list(group_id, device, name, may_post=by_keeper)
            elif known.removed_at is not None:
                self._connection.execute(
                    update(schema.member)
                    .where(m.group_id == group_id, m.device == device)
                    .values(removed_at=None, may_post=by_keeper)
                )
        self._members[group_id].clear()

    def _list(self, group_id: bytes, device: bytes, name: str, *, may_post: bool) -> None:
        self._connection.execute(
            insert(schema.member).values(
                group_id=group_id,
                device=device,
                name=name,
                count=0,
                may_post=may_post,
                proposal_at=0,
                turn_at=0.0,
            )
        )


_M = schema.member.c
_MEMBER_COLUMNS = (
    _M.device,
    _M.name,
    _M.count,
    _M.may_post,
    _M.removed_at,
    _M.proposal_at,
    _M.stale_after,
    _M.turn_at,
)
_UPDATE_MEMBER = (
    update(schema.member)
    .where(_M.group_id == bindparam("b_group"), _M.device == bindparam("b_device"))
    .values({name: bindparam(f"b_{name}") for name in ("count", "proposal_at", "stale_after")})
    .values(turn_at=bindparam("b_turn_at"))
)
_GROUP_FIELDS = ("head", "chain", "last_handshake", "turn_device", "turn_at")
_UPDATE_GROUP = (
    update(schema.group)
    .where(schema.group.c.group_id == bindparam("b_group"))
    .values({name: bindparam(f"b_{name}") for name in _GROUP_FIELDS})
)


def _group_row(state: GroupState) -> dict[str, Any]:
    return {"b_group": state.group_id, **{f"b_{n}": getattr(state, n) for n in _GROUP_FIELDS}}


def _member_row(group_id: bytes, state: MemberState) -> dict[str, Any]:
    return {
        "b_group": group_id,
        "b_device": state.device,
        "b_count": state.count,
        "b_proposal_at": state.proposal_at,
        "b_stale_after": state.stale_after,
        "b_turn_at": state.turn_at,
    }
