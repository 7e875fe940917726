"""What a request names: a room by its name or id, an account by its name."""

from coterie.client import log as logs
from coterie.client.log import Halt
from coterie.client.running import Running
from coterie.errors import InvalidInput
from coterie.wire import names

CATCH_UP_S = 10.0  # what a reader waits at most for what the server has


class Finding:
    """Among what this device has."""

    def __init__(self, running: Running) -> None:
        self._running, self._rooms = running, running.rooms

    async def room(self, ref: str) -> bytes:
        """The group of a room by its name, with or without #, or by the beginning of its id.

        One that is not known here may be an invitation that was not read yet. Raises InvalidInput.
        """
        found = self._rooms_called(ref)
        if not found:
            await self._running.catch_up(CATCH_UP_S)
            found = self._rooms_called(ref)
        return self._only(ref, found)

    def room_here(self, ref: str) -> bytes:
        """The same among those that are known. Raises InvalidInput."""
        return self._only(ref, self._rooms_called(ref))

    def _only(self, ref: str, found: list[bytes]) -> bytes:
        if len(found) == 1:
            return found[0]
        if not found:
            raise InvalidInput(f"there is no room {ref}", hint="`coterie room list` shows them")
        ids = ", ".join(self._rooms.room_id(g).hex()[:8] for g in found)
        raise InvalidInput(f"several rooms are called {ref}: {ids}", hint="name it by its id")

    def _rooms_called(self, ref: str) -> list[bytes]:
        wanted, shown = ref.removeprefix("#"), self._rooms.shown()
        by_name = [g for g in shown if logs.state(self._rooms.log(g)).name == wanted]
        open_ones = [g for g in by_name if self._rooms.log(g).halt is not Halt.REMOVED]
        by_id = (g for g in shown if self._rooms.room_id(g).hex().startswith(wanted))
        return open_ones or by_name or list(by_id)


def check_name(name: str) -> None:
    """Raises InvalidInput where no account can be called so."""
    if not names.is_allowed(name):
        raise InvalidInput(f"{name[:80]!r} is no account's name", hint=f"a name is {names.RULE}")
