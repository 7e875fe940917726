"""One group's log as one device reads it: PROTOCOL.md section 2, without I/O.

``GroupLog`` is a value. ``read`` takes the next entry and gives the value after it, with what happened; the caller
saves both in one transaction, or neither. Whether an entry counts is decided here and in ``coterie.mls`` from the
group's state and the entry alone, so that all members agree. ``outbox`` decides what to send.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import assert_never

from coterie.client import narrate
from coterie.client.fork import compare, dead
from coterie.client.group_log import (
    REJOINS,
    GroupLog,
    Halt,
    History,
    Step,
    account_of,
    create,
    device_name,
    join,
    next_posts,
    open_again,
    state,
)
from coterie.client.happening import Dropped, Event, Happening, Line, Said
from coterie.client.intent import Change, Leave, Outgoing
from coterie.client.opening import open_entry
from coterie.client.own_entry import read_own
from coterie.client.position import Position
from coterie.client.rejoin import epoch_of_sender
from coterie.client.room_policy import leaf_identity, moderates, room_state_of
from coterie.client.successor_entry import diverged, read_successor
from coterie.errors import LocalProtocolError, RemoteProtocolError, RuleViolation
from coterie.mls import (
    Add,
    ApplicationReceived,
    CommitReceived,
    Group,
    LeafNode,
    PathNotReadable,
    ProposalReceived,
    Received,
)
from coterie.wire import chain
from coterie.wire.frames import Entry, Kind

__all__ = [  # the rest of the client has all of a log from here
    "REJOINS",
    "GroupLog",
    "Halt",
    "History",
    "Step",
    "account_of",
    "acknowledged",
    "create",
    "diverged",
    "drop",
    "found_again",
    "halted",
    "join",
    "let_in_falsely",
    "next_posts",
    "read",
    "state",
]


def read(log: GroupLog, entry: Entry, history: History, now: float) -> Step:
    """The log after ``entry``, which must be the next. Raises LocalProtocolError where it is not.

    No hostile entry raises: what does not count is dead, and leaves its place in the chain and a line.
    """
    if entry.seq != log.cursor + 1:
        raise LocalProtocolError(f"entry {entry.seq} after {log.cursor}")
    is_handshake = entry.kind in (Kind.COMMIT, Kind.SUCCESSOR)
    moved = replace(log, cursor=entry.seq, chain=chain.following(log.chain, entry))
    if is_handshake:
        moved = replace(moved, base=entry.seq)
    if log.halt is Halt.JOINING:
        return _read_before_beginning(moved, entry)
    if entry.kind is Kind.SUCCESSOR and log.halt is not Halt.REMOVED:
        step = read_successor(moved, entry, history, now)
        return replace(step, log=_unsealed(step.log), is_handshake=True)
    if log.halt in (Halt.OLDER_COPY, Halt.LOST, Halt.REMOVED):
        return Step(moved, is_handshake=is_handshake)  # goes on hashing, no more
    if entry.device == log.device:
        step = read_own(moved, entry, history, now)
    else:
        step = _read_others(moved, entry, history, now)
    if step.is_new_epoch:
        step = replace(step, log=_leaving_again(log.group, step.log, entry))
    if is_handshake:  # what is not in the log before it can never land any more
        step = replace(step, log=_unsealed(step.log), is_handshake=True)
    return step


def _read_before_beginning(log: GroupLog, entry: Entry) -> Step:
    """A newcomer hashes what it cannot read, up to the commit that added it: the first handshake that it meets.

    The server refuses a commit whose author had not read the newest, so another one in its place says that the Welcome
    named a false place, or that a restored server lost the commit.
    """
    if entry.kind not in (Kind.COMMIT, Kind.SUCCESSOR):
        return Step(log)
    if entry.message_id != log.begins_with or entry.kind is not Kind.COMMIT:
        return replace(let_in_falsely(log, entry), is_handshake=True)
    log = open_again(replace(log, begins_with=None))
    line = Line(entry.seq, entry.message_id, Event.JOINED, narrate.joined(log.group))
    return Step(log, (line,), is_new_epoch=True, is_handshake=True)


def let_in_falsely(log: GroupLog, entry: Entry | None = None) -> Step:
    """Who let this newcomer in named a place that its log does not have, as ``entry`` or the server's answer shows."""
    if log.halt is not Halt.JOINING:
        return Step(log)
    text = (
        f"the commit by {log.let_in_by} that let this device in is not in the log; this device is stuck, and sends "
        "nothing here until the room has let it in anew"
    )
    seq, message_id = (entry.seq, entry.message_id) if entry else (log.cursor, bytes(16))
    line = Line(seq, message_id, Event.STUCK, text)
    stuck = replace(log, halt=Halt.STUCK, stuck_by=log.let_in_by, begins_with=None)
    return Step(stuck, (line,))


