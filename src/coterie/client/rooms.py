"""All logs of this device: what is read or said goes through here, one transaction a step.

No network here. ``follower`` brings entries and posts what is sealed; ``service`` brings what people want.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial

from coterie import content
from coterie.client import direct, outbox, room_state
from coterie.client import log as logs
from coterie.client.account import new_leaf
from coterie.client.device import Enrolled
from coterie.client.happening import Dropped, Event, Landed, Line
from coterie.client.intent import Intent, Outgoing, Say, Sealed
from coterie.client.log import REJOINS, GroupLog, Halt, Step
from coterie.client.people import People
from coterie.client.position import Position
from coterie.client.recording import Changed
from coterie.client.remedy import REASONS, WAITS_FOR_A_PERSON, remedy, renew_command
from coterie.client.returning import returned
from coterie.client.room_policy import (
    REQUIRED,
    ROOM_ID_SIZE,
    ROOM_POLICY,
    leaf_identity,
    room_state_of,
)
from coterie.client.room_state import RoomState
from coterie.client.store import Store
from coterie.client.tickets import Ticket, Tickets
from coterie.client.unsent import Outbox, Pending
from coterie.client.viewed import Viewed, not_sent
from coterie.errors import CoterieError, InvalidInput, RuleViolation, Unavailable
from coterie.logs import get_logger, short
from coterie.mls import DEFAULT_SUITE, Extension, Group, Lifetime, suite_of
from coterie.mls.extension import ExtensionType
from coterie.wire.frames import Entry
from coterie.wire.limits import GROUP_ID_SIZE, MESSAGE_ID_SIZE

log = get_logger()

LEAF_LIFETIME_S = 365 * 86_400  # of the leaf that makes a group; its next commit replaces it


class Rooms(Viewed):
    """The logs, each an immutable value that is replaced once its step is durable."""

    def __init__(
        self,
        store: Store,
        account: Enrolled,
        people: People,
        now: Callable[[], float],
        suite: int = DEFAULT_SUITE,
    ) -> None:
        super().__init__(store, account)
        self._account = account
        self._people = people
        self._now = now
        self._suite = suite_of(suite)
        self._logs: dict[bytes, GroupLog] = {}
        self._room_ids: dict[bytes, bytes] = {}
        self._tickets = Tickets()
        self._told: set[tuple[bytes, Event]] = set()  # by ``tell_once``
        self._unsent: dict[bytes, Outbox] = {}  # of rooms
        self._strangers: dict[bytes, tuple[tuple[int, int], list[str]]] = {}
        self.on_step: Callable[[], object] = lambda: None
        self.on_change: Callable[[bytes], object] = lambda group_id: None  # there is more to post
        self.on_outside: Callable[[bytes], object] = lambda group_id: None  # no more to read
        self.on_succession: Callable[[], object] = lambda: None  # a room may go on in another group
        for room_id, found in store.load_logs(ROOM_POLICY):
            self._logs[found.group_id], self._room_ids[found.group_id] = found, room_id
        self._prepared = store.prepared_groups()
        self._unlisted: set[bytes] = set()
        self._moved: dict[bytes, bytes] = {}  # since the start: groups, and where their rooms went

    def __iter__(self) -> Iterator[bytes]:
        return iter(tuple(self._logs))

    def __contains__(self, group_id: bytes) -> bool:
        return group_id in self._logs

    def log(self, group_id: bytes) -> GroupLog:
        """The log as far as it was read."""
        return self._logs[group_id]

    def room_id(self, group_id: bytes) -> bytes:
        """The room that lives in the group."""
        return self._room_ids[group_id]

    def is_outside(self, group_id: bytes) -> bool:
        """Whether the device can be in the group again only by a rejoin."""
        log = self._logs.get(group_id)
        if log is None:
            return not (self._store.is_held(group_id) or self._store.has_declined(group_id))
        if log.halt is Halt.REMOVED:  # and invited again, by a Welcome that did not open
            asking = self._store.rejoin(group_id)
            return asking is not None and asking.ended is None
        return log.halt in REJOINS and not log.goes_on

    def shown(self) -> list[bytes]:
        """The groups in which rooms live: one for each room that people see."""
        return [group_id for group_id in self._logs if group_id not in self._prepared]

    def prepared(self) -> dict[bytes, bytes]:
        """Groups that this device made for rooms to go on in, with those in which the rooms live."""
        pairs = {group_id: self.group_of(self._room_ids[group_id]) for group_id in self._prepared}
        return {group_id: present for group_id, present in pairs.items() if present is not None}

    def group_of(self, room_id: bytes) -> bytes | None:
        """The group in which a room lives now; None for a room that is not known."""
        return next((g for g in self.shown() if self._room_ids[g] == room_id), None)

    def present(self, group_id: bytes) -> bytes:
        """The group in which the room lives that lived in that group a moment ago."""
        while group_id in self._moved:
            group_id = self._moved[group_id]
        return group_id

    def add_prepared(self, made: GroupLog, chosen: GroupLog) -> None:
        """A new group for a room that is known, shown to nobody yet, with what its person has ``chosen`` in the old."""
        room_id = self._room_ids[chosen.group_id]

        def before() -> None:
            self._store.save_log(None, made, room_id, is_current=False)

        self.save(self._logs[chosen.group_id], Step(chosen), before=before)
        self._prepared.add(made.group_id)
        self._logs[made.group_id], self._room_ids[made.group_id] = made, room_id
        if not made.outbox:
            self.on_succession()

    def forget(self, group_id: bytes, *, moved_to: bytes | None = None) -> None:
        """Nothing is left of it in the store; its room may live in another."""
        self._prepared.discard(group_id)
        del self._logs[group_id], self._room_ids[group_id]
        if moved_to is not None:
            self._moved[group_id] = moved_to

    def name(self, room_id: bytes) -> str:
        """What its members call it, or the other's name; empty for a room of which nothing is kept."""
        group_id = self.group_of(room_id)
        if group_id is None:
            return ""
        log = self._logs[group_id]
        return direct.partner(log) or logs.state(log).name

    # --- beginning -----------------------------------------------------------------------------

    def create(self, name: str) -> bytes:
        """A room of this account alone, not yet known to the server; its group's id. Raises InvalidInput."""
        me, now = self._account, self._now()
        state = RoomState(
            room_state.RULES_VERSION, secrets.token_bytes(ROOM_ID_SIZE), name, "", (me.account_public_key,)
        )  # fmt: skip
        try:
            encoded = room_state.encode(state)
            room_state.decode(encoded)
        except (RuleViolation, UnicodeEncodeError) as error:
            limit = room_state.MAX_NAME
            raise InvalidInput(f"a room's name has 1 to {limit} characters") from error
        group = self.new_group(encoded)
        made = logs.create(group, me.device, now)
        line = Line(0, bytes(MESSAGE_ID_SIZE), Event.CREATED, f"you made #{name}")
        self.save(None, Step(made, (line,)), state.room_id)
        return group.group_id

    def new_group(self, encoded_state: bytes, group_id: bytes | None = None) -> Group:
        """A group of this device alone, for a room of that state; under an id of its own unless one is given."""
        now = self._now()
        return Group.create(
            self._suite,
            group_id or secrets.token_bytes(GROUP_ID_SIZE),
            new_leaf(self._account),
            Lifetime(int(now) - 86_400, int(now) + LEAF_LIFETIME_S),
            extensions=(
                Extension(ExtensionType.REQUIRED_CAPABILITIES, REQUIRED.encode()),
                Extension(room_state.EXTENSION_TYPE, encoded_state),
            ),
            policy=ROOM_POLICY,
        )

    def join(self, group: Group, begins: Position, by: str, used: Callable[[], None]) -> None:
        """The log of a group that a Welcome of the account ``by`` brought.

        ``used`` deletes the key package, in the same transaction.
        """
        old = self._logs.get(group.group_id)
        fresh = logs.join(group, self._account.device, begins, self._now())
        joined, dropped = returned(old, replace(fresh, let_in_by=by))
        lines: tuple[Line, ...] = ()
        asking = self._store.rejoin(group.group_id)
        if asking is not None and asking.ended is None:
            text = "this device was let in anew: what was said since it last read here stays closed to it"
            lines = (Line(begins.seq, bytes(MESSAGE_ID_SIZE), Event.REJOINED, text),)

        def before() -> None:
            used()
            self._store.end_rejoin(group.group_id, self._now())
            self._store.undecline(group.group_id)
            if old is not None:
                self._store.forget_log(group.group_id)

        room_id = room_state_of(group).room_id
        self.save(None, Step(joined, (*lines, *dropped)), room_id, before=before, met_by=by)

    # --- lines and a lost log -----------------------------------------------------------------------

    def diverged(self, group_id: bytes, successors: Sequence[Entry]) -> None:
        """What the server shows of a log that it lost."""
        old = self._logs[group_id]
        self._unlisted.discard(group_id)
        step = logs.diverged(old, successors, self._store, self._now())
        if step.log is not old:
            self.save(old, step)

    def unlisted(self, group_id: bytes) -> None:
        """A restored server has the group, and this device not in it."""
        self._unlisted.add(group_id)
        self.on_succession()

    def is_unlisted(self, group_id: bytes) -> bool:
        """Whether nothing can be posted there, as far as the server has said."""
        return group_id in self._unlisted

    def tell(self, group_id: bytes, event: Event, text: str) -> None:
        """A line at the present place of the log."""
        old = self._logs[group_id]
        self.save(old, Step(old, (Line(old.cursor, bytes(MESSAGE_ID_SIZE), event, text),)))

    def is_admin(self, log: GroupLog) -> bool:
        """Whether this account is one in that room."""
        return self._account.account_public_key in logs.state(log).admins

    def has_held_welcome(self, group_id: bytes) -> bool:
        """Whether an invitation waits for a successor in this log."""
        return bool(self._store.held_welcomes(self._room_ids[group_id]))

    def other_devices(self, group_id: bytes) -> tuple[bytes, ...]:
        """All devices of a group but this one."""
        devices = {leaf_identity(m.leaf_node).device for m in self._logs[group_id].group.members()}
        return tuple(sorted(devices - {self._account.device}))

    # --- reading -------------------------------------------------------------------------------

    def take(self, group_id: bytes, entry: Entry) -> GroupLog:
        """The log after its next entry, saved."""
        old = self._logs[group_id]
        step = logs.read(old, entry, self._store, self._now())
        met_by = step.author if step.is_new_epoch else None
        self.save(old, step, met_by=met_by, has_entry=True)
        log.debug(
            "entry-read",
            group=short(group_id),
            seq=entry.seq,
            kind=entry.kind.name,
            size=len(entry.body),
            epoch=step.log.group.epoch,
            counts=not any(isinstance(h, Line) and h.event is Event.DEAD for h in step.happenings),
        )
        return step.log

    # --- saying --------------------------------------------------------------------------------

    def enqueue(self, group_id: bytes, intent: Intent) -> Ticket:
        """The intent, kept durably at the end of the outbox. Raises InvalidInput where it is full.

        The room may have gone on in another group while who asks was waiting for the server.
        """
        return self._enqueue(self.present(group_id), intent)

    def _enqueue(
        self, group_id: bytes, intent: Intent, before: Callable[[], object] = lambda: None
    ) -> Ticket:
        old, ticket, room_id = self._logs[group_id], Ticket(), self._room_ids[group_id]
        new = outbox.enqueue(old, intent, ticket.id)

        def also() -> None:
            before()
            # Who speaks has read what is there: as it is asked for, since others may speak before it lands.
            if isinstance(intent, Say) and isinstance(content.decode(intent.content), content.Text):
                self._recorder.read(room_id)

        self.save(old, Step(new), before=also, meant=self._meant(room_id, intent))
        self._tickets.add(ticket)
        self.on_change(group_id)
        return ticket

    def is_waiting(self, group_id: bytes, ticket: bytes) -> bool:
        """Whether it is in the outbox of the room that lives in the group, or lived there a moment ago."""
        outbox = self._logs[self.present(group_id)].outbox
        return any(out.ticket == ticket for out in outbox)

    def pending(self, room_id: bytes) -> list[Pending]:
        """What people said there that is in no log yet, oldest first."""
        unsent = self._unsent.setdefault(room_id, Outbox())
        return unsent.pending(self._store.failed(room_id), self._outbox(room_id))

    def changing(self, room_id: bytes) -> frozenset[content.Ref]:
        """The messages that something in the outbox will change."""
        return self._unsent.setdefault(room_id, Outbox()).changing(self._outbox(room_id))

    def resend(self, room_id: bytes, ticket: bytes) -> Ticket:
        """What failed is posted anew. Raises InvalidInput where nothing did, or the outbox is full."""
        group_id = self.group_of(room_id)
        failed = next((post for post in self._store.failed(room_id) if post.ticket == ticket), None)
        if failed is None or group_id is None:
            raise InvalidInput("nothing that failed has this ticket")
        return self._enqueue(group_id, Say(failed.content), lambda: self._store.drop_failed(ticket))

    def discard(self, room_id: bytes, ticket: bytes) -> None:
        """What failed, or was never encrypted, is dropped. Raises InvalidInput where it may be in the log already."""
        if any(post.ticket == ticket for post in self._store.failed(room_id)):
            with self._store.transaction():
                self._store.drop_failed(ticket)
            self.on_changed(Changed(room_id, pending=True))
            return
        waiting = (out for out in self._outbox(room_id) if isinstance(out.intent, Say))
        gone = next((out for out in waiting if out.ticket == ticket), None)
        group_id = self.group_of(room_id)
        if gone is None or group_id is None:
            raise InvalidInput("nothing that waits has this ticket")
        if gone.message_id:
            raise InvalidInput(
                "it is on its way, and may be in the room already",
                hint="delete the message once it is there",
            )
        old = self._logs[group_id]
        new = replace(old, outbox=tuple(out for out in old.outbox if out is not gone))
        self.save(old, Step(new), meant=self._meant(room_id, gone.intent))
        self.delayed(ticket, InvalidInput("it was discarded"))
        self.on_change(group_id)

    def _outbox(self, room_id: bytes) -> tuple[Outgoing, ...]:
        group_id = self.group_of(room_id)
        return () if group_id is None else self._logs[group_id].outbox

    def _meant(self, room_id: bytes, intent: Intent) -> set[int]:
        """The row that is shown as changing while the intent waits."""
        if not isinstance(intent, Say):
            return set()
        return self._recorder.meant(room_id, content.decode(intent.content))

    def seal(self, group_id: bytes) -> tuple[tuple[int, Outgoing, Sealed], ...]:
        """What can be posted, in order, each with its count: encrypted and kept before a byte of it leaves."""
        old = self._logs[group_id]
        if self.strangers(group_id):
            return ()
        new, happenings = outbox.seal(
            old, lambda: secrets.token_bytes(MESSAGE_ID_SIZE), self._now()
        )
        if new is not old:
            self.save(old, Step(new, happenings))
        return logs.next_posts(new)

    def strangers(self, group_id: bytes) -> list[str]:
        """Members whose changed keys nobody has acknowledged."""
        group = self._logs[group_id].group
        of = (group.epoch, self._people.version)  # asked before each post, and a room has thousands
        known = self._strangers.get(group_id)
        if known is None or known[0] != of:
            known = self._strangers[group_id] = (of, self._people.strangers(group))
        return known[1]

    @property
    def has_posts(self) -> bool:
        """Whether something is sealed, and its entry was not read."""
        return any(logs.next_posts(log) for log in self._logs.values())

    # --- what the server's answers do ----------------------------------------------------------

    def drop(self, group_id: bytes, message_id: bytes, reason: str) -> None:
        """A post that the server refused for good."""
        old = self._logs[group_id]
        self.save(old, logs.drop(old, message_id, reason))

    def halt(self, group_id: bytes, halt: Halt, event: Event, text: str) -> None:
        """Stops sending, for a reason that the server's answers show."""
        old = self._logs[group_id]
        step = logs.halted(old, halt, event, text)
        if step.log is not old:
            self.save(old, step)

    def lost(self, group_id: bytes, what: str) -> None:
        """Stops sending: the server does not have what this device has."""
        log = self._logs[group_id]
        if log.halt is Halt.JOINING:  # it has nothing of the log but a place that somebody named
            self.save(log, logs.let_in_falsely(log))
            return
        way = f"`{renew_command(log)}`" + ("" if self.is_admin(log) else ", which an admin does,")
        text = (
            f"the server does not have {what} of this room: it lost data, or shows another log; "
            f"nothing is sent here, and {way} lets the room go on"
        )
        self.halt(group_id, Halt.LOST, Event.LOST, text)

    def found_again(self, group_id: bytes) -> None:
        """The server has all that it lacked, after all."""
        old = self._logs[group_id]
        if old.halt is Halt.LOST:
            self.save(old, logs.found_again(old))

    def tell_once(self, group_id: bytes, event: Event, text: str) -> None:
        """A line at the present place of the log. Not again before something of ours has landed there."""
        if (group_id, event) in self._told:
            return
        self.tell(group_id, event, text)
        self._told.add((group_id, event))

    def ask_anew(self, group_id: bytes, keep: Callable[[], None], *, is_first: bool) -> None:
        """A device that is outside asks to be let in: ``keep`` writes it, the first time with a line in the room."""
        old = self._logs.get(group_id)
        if old is None or not is_first:
            with self._store.transaction():
                keep()
            return
        text = "this device asks the room to let it in anew"
        line = Line(old.cursor, bytes(MESSAGE_ID_SIZE), Event.REJOINING, text)
        self.save(old, Step(old, (line,)), before=keep)

    def invited_in_vain(self, group_id: bytes) -> None:
        """A Welcome does not open, to a group that this device was removed from: it asks the group, as newcomers do."""
        old = self._logs.get(group_id)
        if old is not None and old.halt is Halt.REMOVED and not self.is_outside(group_id):
            keep = partial(self._store.save_rejoin, group_id, None, 0)
            self.ask_anew(group_id, keep, is_first=True)

    def leave_alone(self, group_id: bytes) -> None:
        """Out of a room in which nobody else is, who could commit it. What waited there is dropped."""
        old = self._logs[group_id]
        step = logs.halted(old, Halt.REMOVED, Event.REMOVED, "you left")
        dropped = tuple(Dropped(out.ticket, "you left the room") for out in old.outbox)
        left = replace(step.log, outbox=(), pending=None, agreed=False)
        self.save(old, Step(left, (*step.happenings, *dropped)))
        self.on_change(group_id)

    def posts_counted(self, group_id: bytes, count: int) -> None:
        """How many posts of this device the server has from an earlier time in the group."""
        old = self._logs[group_id]
        if old.landed != count:
            self.save(old, Step(replace(old, landed=count)))

    def acknowledge(self, group_id: bytes) -> bool:
        """A person has seen that the log forked; whether there was something to acknowledge."""
        old = self._logs[group_id]
        new = logs.acknowledged(old)
        changed = (new.halt, new.forks) != (old.halt, old.forks)
        if changed:
            self.save(old, Step(new))
            self.on_change(group_id)
        return changed

    def failed(self, group_id: bytes, error: CoterieError) -> None:
        """Who waits for something of ours there is told why it takes longer."""
        for out in self._logs[group_id].outbox:
            self.delayed(out.ticket, error)

    def delayed(self, ticket_id: bytes, error: CoterieError) -> None:
        """Who waits is told why it takes longer; the post stays in the outbox."""
        self._tickets.delayed(ticket_id, error)

    # --- one step ------------------------------------------------------------------------------

    def save(
        self,
        old: GroupLog | None,
        step: Step,
        room_id: bytes | None = None,
        *,
        before: Callable[[], None] = lambda: None,
        met_by: str | None = None,  # the account that may have brought others in
        has_entry: bool = False,
        is_shown: bool | None = None,  # as before
        meant: AbstractSet[int] = frozenset(),  # rows that are shown otherwise besides
    ) -> None:
        """One transaction; only then is it so in memory, and only then is anybody told."""
        new, now = step.log, self._now()
        room_id = room_id or self._room_ids[new.group_id]
        is_shown = new.group_id not in self._prepared if is_shown is None else is_shown
        known = self._logs.get(new.group_id)
        waited = known.outbox if known is not None else ()
        with self._store.transaction():
            before()
            self._store.save_log(old, new, room_id, is_current=is_shown)
            if has_entry:
                self._store.save_step(step)
            if new.halt is Halt.REMOVED and old is not None and old.halt is not Halt.REMOVED:
                self._store.end_rejoin(new.group_id, now)
            unheard = self._tickets.unheard(step.happenings)
            happenings = [*step.happenings, *not_sent(new.cursor, unheard)]
            if met_by is not None:
                happenings += self._meet(new, old, met_by, now)
            rows = meant | self._keep_failed(room_id, waited, step.happenings, unheard, now)
            if is_shown:
                rows |= self._record(room_id, new.group_id, happenings, now)
        was_outside = old is not None and old.halt in REJOINS
        self._logs[new.group_id], self._room_ids[new.group_id] = new, room_id
        if is_shown:
            self._prepared.discard(new.group_id)
        if any(isinstance(happening, Landed) for happening in step.happenings):
            self._told = {told for told in self._told if told[0] != new.group_id}
        self._tickets.answer(old, step.happenings)
        if new.halt in WAITS_FOR_A_PERSON and old is not None and old.halt is not new.halt:
            way = remedy(new, is_admin=self.is_admin(new), is_invited=False)
            self.failed(new.group_id, Unavailable(REASONS[new.halt], hint=way))
        has_failed = any(isinstance(happening, Dropped) for happening in step.happenings)
        is_pending = is_shown and (new.outbox is not waited or has_failed)
        self.on_changed(Changed(room_id, tuple(sorted(rows)), is_pending))
        self.on_step()
        is_ready = not is_shown and not new.outbox
        went = old.successor if old is not None and old.goes_on else b""
        if is_ready or (new.goes_on and new.successor != went):
            self.on_succession()
        if new.halt in REJOINS and not was_outside:
            self.on_outside(new.group_id)

    def _meet(self, new: GroupLog, old: GroupLog | None, by: str, now: float) -> list[Line]:
        return [
            Line(
                new.cursor,
                bytes(MESSAGE_ID_SIZE),
                Event.KEY_CHANGED,
                f"the key of {name} is not the one that this device knows: nothing is sent here until you "
                "acknowledge it",
            )
            for name in self._people.meet(new.group, old.group if old else None, by, now)
        ]
