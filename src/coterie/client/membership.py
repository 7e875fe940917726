"""Who is in a room and what it is called: each change is a commit, checked here before it is posted."""

from msgspec import structs

from coterie.client import log as logs
from coterie.client import room_state
from coterie.client.direct import check_not_direct
from coterie.client.finding import check_name
from coterie.client.intent import Change, Leave, Newcomer
from coterie.client.log import GroupLog
from coterie.client.placing import Placing
from coterie.client.room_policy import leaf_identity
from coterie.client.running import Running
from coterie.errors import InvalidInput, RuleViolation
from coterie.wire.frames import FetchKeyPackages, KeyPackages


class Membership:
    """The rooms of this account. All raise InvalidInput, and what ``Placing.placed`` raises."""

    def __init__(self, running: Running, placing: Placing) -> None:
        self._running, self._placing = running, placing
        self._rooms, self._people = running.rooms, running.people

    async def create(self, name: str, members: tuple[str, ...]) -> bytes:
        """The group of a new room with these accounts in it."""
        newcomers = await self._newcomers(members)
        group_id = self._rooms.create(name)
        self._running.sync.follow(group_id)
        if newcomers:
            await self._placing.placed(group_id, Change(adds=newcomers))
        return group_id

    async def add(self, group_id: bytes, added: tuple[str, ...]) -> None:
        """Brings accounts in, with all their devices."""
        log = self._placing.sendable(group_id)
        check_not_direct(logs.state(log), "add")
        here = {leaf_identity(m.leaf_node).name for m in log.group.members()}
        for name in added:
            if name in here:
                raise InvalidInput(f"{name} is in the room already")
        if not self._rooms.is_admin(log) and not logs.state(log).settings.members_may_add:
            raise InvalidInput("only an admin may add people to this room")
        await self._placing.placed(group_id, Change(adds=await self._newcomers(added)))

    async def remove(self, group_id: bytes, name: str) -> None:
        """Takes an account out, with all its devices."""
        log = self._placing.sendable(group_id)
        check_not_direct(logs.state(log), "remove")
        _check_member(log, name)
        if name == self._running.account.name:
            raise InvalidInput("that is you", hint="`coterie room leave` is how one leaves")
        if not self._rooms.is_admin(log):
            raise InvalidInput("only an admin may remove others")
        await self._placing.placed(group_id, Change(removes=(name,)))

    async def leave(self, group_id: bytes) -> None:
        """Asks the others to commit it; who is alone goes at once."""
        log = self._placing.sendable(group_id)
        check_not_direct(logs.state(log), "leave")
        accounts = {leaf_identity(m.leaf_node).account_key for m in log.group.members()}
        mine = self._running.account.account_public_key
        if accounts == {mine}:  # there is nobody to commit it
            if log.pending is not None:  # somebody may be in the room already
                raise InvalidInput(
                    "a change of the room is under way", hint="try again in a moment"
                )
            self._rooms.leave_alone(group_id)
            return
        if not (accounts - {mine}) & set(logs.state(log).admins):
            raise InvalidInput(
                "you are the only admin, and a room needs one",
                hint="make somebody else an admin first: `coterie room admin ROOM NAME`",
            )
        await self._placing.placed(group_id, Leave())

    async def describe(self, group_id: bytes, name: str | None, topic: str | None) -> None:
        """Gives it another name or topic."""
        log = self._placing.sendable(group_id)
        state = logs.state(log)
        if name is not None:
            check_not_direct(state, "name")
        if not self._rooms.is_admin(log):
            raise InvalidInput("only an admin may change the name or the topic")
        changed = structs.replace(
            state,
            name=state.name if name is None else name,
            topic=state.topic if topic is None else topic,
        )
        if changed == state:
            return
        try:
            room_state.decode(room_state.encode(changed))
        except (RuleViolation, UnicodeEncodeError) as error:
            limits = f"a name has 1 to {room_state.MAX_NAME} characters, a topic at most 1,000"
            raise InvalidInput(limits) from error
        await self._placing.placed(group_id, Change(room_state=changed, seen=state))

    async def set_admin(self, group_id: bytes, name: str, *, is_admin: bool) -> None:
        """Makes a member an admin, or no longer one."""
        log = self._placing.sendable(group_id)
        check_not_direct(logs.state(log), "admin")
        key, state = _check_member(log, name), logs.state(log)
        if not self._rooms.is_admin(log):
            raise InvalidInput("only an admin may say who is one")
        admins = tuple(admin for admin in state.admins if admin != key)
        if is_admin:
            admins = (*admins, key)
        if not admins:
            raise InvalidInput("a room needs an admin")
        changed = structs.replace(state, admins=admins)
        await self._placing.placed(group_id, Change(room_state=changed, seen=state))

    async def _newcomers(self, added: tuple[str, ...]) -> tuple[Newcomer, ...]:
        """All devices of these accounts, ready to be added. Needs the server."""
        found: list[Newcomer] = []
        for name in dict.fromkeys(added):
            check_name(name)
            if name == self._running.account.name:
                raise InvalidInput("you are in your own room already")
            given = await self._running.call(FetchKeyPackages(name), KeyPackages)
            found += self._people.newcomers(name, given, self._running.suite, self._running.now())
        return tuple(found)


def _check_member(log: GroupLog, name: str) -> bytes:
    """The account key of a member."""
    for member in log.group.members():
        found = leaf_identity(member.leaf_node)
        if found.name == name:
            return found.account_key
    raise InvalidInput(f"{name} is not in the room", hint="`coterie room members` shows who is")
