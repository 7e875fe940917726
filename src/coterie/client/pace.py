"""When this device commits without being asked: what stands, and to heal. PROTOCOL.md sections 2 and 4."""

import hashlib

from coterie.client.intent import Change
from coterie.client.log import GroupLog
from coterie.client.outbox import MAX_OUTBOX
from coterie.client.room_policy import committable

RANK_STEP_S = 3.0  # between one device's turn and the next one's, so that they seldom race
HEAL_AFTER_S = 86_400.0  # the age of a leaf's keys at which they are renewed
SMALL_ROOM = 30  # devices; in larger ones healing commits are spaced
HEAL_SPACING_S = 600.0  # between any two commits of a larger room


def commit_due_at(log: GroupLog, stands_since: float | None) -> float | None:
    """When to commit: seconds since 1970, None while there is no reason to.

    ``stands_since`` is when this device first saw a proposal stand in the present epoch.
    """
    if not log.can_send or len(log.outbox) >= MAX_OUTBOX:
        return None
    if any(isinstance(out.intent, Change) for out in log.outbox):
        return None
    due = []
    if stands_since is not None and committable(log.group).references:
        due.append(stands_since + RANK_STEP_S * _rank(log))
    size = sum(1 for _ in log.group.members())
    if size > 1:  # alone there is nobody to heal for
        due.append(_heal_at(log, size))
    return min(due, default=None)


def _heal_at(log: GroupLog, size: int) -> float:
    """When our keys are due, or later: who are due together, as newcomers are, wait for their turns after a commit."""
    due_at = log.healed_at + HEAL_AFTER_S
    after = log.committed_at + (HEAL_SPACING_S if size > SMALL_ROOM else 0.0)
    if due_at > after + RANK_STEP_S * size:
        return due_at
    turn_s = RANK_STEP_S * _rank(log)
    if size > SMALL_ROOM:  # the longest overdue tends to be first
        turn_s /= 1 + max(0.0, (log.committed_at - due_at) / HEAL_AFTER_S)
    return max(due_at, after + turn_s)


def _rank(log: GroupLog) -> int:
    """This device's place among those that stay, another one in each epoch: by SHA-256(exporter ‖ leaf)."""
    group = log.group
    secret = group.export(b"coterie/1 rank", b"", 32).expose()
    staying = {member.leaf_index for member in group.members()} - set(group.leaving)
    hashes = {
        index: hashlib.sha256(secret + index.to_bytes(4, "big")).digest()
        for index in staying | {group.own_leaf_index}
    }
    return sum(found < hashes[group.own_leaf_index] for found in hashes.values())
