"""A device that a Welcome brings into a group where it may have been before: what of its outbox waits on."""

from dataclasses import replace

from coterie.client.group_log import GroupLog, Halt
from coterie.client.happening import Dropped
from coterie.client.room_policy import accounts_of


def returned(old: GroupLog | None, joined: GroupLog) -> tuple[GroupLog, tuple[Dropped, ...]]:
    """``joined`` with what was kept of the log before, and what was dropped.

    Where we were in the group before, what was never posted waits on; what was may be in the log, where we cannot read.
    Who was stuck has read to the commit that did not open, behind which nothing of before can land: all waits on.
    Nothing waits on where others came in meanwhile: how is in no log that we read, and it was not said to them.
    A fork that was shown there is still a person's to acknowledge.
    """
    if old is None:
        return joined, ()
    is_stuck = old.halt is Halt.STUCK
    strange = sorted(accounts_of(joined.group) - accounts_of(old.group))
    kept = tuple(out for out in old.outbox if not strange and (is_stuck or not out.message_id))
    reason = "this device was added to the room anew before the message came back"
    if strange:
        names = ", ".join(name for name, _ in strange)
        reason = f"this device was added to the room anew, with {names} in it"
    dropped = tuple(Dropped(out.ticket, reason) for out in old.outbox if out not in kept)
    return replace(joined, outbox=kept, forks=old.forks), dropped
