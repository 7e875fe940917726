"""Steps by which a room leaves one group for another, each saved in one transaction. ``succession`` says when."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from coterie.client import direct, outbox, room_state
from coterie.client import log as logs
from coterie.client.conversation import Row
from coterie.client.device import Enrolled
from coterie.client.happening import Event, Line
from coterie.client.intent import Change, Outgoing, Say, Succeed
from coterie.client.log import GroupLog, Halt, Step
from coterie.client.room_state import RoomState
from coterie.client.rooms import Rooms
from coterie.client.store import Store
from coterie.content import encode
from coterie.errors import CoterieError, InvalidInput
from coterie.wire.limits import MESSAGE_ID_SIZE

MAY_BE_SAID_AGAIN = (
    1_000  # the newest messages of direct messages: of a bot that nobody answers there are many
)


class Moves:
    """Of all rooms of a device."""

    def __init__(
        self, store: Store, account: Enrolled, rooms: Rooms, now: Callable[[], float]
    ) -> None:
        self._store = store
        self._account = account
        self._rooms = rooms
        self._now = now
        self._movers: dict[bytes, list[asyncio.Future[bytes]]] = {}

    def moved(self, room_id: bytes) -> "asyncio.Future[bytes]":
        """The group in which the room goes on, once it does. InvalidInput where it is not to go there."""
        mover: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._movers.setdefault(room_id, []).append(mover)
        return mover

    def prepare(self, chosen: GroupLog, state: RoomState, adds: Sequence[Change]) -> bytes:
        """A new group for a known room, shown to nobody until ``go_on``; its id. ``chosen``: as in ``choose``."""
        group = self._rooms.new_group(room_state.encode(state))
        made = logs.create(group, self._account.device, self._now())
        for change in adds:
            made = outbox.enqueue(made, change, secrets.token_bytes(16))
        self._rooms.add_prepared(made, chosen)
        return made.group_id

    def announce(self, group_id: bytes, new_group_id: bytes) -> None:
        """The room of ``group_id`` goes on in the prepared group, as soon as its log says so."""
        old = self._rooms.log(group_id)
        self._rooms.save(old, Step(outbox.announce(old, new_group_id, secrets.token_bytes(16))))
        self._rooms.on_change(group_id)

    def choose(self, chosen: GroupLog) -> None:
        """What the person has said of where the room goes on: ``chosen`` is its log after that."""
        self._rooms.save(self._rooms.log(chosen.group_id), Step(chosen))

    def stay(self, group_id: bytes, reason: str, hint: str, strange: tuple[str, ...] = ()) -> None:
        """The group that the successor names is not what the room was: this device does not go there by itself.

        ``strange`` is what a person can accept of it.
        """
        old = self._rooms.log(group_id)
        text = f"{reason}: {hint}" if hint else reason
        line = Line(old.cursor, bytes(MESSAGE_ID_SIZE), Event.MOVED, text)
        self._rooms.save(old, Step(replace(old, declined=True, strange=strange), (line,)))
        self._fail(self._rooms.room_id(group_id), InvalidInput(reason, hint=hint))
        if self._rooms.is_outside(group_id):
            self._rooms.on_outside(group_id)

    def go_on(
        self, group_id: bytes, new: GroupLog, by: str, used: Callable[[], None] = lambda: None
    ) -> None:
        """The room of ``group_id`` lives in the group of ``new`` from now on, as an admin's successor said."""
        old = self._rooms.log(group_id)
        text = f"the room goes on in the group that {old.successor_by} made"
        self._move(old, new, by, used, text=text)

    def replace(
        self, group_id: bytes, new: GroupLog, by: str, used: Callable[[], None] = lambda: None
    ) -> None:
        """The direct messages of ``group_id`` live in the group of ``new``, which ``by`` made, from now on.

        What the other may not have read there any more is said again. Where he was never there, as when both began at
        once, the room is the same to people, and no line says otherwise.
        """
        old = self._rooms.log(group_id)
        text = f"these direct messages go on in a new group that {by} made"
        waiting = {
            out.message_id for out in old.outbox
        }  # to be said again, since the move before this
        again = tuple(
            Outgoing(secrets.token_bytes(16), Say(encode(said)), message_id)
            for message_id, said in direct.unheard(self._said_in(old), old, outbox.MAX_SEALED)
            if message_id not in waiting
        )
        self._move(old, new, by, used, again, text if direct.was_answered(old) else "")

    def _said_in(self, log: GroupLog) -> list[Row]:
        """The newest messages of a room."""
        rows = self._store.timeline(self._rooms.room_id(log.group_id), MAY_BE_SAID_AGAIN)
        return [row.message for row in rows if not row.is_line]

    def _move(
        self,
        old: GroupLog,
        new: GroupLog,
        by: str,
        used: Callable[[], None],
        again: tuple[Outgoing, ...] = (),
        text: str = "",
    ) -> None:
        """What waits is posted in the new group. The keys of the old one are deleted, and it is never joined again."""
        room_id = self._rooms.room_id(old.group_id)
        waiting = tuple(
            replace(out, sealed=None)
            for out in old.outbox
            if out.intent != Change() and not isinstance(out.intent, Succeed)
        )
        is_forked = new.halt is Halt.OPEN and not all(old.forks.values())
        moved = replace(
            new,
            outbox=(*new.outbox, *again, *waiting),
            forks=old.forks,  # still a person's to acknowledge
            halt=Halt.FORKED if is_forked else new.halt,
        )
        lines = (Line(new.cursor, bytes(MESSAGE_ID_SIZE), Event.MOVED, text),) if text else ()

        def before() -> None:
            used()
            self._store.forget_log(old.group_id)
            self._store.decline(old.group_id)
            for held in self._store.held_welcomes(room_id):
                self._store.drop_held_welcome(held)
                if held.group_id != new.group_id:
                    self._store.decline(held.group_id)

        known = self._rooms.log(new.group_id) if new.group_id in self._rooms else None
        self._rooms.save(
            known, Step(moved, lines), room_id, before=before, met_by=by, is_shown=True
        )
        self._rooms.forget(old.group_id, moved_to=new.group_id)
        for mover in self._movers.pop(room_id, []):
            if not mover.done():
                mover.set_result(new.group_id)

    def abandon(self, group_id: bytes, why: CoterieError | None) -> None:
        """A prepared group in which no room goes on. ``why`` is told to who waits; None: it goes on in another's.

        Who agreed to go there has not agreed to go where somebody else says.
        """
        room_id = self._rooms.room_id(group_id)
        present = self._rooms.log(self._rooms.prepared()[group_id])
        rest = tuple(out for out in present.outbox if out.intent != Succeed(group_id))
        agreed = present.agreed and why is None
        left = replace(present, outbox=rest, instead=False, agreed=agreed)

        def before() -> None:
            self._store.forget_log(group_id)
            self._store.decline(group_id)

        self._rooms.save(present, Step(left), before=before)
        self._rooms.forget(group_id)
        if why is not None:
            self._fail(room_id, why)

    def _fail(self, room_id: bytes, error: CoterieError) -> None:
        for mover in self._movers.pop(room_id, []):
            if not mover.done():
                mover.set_exception(error)
                mover.exception()  # who waited may have gone: that is no news
