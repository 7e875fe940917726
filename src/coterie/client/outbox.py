"""What a device wants to say in a group, in order, and its encryption at the moment in which it can be posted.

``enqueue`` takes an intent; ``seal`` encrypts what can go now, in the state and at the place of the log as read so
far. A commit goes alone: what is said behind it waits until it has won or lost. PROTOCOL.md section 2, "Posting".
"""

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

import msgspec

from coterie.client import room_state, successor
from coterie.client.delivery_list import change_of
from coterie.client.happening import Dropped, Happening, Landed
from coterie.client.intent import Change, Intent, Leave, Outgoing, Say, Sealed, Succeed
from coterie.client.log import GroupLog
from coterie.client.position import EXTENSION_TYPE as POSITION_EXTENSION
from coterie.client.position import Position
from coterie.client.room_policy import committable, is_direct, leaf_identity, room_state_of
from coterie.errors import InvalidInput, RemoteProtocolError
from coterie.mls import (
    Add,
    Extension,
    GroupContextExtensions,
    KeyPackage,
    Proposal,
    Remove,
    commit,
)
from coterie.wire.frames import Kind

MAX_OUTBOX = 10_000  # rows a group: what a person writes offline fits, a runaway bot is told
# Posts that are encrypted ahead. A commit that is dead makes each be encrypted again in the same epoch, and readers
# follow a ratchet over 1,024 generations: so 32 hostile commits in a row, between two posts of ours, are survived.
MAX_SEALED = 32


def enqueue(log: GroupLog, intent: Intent, ticket: bytes) -> GroupLog:
    """The log with the intent at the end of its outbox. Raises InvalidInput where it is full."""
    if len(log.outbox) >= MAX_OUTBOX:
        raise InvalidInput(
            f"{MAX_OUTBOX} posts are waiting already", hint="wait until the server is back"
        )
    if isinstance(intent, Change) and intent.room_state is not None and intent.seen is None:
        intent = msgspec.structs.replace(intent, seen=room_state_of(log.group))
    return replace(log, outbox=(*log.outbox, Outgoing(ticket, intent)))


def seal(  # noqa: PLR0912  # one case an intent
    log: GroupLog, new_id: Callable[[], bytes], now: float
) -> tuple[GroupLog, tuple[Happening, ...]]:
    """Everything encrypted that can be posted now. Call it when the log has been read to its head.

    The caller saves the result before a byte of it leaves.
    """
    if log.outbox and isinstance(log.outbox[0].intent, Succeed):
        return _seal_successor(log, log.outbox[0], log.outbox[0].intent, new_id), ()
    if not log.can_send:
        return log, ()
    happenings: list[Happening] = []
    place = 0
    while place < min(len(log.outbox), MAX_SEALED):
        out = log.outbox[place]
        if out.sealed is not None:
            if out.sealed.kind == Kind.COMMIT:
                break
            place += 1
            continue
        match out.intent:
            case Say(content):
                if _must_commit_first(log):
                    change = Outgoing(new_id(), Change())
                    log = replace(log, outbox=(*log.outbox[:place], change, *log.outbox[place:]))
                    continue
                kind, message_id = Kind.MESSAGE, out.message_id or new_id()
                here = _position(log, message_id).encode()
                group, body = log.group.protect(content, authenticated_data=here)
            case Leave():
                in_vain = _leave_in_vain(log, out.ticket)
                if in_vain is not None:
                    log = replace(log, outbox=(*log.outbox[:place], *log.outbox[place + 1 :]))
                    happenings.append(in_vain)
                    continue
                kind, message_id = Kind.PROPOSAL, out.message_id or new_id()
                here = _position(log, message_id).encode()
                leave = Remove(log.group.own_leaf_index)
                group, body = log.group.propose(leave, authenticated_data=here)
            case Change():
                if place > 0:
                    break
                log, told = _seal_commit(log, out, out.intent, new_id(), now)
                happenings += told
                if log.pending is not None or out.intent == Change():
                    break
                continue
            case Succeed():
                break  # it goes alone, when what was sealed before it is in the log
            case _:
                assert_never(out.intent)
        out = replace(out, message_id=message_id, sealed=Sealed(kind, log.cursor, body))
        log = _with(replace(log, group=group), place, out)
        place += 1
    return log, tuple(happenings)


def announce(log: GroupLog, group_id: bytes, ticket: bytes) -> GroupLog:
    """The log with a successor before all that waits, but behind what may be posted already.

    In a log that can't be read nothing of ours will be seen to land any more.
    """
    before = log.outbox if log.can_send else ()
    place = sum(out.sealed is not None for out in before)
    first = Outgoing(ticket, Succeed(group_id))
    return replace(log, outbox=(*log.outbox[:place], first, *log.outbox[place:]))


