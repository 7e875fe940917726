"""Whether a log is what its entries make it: PROTOCOL.md section 2, "The log"."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, func, select

from coterie.logs import short
from coterie.server import schema
from coterie.server.database import mapped
from coterie.server.delivery import GroupState, MemberState
from coterie.server.finding import Finding
from coterie.server.turns import is_handshake
from coterie.wire import chain
from coterie.wire.frames import Kind

PAGE = 1_000  # entries in one read: a long log is hashed for minutes, and nobody reads that long at once
HELD = 16  # entries in memory at once: a body has 8 MB at most

_ENTRY = schema.entry.c


@dataclass(slots=True)
class _Made:
    """What the entries of a log make of it, as far as they were read."""

    chain: bytes
    seq: int = 0
    last_handshake: int = 0
    counts: Counter[bytes] = field(default_factory=Counter)  # posts, by device
    proposals: dict[bytes, int] = field(default_factory=dict)  # seq of the last one, by device


class _Broken(Exception):
    """Further entries cannot be judged."""


def look_at_log(
    engine: Engine, group_id: bytes, hashed: Callable[[int], object]
) -> Iterator[Finding]:
    """What is wrong with it. ``hashed`` is told of entries that were read."""
    group, members, newest = _state(engine, group_id)
    where = f"group {short(group_id)}"
    if newest != group.head:
        yield Finding("head", f"{where}: its head is {group.head}, its newest entry {newest}")
    made = _Made(chain.first(group_id))
    try:
        while made.seq < group.head:
            before = made.seq
            with mapped(), engine.connect() as connection:
                _follow(connection, group_id, made, min(before + PAGE, group.head))
            hashed(made.seq - before)
    except _Broken as broken:
        yield Finding("chain", f"{where}: {broken}")
        return
    yield from _compare(where, made, group, members)


def _state(engine: Engine, group_id: bytes) -> tuple[GroupState, list[MemberState], int]:
    """What is kept of a log beside its entries, and the newest entry: of one moment, since a post changes them all."""
    g, m = schema.group.c, schema.member.c
    of_group = select(g.head, g.chain, g.last_handshake).where(g.group_id == group_id)
    of_members = select(m.device, m.name, m.count, m.may_post, m.removed_at, m.proposal_at)
    newest = select(func.max(_ENTRY.seq)).where(_ENTRY.group_id == group_id)
    with mapped(), engine.connect() as connection:
        return (
            GroupState(group_id, *connection.execute(of_group).one()),
            [
                MemberState(*row)
                for row in connection.execute(of_members.where(m.group_id == group_id))
            ],
            connection.scalar(newest) or 0,
        )


def _follow(connection: Connection, group_id: bytes, made: _Made, upto: int) -> None:
    """Reads on to ``upto``. Raises _Broken."""
    rows = connection.execution_options(yield_per=HELD).execute(
        select(
            _ENTRY.seq,
            _ENTRY.kind,
            _ENTRY.device,
            _ENTRY.message_id,
            _ENTRY.body,
            _ENTRY.chain,
        )
        .where(_ENTRY.group_id == group_id, _ENTRY.seq > made.seq, _ENTRY.seq <= upto)
        .order_by(_ENTRY.seq)
    )
    for seq, number, device, message_id, body, stored in rows:
        if seq != made.seq + 1:
            raise _Broken(f"entry {seq} follows entry {made.seq}")
        try:
            kind = Kind(number)
            made.chain = chain.link(made.chain, seq, kind, device, message_id, body)
        except ValueError:
            raise _Broken(f"entry {seq} is of kind {number}, which there is not") from None
        if stored != made.chain:
            raise _Broken(
                f"entry {seq} does not continue the chain: it, or one before, was changed"
            )
        made.seq = seq
        made.counts[device] += 1
        if is_handshake(kind):
            made.last_handshake = seq
        elif kind is Kind.PROPOSAL:
            made.proposals[device] = seq
    if made.seq < upto:
        raise _Broken(f"no entry follows entry {made.seq}, and its head is beyond")


def _compare(
    where: str, made: _Made, group: GroupState, members: list[MemberState]
) -> Iterator[Finding]:
    """What group and members say of the log, with what its entries do."""
    if group.chain != made.chain:
        yield Finding("chain", f"{where}: its chain is not that of its newest entry")
    if group.last_handshake != made.last_handshake:
        yield Finding(
            "commits",
            f"{where}: its last commit is said to be {group.last_handshake}, it is {made.last_handshake}",
        )
    for device in made.counts.keys() - {member.device for member in members}:
        yield Finding("members", f"{where}: entries of device {short(device)}, which was no member")
    for member in members:
        who = f"{where}, device {short(member.device)}"
        if member.count != made.counts[member.device]:
            yield Finding(
                "counts",
                f"{who}: its count is {member.count}, its entries are {made.counts[member.device]}",
            )
        if member.proposal_at != made.proposals.get(member.device, 0):
            yield Finding("proposals", f"{who}: its last proposal is not at {member.proposal_at}")
        if member.removed_at is not None and member.removed_at > made.seq:
            yield Finding("members", f"{who}: taken off at {member.removed_at}, beyond the head")
