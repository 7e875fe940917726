"""What a request names: a room by its name or id, an account by its name, a message by its reference."""

from coterie.client import direct
from coterie.client.called import SHOWN_DIGITS, Known, rooms_called
from coterie.client.log import Halt, state
from coterie.client.running import Running
from coterie.content import Ref
from coterie.errors import InvalidInput
from coterie.wire import names
from coterie.wire.limits import DEVICE_ID_SIZE, MESSAGE_ID_SIZE

CATCH_UP_S = 10.0  # what a reader waits at most for what the server has


class Finding:
    """Among what this device has."""

    def __init__(self, running: Running) -> None:
        self._running, self._rooms = running, running.rooms

    async def room(self, ref: str) -> bytes:
        """The group of a room by its name or the beginning of its id; direct messages have the other's name.

        With # it is the name of a room, with @ that of an account. A whole id is never a name. One that is not known
        here may be an invitation that was not read yet. Raises InvalidInput.
        """
        found = self._only_or_none(ref)
        if found is None:
            await self._running.catch_up(CATCH_UP_S)
            found = self._only_or_none(ref)
        if found is None:
            raise no_room(ref)
        return found

    def rooms_called(self, ref: str) -> list[bytes]:
        """The groups of all rooms that are called so; of those of a name, the ones that one is in."""
        return rooms_called(ref, self._rooms.shown(), self._known)

    def _known(self, group_id: bytes) -> Known:
        log, room_id = self._rooms.log(group_id), self._rooms.room_id(group_id).hex()
        partner = direct.partner(log)
        is_left = log.halt is Halt.REMOVED
        return Known(room_id, partner or state(log).name, bool(partner), is_left)

    def _only_or_none(self, ref: str) -> bytes | None:
        found = self.rooms_called(ref)
        if len(found) > 1:
            ids = [self._rooms.room_id(g).hex() for g in found]
            if not any(room_id.startswith(ref) for room_id in ids):
                ids = [room_id[:SHOWN_DIGITS] for room_id in ids]
            told = f"several rooms are called {ref}: {', '.join(ids)}"
            raise InvalidInput(told, hint="name it by its id")
        return found[0] if found else None


def no_room(ref: str) -> InvalidInput:
    """None is called so."""
    return InvalidInput(f"there is no room {ref}", hint="`coterie room list` shows them")


def check_name(name: str) -> None:
    """Raises InvalidInput where no account can be called so."""
    if not names.is_allowed(name):
        raise InvalidInput(f"{name[:80]!r} is no account's name", hint=f"a name is {names.RULE}")


def message_ref(given: str) -> Ref:
    """Of ``api.Message.ref``. Raises InvalidInput where it is none."""
    try:
        named = bytes.fromhex(given)
    except ValueError:
        named = b""
    if len(named) != DEVICE_ID_SIZE + MESSAGE_ID_SIZE:
        raise InvalidInput("that names no message", hint="it is what `ref` of a message says")
    return Ref(named[:DEVICE_ID_SIZE], named[DEVICE_ID_SIZE:])


def ticket_id(given: str) -> bytes:
    """Of ``api.Message.ticket``. Raises InvalidInput where it is none."""
    try:
        return bytes.fromhex(given)
    except ValueError:
        raise InvalidInput("that names nothing that waits") from None
