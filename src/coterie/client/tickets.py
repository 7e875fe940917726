"""Who waits until something of ours is in the log: told once, and never kept."""

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from coterie.client.group_log import GroupLog
from coterie.client.happening import Dropped, Happening, Landed, Line, Said
from coterie.errors import CoterieError, Refused
from coterie.wire.frames import Code


@dataclass(frozen=True, slots=True)
class Placed:
    """Something of ours is in the log and counts. ``seq`` 0: there was nothing left to do."""

    seq: int
    message_id: bytes


class Ticket:
    """For who waits until something of ours is in the log."""

    def __init__(self) -> None:
        self.id = secrets.token_bytes(16)
        self.placed: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()


class Tickets:
    """Those of all rooms."""

    def __init__(self) -> None:
        self._tickets: dict[bytes, Ticket] = {}

    def add(self, ticket: Ticket) -> None:
        """It is awaited from now on."""
        self._tickets[ticket.id] = ticket
        ticket.placed.add_done_callback(lambda _: self._tickets.pop(ticket.id, None))

    def answer(self, old: GroupLog | None, happenings: tuple[Happening, ...]) -> None:
        """Tells what happened to what was in the outbox of ``old``."""
        ids = {out.ticket: out.message_id for out in old.outbox} if old else {}
        for happening in happenings:
            match happening:
                case Landed(ticket_id, seq):
                    ticket = self._tickets.get(ticket_id)
                    if ticket is not None and not ticket.placed.done():
                        ticket.placed.set_result(Placed(seq, ids.get(ticket_id, b"")))
                case Dropped(ticket_id, reason):
                    self.delayed(ticket_id, Refused(Code.MALFORMED, reason))
                case Said() | Line():
                    pass

    def delayed(self, ticket_id: bytes, error: CoterieError) -> None:
        """Who waits is told why it takes longer; the post stays in the outbox."""
        ticket = self._tickets.get(ticket_id)
        if ticket is not None and not ticket.placed.done():
            ticket.placed.set_exception(error)
            ticket.placed.exception()  # who waited may have gone: that is no news

    def unheard(self, happenings: Iterable[Happening]) -> list[Dropped]:
        """What was dropped while nobody waited for it."""
        return [
            dropped
            for dropped in happenings
            if isinstance(dropped, Dropped) and not self._is_awaited(dropped.ticket)
        ]

    def _is_awaited(self, ticket_id: bytes) -> bool:
        ticket = self._tickets.get(ticket_id)
        return ticket is not None and not ticket.placed.done()