def _read_others(log: GroupLog, entry: Entry, history: History, now: float) -> Step:
    try:
        if history.has_used(log.group_id, entry.device, entry.message_id):
            raise RuleViolation("message-id-reused")
        received, where = open_entry(log.group, entry)
    except PathNotReadable as stuck:
        author = _signer(log.group, stuck)
        text = (
            f"a commit by {author} does not open here ({stuck}); this device is stuck, and sends nothing here "
            "until the room has let it in anew"
        )
        line = Line(entry.seq, entry.message_id, Event.STUCK, text)
        if log.halt is Halt.STUCK:
            return Step(log)
        return Step(replace(log, halt=Halt.STUCK, stuck_by=author), (line,))
    except RemoteProtocolError as error:
        if _did_not_follow(log, entry):
            return _let_in_by_one_alone(log, entry)
        return dead(log, entry, error)
    happenings: list[Happening] = []
    sender = received.sender_leaf
    if sender and leaf_identity(sender).name != log.let_in_by:
        log = replace(log, let_in_by="")
    if log.halt is Halt.STUCK and sender and leaf_identity(sender).name == log.stuck_by:
        if isinstance(received, CommitReceived):
            return Step(log)  # of the author's two commits either may count: the others will tell
    elif log.halt is Halt.STUCK and _has_read_on(log, entry, where, history):
        # It opens in the state from before, so the others did not follow the commit either.
        log = open_again(replace(log, stuck_by=""))
        text = "the commit that did not open was dead for the others too: the room goes on"
        happenings.append(Line(entry.seq, entry.message_id, Event.UNSTUCK, text))
    if where is not None:
        log, lines = compare(log, entry, sender, where, history)
        happenings += lines
    log = replace(log, unopened=())
    return _apply(log, entry, received, happenings, now)


def _did_not_follow(log: GroupLog, entry: Entry) -> bool:
    """Whether a member's entry says in the clear that the commit which added this device was dead for him.

    Who is added cannot check that commit. The server takes nothing from an epoch before it, once it is in the log.
    """
    if not log.let_in_by or log.halt not in (Halt.OPEN, Halt.FORKED):
        return False
    account, epoch = account_of(log.group, entry.device), epoch_of_sender(log.group_id, entry.body)
    return account not in ("", log.let_in_by) and epoch is not None and epoch < log.group.epoch


def _let_in_by_one_alone(log: GroupLog, entry: Entry) -> Step:
    author, who = log.let_in_by, device_name(log.group, entry.device)
    text = (
        f"{who} did not follow the commit by {author} that let this device in; this device is stuck, and sends "
        "nothing here until the room has let it in anew"
    )
    line = Line(entry.seq, entry.message_id, Event.STUCK, text)
    return Step(replace(log, halt=Halt.STUCK, stuck_by=author), (line,))


def _has_read_on(log: GroupLog, entry: Entry, where: Position | None, history: History) -> bool:
    """Whether the sender had read the newest commit or successor when it encrypted in the state from before.

    Else it is an older message that the server held back behind the commit. A rejoin does not say, and opens for
    everybody. Chains are kept from the last commit on, so what matches is not older.
    """
    if where is None or where.seq >= entry.seq:
        return False
    return history.chain_at(log.group_id, where.seq) == where.chain


def _signer(group: Group, stuck: PathNotReadable) -> str:
    """The account of the commit's author."""
    leaf = group.tree.leaf(stuck.content.content.sender.index) if stuck.content else None
    return leaf_identity(leaf).name if leaf else ""


