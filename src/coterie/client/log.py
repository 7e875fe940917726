"""One group's log as one device reads it: PROTOCOL.md section 2, without I/O.

``GroupLog`` is a value. ``read`` takes the next entry and gives the value after it, with what happened; the caller
saves both in one transaction, or neither. Whether an entry counts is decided here and in ``coterie.mls`` from the
group's state and the entry alone, so that all members agree. ``outbox`` decides what to send.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, assert_never

from coterie.client import narrate, successor
from coterie.client.happening import Dropped, Event, Happening, Landed, Line, Said
from coterie.client.intent import Change, Leave, Outgoing, Say, Sealed, Succeed
from coterie.client.opening import open_entry
from coterie.client.position import Position
from coterie.client.rejoin import epoch_named
from coterie.client.room_policy import leaf_identity, room_state_of
from coterie.client.room_state import RoomState
from coterie.client.successor import Successor
from coterie.errors import LocalProtocolError, RemoteProtocolError, RuleViolation
from coterie.mls import (
    Add,
    ApplicationReceived,
    CommitReceived,
    Group,
    LeafNode,
    PathNotReadable,
    PendingCommit,
    ProposalReceived,
    Received,
)
from coterie.wire import chain
from coterie.wire.frames import Entry, Kind

UNOPENED_BEFORE_WARNING = 3  # in a row, from two accounts: one hostile member alone can't raise it


class Halt(StrEnum):
    """Why nothing is sent in a group. What is not here is open."""

    OPEN = "open"
    JOINING = "joining"  # hashing towards the commit that added us
    STUCK = "stuck"  # a commit that counts, and whose path does not open here
    OLDER_COPY = "older-copy"  # this profile was put back: its future is in the log
    FORKED = "forked"  # a chain that differs, not yet acknowledged
    LOST = "lost"  # the server has less than it had
    REMOVED = "removed"  # no member any more


REJOINS = (Halt.STUCK, Halt.OLDER_COPY)  # the device asks to be let in anew


class History(Protocol):
    """What is looked up, not carried: kept from the last commit on."""

    def chain_at(self, group_id: bytes, seq: int) -> bytes | None:
        """The running hash at ``seq``, None where it is not kept."""

    def has_used(self, group_id: bytes, device: bytes, message_id: bytes) -> bool:
        """Whether an entry of this epoch that counts had this id from this device."""

    def rejoin_count(self, group_id: bytes, message_id: bytes) -> int | None:
        """The count of a rejoin that this device made under that id; None where there is none."""


@dataclass(frozen=True, slots=True)
class GroupLog:
    """What a device knows of a group. ``group`` is the MLS state after the entry at ``cursor``."""

    group: Group
    device: bytes  # our own, 16 bytes
    cursor: int
    chain: bytes
    base: int = 0  # seq of the last commit or successor, dead or not: what is older is not compared
    landed: int = 0  # our posts that are in the log: the next post's count is one more
    outbox: tuple[Outgoing, ...] = ()
    pending: PendingCommit | None = None  # of the sealed commit in the outbox
    begins_with: bytes | None = None  # message_id of the commit that added us, until it is read
    halt: Halt = Halt.OPEN
    stuck_by: str = ""  # account of the commit's author
    forks: Mapping[bytes, bool] = field(
        default_factory=lambda: MappingProxyType({})
    )  # device: seen
    unopened: tuple[str, ...] = ()  # accounts of the last entries in a row that did not open
    heal_first: bool = False  # a newcomer heals before its first message
    healed_at: float = 0.0  # seconds since 1970, by our clock: our last commit with a path
    committed_at: float = 0.0  # anybody's
    successor: bytes = b""  # the group in which the room goes on: the first one that verified
    successor_by: str = ""  # the admin who said so
    agreed: bool = False  # the person goes on there
    declined: bool = False  # that group was looked at, and is not what the room was
    let_in_by: str = ""  # whose commit added us, until an entry of another account has opened

    @property
    def group_id(self) -> bytes:
        """The MLS group id, 16 bytes."""
        return self.group.group_id

    @property
    def can_send(self) -> bool:
        """Whether posts may be made."""
        return self.halt is Halt.OPEN and self.begins_with is None

    @property
    def can_announce(self) -> bool:
        """Whether a successor may be posted: also where nothing else may."""
        return self.can_send or self.halt in (Halt.STUCK, Halt.LOST)

    @property
    def goes_on(self) -> bool:
        """ "A client follows unasked only if it is itself stuck or its log was lost; any other asks its person." """
        wants = self.agreed or self.halt in (Halt.STUCK, Halt.LOST)
        return bool(self.successor) and wants and not self.declined


@dataclass(frozen=True, slots=True)
class Step:
    """What one entry did. All of it is saved in one transaction."""

    log: GroupLog
    happenings: tuple[Happening, ...] = ()
    used: tuple[bytes, bytes] | None = None  # (device, message_id) of an entry that counts
    is_new_epoch: bool = False  # ids used so far are forgotten
    is_handshake: bool = False  # chains below are forgotten
    author: str = ""  # the account that signed a commit that counts


def create(group: Group, device: bytes, now: float) -> GroupLog:
    """The log of a group that this device has just made. Epoch 0 has no entry."""
    return GroupLog(group, device, 0, chain.first(group.group_id), healed_at=now, committed_at=now)


def join(group: Group, device: bytes, begins: Position, now: float) -> GroupLog:
    """The log of a group that a Welcome brought: read on from where its committer had read."""
    return GroupLog(
        group,
        device,
        begins.seq,
        begins.chain,
        begins_with=begins.message_id,
        halt=Halt.JOINING,
        base=begins.seq,
        heal_first=True,
        committed_at=now,
    )


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
        step = _read_successor(moved, entry, history)
        return replace(step, log=_unsealed(step.log), is_handshake=True)
    if log.halt in (Halt.OLDER_COPY, Halt.LOST, Halt.REMOVED):
        return Step(moved, is_handshake=is_handshake)  # goes on hashing, no more
    if entry.device == log.device:
        step = _read_own(moved, entry, history, now)
    else:
        step = _read_others(moved, entry, history, now)
    if step.is_new_epoch:
        step = replace(step, log=_leaving_again(log.group, step.log, entry))
    if is_handshake:  # what is not in the log before it can never land any more
        step = replace(step, log=_unsealed(step.log), is_handshake=True)
    return step


def _read_before_beginning(log: GroupLog, entry: Entry) -> Step:
    """A newcomer hashes what it cannot read, up to the commit that added it."""
    if entry.message_id != log.begins_with or entry.kind is not Kind.COMMIT:
        return Step(log, is_handshake=entry.kind in (Kind.COMMIT, Kind.SUCCESSOR))
    log = _open_again(replace(log, begins_with=None))
    line = Line(entry.seq, entry.message_id, Event.JOINED, narrate.joined(log.group))
    return Step(log, (line,), is_new_epoch=True, is_handshake=True)


def _read_own(log: GroupLog, entry: Entry, history: History, now: float) -> Step:
    """Our own entry, as we sent it: what we could not open again is told from what we do not know."""
    mine = next((out for out in log.outbox if out.message_id == entry.message_id), None)
    if mine is None and history.has_used(log.group_id, entry.device, entry.message_id):
        return _dead(log, entry, RuleViolation("message-id-reused", "the server shows it again"))
    if mine is None and entry.kind is Kind.PROPOSAL:
        count = history.rejoin_count(log.group_id, entry.message_id)
        if count is not None:
            return _read_own_rejoin(log, entry, count)
    log = replace(log, landed=log.landed + 1)
    if mine is None:
        return _older_copy(log, entry)
    rest = tuple(out for out in log.outbox if out is not mine)
    log = replace(log, outbox=rest)
    sealed = mine.sealed
    if sealed is None or sealed.body != entry.body or sealed.kind != entry.kind:
        if _is_ours(log.group, entry):  # and it is in the log, so it is not said again
            step = _older_copy(log, entry)
            return replace(step, happenings=(*step.happenings, Landed(mine.ticket, entry.seq)))
        # Either the server altered it, or it took it behind a commit that we had not seen: dead for all.
        text = "the server altered a message of this device, or put it where it cannot be read"
        line = Line(entry.seq, entry.message_id, Event.ALTERED, text)
        log = replace(log, pending=None) if isinstance(mine.intent, Change) else log
        return Step(log, (line, Dropped(mine.ticket, text)))
    landed = Landed(mine.ticket, entry.seq)
    used = (entry.device, entry.message_id)
    match mine.intent:
        case Say(content):
            me = leaf_identity(log.group.own_leaf).name
            said = Said(entry.seq, entry.message_id, me, entry.device, content, is_own=True)
            return Step(log, (said, landed), used)
        case Succeed():
            raise LocalProtocolError("a successor is read as such")
        case Leave():
            log = replace(log, group=log.group.accept_own_proposal(sealed.body))
            line = Line(
                entry.seq,
                entry.message_id,
                Event.LEAVING,
                "you asked to leave; the others complete it",
            )
            return Step(log, (line, landed), used)
        case Change():
            if log.pending is None:
                raise LocalProtocolError("a sealed commit without its pending state")
            before, after = log.group, log.pending.group
            log = replace(
                log, group=after, pending=None, healed_at=now, committed_at=now, heal_first=False
            )
            me = leaf_identity(before.own_leaf).name
            lines = narrate.changes(before, after, entry, me)
            return Step(log, (*lines, landed), is_new_epoch=True, author=me)
        case _:
            assert_never(mine.intent)


def _read_successor(log: GroupLog, entry: Entry, history: History) -> Step:
    """An entry of kind successor, read in its place. "The first that verifies and is by an admin wins." """
    told: list[Happening] = []
    if entry.device == log.device:
        mine = next((out for out in log.outbox if out.message_id == entry.message_id), None)
        if mine is None and log.successor:
            return Step(log)  # shown again; or it is a copy's, and changes nothing
        sealed = mine.sealed if mine is not None else None
        if mine is None or sealed is None or (sealed.kind, sealed.body) != (entry.kind, entry.body):
            step = _read_own(log, entry, history, 0.0)  # which is never what we sent
            log, told = step.log, [*step.happenings]
        else:
            rest = tuple(out for out in log.outbox if out is not mine)
            log = replace(log, outbox=rest, landed=log.landed + 1)
            told.append(Landed(mine.ticket, entry.seq))
    try:
        found = _first_successor(log, entry)
    except RuleViolation as error:
        step = _dead(log, entry, error)
        is_told = entry.device != log.device and log.halt is not Halt.OLDER_COPY
        return replace(step, happenings=(*told, *step.happenings) if is_told else tuple(told))
    log, lines = _succeeded(log, entry, found, history)
    return Step(log, (*told, *lines))


def diverged(log: GroupLog, successors: Sequence[Entry], history: History) -> Step:
    """What the server shows of a log that parted from ours: successors, as whole entries, and nothing else of it.

    They are signed for this group, so none is another log's; which of them is the first is the server's word.
    """
    told: list[Happening] = []
    for entry in sorted(successors, key=lambda shown: shown.seq):
        if entry.kind is not Kind.SUCCESSOR or log.successor:
            continue
        try:
            found = _first_successor(log, entry)
        except RuleViolation:
            continue  # dead, in a log of which nothing is shown
        log, lines = _succeeded(log, entry, found, history)
        told += lines
    return Step(log, tuple(told))


def _first_successor(log: GroupLog, entry: Entry) -> Successor:
    if log.successor:
        raise RuleViolation("second-successor", "the room goes on in another group already")
    return successor.verify(log.group, entry)


def _succeeded(
    log: GroupLog, entry: Entry, found: Successor, history: History
) -> tuple[GroupLog, list[Happening]]:
    lines: list[Happening] = []
    known = history.chain_at(log.group_id, found.where.seq)
    if known is not None:  # of a log that was lost, the place can be beyond what there is now
        who = f"{found.by}'s device {entry.device.hex()[:8]}"
        log, lines = _compare_at(log, entry, who, found.where, known)
    late = [out for out in log.outbox if isinstance(out.intent, Succeed)]
    lines += [Landed(out.ticket, 0) for out in late]
    rest = tuple(out for out in log.outbox if out not in late)
    log = replace(log, outbox=rest, successor=found.group_id, successor_by=found.by)
    if log.goes_on:
        text = f"{found.by} made a new group for this room; this device goes on there as soon as it is let in"
    else:
        text = (
            f"{found.by} made a new group for this room, where those go on who could not here; "
            f"this device stays until you say `coterie room follow {state(log).name}`"
        )
    return log, [*lines, Line(entry.seq, entry.message_id, Event.SUCCESSOR, text)]


def _read_own_rejoin(log: GroupLog, entry: Entry, count: int) -> Step:
    """It stands here as it does for the others, where it names the epoch that this device is in.

    ``count`` may be in ``landed``: who was let in meanwhile took over the server's.
    """
    log = replace(log, landed=max(log.landed, count))
    try:
        received, _ = open_entry(log.group, entry)
    except RemoteProtocolError:
        return Step(log)
    return Step(replace(log, group=received.group), used=(entry.device, entry.message_id))


def _older_copy(log: GroupLog, entry: Entry) -> Step:
    text = (
        "this profile is an older copy: the log holds what it does not know; nothing is sent here "
        "until the room has let it in anew"
    )
    line = Line(entry.seq, entry.message_id, Event.OLDER_COPY, text)
    return Step(replace(log, halt=Halt.OLDER_COPY, pending=None), (line,))


def _is_ours(group: Group, entry: Entry) -> bool:
    """Whether an entry that we did not make so was made with our keys, by a later copy of this profile."""
    try:
        open_entry(group, entry)
    except RuleViolation as error:
        return error.rule == "own-commit"  # which is found once the signature holds
    except RemoteProtocolError:
        return False
    return True


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
        return _dead(log, entry, error)
    happenings: list[Happening] = []
    sender = received.sender_leaf
    if sender and leaf_identity(sender).name != log.let_in_by:
        log = replace(log, let_in_by="")
    if log.halt is Halt.STUCK and sender and leaf_identity(sender).name == log.stuck_by:
        if isinstance(received, CommitReceived):
            return Step(log)  # of the author's two commits either may count: the others will tell
    elif log.halt is Halt.STUCK and _has_read_on(log, entry, where, history):
        # It opens in the state from before, so the others did not follow the commit either.
        log = _open_again(replace(log, stuck_by=""))
        text = "the commit that did not open was dead for the others too: the room goes on"
        happenings.append(Line(entry.seq, entry.message_id, Event.UNSTUCK, text))
    if where is not None:
        log, lines = _compare(log, entry, sender, where, history)
        happenings += lines
    log = replace(log, unopened=())
    return _apply(log, entry, received, happenings, now)


def _did_not_follow(log: GroupLog, entry: Entry) -> bool:
    """Whether a member's entry says in the clear that the commit which added this device was dead for him.

    Who is added cannot check that commit. The server takes nothing from an epoch before it, once it is in the log.
    """
    if not log.let_in_by or log.halt not in (Halt.OPEN, Halt.FORKED):
        return False
    account, epoch = account_of(log.group, entry.device), epoch_named(log.group_id, entry.body)
    return account not in ("", log.let_in_by) and epoch is not None and epoch < log.group.epoch


def _let_in_by_one_alone(log: GroupLog, entry: Entry) -> Step:
    author, who = log.let_in_by, _who(log.group, entry.device)
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


def _compare(
    log: GroupLog, entry: Entry, sender: LeafNode | None, where: Position, history: History
) -> tuple[GroupLog, list[Happening]]:
    """The sender's (seq, chain) with ours. Never decides whether the entry counts."""
    # Not ``_who``: the stamp is the server's word, and two accounts could have a device of the same id.
    who = (
        f"{leaf_identity(sender).name}'s device {entry.device.hex()[:8]}" if sender else "somebody"
    )
    known = history.chain_at(log.group_id, where.seq) if where.seq < entry.seq else None
    if known is None:
        text = f"{who} claims to have read to {where.seq}, which cannot be"
        return log, [Line(entry.seq, entry.message_id, Event.LIE, text)]
    return _compare_at(log, entry, who, where, known)


