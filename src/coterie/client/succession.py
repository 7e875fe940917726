"""How a room of this device goes on in another group: PROTOCOL.md section 2, "Successor".

What is under way lies in the store, so a crash at any moment leaves something to go on from: a group that was
prepared, a successor in the outbox, an invitation that waits for one. ``due`` and ``announce`` look what can be done.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from coterie.client import log as logs
from coterie.client.device import Enrolled
from coterie.client.happening import Event
from coterie.client.intent import Change, Newcomer, Succeed
from coterie.client.invitation import Invitation, open_invitation
from coterie.client.key_packages import KeyPackages
from coterie.client.log import GroupLog, Halt
from coterie.client.moves import Moves
from coterie.client.remedy import follow_command
from coterie.client.room_policy import MAX_ADDS, accounts_of, is_direct
from coterie.client.rooms import Rooms
from coterie.client.store import HeldWelcome, Store
from coterie.client.successor import described, differences, is_admin, state_without
from coterie.client.successor_entry import chosen
from coterie.errors import InvalidInput, RemoteProtocolError, RuleViolation, Unavailable
from coterie.logs import get_logger, short

log = get_logger()

UNLISTED = "the restored server does not count this device among the room's, so it cannot say where the room goes on"
UNLISTED_HINT = "an admin who was in the room at the time of the backup can; else make a new room"

MAX_HELD = 1_000  # invitations: one a room and admin, and after a restore it may be every room
MAX_OF_STRANGERS = 5  # in a room that this device is out of; the oldest give way
NAMED = 10  # of who is in a group, in a line
WELCOME_WITHIN_S = (
    600.0  # of its successor, which is posted after it: then another admin's group may be chosen
)
MAX_HELD_BYTES = 2**26  # 64 MiB on disk; one for a thousand devices is a few


class Succession:
    """All rooms of a device."""

    def __init__(
        self,
        store: Store,
        account: Enrolled,
        rooms: Rooms,
        key_packages: KeyPackages,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._account = account
        self._rooms = rooms
        self._key_packages = key_packages
        self._now = now
        self.moves = Moves(store, account, rooms, now)

    # --- making one ----------------------------------------------------------------------------

    def prepared_for(self, group_id: bytes) -> bytes | None:
        """The group that this device has made for a room to go on in."""
        pairs = self._rooms.prepared().items()
        return next((new for new, present in pairs if present == group_id), None)

    def prepare(self, group_id: bytes, newcomers: Sequence[Newcomer]) -> bytes:
        """A group for the room to go on in, with these in it beside us; its id. It is posted to like any other.

        The author of the commit that left this device stuck is no admin there. Its person has agreed.
        """
        here = self._rooms.log(group_id)
        adds = [
            Change(adds=tuple(newcomers[at : at + MAX_ADDS]))
            for at in range(0, len(newcomers), MAX_ADDS)
        ]
        chosen = replace(here, agreed=True, instead=bool(here.successor))
        state = state_without(here.group, self.left_out(group_id))
        return self.moves.prepare(chosen, state, adds)

    def left_out(self, group_id: bytes) -> str:
        """ "He leaves out the author of the bad entry (in a direct message nobody)." Empty: nobody."""
        here = self._rooms.log(group_id)
        is_nobody = is_direct(logs.state(here)) or here.halt is not Halt.STUCK
        return "" if is_nobody else here.stuck_by

    def superseded(self) -> list[bytes]:
        """Prepared groups in which no room will go on: another's was first, nobody was let in, or it can't be said."""
        return [
            group_id
            for group_id, present in self._rooms.prepared().items()
            if self._is_late(group_id, present)
            or self._is_empty(group_id, present)
            or self._rooms.log(group_id).halt is not Halt.OPEN
            or self._rooms.is_unlisted(present)
        ]

    def _is_late(self, group_id: bytes, present: bytes) -> bool:
        here = self._rooms.log(present)
        return here.successor not in (b"", group_id) and not here.instead

    def _is_empty(self, group_id: bytes, present: bytes) -> bool:
        made, here = self._rooms.log(group_id), self._rooms.log(present)
        is_alone = not made.outbox and len(accounts_of(made.group)) == 1
        return is_alone and len(accounts_of(here.group)) > 1

    def abandon(self, group_id: bytes) -> None:
        """Nothing is left of a prepared group."""
        present = self._rooms.prepared()[group_id]
        if self._rooms.is_unlisted(present):
            self.moves.abandon(group_id, InvalidInput(UNLISTED, hint=UNLISTED_HINT))
        elif self._is_late(group_id, present):
            self.moves.abandon(group_id, None)
        else:
            why = Unavailable("the new group came to nothing", hint="begin it again")
            self.moves.abandon(group_id, why)

    def announce(self) -> None:
        """Posts the successors of the groups that have their members by now."""
        for group_id, present in self._rooms.prepared().items():
            here = self._rooms.log(present)
            is_posted = any(isinstance(out.intent, Succeed) for out in here.outbox)
            is_said = bool(here.successor) and not here.instead
            if not (is_said or is_posted or self._rooms.log(group_id).outbox):
                self.moves.announce(present, group_id)

    def ready(self) -> list[bytes]:
        """Prepared groups that have their members by now.

        Nothing is read there before the room lives there: what the first to go there says would be shown to nobody.
        """
        return [
            group_id for group_id in self._rooms.prepared() if not self._rooms.log(group_id).outbox
        ]

    # --- following -----------------------------------------------------------------------------

    def hold(self, invitation: Invitation, welcome: bytes) -> bool:
        """Keeps an invitation to a second group of a room, until a successor names it; whether that is news.

        The first by him is, unless it puts out another: strangers without end would make lines without end.
        A room that this device is out of has no successor to wait for: there its person says whether to go.
        Raises RuleViolation: nobody but an admin makes one, and no more are kept than could be right.
        """
        present = self._rooms.group_of(invitation.room_id)
        if present is None:
            raise RuleViolation("welcome-room", "of a room that is not known")
        here, group_id, by = self._rooms.log(present), invitation.group.group_id, invitation.by
        maker = _maker(here, group_id)
        is_by_admin = (
            by.account_key == maker  # who may be no admin any more
            or is_admin(here.group, (by.name, by.account_key))
        )
        if self._store.has_declined(group_id):
            raise RuleViolation("welcome-group", "the room has left that group")
        if not (is_by_admin or here.halt is Halt.REMOVED):
            raise RuleViolation("welcome-room", "a second group for a room that is known")
        if here.halt is not Halt.REMOVED and maker not in (None, by.account_key):
            raise RuleViolation("welcome-room", "not by who made that group for the room")
        count, size = self._store.size_of_held_welcomes()
        if is_by_admin and (count >= MAX_HELD or size + len(welcome) > MAX_HELD_BYTES):
            raise RuleViolation("welcome-held", f"{count} of {size} bytes wait for successors")
        earlier = self._store.held_welcomes(invitation.room_id)
        held = HeldWelcome(group_id, invitation.room_id, by.account_key, welcome, is_by_admin)
        self._store.hold_welcome(held)
        self._store.drop_oldest_held(invitation.room_id, MAX_OF_STRANGERS)
        self._rooms.on_change(present)  # a log that was lost is asked for the successor
        log.info("welcome-held", group=short(group_id), size=len(welcome))
        has_room = sum(not other.is_by_admin for other in earlier) < MAX_OF_STRANGERS
        is_first = all(other.account_key != by.account_key for other in earlier)
        return is_first and (is_by_admin or has_room)

    def tell_of(self, invitation: Invitation) -> None:
        """Who is out of the room is told that he may come in again."""
        present = self._rooms.group_of(invitation.room_id)
        if present is None or self._rooms.log(present).halt is not Halt.REMOVED:
            return
        by, names = invitation.by.name, sorted(name for name, _ in accounts_of(invitation.group))
        who = ", ".join(names[:NAMED]) + (
            f" and {len(names) - NAMED} others" * (len(names) > NAMED)
        )
        command = follow_command(self._rooms.log(present), made_by=by)
        text = f"{by} lets this device into a new group of this room, with {who}: `{command}` goes there"
        self._rooms.tell(present, Event.SUCCESSOR, text)

    def agree(self, group_id: bytes, made_by: str, accepted: tuple[str, ...]) -> None:
        """The person goes on in the new group, or in that which ``made_by`` made, and accepts this of it.

        Raises InvalidInput.
        """
        here = self._rooms.log(group_id)
        if here.halt is Halt.REMOVED:
            self.moves.choose(self._invited(here, made_by))
            return
        if not here.successor:
            raise InvalidInput("no admin made a new group for this room")
        if made_by and made_by != here.successor_by:
            here = self._chosen(here, made_by)
        self.moves.choose(replace(here, agreed=True, declined=False, strange=(), accepted=accepted))

    def _chosen(self, here: GroupLog, made_by: str) -> GroupLog:
        later = [rival.by for rival in here.rivals]
        if made_by not in later:
            makers = ", ".join([here.successor_by, *later])
            raise InvalidInput(
                f"{made_by} made no new group for this room", hint=f"of {makers} there is one"
            )
        if not self.may_choose(here):
            hint = f"`{follow_command(here)}` goes there"
            raise InvalidInput(f"{here.successor_by} made the first one, which holds", hint=hint)
        return chosen(here, made_by, self._now())

    def may_choose(self, here: GroupLog) -> bool:
        """Whether a person may pass over the present new group: it was refused, or nobody lets this device in."""
        is_let_in = self._held(here) is not None
        is_ours = here.successor == self.prepared_for(here.group_id)
        is_due = self._now() - here.successor_at <= WELCOME_WITHIN_S
        return here.declined or not (is_let_in or is_ours or is_due)

    def _invited(self, here: GroupLog, made_by: str) -> GroupLog:
        """The log of a room that this device is out of, going on where it is invited."""
        found = {}
        for held in self._store.held_welcomes(logs.state(here).room_id):
            try:
                invitation = self._open(held)
            except RemoteProtocolError:  # its key package is too old
                self._store.drop_held_welcome(held)
                continue
            if made_by in ("", invitation.by.name):
                found[invitation.by.name] = held
        if not found:
            raise InvalidInput("this device is no longer in the room, and waits for no invitation")
        if len(found) > 1:
            commands = (f"`{follow_command(here, made_by=by)}`" for by in found)
            raise InvalidInput("several people invite this device", hint=" or ".join(commands))
        ((by, held),) = found.items()
        return replace(
            here,
            successor=held.group_id,
            successor_by=by,
            successor_key=held.account_key,
            agreed=True,
            declined=False,
        )

    def due(self) -> list[bytes]:
        """Groups whose rooms can go on in another one now."""
        return [group_id for group_id in self._rooms.shown() if self._is_due(group_id)]

    def _is_due(self, group_id: bytes) -> bool:
        here, prepared = self._rooms.log(group_id), self.prepared_for(group_id)
        if not here.goes_on:
            return False
        if here.successor == prepared:
            return True
        return self._held(here) is not None and not (here.instead and prepared is not None)

    def go_on(self, group_id: bytes) -> bytes | None:
        """The group in which the room of ``group_id`` lives now; None where this device does not go there."""
        here = self._rooms.log(group_id)
        if here.successor == self.prepared_for(group_id):
            new = self._rooms.log(here.successor)
            self.moves.go_on(group_id, new, self._account.name)
            return here.successor
        held = self._held(here)
        if held is None:
            return None
        reason = f"this device does not go on in the group that {here.successor_by} made"
        try:
            invitation = self._open(held)
            strange = differences(here.group, invitation.group)
        except RemoteProtocolError as error:
            self.moves.stay(group_id, f"{reason} ({error})", "")
            self._store.drop_held_welcome(held)
            return None
        if here.halt is not Halt.REMOVED and not set(strange) <= set(here.accepted):
            # The invitation stays: what is strange in it is its person's to accept, each by name.
            told = described(here.group, strange)
            hint = f"`{follow_command(here, accept=strange)}` accepts that"
            self.moves.stay(
                group_id, f"{reason}, which has what the room lacks: {told}", hint, strange
            )
            return None
        joined = logs.join(invitation.group, self._account.device, invitation.begins, self._now())
        new = replace(joined, let_in_by=invitation.by.name)

        def used() -> None:
            if not invitation.is_last_resort:
                self._key_packages.used(invitation.bundle)

        self.moves.go_on(group_id, new, invitation.by.name, used)
        if invitation.is_last_resort:  # others may be added by the same one
            self._rooms.enqueue(new.group_id, Change())
        return new.group_id

    def _open(self, held: HeldWelcome) -> Invitation:
        return open_invitation(held.welcome, self._key_packages, self._account.device_key)

    def _held(self, here: GroupLog) -> HeldWelcome | None:
        """The invitation to the group that the successor names, by who made it."""
        named = (here.successor, here.successor_key)
        found = self._store.held_welcomes(logs.state(here).room_id)
        return next((held for held in found if (held.group_id, held.account_key) == named), None)


def _maker(here: GroupLog, group_id: bytes) -> bytes | None:
    """The account key of who made that group, where a successor in the log has named it."""
    if here.successor == group_id:
        return here.successor_key
    return next((rival.account_key for rival in here.rivals if rival.group_id == group_id), None)
