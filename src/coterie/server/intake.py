"""What one connection may ask for now: so many requests and bytes that wait for an answer, and so fast.

Nobody is told so who asks for more: it is read later, and TCP holds the other side back.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from coterie.server import limits
from coterie.server.house import House
from coterie.server.session import Session
from coterie.wire import stream
from coterie.wire.limits import MAX_FRAME_BEFORE_LOGIN, MAX_IN_FLIGHT

if TYPE_CHECKING:
    from coterie.server.seams import Timer
    from coterie.wire.frames import Request


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
        self.reserved = 0  # bytes of ``house.budget`` for the frame that is coming
        self._exclusive: Request | None = None  # one in flight, that changes what may be asked
        self._frame_due = 0.0  # when the frame that is coming must be there
        self._holder = ""  # for whom the budget counts what is reserved and in flight

    def has_room(self) -> bool:
        """Whether one more request may wait for its answer."""
        return (
            self._exclusive is None
            and self.in_flight < MAX_IN_FLIGHT
            and self.bytes_in_flight < limits.MAX_BYTES_IN_FLIGHT
        )

    def reserve(self, go_on: Callable[[], None]) -> bool:
        """Whether the memory that all connections share has room for the frame that is coming.

        Where it has none the connection rests, and ``go_on`` is called when something was given back.
        """
        size = self.frames.expected
        if not 0 < size <= self.frames.limit:
            return True
        if not self.bytes_in_flight:
            self._holder = self._session.account
        if not self._house.budget.take(self._holder, size):
            self.is_resting = True
            self._house.budget.wait(self, go_on)
            return False
        self.reserved = size
        self._frame_due = self._house.clock.monotonic() + self._house.limits.frame_timeout_s
        return True

    def is_frame_late(self) -> bool:
        """A small one may take its time, since it takes little else."""
        is_large = self.reserved > limits.LARGE_FRAME
        return is_large and self._house.clock.monotonic() > self._frame_due

    def begin(self, request: "Request", size: int) -> None:
        """The frame that came, of ``size`` bytes, is in flight until ``end``."""
        self.reserved = 0
        self.in_flight += 1
        self.bytes_in_flight += size
        self.spent += 1
        self._exclusive = request if self._session.exclusive(request.body) else None

    def end(self, request: "Request", size: int, answer_size: int) -> bool:
        """The request was answered. Whether the answer may have changed what may be asked."""
        self.spent += answer_size // limits.ANSWER_PER_REQUEST
        self.in_flight -= 1
        self.bytes_in_flight -= size
        if size:
            self._house.budget.give(self._holder, size)
        if self._exclusive is not request:
            return False
        self._exclusive = None
        return True

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
        if delay_s:
            self._rest = self._house.clock.call_later(delay_s, go_on)
        else:
            self._rest = asyncio.get_running_loop().call_soon(go_on)

    def close(self) -> None:
        """The connection has ended: what it held is the others'."""
        self._house.budget.forget(self)
        if self._rest is not None:
            self._rest.cancel()  # else it would keep what is over in memory until then
        if held := self.reserved + self.bytes_in_flight:
            self._house.budget.give(self._holder, held)
