"""Entries of kind successor, as a log reads them: where its room goes on. PROTOCOL.md section 2, "Successor"."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from coterie.client.fork import compare_at, dead
from coterie.client.group_log import GroupLog, Halt, History, Rival, Step
from coterie.client.happening import Event, Happening, Landed, Line
from coterie.client.intent import Succeed
from coterie.client.own_entry import read_own
from coterie.client.remedy import follow_command
from coterie.client.successor import Successor, verify
from coterie.errors import RuleViolation
from coterie.wire.frames import Entry, Kind


def read_successor(log: GroupLog, entry: Entry, history: History, now: float) -> Step:
    """An entry of kind successor, read in its place. "The first that verifies and is by an admin wins." """
    told: list[Happening] = []
    if entry.device == log.device:
        mine = next((out for out in log.outbox if out.message_id == entry.message_id), None)
        if mine is None and log.successor:
            return Step(log)  # shown again; or it is a copy's, and changes nothing
        sealed = mine.sealed if mine is not None else None
        if mine is None or sealed is None or (sealed.kind, sealed.body) != (entry.kind, entry.body):
            step = read_own(log, entry, history, 0.0)  # which is never what we sent
            log, told = step.log, [*step.happenings]
        else:
            rest = tuple(out for out in log.outbox if out is not mine)
            log = replace(log, outbox=rest, landed=log.landed + 1)
            told.append(Landed(mine.ticket, entry.seq))
    try:
        found = _new_successor(log, entry)
    except RuleViolation as error:
        step = dead(log, entry, error)
        is_told = entry.device != log.device and log.halt is not Halt.OLDER_COPY
        return replace(step, happenings=(*told, *step.happenings) if is_told else tuple(told))
    log, lines = _succeeded(log, entry, found, history, now)
    return Step(log, (*told, *lines))


def diverged(log: GroupLog, successors: Sequence[Entry], history: History, now: float) -> Step:
    """What the server shows of a log that parted from ours: successors, as whole entries, and nothing else of it.

    They are signed for this group, so none is another log's; which of them is the first is the server's word. All are
    shown again on each connection, so of those behind the first only the newest of each admin is looked at.
    """
    found = _verified(log, successors)
    newest = {successor.account_key: entry.seq for entry, successor in found}
    told: list[Happening] = []
    for entry, successor in found:
        is_passed_over = log.successor and newest[successor.account_key] != entry.seq
        if is_passed_over or _is_known(log, successor):
            continue
        log, lines = _succeeded(log, entry, successor, history, now)
        told += lines
    return Step(log, tuple(told))


def _verified(log: GroupLog, successors: Sequence[Entry]) -> list[tuple[Entry, Successor]]:
    """Those that count, in the order of the log. What is dead is in a log of which nothing is shown."""
    found = []
    for entry in sorted(successors, key=lambda shown: shown.seq):
        if entry.kind is Kind.SUCCESSOR:
            with suppress(RuleViolation):
                found.append((entry, verify(log.group, entry)))
    return found


def chosen(log: GroupLog, by: str, now: float) -> GroupLog:
    """The log of a room that goes on in the group which ``by`` made later, as its person says."""
    found = next(rival for rival in log.rivals if rival.by == by)
    passed = Rival(log.successor_by, log.successor_key, log.successor)
    others = tuple(rival for rival in log.rivals if rival is not found)
    has_later = any(rival.by == passed.by for rival in others)
    return replace(
        log,
        successor=found.group_id,
        successor_by=by,
        successor_key=found.account_key,
        successor_at=now,
        rivals=others if has_later else (*others, passed),
        agreed=True,
        declined=False,
        strange=(),
        accepted=(),
        instead=False,
    )


def _new_successor(log: GroupLog, entry: Entry) -> Successor:
    found = verify(log.group, entry)
    if _is_known(log, found):
        raise RuleViolation("second-successor", "that group is known already")
    return found


def _is_known(log: GroupLog, found: Successor) -> bool:
    return found.group_id in (log.successor, *(rival.group_id for rival in log.rivals))


def _succeeded(
    log: GroupLog, entry: Entry, found: Successor, history: History, now: float
) -> tuple[GroupLog, list[Happening]]:
    lines: list[Happening] = []
    known = history.chain_at(log.group_id, found.where.seq)
    if known is not None:  # of a log that was lost, the place can be beyond what there is now
        who = f"{found.by}'s device {entry.device.hex()[:8]}"
        log, lines = compare_at(log, entry, who, found.where, known)
    if log.successor:
        log, text = _rival(log, entry, found, now)
    else:
        log, text = _first(log, found, now)
    done = [
        out
        for out in log.outbox
        if isinstance(out.intent, Succeed)
        and (out.intent.group_id == found.group_id or not log.instead)
    ]
    rest = tuple(out for out in log.outbox if out not in done)
    landed: list[Happening] = [Landed(out.ticket, 0) for out in done]
    line = Line(entry.seq, entry.message_id, Event.SUCCESSOR, text)
    return replace(log, outbox=rest), [*lines, *landed, line]


def _first(log: GroupLog, found: Successor, now: float) -> tuple[GroupLog, str]:
    log = replace(
        log,
        successor=found.group_id,
        successor_by=found.by,
        successor_key=found.account_key,
        successor_at=now,
    )
    if log.goes_on:
        text = f"{found.by} made a new group for this room; this device goes on there as soon as it is let in"
    else:
        text = (
            f"{found.by} made a new group for this room, where those go on who could not here; "
            f"this device stays until you say `{follow_command(log)}`"
        )
    return log, text


def _rival(log: GroupLog, entry: Entry, found: Successor, now: float) -> tuple[GroupLog, str]:
    """A later one moves nobody: another admin's, where the first came to nothing or was hostile. One an admin."""
    others = tuple(rival for rival in log.rivals if rival.by != found.by)
    latest = Rival(found.by, found.account_key, found.group_id)
    log = replace(log, rivals=(*others, latest))
    if log.instead and entry.device == log.device:
        return chosen(log, found.by, now), "you made another new group for this room"
    text = (
        f"{found.by} made another new group for this room, after {log.successor_by}'s: nobody goes there unasked; "
        f"where the first one is no good, `{follow_command(log, made_by=found.by)}` does"
    )
    return log, text
