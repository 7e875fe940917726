"""Our own entries, as this device reads them: they must come back byte for byte. PROTOCOL.md section 2, "Chain"."""

from dataclasses import replace
from typing import assert_never

from coterie.client import narrate
from coterie.client.fork import dead
from coterie.client.group_log import GroupLog, Halt, History, Step
from coterie.client.happening import Dropped, Event, Landed, Line, Said
from coterie.client.intent import Change, Leave, Say, Succeed
from coterie.client.opening import open_entry
from coterie.client.room_policy import leaf_identity, moderates, room_state_of
from coterie.errors import LocalProtocolError, RemoteProtocolError, RuleViolation
from coterie.mls import Group
from coterie.wire.frames import Entry, Kind


def read_own(log: GroupLog, entry: Entry, history: History, now: float) -> Step:
    """Our own entry, as we sent it: what we could not open again is told from what we do not know."""
    mine = next((out for out in log.outbox if out.message_id == entry.message_id), None)
    if mine is None and history.has_used(log.group_id, entry.device, entry.message_id):
        return dead(log, entry, RuleViolation("message-id-reused", "the server shows it again"))
    if mine is None and entry.kind is Kind.PROPOSAL:
        count = history.rejoin_count(log.group_id, entry.message_id)
        if count is not None:
            return _read_rejoin(log, entry, count)
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
            own = leaf_identity(log.group.own_leaf)
            said = Said(
                entry.seq,
                entry.message_id,
                own.name,
                own.account_key,
                entry.device,
                content,
                is_moderator=moderates(room_state_of(log.group), own.account_key),
                is_own=True,
            )
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


def _read_rejoin(log: GroupLog, entry: Entry, count: int) -> Step:
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