def _compare_at(
    log: GroupLog, entry: Entry, who: str, where: Position, known: bytes
) -> tuple[GroupLog, list[Happening]]:
    if known == where.chain:
        # A fork that was acknowledged is over: the next one stops the room again.
        others = {d: seen for d, seen in log.forks.items() if d != entry.device or not seen}
        return replace(log, forks=MappingProxyType(others)), []
    if entry.device in log.forks:
        return log, []  # told already, and it has not matched since it was acknowledged
    text = (
        f"{who} saw another log than this device at {where.seq}: the server shows "
        "two logs, or that device lies; nothing is sent here until you acknowledge it"
    )
    line = Line(entry.seq, entry.message_id, Event.FORK, text)
    halt = Halt.FORKED if log.halt is Halt.OPEN else log.halt
    forks = MappingProxyType({**log.forks, entry.device: False})
    return replace(log, forks=forks, halt=halt), [line]


def _apply(
    log: GroupLog, entry: Entry, received: Received, happenings: list[Happening], now: float
) -> Step:
    before = log.group
    used = (entry.device, entry.message_id)
    match received:
        case ApplicationReceived():
            sender = leaf_identity(received.sender_leaf).name
            said = Said(
                entry.seq, entry.message_id, sender, entry.device, received.data, is_own=False
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
                    replace(log, halt=Halt.REMOVED), "you are no longer in this room"
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


def _open_again(log: GroupLog) -> GroupLog:
    """Open, unless a fork is still to be acknowledged."""
    return replace(log, halt=Halt.OPEN if all(log.forks.values()) else Halt.FORKED)


def _dead(log: GroupLog, entry: Entry, error: RemoteProtocolError) -> Step:
    if log.halt is Halt.STUCK:
        return Step(log)  # all that follows a commit that we could not take is closed to us
    account = account_of(log.group, entry.device)
    who = _who(log.group, entry.device)
    unopened = (*log.unopened, account)[-UNOPENED_BEFORE_WARNING:]
    text = f"an entry by {who} does not count ({error})"
    happenings: list[Happening] = [Line(entry.seq, entry.message_id, Event.DEAD, text)]
    # Whoever is on the server's list and not in the group counts for nobody: any member can put devices there.
    if len(unopened) == UNOPENED_BEFORE_WARNING and len(set(unopened) - {""}) > 1:
        text = (
            f"{len(unopened)} entries in a row do not open, the last by {who}: the server shows two logs, or "
            "those devices lie"
        )
        happenings.append(Line(entry.seq, entry.message_id, Event.FORK, text))
        unopened = ()
    return Step(replace(log, unopened=unopened), tuple(happenings))


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
    return Step(_open_again(log), (line,))


def acknowledged(log: GroupLog) -> GroupLog:
    """The person has seen the fork: sending goes on."""
    forks = MappingProxyType(dict.fromkeys(log.forks, True))
    log = replace(log, forks=forks)
    return _open_again(log) if log.halt is Halt.FORKED else log


def state(log: GroupLog) -> RoomState:
    """The room's state as the members agree on it."""
    return room_state_of(log.group)


def next_posts(log: GroupLog) -> tuple[tuple[int, Outgoing, Sealed], ...]:
    """What can be posted, in order, each with its count."""
    if not log.can_announce:
        return ()
    posts = []
    for place, out in enumerate(log.outbox, start=1):
        if out.sealed is None or not (log.can_send or isinstance(out.intent, Succeed)):
            break
        posts.append((log.landed + place, out, out.sealed))
    return tuple(posts)


def account_of(group: Group, device: bytes) -> str:
    """The account of a member's device; empty for what is none."""
    found = next(
        (
            leaf_identity(m.leaf_node)
            for m in group.members()
            if leaf_identity(m.leaf_node).device == device
        ),
        None,
    )
    return found.name if found else ""


def _who(group: Group, device: bytes) -> str:
    account = account_of(group, device)
    return (
        f"{account}'s device {device.hex()[:8]}"
        if account
        else f"unknown device {device.hex()[:8]}"
    )
