"""The device's inbox: Welcomes, each taken once, in one transaction with the place up to which it was taken.

PROTOCOL.md section 2, "Newcomers".
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from coterie.client import direct
from coterie.client import log as logs
from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.intent import Change
from coterie.client.invitation import Invitation, open_invitation
from coterie.client.key_packages import KeyPackages
from coterie.client.log import REJOINS, Halt
from coterie.client.room_policy import accounts_of, is_direct, room_state_of
from coterie.client.rooms import Rooms
from coterie.client.store import Store
from coterie.client.succession import Succession
from coterie.errors import RemoteProtocolError, RuleViolation
from coterie.logs import get_logger, short
from coterie.wire import frames
from coterie.wire.frames import FetchInbox, InboxItem

log = get_logger()

_TAKEN = "inbox"  # the number of the last item that was taken, in the store


class Inbox:
    """``notice`` is told of an invitation that does not open."""

    def __init__(
        self,
        store: Store,
        account: Enrolled,
        rooms: Rooms,
        key_packages: KeyPackages,
        succession: Succession,
        notice: Callable[[str], object],
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._account = account
        self._rooms = rooms
        self._key_packages = key_packages
        self._succession = succession
        self._notice = notice
        self._now = now

    def begin_again(self) -> None:
        """A restored server numbers from an older place: what it gives now may have numbers that were taken."""
        self._put_taken(0)

    async def take(
        self,
        connection: Connection,
        read_on: Callable[[bytes], Awaitable[object]],
        left: Callable[[bytes], object],
        joined: Callable[[bytes], object],
        outside: Callable[[bytes], object],
    ) -> None:
        """Reads it to its end. The server deletes what the next request says was taken.

        ``read_on`` reads the log of a group that is known to its head; ``left`` is told each group whose log is looked
        at no more, ``joined`` each that was joined, ``outside`` each whose Welcome does not open.
        """
        while True:
            after = int.from_bytes(self._store.get(_TAKEN) or b"", "big")
            inbox = await connection.call(FetchInbox(after), frames.Inbox)
            if not inbox.items:
                return
            for item in inbox.items:
                if item.number <= after:
                    raise RemoteProtocolError(f"inbox item {item.number} after {after}")
                after = item.number
                if item.group in self._rooms:  # whether we are still in it is in its log
                    await read_on(item.group)
                if await self._take(item, read_on, left):
                    joined(item.group)
                elif self._rooms.is_outside(item.group):
                    outside(item.group)

    async def _take(
        self,
        item: InboxItem,
        read_on: Callable[[bytes], Awaitable[object]],
        left: Callable[[bytes], object],
    ) -> bool:
        """Whether it let us into a group. What is not for us or breaks a rule is passed over, and told."""
        try:
            invitation = open_invitation(item.welcome, self._key_packages, self._account.device_key)
            group = invitation.group
            if self._is_second(item.group, invitation):
                if is_direct(room_state_of(group)):
                    return await self._choose(item, invitation, read_on, left)
                with self._store.transaction():
                    is_news = self._succession.hold(invitation, item.welcome)
                    self._put_taken(item.number)
                if is_news:
                    self._succession.tell_of(invitation)
                self._rooms.on_succession()
                return False
            self._check_new(item.group, invitation)
        except RemoteProtocolError as error:
            log.info(
                "welcome-refused", group=short(item.group), size=len(item.welcome), rule=str(error)
            )
            self._put_taken(item.number)
            self._rooms.invited_in_vain(item.group)
            self._notice(f"an invitation to a room does not open: {error}")
            return False

        used = partial(self._used, item, invitation)
        self._rooms.join(group, invitation.begins, invitation.by.name, used)
        self._joined(invitation)
        return True

    async def _choose(
        self,
        item: InboxItem,
        invitation: Invitation,
        read_on: Callable[[bytes], Awaitable[object]],
        left: Callable[[bytes], object],
    ) -> bool:
        """Whether direct messages go on in the group of the invitation: of several that of the lowest id stays."""
        group_id, room_id = item.group, invitation.room_id
        if self._gives_way(room_id, group_id):
            present = self._rooms.group_of(room_id)
            if present is not None:  # what is not read there by then never can be
                await read_on(present)
        present = self._rooms.group_of(room_id)
        if present is None or not self._gives_way(room_id, group_id):
            with self._store.transaction():
                self._store.decline(group_id)
                self._put_taken(item.number)
            log.info("welcome-declined", group=short(group_id), size=len(item.welcome))
            return False
        fresh = logs.join(invitation.group, self._account.device, invitation.begins, self._now())
        new = replace(fresh, let_in_by=invitation.by.name)

        def used() -> None:
            self._used(item, invitation)
            self._store.end_rejoin(group_id, self._now())

        left(present)
        self._succession.moves.replace(present, new, invitation.by.name, used)
        self._joined(invitation)
        return True

    def _gives_way(self, room_id: bytes, group_id: bytes) -> bool:
        present = self._rooms.group_of(room_id)
        if present is None or self._store.has_declined(group_id):
            return False
        return direct.gives_way(self._rooms.log(present), group_id)

    def _used(self, item: InboxItem, invitation: Invitation) -> None:
        """Inside the transaction that joins."""
        self._put_taken(item.number)
        if not invitation.is_last_resort:
            self._key_packages.used(invitation.bundle)

    def _put_taken(self, number: int) -> None:
        self._store.put(_TAKEN, number.to_bytes(8, "big"))

    def _joined(self, invitation: Invitation) -> None:
        group = invitation.group
        log.info("joined", group=short(group.group_id), epoch=group.epoch)
        if invitation.is_last_resort:  # others may be added by it too: its keys are renewed at once
            self._rooms.enqueue(group.group_id, Change())

    def _is_second(self, said: bytes, invitation: Invitation) -> bool:
        """Whether it is for another group of a room that is known."""
        group_id = invitation.group.group_id
        if said != group_id or group_id in self._rooms:
            return False
        return self._rooms.group_of(invitation.room_id) is not None

    def _check_new(self, said: bytes, invitation: Invitation) -> None:
        """ "A Welcome is refused for a group that the device was in, unless its epoch is higher …; and for a room it
        knows, unless a successor followed in that room's log names the group." (PROTOCOL.md section 2)
        """
        group_id, room_id = invitation.group.group_id, invitation.room_id
        if said != group_id:
            raise RuleViolation("welcome-group", "the server names another group")
        if group_id in self._rooms:
            # "No commit changes a room id" (section 4), and the server never learns it: it cannot make the group anew.
            if room_id != self._rooms.room_id(group_id):
                raise RuleViolation("welcome-room", "the group is known as another room")
            here = self._rooms.log(group_id)
            # Epochs into which one member alone led this device were never the group's; and what uses up a key
            # package is no replay.
            was_there = not here.let_in_by or invitation.is_last_resort
            if was_there and invitation.group.epoch <= here.group.epoch:
                raise RuleViolation("welcome-epoch", "the device was in that epoch already")
            # Its log was read to the head: whoever was added anew has read there that he was removed. Else a member
            # could put another group in this one's place, with whom he likes in it. Where the log is lost nothing can
            # tell: if it comes back it is read, and else its successor leads on.
            if here.halt in (Halt.OPEN, Halt.FORKED, Halt.LOST):
                raise RuleViolation("welcome-member", "the device is in that group")
            # And somebody outside could, with the server's help, where the log is not read any more.
            is_known = (invitation.by.name, invitation.by.account_key) in accounts_of(here.group)
            if here.halt in REJOINS and not here.let_in_by and not is_known:
                raise RuleViolation(
                    "welcome-stranger", f"{invitation.by.name} was not in that group"
                )
            return
