"""What a request names: a room by its name or id, an account by its name, a message by its reference.

A room's name is its admins' to choose, who may be nobody's friends: none may stand for another room.
"""

import re

from coterie.client import direct
from coterie.client.log import Halt, state
from coterie.client.running import Running
from coterie.content import Ref
from coterie.errors import InvalidInput
from coterie.wire import names
from coterie.wire.limits import DEVICE_ID_SIZE, MESSAGE_ID_SIZE

CATCH_UP_S = 10.0  # what a reader waits at most for what the server has
SHOWN_DIGITS = 8  # of a room's id, where there is little room

_WHOLE_ID = re.compile("[0-9a-f]{32}|[0-9a-f]{64}")  # of a room, or of direct messages


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
            raise InvalidInput(f"there is no room {ref}", hint="`coterie room list` shows them")
        return found

    def rooms_called(self, ref: str) -> list[bytes]:
        """The groups of all rooms that are called so; of those of a name, the ones that one is in."""
        shown, wanted = self._rooms.shown(), ref.removeprefix("#")
        by_id = [g for g in shown if wanted and self._rooms.room_id(g).hex().startswith(wanted)]
        if _WHOLE_ID.fullmatch(wanted):
            return [g for g in by_id if self._rooms.room_id(g).hex() == wanted]
        named = [group_id for group_id in shown if self._is_called(group_id, ref)]
        named = [g for g in named if self._rooms.log(g).halt is not Halt.REMOVED] or named
        if len(wanted) >= SHOWN_DIGITS:  # a room may be called by what another's id begins with
            return named + [g for g in by_id if g not in named]
        return named or by_id

    def _is_called(self, group_id: bytes, ref: str) -> bool:
        log = self._rooms.log(group_id)
        partner = direct.partner(log)
        if ref[:1] in ("@", "#"):  # a room may be called @bobb too, and is #@bobb
            return (ref[0] == "@") == bool(partner) and ref[1:] == (partner or state(log).name)
        return ref == (partner or state(log).name)

    def _only_or_none(self, ref: str) -> bytes | None:
        found = self.rooms_called(ref)
        if len(found) > 1:
            ids = [self._rooms.room_id(g).hex() for g in found]
            if not any(room_id.startswith(ref) for room_id in ids):
                ids = [room_id[:SHOWN_DIGITS] for room_id in ids]
            told = f"several rooms are called {ref}: {', '.join(ids)}"
            raise InvalidInput(told, hint="name it by its id")
        return found[0] if found else None


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
