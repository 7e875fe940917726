"""What one connection may ask for now: so many requests and bytes that wait for an answer, and so fast.

Nobody is told so who asks for more: it is read later, and TCP holds the other side back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coterie.server import limits
from coterie.server.house import House
from coterie.server.session import Session
from coterie.wire import stream
from coterie.wire.limits import MAX_FRAME_BEFORE_LOGIN, MAX_IN_FLIGHT

if TYPE_CHECKING:
    from coterie.server.seams import Timer
    from coterie.wire.frames import Request


@dataclass(slots=True)
class Taken:
    """A request that is in flight."""

    request: "Request"
    size: int  # bytes of its frame
    charge: int  # of them in ``house.budget``
    began: float  # monotonic
    is_lent: bool = False  # to the writer, which holds it though the connection be lost


class Intake:
    """Where the frames of one connection come in, and what those that were taken use up until they are answered."""

    def __init__(self, house: House, session: Session) -> None:
        self._house, self._session = house, session
        self.frames = stream.requests(MAX_FRAME_BEFORE_LOGIN)
        self.in_flight = 0  # requests that are being answered
        self.bytes_in_flight = 0
        self.is_resting = False  # others are served first
        self._rest: Timer | None = None  # its end
        self.spent = 0.0  # requests, and what counts as such, not yet paid for
        self.is_reserved = False  # there is room for the frame that is coming
        self._reserved = 0  # bytes of ``house.budget`` for it
        self._charged = 0  # and for the requests in flight
        self._own = 0  # bytes of all of them that are in no budget
        self._is_short = False  # it rests until others give memory back
        self._late: Timer | None = None  # when the frame that is coming must be there
        self._exclusive: Taken | None = None  # one in flight, that changes what may be asked
        self._holder = ""  # for whom the budget counts what is reserved and in flight

    def has_room(self) -> bool:
        """Whether one more request may wait for its answer."""
        return (
            self._exclusive is None
            and self.in_flight < MAX_IN_FLIGHT
            and self.bytes_in_flight < limits.MAX_BYTES_IN_FLIGHT
        )

    def reserve(self, go_on: Callable[[], None], on_late: Callable[[], None]) -> bool:
        """Whether there is memory for the frame that is coming: the connection's own for small ones, or the shared.

        Where there is none the connection rests, and ``go_on`` is called when something was given back. Where there
        is, a large frame must come in time, else ``on_late`` is called.
        Its own, so that nobody who fills the shared memory stops a login or a ping.
        """
        self._is_short = False
        size = self.frames.expected
        if not 0 < size <= self.frames.limit:
            return True
        if not self.bytes_in_flight:
            self._holder = self._session.account
        if self._own + size <= limits.LARGE_FRAME:
            self._own += size
        elif self._house.budget.take(self._holder, size):
            self._reserved = size
        else:
            self.is_resting = self._is_short = True
            self._house.budget.wait(self, go_on)
            return False
        self.is_reserved = True
        if size > limits.LARGE_FRAME:  # a small one may take its time, since it takes little else
            timeout_s = self._house.limits.frame_timeout_s
            self._late = self._house.clock.call_later(timeout_s, on_late)
        return True

    def begin(self, request: "Request") -> Taken:
        """The frame that came is in flight until ``end``."""
        size = self.frames.last_size
        taken = Taken(request, size, self._reserved, self._house.clock.monotonic())
        self._charged += self._reserved
        self._reserved, self.is_reserved = 0, False
        self._forget_late()
        self.in_flight += 1
        self.bytes_in_flight += size
        self.spent += 1
        self._exclusive = taken if self._session.exclusive(request.body) else None
        return taken

    def end(self, taken: Taken, answer_size: int) -> bool:
        """The request was answered. Whether the answer may have changed what may be asked."""
        self.spent += answer_size // limits.ANSWER_PER_REQUEST
        self.in_flight -= 1
        self.bytes_in_flight -= taken.size
        if not taken.is_lent:
            self._give(taken)
        if self._is_short:  # perhaps its own is enough now: the caller goes on
            self._house.budget.forget(self)
            self.is_resting = self._is_short = False
        if self._exclusive is not taken:
            return False
        self._exclusive = None
        return True

    def lend(self, taken: Taken) -> None:
        """The writer has it: what it takes is in use until ``take_back``, whatever becomes of the connection."""
        taken.is_lent = True
        self._charged -= taken.charge

    def take_back(self, taken: Taken) -> None:
        """The writer is done with it; before ``end``, or after the connection's own."""
        self._charged += taken.charge
        self._give(taken)

    def _give(self, taken: Taken) -> None:
        if taken.charge:
            self._charged -= taken.charge
            self._house.budget.give(self._holder, taken.charge)
        else:
            self._own -= taken.size

    def _forget_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def pay(self, steps: int) -> float:
        """How long to wait for what was spent, on this turn's ``steps`` too."""
        spent, self.spent = self.spent + steps * limits.STEP_COST, 0.0
        if not spent:
            return 0.0
        requests, now = self._house.quotas.requests, self._house.clock.monotonic()
        key = self._session.device or self._session.network
        requests.take(key, spent, now=now)
        return requests.wait_s(key, now=now)

    def rest(self, delay_s: float, go_on: Callable[[], None]) -> None:
        """Nothing is read or taken before ``go_on`` is called: after ``delay_s``, or after the others' turn."""
        self.is_resting = True
        if self._rest is not None:
            self._rest.cancel()  # what is owed now is in ``delay_s`` too
        if delay_s:
            self._rest = self._house.clock.call_later(delay_s, go_on)
        else:
            self._rest = asyncio.get_running_loop().call_soon(go_on)

    def close(self) -> None:
        """The connection has ended: what it held is the others'."""
        self._house.budget.forget(self)
        self._forget_late()
        if self._rest is not None:
            self._rest.cancel()  # else it would keep what is over in memory until then
            self._rest = None
        if held := self._reserved + self._charged:
            self._house.budget.give(self._holder, held)
