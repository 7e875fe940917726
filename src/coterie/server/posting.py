"""Logs and delivery lists, as they are written. The rules are in ``delivery``."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select, update

from coterie.errors import Refused
from coterie.server import schema, turns
from coterie.server.crowding import Crowding
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
from coterie.server.limits import Limits
from coterie.server.news import News
from coterie.server.states import Held, States
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


class Logs:
    """What a job may do to them."""

    def __init__(
        self,
        connection: Connection,
        held: Held,
        inboxes: Inboxes,
        rates: Rates,
        limits: Limits,
        news: News,
        now: float,
    ) -> None:
        self._connection, self._inboxes = connection, inboxes
        self._crowding = Crowding(connection, limits)
        self._rates, self._news, self._now = rates, news, now
        self._states = States(connection, held, now)

    # --- what a job may ask ----------------------------------------------------------------------

    def create_group(self, group_id: bytes, device: bytes, name: str) -> Done:
        """A new log with this device alone; again while it is empty and ours. Raises Refused."""
        group, mine = self._states.group(group_id), self._states.member(group_id, device)
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
        self._states.forget_group(group_id)
        return Done()

    def post(self, post: Post, device: bytes) -> PostAnswer:
        """Judges a post and, where it is accepted, appends it with its Welcome and its list change."""
        states = self._states
        group, poster = states.group(post.group), states.member(post.group, device)
        if group is None or poster is None or poster.removed_at is not None or not poster.may_post:
            return NOT_MEMBER
        change = post.list_change
        if change:
            states.load(post.group, change.remove)
        if post.kind is Kind.PROPOSAL:
            states.account(post.group, poster.name)
        known = states.seq(post, device)
        if change and known is None:
            refused = self._crowding.refusal(post.group, change, post.welcome, device)
            if refused is not None:
                return refused
        unknown = self._count_unknown(change) if change else 0
        members = states.members(post.group)
        judged = judge(post, group, members, device, known, unknown, self._rates, self._now)
        if isinstance(judged, Stale):
            self._refused_as_stale(post, group, poster)
        if not isinstance(judged, Appended):
            return judged
        self._append(post, group, poster, judged)
        return Accepted(post.message_id, judged.entry.seq)

    def change_list(self, request: ChangeList, device: bytes) -> Done | Stale | Failed:
        """A list change without an entry: one takes himself off, a keeper puts the list right."""
        group = self._states.group(request.group)
        mine = self._states.member(request.group, device)
        if group is None or mine is None or mine.removed_at is not None or not mine.may_post:
            return NOT_MEMBER
        if request.after < group.last_handshake:
            return Stale(group.head)
        self._states.load(request.group, request.change.remove)
        unknown = self._count_unknown(request.change)
        members = self._states.members(request.group)
        refused = check_change(
            request.change, group, members, mine, unknown
        ) or self._crowding.refusal(request.group, request.change, None, device)
        if refused is not None:
            return refused
        self._change(group, request.change, group.head, by_keeper=mine.name in group.keepers)
        return Done()

    def expect(self, posts: Iterable[tuple[Post, bytes]]) -> None:
        """Loads at once what ``post`` will need for each of these posts and devices."""
        self._states.expect(posts)

    def flush(self) -> None:
        """Writes what posts have changed in memory."""
        self._states.flush()

    def forget(self) -> None:
        """What is held in memory: a job has changed the tables, or was undone."""
        self._states.forget()

    # --- posts -----------------------------------------------------------------------------------

    def _append(
        self, post: Post, group: GroupState, poster: MemberState, appended: Appended
    ) -> None:
        entry = appended.entry
        self._states.append(post, group, poster, appended)
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
        account = self._states.account(post.group, poster.name)
        turns.refused_as_stale(post, group, poster, account, superseded_at or 0.0, self._now)
        if (poster.stale_after, group.turn_at) != before:
            self._states.has_changed(group, poster)

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
        self._states.forget_members(group.group_id)
        self._states.load(group.group_id, change.add)
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
            known = self._states.member(group_id, device)
            if known is None:
                self._list(group_id, device, name, may_post=by_keeper)
            elif known.removed_at is not None:
                self._connection.execute(
                    update(schema.member)
                    .where(m.group_id == group_id, m.device == device)
                    .values(removed_at=None, may_post=by_keeper)
                )
        self._states.forget_members(group_id)

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