def _apply(
    log: GroupLog, entry: Entry, received: Received, happenings: list[Happening], now: float
) -> Step:
    before = log.group
    used = (entry.device, entry.message_id)
    match received:
        case ApplicationReceived():
            sender = leaf_identity(received.sender_leaf)
            said = Said(
                entry.seq,
                entry.message_id,
                sender.name,
                sender.account_key,
                entry.device,
                received.data,
                is_moderator=moderates(room_state_of(before), sender.account_key),
                is_own=False,
            )
            log = replace(log, group=received.group)
            return Step(log, (*happenings, said), used)
        case ProposalReceived():
            log = replace(log, group=received.group)
            event = Event.LEAVING if received.new_member is None else Event.DEVICE
            line = Line(entry.seq, entry.message_id, event, narrate.proposal(received))
            return Step(log, (*happenings, line), used)
        case CommitReceived():
            author = leaf_identity(received.sender_leaf).name
            log = replace(log, group=received.group, committed_at=now)
            if received.is_removed and _adds(received, before.own_leaf):
                return _added_anew(replace(log, group=before), entry, author, happenings)
            if received.is_removed:
                text = (
                    "you left"
                    if before.own_leaf_index in before.leaving
                    else f"{author} removed you"
                )
                happenings.append(Line(entry.seq, entry.message_id, Event.REMOVED, text))
                log, dropped = _drop_all(
                    replace(log, halt=Halt.REMOVED, agreed=False), "you are no longer in this room"
                )
                return Step(log, (*happenings, *dropped), is_new_epoch=True, author=author)
            happenings += narrate.changes(before, received.group, entry, author)
            return Step(log, tuple(happenings), is_new_epoch=True, author=author)
        case _:
            assert_never(received)


def _adds(received: CommitReceived, leaf: LeafNode) -> bool:
    """Whether it adds the device of a leaf that it removes."""
    me = leaf_identity(leaf)
    added = (p.proposal for p in received.proposals if isinstance(p.proposal, Add))
    return any(
        leaf_identity(add.key_package.leaf_node).device_key == me.device_key for add in added
    )


def _added_anew(log: GroupLog, entry: Entry, author: str, happenings: Sequence[Happening]) -> Step:
    """A rejoin that was no longer needed was committed: the Welcome lets us in, and until then we are stuck."""
    text = f"{author} added this device anew: it goes on with the invitation"
    line = Line(entry.seq, entry.message_id, Event.DEVICE, text)
    return Step(replace(log, halt=Halt.STUCK, stuck_by=author, pending=None), (*happenings, line))


def _unsealed(log: GroupLog) -> GroupLog:
    """Everything in the outbox must be encrypted again; a commit of ours that waited has lost.

    One that wanted nothing but to heal, or to commit what stood, is dropped: the winner did the one, and the other is
    begun anew where it is still due.
    """
    outbox = tuple(
        replace(out, sealed=None) if out.sealed else out
        for out in log.outbox
        if out.intent != Change()
    )
    return replace(log, outbox=outbox, pending=None)


def _leaving_again(before: Group, log: GroupLog, commit: Entry) -> GroupLog:
    """A proposal of ours to leave that the commit did not take has lapsed: it is made again, before all else."""
    if log.halt is Halt.REMOVED or before.own_leaf_index not in before.leaving:
        return log
    if any(out.intent == Leave() for out in log.outbox):
        return log
    return replace(log, outbox=(Outgoing(commit.message_id, Leave()), *log.outbox))


def _drop_all(log: GroupLog, reason: str) -> tuple[GroupLog, list[Happening]]:
    dropped: list[Happening] = [Dropped(out.ticket, reason) for out in log.outbox]
    return replace(log, outbox=(), pending=None), dropped


def drop(log: GroupLog, message_id: bytes, reason: str) -> Step:
    """Without the post of that id, which the server refused for good; those behind it take its count."""
    gone = next((out for out in log.outbox if out.message_id == message_id), None)
    if gone is None:
        return Step(log)
    outbox = tuple(out for out in log.outbox if out is not gone)
    pending = None if isinstance(gone.intent, Change) else log.pending
    return Step(replace(log, outbox=outbox, pending=pending), (Dropped(gone.ticket, reason),))


def halted(log: GroupLog, halt: Halt, event: Event, text: str) -> Step:
    """Stops sending for a reason that the log itself does not show (the server's answers)."""
    if log.halt not in (Halt.OPEN, Halt.FORKED):
        return Step(log)
    line = Line(log.cursor, bytes(16), event, text)
    return Step(replace(log, halt=halt), (line,))


def found_again(log: GroupLog) -> Step:
    """The server has all that it lacked: nothing was read or posted meanwhile, so the room goes on as it was."""
    text = "the server has again what it lacked of this room: it goes on"
    line = Line(log.cursor, bytes(16), Event.FOUND, text)
    return Step(open_again(log), (line,))


def acknowledged(log: GroupLog) -> GroupLog:
    """The person has seen the fork: sending goes on."""
    forks = MappingProxyType(dict.fromkeys(log.forks, True))
    log = replace(log, forks=forks)
    return open_again(log) if log.halt is Halt.FORKED else log