def _seal_successor(
    log: GroupLog, out: Outgoing, intent: Succeed, new_id: Callable[[], bytes]
) -> GroupLog:
    """It goes alone, also where this device can say nothing else."""
    if out.sealed is not None or not log.can_announce:
        return log
    message_id = out.message_id or new_id()
    body = successor.encode(log.group, intent.group_id, _position(log, message_id))
    sealed = Sealed(Kind.SUCCESSOR, log.cursor, body)
    return _with(log, 0, replace(out, message_id=message_id, sealed=sealed))


def _must_commit_first(log: GroupLog) -> bool:
    """Who wants to send commits what stands first, and a newcomer heals before its first message."""
    return log.heal_first or bool(committable(log.group).references)


def _leave_in_vain(log: GroupLog, ticket: bytes) -> Happening | None:
    """Why a proposal to leave would be made in vain, None where it would not."""
    own = log.group.own_leaf_index
    if own in log.group.leaving:
        return Landed(ticket, 0)  # it stands already
    others = {
        leaf_identity(m.leaf_node).account_key for m in log.group.members() if m.leaf_index != own
    }
    is_last = leaf_identity(log.group.own_leaf).account_key not in others
    if is_last and is_direct(room_state_of(log.group)):
        return Dropped(ticket, "nobody leaves direct messages")
    if not others & set(room_state_of(log.group).admins):
        return Dropped(ticket, "you are the only admin here: make somebody else one first")
    return None


def _seal_commit(
    log: GroupLog, out: Outgoing, change: Change, message_id: bytes, now: float
) -> tuple[GroupLog, tuple[Happening, ...]]:
    """The outbox's first row as a commit on today's state, or without it where nothing of it is left to do."""
    here = _position(log, message_id)
    try:
        proposals = _proposals(log, change)
        if change != Change() and not proposals:
            return replace(log, outbox=log.outbox[1:]), (Landed(out.ticket, 0),)
        standing = committable(
            log.group,
            taken={p.removed for p in proposals if isinstance(p, Remove)},
            adds=sum(isinstance(p, Add) for p in proposals),
        )
        group, pending = commit(
            log.group,
            (*proposals, *standing.removes),
            by_reference=standing.references,
            authenticated_data=here.encode(),
            group_info_extensions=(Extension(POSITION_EXTENSION, here.encode()),),
        )
    except RemoteProtocolError as error:  # a rule of the room, or a key package that is none
        reason = f"the room's rules do not allow it ({error})"
        return replace(log, outbox=log.outbox[1:]), (Dropped(out.ticket, reason),)
    sealed = Sealed(
        Kind.COMMIT,
        log.cursor,
        pending.message,
        welcome=pending.welcome,
        list_change=change_of(log.group, pending.group),
    )
    first = replace(out, message_id=message_id, sealed=sealed)
    return replace(log, group=group, pending=pending, outbox=(first, *log.outbox[1:])), ()


def _proposals(log: GroupLog, change: Change) -> tuple[Proposal, ...]:
    """What is left to do of a change on the group's present state."""
    members = [(m.leaf_index, leaf_identity(m.leaf_node)) for m in log.group.members()]
    here = {leaf.device for _, leaf in members}
    proposals: list[Proposal] = [
        Add(KeyPackage.from_bytes(newcomer.key_package))
        for newcomer in change.adds
        if newcomer.device not in here
    ]
    leaving = set(log.group.leaving)  # they are committed by reference
    proposals += [
        Remove(index)
        for index, leaf in members
        if leaf.name in change.removes and index not in leaving
    ]
    present = room_state_of(log.group)
    wanted = room_state.merged(change.seen or present, change.room_state or present, present)
    if wanted != present:
        extensions = [
            e for e in log.group.extensions if e.extension_type != room_state.EXTENSION_TYPE
        ]
        extensions.append(Extension(room_state.EXTENSION_TYPE, room_state.encode(wanted)))
        proposals.append(GroupContextExtensions(tuple(extensions)))
    return tuple(proposals)


def _position(log: GroupLog, message_id: bytes) -> Position:
    return Position(message_id, log.cursor, log.chain)


def _with(log: GroupLog, place: int, out: Outgoing) -> GroupLog:
    return replace(log, outbox=(*log.outbox[:place], out, *log.outbox[place + 1 :]))
