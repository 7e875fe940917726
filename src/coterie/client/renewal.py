"""What a person asks of a room that cannot go on as it is: a new group for it, or to follow into one."""

from coterie.client.directs import Directs
from coterie.client.happening import Event
from coterie.client.intent import Newcomer
from coterie.client.log import GroupLog, Halt, state
from coterie.client.remedy import acknowledge_command, follow_command, renew_command
from coterie.client.room_policy import is_direct, leaf_identity
from coterie.client.running import Running
from coterie.client.succession import UNLISTED, UNLISTED_HINT
from coterie.errors import CoterieError, InvalidInput, Unavailable
from coterie.wire.frames import FetchKeyPackages, KeyPackages

RENEWED_S = 60.0  # what who renews waits at most; it goes on by itself
FOLLOWED_S = 10.0  # what who follows waits at most for the invitation


class Renewal:
    """The two requests."""

    def __init__(self, running: Running, directs: Directs) -> None:
        self._running = running
        self._rooms, self._people = running.rooms, running.people
        self._sync, self._succession = running.sync, running.sync.succession
        self._directs = directs

    async def renew(self, group_id: bytes, instead_of: str = "") -> bytes:
        """The group in which the room goes on, with everybody in it who can be reached.

        Begun again after a crash it goes on. ``instead_of`` is who made the one that is no good.
        Raises InvalidInput; Unavailable where it takes longer.
        """
        if is_direct(state(self._rooms.log(group_id))):
            return await self._directs.renew(group_id)
        self._check_can_renew(group_id, instead_of)
        room_id = self._rooms.room_id(group_id)
        if self._succession.prepared_for(group_id) is None:
            newcomers = await self._everybody(group_id)
            self._check_can_renew(group_id, instead_of)  # it may be another room by now
            if self._succession.prepared_for(group_id) is None:
                self._sync.follow(self._succession.prepare(group_id, newcomers))
        moved = self._succession.moves.moved(room_id)
        self._sync.go_on()
        try:
            return await self._running.wait_for(moved, RENEWED_S)
        except Unavailable as error:
            hint = "it goes on by itself when the server can be reached"
            raise Unavailable(str(error), hint=hint, wait_s=error.wait_s) from error
        finally:
            moved.cancel()

    async def follow(
        self, group_id: bytes, made_by: str = "", accept: tuple[str, ...] = ()
    ) -> bytes:
        """The group in which the room goes on, once the invitation is there.

        ``made_by`` chooses another admin's, ``accept`` names what it may have that the room lacks. Raises InvalidInput.
        """
        moved = self._succession.moves.moved(self._rooms.room_id(group_id))
        try:
            self._succession.agree(group_id, made_by, accept)
        except InvalidInput:
            moved.cancel()
            raise
        self._sync.look_again(group_id)
        self._sync.go_on()
        try:
            return await self._running.wait_for(moved, FOLLOWED_S)
        except Unavailable as error:
            hint = "it follows once the invitation is there"
            raise Unavailable("this device is not in the new group yet", hint=hint) from error
        finally:
            moved.cancel()

    def _check_can_renew(self, group_id: bytes, instead_of: str) -> None:
        if group_id not in self._rooms:
            raise InvalidInput("the room has gone on in another group meanwhile")
        log = self._rooms.log(group_id)
        if self._rooms.is_unlisted(group_id):
            raise InvalidInput(UNLISTED, hint=UNLISTED_HINT)
        if not self._rooms.is_admin(log):
            raise InvalidInput("only an admin may have a room go on in a new group")
        is_begun = log.instead and self._succession.prepared_for(group_id) is not None
        if log.successor and not is_begun:
            self._check_instead(log, instead_of)
        if log.halt is Halt.FORKED:
            hint = f"`{acknowledge_command(log)}`"
            raise InvalidInput("a member saw another log than this device", hint=hint)
        if log.halt not in (Halt.OPEN, Halt.STUCK, Halt.LOST):
            raise InvalidInput("this device does not know the room's present state")

    def _check_instead(self, log: GroupLog, instead_of: str) -> None:
        """There is a new group already: another is made only instead of one that is named, and is no good here."""
        may_choose = self._succession.may_choose(log)
        if may_choose and instead_of == log.successor_by:
            return
        hint = f"`{follow_command(log)}` goes there"
        if may_choose:
            hint += f", and `{renew_command(log, instead_of=log.successor_by)}` makes another"
        raise InvalidInput(f"{log.successor_by} made a new group for this room already", hint=hint)

    async def _everybody(self, group_id: bytes) -> tuple[Newcomer, ...]:
        """The devices of all members that can be added, by the checks of adding a member; the others are told."""
        log, left_out = self._rooms.log(group_id), self._succession.left_out(group_id)
        found: list[Newcomer] = []
        keys = {
            leaf.name: leaf.account_key
            for leaf in (leaf_identity(m.leaf_node) for m in log.group.members())
        }
        others = sorted(keys.keys() - {self._running.account.name, left_out})
        missing = []
        for name in others:
            try:
                found += await self._devices_of(name, keys[name])
            except Unavailable:
                raise
            except CoterieError as error:
                missing.append(f"{name} ({error})")
        if others and not found:
            raise InvalidInput(
                f"nobody can be let into a new group: {', '.join(missing)}",
                hint="they must come online once, to leave new key packages",
            )
        if left_out:
            missing.append(f"{left_out} (whose commit left this device stuck)")
        if missing:
            text = f"not in the new group: {', '.join(missing)}; an admin can add them there"
            self._rooms.tell(group_id, Event.MOVED, text)
        return tuple(found)

    async def _devices_of(self, name: str, account_key: bytes) -> tuple[Newcomer, ...]:
        given = await self._running.call(FetchKeyPackages(name), KeyPackages)
        found = self._people.newcomers(name, given, self._running.suite, self._running.now())
        known = self._people.known(name)
        if known is None or known.pin.account_key != account_key:
            raise InvalidInput("the key is not the one in the room")
        return found
