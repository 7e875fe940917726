"""Direct messages that a person opens: those that there are, or begun with whom the directory names."""

import secrets

from coterie.client import direct, outbox, room_state
from coterie.client import log as logs
from coterie.client.finding import CATCH_UP_S, check_name
from coterie.client.happening import Event, Line
from coterie.client.intent import Change, Newcomer
from coterie.client.log import GroupLog, Halt, Step
from coterie.client.placing import Placing
from coterie.client.remedy import acknowledge_command
from coterie.client.room_policy import direct_room_id
from coterie.client.running import Running
from coterie.errors import InvalidInput, LocalProtocolError
from coterie.wire.frames import FetchKeyPackages, KeyPackages
from coterie.wire.limits import MESSAGE_ID_SIZE

_NOBODY = bytes(MESSAGE_ID_SIZE)


class Directs:
    """Of this account. All raise InvalidInput, KeyChanged, and what ``Placing.placed`` raises."""

    def __init__(self, running: Running, placing: Placing) -> None:
        self._running, self._placing = running, placing
        self._rooms, self._people, self._sync = running.rooms, running.people, running.sync

    async def open(self, name: str) -> bytes:
        """The group of the direct messages with that account; where there are none, begun, with the other in it."""
        check_name(name)
        if name == self._running.account.name:
            raise InvalidInput("that is you", hint="a room of your own is for notes")
        found = self.known(name)
        if found is None:  # he may have begun them already
            await self._running.catch_up(CATCH_UP_S)
            found = self.known(name)
        if found is not None:
            return found
        newcomers = await self._newcomers(name)
        found = self.known(name)  # as before, a moment later
        if found is not None:
            return found
        alone = self._present(name)
        if alone is not None:
            return self._replace(alone, newcomers)
        group_id = self._begin(name)
        await self._placing.placed(group_id, Change(adds=newcomers))
        return self._rooms.present(group_id)

    def known(self, name: str) -> bytes | None:
        """The group of those that there are, under the key by which this device knows the account.

        None too where the other could not be added: they are begun again then.
        """
        found = self._present(name)
        return found if found and direct.partner(self._rooms.log(found)) else None

    async def renew(self, group_id: bytes) -> bytes:
        """The group in which direct messages go on from this one, at once; the other follows by the invitation.

        Its id is lower, so it stays wherever both are known: whoever else renews at once comes to the same.
        """
        name = direct.partner(self._check_can_renew(group_id))
        newcomers = await self._newcomers(name)
        await self._sync.read_on(
            self._rooms.present(group_id)
        )  # what is not read by then never can be
        group_id = self._rooms.present(group_id)
        self._check_can_renew(group_id)
        if self._room_id(name) != self._rooms.room_id(group_id):
            raise InvalidInput(
                f"{name} has another key than in these direct messages",
                hint="those under the new key are others",
            )
        return self._replace(group_id, newcomers)

    def _check_can_renew(self, group_id: bytes) -> GroupLog:
        log = self._rooms.log(group_id)
        if log.halt is Halt.FORKED:
            hint = f"`{acknowledge_command(log)}`"
            raise InvalidInput("the other saw another log than this device", hint=hint)
        if log.halt not in (Halt.OPEN, Halt.STUCK, Halt.LOST):
            raise InvalidInput("this device does not know their present state")
        return log

    def _present(self, name: str) -> bytes | None:
        room_id = self._room_id(name)
        return self._rooms.group_of(room_id) if room_id else None

    def _room_id(self, name: str) -> bytes | None:
        known = self._people.known(name)
        mine = self._running.account.account_public_key
        return direct_room_id(mine, known.pin.account_key) if known else None

    async def _newcomers(self, name: str) -> tuple[Newcomer, ...]:
        given = await self._running.call(FetchKeyPackages(name), KeyPackages)
        return self._people.newcomers(name, given, self._running.suite, self._running.now())

    def _begin(self, name: str) -> bytes:
        """A room of this device alone, in which nothing is said before the other is added."""
        known = self._people.known(name)
        if known is None:
            raise LocalProtocolError(f"no key of {name} is pinned")
        me = self._running.account
        state = direct.new_state(me.account_public_key, known.pin.account_key)
        group = self._rooms.new_group(room_state.encode(state))
        made = logs.create(group, me.device, self._running.now())
        line = Line(0, _NOBODY, Event.CREATED, f"you began direct messages with {name}")
        self._rooms.save(None, Step(made, (line,)), state.room_id)
        self._sync.follow(group.group_id)
        return group.group_id

    def _replace(self, group_id: bytes, newcomers: tuple[Newcomer, ...]) -> bytes:
        """A group in place of that one, which stays since its id is lower; before all that waits the other is added."""
        me, here = self._running.account, self._rooms.log(group_id)
        encoded = room_state.encode(logs.state(here))
        group = self._rooms.new_group(encoded, direct.id_below(group_id))
        made = logs.create(group, me.device, self._running.now())
        made = outbox.enqueue(made, Change(adds=newcomers), secrets.token_bytes(16))
        self._sync.unfollow(group_id)
        self._sync.succession.moves.replace(group_id, made, me.name)
        self._sync.follow(made.group_id)
        return made.group_id
