"""What a device wants to say in a group, in order, and its encryption at the moment in which it can be posted.

``enqueue`` takes an intent; ``seal`` encrypts what can go now, in the state and at the place of the log as read so
far. A commit goes alone: what is said behind it waits until it has won or lost. PROTOCOL.md section 2, "Posting".
"""

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from coterie.client import room_state
from coterie.client.delivery_list import change_of
from coterie.client.happening import Dropped, Happening, Landed
from coterie.client.intent import Change, Intent, Leave, Outgoing, Say, Sealed
from coterie.client.log import GroupLog
from coterie.client.position import EXTENSION_TYPE as POSITION_EXTENSION
from coterie.client.position import Position
from coterie.client.room_policy import committable, leaf_identity, room_state_of
from coterie.errors import InvalidInput, RuleViolation
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


def enqueue(log: GroupLog, intent: Intent, ticket: bytes) -> GroupLog:
    """The log with the intent at the end of its outbox. Raises InvalidInput where it is full."""
    if len(log.outbox) >= MAX_OUTBOX:
        raise InvalidInput(
            f"{MAX_OUTBOX} posts are waiting already", hint="wait until the server is back"
        )
    return replace(log, outbox=(*log.outbox, Outgoing(ticket, intent)))


def seal(
    log: GroupLog, new_id: Callable[[], bytes], now: float
) -> tuple[GroupLog, tuple[Happening, ...]]:
    """Everything encrypted that can be posted now. Call it when the log has been read to its head.

    The caller saves the result before a byte of it leaves.
    """
    if not log.can_send:
        return log, ()
    happenings: list[Happening] = []
    place = 0
    while place < len(log.outbox):
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
                message_id = out.message_id or new_id()
                group, body = log.group.protect(
                    content, authenticated_data=_position(log, message_id).encode()
                )
                sealed = Sealed(Kind.MESSAGE, log.cursor, body)
                log = _with(
                    replace(log, group=group),
                    place,
                    replace(out, message_id=message_id, sealed=sealed),
                )
                place += 1
            case Leave():
                message_id = new_id()
                group, body = log.group.propose(
                    Remove(log.group.own_leaf_index),
                    authenticated_data=_position(log, message_id).encode(),
                )
                sealed = Sealed(Kind.PROPOSAL, log.cursor, body)
                log = _with(
                    replace(log, group=group),
                    place,
                    replace(out, message_id=message_id, sealed=sealed),
                )
                place += 1
            case Change():
                if place > 0:
                    break
                log, told = _seal_commit(log, out, out.intent, new_id(), now)
                happenings += told
                if log.outbox and log.outbox[0].sealed is not None:
                    break
            case _:
                assert_never(out.intent)
    return log, tuple(happenings)


def _must_commit_first(log: GroupLog) -> bool:
    """Who wants to send commits what stands first, and a newcomer heals before its first message."""
    return log.heal_first or bool(committable(log.group).references)


def _seal_commit(
    log: GroupLog, out: Outgoing, change: Change, message_id: bytes, now: float
) -> tuple[GroupLog, tuple[Happening, ...]]:
    """The outbox's first row as a commit on today's state, or without it where nothing of it is left to do."""
    group = log.group
    proposals = _proposals(log, change)
    wanted_something = bool(change.adds or change.removes or change.room_state)
    if wanted_something and not proposals:
        return replace(log, outbox=log.outbox[1:]), (Landed(out.ticket, 0),)
    here = _position(log, message_id)
    standing = committable(group)
    try:
        group, pending = commit(
            group,
            (*proposals, *standing.removes),
            by_reference=standing.references,
            authenticated_data=here.encode(),
            group_info_extensions=(Extension(POSITION_EXTENSION, here.encode()),),
        )
    except RuleViolation as error:
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
    if change.room_state is not None and change.room_state != room_state_of(log.group):
        extensions = [
            e for e in log.group.extensions if e.extension_type != room_state.EXTENSION_TYPE
        ]
        extensions.append(
            Extension(room_state.EXTENSION_TYPE, room_state.encode(change.room_state))
        )
        proposals.append(GroupContextExtensions(tuple(extensions)))
    return tuple(proposals)


def _position(log: GroupLog, message_id: bytes) -> Position:
    return Position(message_id, log.cursor, log.chain)


def _with(log: GroupLog, place: int, out: Outgoing) -> GroupLog:
    return replace(log, outbox=(*log.outbox[:place], out, *log.outbox[place + 1 :]))
