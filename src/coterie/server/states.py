"""Groups, members and entries that a transaction has to do with: loaded once, changed in memory, written at its end.

Groups and members are held for the next transaction too, since one store alone writes its database. Whatever else
changes their tables, or fails, makes it forget them.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from coterie.server import schema
from coterie.server.delivery import Appended, GroupState, MemberState
from coterie.server.many import Insert, Lookup, Row, Write
from coterie.wire.frames import Post

_Key = tuple[bytes, bytes, bytes]
"""Group, device and message id: what makes a post the same as an earlier one."""


MAX_HELD = 20_000  # groups and members, some 400 bytes each


class Held:
    """Groups and members as the tables have them, or will at the end of the transaction."""

    def __init__(self) -> None:
        self.groups: dict[bytes, GroupState | None] = {}
        self.members: defaultdict[bytes, dict[bytes, MemberState]] = defaultdict(dict)
        self._size = 0  # how many were added

    def add(self, count: int) -> None:
        """So many more are held."""
        self._size += count

    def tidy(self) -> None:
        """Between transactions: where there are too many, those in use are soon loaded again."""
        if self._size > MAX_HELD:
            self.clear()

    def clear(self) -> None:
        """Nothing is known."""
        self.groups.clear()
        self.members.clear()
        self._size = 0


class States:
    """What a transaction knows and changes."""

    def __init__(self, connection: Connection, held: Held, now: float) -> None:
        self._connection, self._held, self._now = connection, held, now
        self._groups, self._members = held.groups, held.members
        self._strangers: set[tuple[bytes, bytes]] = set()  # in a group; they were looked for
        self._seqs: dict[_Key, int | None] = {}
        self._entries: list[Row] = []  # not yet written, nor are:
        self._changed_groups: set[bytes] = set()
        self._changed_members: set[tuple[bytes, bytes]] = set()

    # --- loading ---------------------------------------------------------------------------------

    def expect(self, posts: Iterable[tuple[Post, bytes]]) -> None:
        """Loads what these posts of these devices need, by a few queries for all of them."""
        unknown: set[tuple[bytes, bytes]] = set()
        keys: dict[_Key, None] = {}
        for post, device in posts:
            group_id = post.group
            if device not in self._members.get(group_id, ()):
                unknown.add((group_id, device))
            key = group_id, device, post.message_id
            if key not in self._seqs:
                keys[key] = None
        if unknown := unknown - self._strangers:
            # Of a group that is held too: else a stranger could tell by the time that there is one.
            self._load_groups({group_id for group_id, _ in unknown})
            self._load_members(unknown)
        self._seqs.update(keys)
        for group_id, device, message_id, seq in _ENTRIES.run(self._connection, keys):
            self._seqs[group_id, device, message_id] = seq

    def group(self, group_id: bytes) -> GroupState | None:
        """None: there is none of that id."""
        if group_id not in self._groups:
            self._load_groups((group_id,))
        return self._groups[group_id]

    def member(self, group_id: bytes, device: bytes) -> MemberState | None:
        """None: it is not on the list, and never was."""
        members = self._members[group_id]
        if device not in members:
            self.load(group_id, (device,))
        return members.get(device)

    def members(self, group_id: bytes) -> dict[bytes, MemberState]:
        """Those who were loaded."""
        return self._members[group_id]

    def load(self, group_id: bytes, devices: Iterable[bytes]) -> None:
        """Those of them that are or were members."""
        members = self.members(group_id)
        missing = {(group_id, device) for device in devices if device not in members}
        if missing := missing - self._strangers:
            self._load_members(missing)

    def account(self, group_id: bytes, name: str) -> list[MemberState]:
        """The members of an account, those that were taken off among them."""
        here = (_M.group_id == group_id) & (_M.name == name)
        members = self.members(group_id)
        for _, device, *fields in self._connection.execute(select(*_MEMBER).where(here)):
            members.setdefault(device, MemberState(device, *fields))
        return [member for member in members.values() if member.name == name]

    def seq(self, post: Post, device: bytes) -> int | None:
        """The place that this message of this device has already; None: it has none."""
        key = post.group, device, post.message_id
        if key not in self._seqs:
            self.expect(((post, device),))
        return self._seqs[key]

    def _load_groups(self, wanted: Iterable[bytes]) -> None:
        ids = [(group_id,) for group_id in wanted]
        found: dict[bytes, GroupState] = {}
        for group_id, *fields in _GROUPS.run(self._connection, ids):
            found[group_id] = GroupState(group_id, *fields)
        for group_id, name in _KEEPERS.run(self._connection, ids):
            found[group_id].keepers.add(name)
        for (group_id,) in ids:
            self._groups.setdefault(group_id, found.get(group_id))
        self._held.add(len(ids))

    def _load_members(self, wanted: Iterable[tuple[bytes, bytes]]) -> None:
        keys = list(wanted)
        self._strangers.update(keys)
        for group_id, device, name, count, may_post, *rest in _MEMBERS.run(self._connection, keys):
            self._strangers.discard((group_id, device))
            state = MemberState(device, name, count, bool(may_post), *rest)  # SQLite gives 0 and 1
            self.members(group_id)[device] = state
        self._held.add(len(keys))

    # --- changing --------------------------------------------------------------------------------

    def append(self, post: Post, group: GroupState, poster: MemberState, made: Appended) -> None:
        """The entry that a post has become; group and poster are as it has left them."""
        entry = made.entry
        self._entries.append(
            (
                post.group,
                entry.seq,
                int(entry.kind),
                entry.device,
                entry.message_id,
                entry.body,
                made.chain,
                self._now,
            )
        )
        self._seqs[post.group, entry.device, entry.message_id] = entry.seq
        self.has_changed(group, poster)

    def has_changed(self, group: GroupState, member: MemberState) -> None:
        """They are written with what else has."""
        self._changed_groups.add(group.group_id)
        self._changed_members.add((group.group_id, member.device))

    def flush(self) -> None:
        """Writes what has changed in memory. Groups in the order of their ids: nodes cannot deadlock."""
        if self._entries:
            self._entries.sort()  # by group and seq: half the work of the indexes
            _INSERT_ENTRIES.run(self._connection, self._entries)
            self._entries.clear()
        if self._changed_groups:
            changed = map(self._groups.get, sorted(self._changed_groups))
            _UPDATE_GROUPS.run(self._connection, [_group_row(g) for g in changed if g])
            self._changed_groups.clear()
        if self._changed_members:
            rows = [
                _member_row(group_id, self._members[group_id][device])
                for group_id, device in sorted(self._changed_members)
            ]
            _UPDATE_MEMBERS.run(self._connection, rows)
            self._changed_members.clear()

    def forget_members(self, group_id: bytes) -> None:
        """They were changed in the tables."""
        self.members(group_id).clear()
        self._strangers = {key for key in self._strangers if key[0] != group_id}

    def forget_group(self, group_id: bytes) -> None:
        """It and its members were changed in the tables."""
        del self._groups[group_id]
        self.forget_members(group_id)

    def forget(self) -> None:
        """All but which messages are known: the tables may say something else now. What was to be written was."""
        self._held.clear()
        self._strangers.clear()
        self._entries.clear()
        self._changed_groups.clear()
        self._changed_members.clear()


_G, _M, _K, _E = schema.group.c, schema.member.c, schema.keeper.c, schema.entry.c
_GROUP_FIELDS = ("head", "chain", "last_handshake", "turn_device", "turn_at")
_MEMBER_FIELDS = ("count", "proposal_at", "stale_after", "turn_at")
_MEMBER: tuple[ColumnElement[Any], ...] = (
    _M.group_id,
    _M.device,
    _M.name,
    _M.count,
    _M.may_post,
    _M.removed_at,
    _M.proposal_at,
    _M.stale_after,
    _M.turn_at,
)
_GROUPS = Lookup(schema.group, ("group_id",), (_G.group_id, *(_G[n] for n in _GROUP_FIELDS)))
_KEEPERS = Lookup(schema.keeper, ("group_id",), (_K.group_id, _K.name))
_MEMBERS = Lookup(schema.member, ("group_id", "device"), _MEMBER)
_ENTRIES = Lookup(
    schema.entry,
    ("group_id", "device", "message_id"),
    (_E.group_id, _E.device, _E.message_id, _E.seq),
)
_INSERT_ENTRIES = Insert(schema.entry)
_UPDATE_GROUPS = Write(
    update(schema.group)
    .where(_G.group_id == bindparam("b_group"))
    .values({name: bindparam(f"b_{name}") for name in _GROUP_FIELDS}),
    (*(f"b_{name}" for name in _GROUP_FIELDS), "b_group"),
)
_UPDATE_MEMBERS = Write(
    update(schema.member)
    .where(_M.group_id == bindparam("b_group"), _M.device == bindparam("b_device"))
    .values({name: bindparam(f"b_{name}") for name in _MEMBER_FIELDS}),
    (*(f"b_{name}" for name in _MEMBER_FIELDS), "b_group", "b_device"),
)


def _group_row(g: GroupState) -> Row:
    return g.head, g.chain, g.last_handshake, g.turn_device, g.turn_at, g.group_id


def _member_row(group_id: bytes, m: MemberState) -> Row:
    return m.count, m.proposal_at, m.stale_after, m.turn_at, group_id, m.device
