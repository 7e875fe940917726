"""How a room of this device goes on in another group: PROTOCOL.md section 2, "Successor".

What is under way lies in the store, so a crash at any moment leaves something to go on from: a group that was
prepared, a successor in the outbox, an invitation that waits for one. ``due`` and ``announce`` look what can be done.
"""

from collections.abc import Callable, Sequence

from coterie.client import log as logs
from coterie.client.device import Enrolled
from coterie.client.intent import Change, Newcomer, Succeed
from coterie.client.invitation import Invitation, open_invitation
from coterie.client.key_packages import KeyPackages
from coterie.client.log import Halt
from coterie.client.room_policy import MAX_ADDS, ROOM_ID_SIZE, accounts_of
from coterie.client.rooms import Rooms
from coterie.client.store import HeldWelcome, Store
from coterie.client.successor import check_goes_on, is_admin, state_without
from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.logs import get_logger, short

log = get_logger()

MAX_HELD = 1_000  # invitations: one a room and admin, and after a restore it may be every room
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
        self._rooms.agree(group_id)
        return self._rooms.prepare(state_without(here.group, self.left_out(group_id)), adds)

    def left_out(self, group_id: bytes) -> str:
        """ "He leaves out the author of the bad entry (in a direct message nobody)." Empty: nobody."""
        here = self._rooms.log(group_id)
        is_direct = len(logs.state(here).room_id) != ROOM_ID_SIZE
        return "" if is_direct or here.halt is not Halt.STUCK else here.stuck_by

    def superseded(self) -> list[bytes]:
        """Prepared groups in which no room will go on: another admin's successor was first, or nobody was let in."""
        found = []
        for group_id, present in self._rooms.prepared().items():
            made, here = self._rooms.log(group_id), self._rooms.log(present)
            is_late = here.successor not in (b"", group_id)
            is_alone = not made.outbox and len(accounts_of(made.group)) == 1
            is_empty = is_alone and len(accounts_of(here.group)) > 1
            if is_late or is_empty or made.halt is not Halt.OPEN:
                found.append(group_id)
        return found

    def abandon(self, group_id: bytes) -> None:
        """Nothing is left of a prepared group."""
        present = self._rooms.prepared()[group_id]
        self._rooms.abandon(group_id, is_late=bool(self._rooms.log(present).successor))

    def announce(self) -> None:
        """Posts the successors of the groups that have their members by now."""
        for group_id, present in self._rooms.prepared().items():
            here = self._rooms.log(present)
            is_posted = any(isinstance(out.intent, Succeed) for out in here.outbox)
            if not (here.successor or is_posted or self._rooms.log(group_id).outbox):
                self._rooms.announce(present, group_id)

    # --- following -----------------------------------------------------------------------------

    def hold(self, invitation: Invitation, welcome: bytes) -> None:
        """Keeps an invitation to a second group of a room, until a successor names it.

        Raises RuleViolation: nobody but an admin makes one, and no more are kept than could be right.
        """
        present = self._rooms.group_of(invitation.room_id)
        if present is None:
            raise RuleViolation("welcome-room", "of a room that is not known")
        here, group_id, by = self._rooms.log(present), invitation.group.group_id, invitation.by
        is_named = here.successor == group_id
        if self._store.has_declined(group_id):
            raise RuleViolation("welcome-group", "the room has left that group")
        if here.halt is Halt.REMOVED or not (
            is_named or is_admin(here.group, (by.name, by.account_key))
        ):
            raise RuleViolation("welcome-room", "a second group for a room that is known")
        count, size = self._store.size_of_held_welcomes()
        if count >= MAX_HELD or size + len(welcome) > MAX_HELD_BYTES:
            raise RuleViolation("welcome-held", f"{count} of {size} bytes wait for successors")
        held = HeldWelcome(group_id, invitation.room_id, by.account_key, welcome)
        self._store.hold_welcome(held)
        self._rooms.on_change(present)  # a log that was lost is asked for the successor
        log.info("welcome-held", group=short(group_id), size=len(welcome))

    def due(self) -> list[bytes]:
        """Groups whose rooms can go on in another one now."""
        return [
            group_id
            for group_id in self._rooms.shown()
            if self._rooms.log(group_id).goes_on
            and (
                self._rooms.log(group_id).successor == self.prepared_for(group_id)
                or self._held(group_id) is not None
            )
        ]

    def go_on(self, group_id: bytes) -> bytes | None:
        """The group in which the room of ``group_id`` lives now; None where this device does not go there."""
        here = self._rooms.log(group_id)
        if here.successor == self.prepared_for(group_id):
            new = self._rooms.log(here.successor)
            self._rooms.go_on(group_id, new, self._account.name)
            return here.successor
        held = self._held(group_id)
        if held is None:
            return None
        try:
            invitation = open_invitation(held.welcome, self._key_packages, self._account.device_key)
            check_goes_on(here.group, invitation.group)
        except RemoteProtocolError as error:
            text = f"this device does not go on in the group that {here.successor_by} made: {error}"
            self._rooms.stay(group_id, text)
            self._store.drop_held_welcome(held.group_id)
            return None
        new = logs.join(invitation.group, self._account.device, invitation.begins, self._now())

        def used() -> None:
            if not invitation.is_last_resort:
                self._key_packages.used(invitation.bundle)

        self._rooms.go_on(group_id, new, invitation.by.name, used)
        if invitation.is_last_resort:  # others may be added by the same one
            self._rooms.enqueue(new.group_id, Change())
        return new.group_id

    def _held(self, group_id: bytes) -> HeldWelcome | None:
        """The invitation to the group that the successor names."""
        wanted = self._rooms.log(group_id).successor
        found = self._store.held_welcomes(self._rooms.room_id(group_id))
        return next((held for held in found if held.group_id == wanted), None)
