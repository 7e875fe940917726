"""Sabotages of the client."""

from dataclasses import replace
from typing import Any

from coterie.client import follower, outbox, own_entry
from coterie.client import log as logs
from coterie.client.group_log import GroupLog, Halt, Step
from coterie.client.happening import Event, Line
from coterie.client.inbox import Inbox
from coterie.client.rooms import Rooms
from coterie.client.store import Store
from coterie.wire import chain
from tests.simulation.mutants import Sabotage, drills, mutant


@mutant()
def keeps_the_pending_commit() -> tuple[Sabotage, ...]:
    """What was encrypted before somebody else's commit is posted as it is"""
    return ((logs, "_unsealed", lambda log: log),)


@mutant()
def forgets_the_cursor() -> tuple[Sabotage, ...]:
    """After a start a log is read from its beginning again"""
    real = Store.load_logs

    def load_logs(self: Any, policy: Any) -> Any:
        for room_id, log in real(self, policy):
            yield room_id, replace(log, cursor=0, chain=chain.first(log.group_id))

    return ((Store, "load_logs", load_logs),)


@mutant("swaps")
def does_not_compare_chains() -> tuple[Sabotage, ...]:
    """What somebody says he has read is not compared"""
    return ((logs, "compare", lambda log, entry, sender, where, history: (log, [])),)


@mutant()
def saves_after_it_sends() -> tuple[Sabotage, ...]:
    """What is encrypted is posted, and the ratchet that it used is not saved"""
    real = Rooms.seal

    def seal(self: Any, group_id: bytes) -> Any:
        save = self.save

        def only_in_memory(old: GroupLog, step: Step, *others: Any, **more: Any) -> None:
            self._logs[group_id] = step.log

        self.save = only_in_memory
        try:
            return real(self, group_id)
        finally:
            self.save = save

    return ((Rooms, "seal", seal),)


@mutant()
def posts_again_under_a_new_id() -> tuple[Sabotage, ...]:
    """A retry is another post, with the bytes of the first"""
    real = Store.load_logs

    def load_logs(self: Any, policy: Any) -> Any:
        for room_id, log in real(self, policy):
            out = tuple(
                replace(o, message_id=o.message_id[::-1]) if o.sealed else o for o in log.outbox
            )
            yield room_id, replace(log, outbox=out)

    return ((Store, "load_logs", load_logs),)


@mutant("junk_commit")
def a_dead_commit_changes_nothing() -> tuple[Sabotage, ...]:
    """What was encrypted before a commit that is dead is posted as it is"""
    real = logs.read

    def read(log: GroupLog, entry: Any, history: Any, now: float) -> Step:
        step = real(log, entry, history, now)
        is_dead = any(isinstance(h, Line) and h.event is Event.DEAD for h in step.happenings)
        if is_dead and entry.device != log.device:
            kept = replace(step.log, outbox=log.outbox, pending=log.pending)
            return replace(step, log=kept)
        return step

    return ((logs, "read", read),)


@mutant("commit_corrupt_for_one")
def does_not_know_its_rejoin() -> tuple[Sabotage, ...]:
    """A device takes its own rejoin for one of an older copy"""
    return ((Store, "rejoin_count", lambda self, group_id, message_id: None),)


@mutant("commit_corrupt_for_one")
def sends_while_it_is_stuck() -> tuple[Sabotage, ...]:
    """A device that cannot follow a commit goes on posting in the epoch before"""
    can_send = property(lambda log: log.halt in (Halt.OPEN, Halt.STUCK) and log.begins_with is None)
    return ((GroupLog, "can_send", can_send),)


@mutant("commit_corrupt_for_one")
def never_asks_to_be_let_in() -> tuple[Sabotage, ...]:
    """A device that is stuck waits for an admin"""
    return ((Rooms, "is_outside", lambda self, group_id: False),)


@mutant("put_back")
def does_not_mind_its_own_future() -> tuple[Sabotage, ...]:
    """A put-back profile reads its own unknown entries, and goes on"""
    return ((own_entry, "_older_copy", lambda log, entry: Step(log)),)


@mutant("captures")
def believes_who_let_it_in() -> tuple[Sabotage, ...]:
    """A device that one member alone let in does not look whether the others followed"""
    return ((logs, "_did_not_follow", lambda log, entry: False),)


@mutant("old_snapshot")
def does_not_mind_a_lost_log() -> tuple[Sabotage, ...]:
    """A client whose log is gone says nothing"""
    return ((Rooms, "lost", lambda self, group_id, what: None),)


@mutant("old_key_package")
def gives_up_on_a_closed_welcome() -> tuple[Sabotage, ...]:
    """Whoever was removed, and cannot open the Welcome that brings him back, stays outside"""
    return ((Rooms, "invited_in_vain", lambda self, group_id: None),)


@mutant()
def moves_on_when_nothing_was_saved() -> tuple[Sabotage, ...]:
    """A step is taken in memory although its transaction failed"""
    real = Rooms.save

    def save(self: Any, old: Any, step: Step, *others: Any, **more: Any) -> None:
        try:
            real(self, old, step, *others, **more)
        except Exception:
            if old is not None:
                self._logs[step.log.group_id] = step.log
            raise

    return ((Rooms, "save", save),)


@mutant()
def keeps_what_has_landed() -> tuple[Sabotage, ...]:
    """A post stays in the outbox when its entry is read"""
    real = own_entry.read_own

    def read_own(log: GroupLog, entry: Any, history: Any, now: float) -> Step:
        step = real(log, entry, history, now)
        return replace(step, log=replace(step.log, outbox=log.outbox))

    return ((logs, "read_own", read_own),)


@mutant(drill=drills.dies_at_the_door)
def takes_a_welcome_before_it_is_saved() -> tuple[Sabotage, ...]:
    """An item of the inbox counts as taken before the room it brings is kept"""
    real = Inbox._take

    async def take(self: Any, item: Any, *others: Any) -> bool:
        self._store.put("inbox", item.number.to_bytes(8, "big"))
        return await real(self, item, *others)

    return ((Inbox, "_take", take),)


@mutant()
def commits_nothing_that_stands() -> tuple[Sabotage, ...]:
    """Nobody commits the proposal of whoever leaves"""
    return (
        (follower, "commit_due_at", lambda log, stands_since: None),
        (outbox, "_must_commit_first", lambda log: False),
    )
