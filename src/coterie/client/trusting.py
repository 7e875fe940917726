"""Whose keys a person trusts: numbers that were compared, and warnings that were seen."""

from coterie.client import api
from coterie.client.finding import check_name
from coterie.client.happening import Event
from coterie.client.room_policy import direct_room_id
from coterie.client.running import Running
from coterie.errors import InvalidInput
from coterie.wire.frames import Account, FetchAccount


class Trusting:
    """What is accepted lets rooms go on."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._rooms, self._people = running.rooms, running.people

    async def verify(self, name: str, *, compared: bool, seen: str) -> api.SafetyNumber:
        """The number to compare; with ``compared`` it was, and ``seen`` is what the person saw. Raises InvalidInput."""
        check_name(name)
        if name == self._running.account.name:
            raise InvalidInput("that is you")
        if self._people.known(name) is None:
            account = await self._running.call(FetchAccount(name), Account)
            self._people.believe(name, account.device_list, self._running.now())
        number = self._people.safety_number(name)
        if compared and seen and seen != number:
            raise InvalidInput(
                f"{name}'s key changed while you compared", hint="compare the new number"
            )
        if compared:
            self._people.compared(name, self._running.now())
            self._tell(name, number)
            self._wake_rooms()
        known = self._people.known(name)
        if known is None or known.changed_key is not None:
            return api.SafetyNumber(name, number, "changed")
        return api.SafetyNumber(name, number, known.pin.how.value)

    def accept_key(self, name: str) -> None:
        """The changed key of an account is taken without having been compared. Raises InvalidInput."""
        self._people.acknowledge(name, self._running.now())
        self._wake_rooms()

    def _tell(self, name: str, number: str) -> None:
        """A line of this device's own, in the direct messages with that account where there are any."""
        known = self._people.known(name)
        if known is None:
            return
        mine = self._running.account.account_public_key
        group_id = self._rooms.group_of(direct_room_id(mine, known.pin.account_key))
        if group_id is not None:
            text = f"you verified {name}: you compared the safety number {number[:11]}…"
            self._rooms.tell(group_id, Event.VERIFIED, text)

    def _wake_rooms(self) -> None:
        for group_id in self._rooms:
            self._rooms.on_change(group_id)
