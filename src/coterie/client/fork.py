"""What entries tell of the log that others see: one log, or two. PROTOCOL.md section 2, "Chain".

Nothing here decides whether an entry counts.
"""

from dataclasses import replace
from types import MappingProxyType

from coterie.client.group_log import GroupLog, Halt, History, Step, account_of, device_name
from coterie.client.happening import Event, Happening, Line
from coterie.client.position import Position
from coterie.client.room_policy import leaf_identity
from coterie.errors import RemoteProtocolError
from coterie.mls import LeafNode
from coterie.wire.frames import Entry

UNOPENED_BEFORE_WARNING = 3  # in a row, from two accounts: one hostile member alone can't raise it


def compare(
    log: GroupLog, entry: Entry, sender: LeafNode | None, where: Position, history: History
) -> tuple[GroupLog, list[Happening]]:
    """The sender's (seq, chain) with ours. Never decides whether the entry counts."""
    # Not ``device_name``: the stamp is the server's word, and two accounts could have a device of the same id.
    who = (
        f"{leaf_identity(sender).name}'s device {entry.device.hex()[:8]}" if sender else "somebody"
    )
    known = history.chain_at(log.group_id, where.seq) if where.seq < entry.seq else None
    if known is None:
        text = (
            f"{who} claims to have read to {where.seq}, which cannot be: "
            "that device lies, or the server took entries out of the log or moved them"
        )
        return log, [Line(entry.seq, entry.message_id, Event.LIE, text)]
    return compare_at(log, entry, who, where, known)


def compare_at(
    log: GroupLog, entry: Entry, who: str, where: Position, known: bytes
) -> tuple[GroupLog, list[Happening]]:
    """The same, at a place where ``known`` is ours."""
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


def dead(log: GroupLog, entry: Entry, error: RemoteProtocolError) -> Step:
    """A dead entry leaves a line that names the device; several in a row, of two accounts, may be a fork."""
    if log.halt is Halt.STUCK:
        return Step(log)  # all that follows a commit that we could not take is closed to us
    account = account_of(log.group, entry.device)
    who = device_name(log.group, entry.device)
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
