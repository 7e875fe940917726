"""What a person wants to happen in a room: kept in its outbox, and waited for until it is in the log."""

from coterie.client.intent import Intent
from coterie.client.log import REJOINS, GroupLog, Halt
from coterie.client.people import KeyChanged
from coterie.client.poster import KEPT
from coterie.client.remedy import REASONS, remedy
from coterie.client.rooms import Rooms
from coterie.client.running import Running
from coterie.client.tickets import Placed
from coterie.errors import CoterieError, InvalidInput, Unavailable

PLACED_S = 60.0  # what who sends waits at most; it is kept anyway
_KEPT = "it is kept on this device, and goes out as soon as it can"


class Placing:
    """Into the logs of all rooms."""

    def __init__(self, running: Running) -> None:
        self._running, self._rooms = running, running.rooms

    def sendable(self, group_id: bytes) -> GroupLog:
        """The log, where something can be sent. Raises InvalidInput, KeyChanged."""
        log = self._rooms.log(group_id)
        if log.halt not in (Halt.OPEN, Halt.JOINING, *REJOINS):  # it waits until we are in again
            raise InvalidInput(REASONS[log.halt], hint=remedy_in(self._rooms, log))
        strangers = self._rooms.strangers(group_id)
        if strangers:
            raise KeyChanged(strangers[0])
        return log

    async def placed(self, group_id: bytes, intent: Intent) -> Placed:
        """Where it is in the log. Raises what it was refused for, or why it takes longer: then it ``is_kept``."""
        ticket = self._rooms.enqueue(group_id, intent)
        try:
            return await self._running.wait_for(ticket.placed, PLACED_S)
        except Unavailable as error:
            if not self._rooms.is_waiting(group_id, ticket.id):
                raise
            more = f"; {error.hint}" if error.hint not in ("", KEPT) else ""
            kept = Unavailable(str(error), hint=f"{_KEPT}{more}", wait_s=error.wait_s)
            kept.is_kept = True
            raise kept from error
        except CoterieError as error:
            error.is_kept = self._rooms.is_waiting(group_id, ticket.id)
            raise
        finally:
            ticket.placed.cancel()

    def enqueued(self, group_id: bytes, intent: Intent) -> bytes:
        """Its ticket, for who does not wait."""
        ticket = self._rooms.enqueue(group_id, intent)
        ticket.placed.cancel()
        self._running.hurry()
        return ticket.id


def remedy_in(rooms: Rooms, log: GroupLog) -> str:
    """What a person can do about a room that does not go on; mostly empty."""
    is_invited = rooms.has_held_welcome(log.group_id)
    return remedy(log, is_admin=rooms.is_admin(log), is_invited=is_invited)
