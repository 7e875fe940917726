"""The link to a server: a logged-in connection, and after its end the next, until there is no hope or it is closed."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Self

from coterie.client.connection import REQUEST_TIMEOUT_S, Connection
from coterie.client.device import DeviceIdentity
from coterie.client.seams import Seams, sleep, timeout
from coterie.errors import (
    CoterieError,
    LocalProtocolError,
    NotAuthenticated,
    ServerNotTrusted,
    Unavailable,
)
from coterie.logs import get_logger
from coterie.wire.frames import EventBody, ReplyBody, RequestBody
from coterie.wire.invite import Address

log = get_logger()

BACK_OFF_BASE_S = 1.0
BACK_OFF_CAP_S = 20.0  # what a person who does nothing waits at most after the server is back
STABLE_AFTER_S = 30.0  # a connection that lived this long was a good one
HURRIED_S = 1.0  # between attempts while a person waits: a server that is back is found at once


class BackOff:
    """How long to wait before the next attempt: the first at once, then with full jitter.

    Full jitter (anything from nothing to the doubled bound) spreads the clients of a server that came back.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._failures = 0

    def next_delay_s(self, wait_s: float = 0.0, lived_s: float = 0.0) -> float:
        """After a failure: ``wait_s`` is what the server asked for, ``lived_s`` how long the connection had lived."""
        if lived_s >= STABLE_AFTER_S:
            self._failures = 0
        bound = min(BACK_OFF_CAP_S, BACK_OFF_BASE_S * 2.0 ** min(self._failures, 16))
        is_at_once = self._failures == 0 and wait_s <= 0
        self._failures += 1
        return 0.0 if is_at_once else wait_s + self._chance.uniform(0, bound)


class Link:
    """Keeps one connection alive, logged in as ``device``.

    The callbacks are called on the loop: ``on_connected`` with each new connection once it is logged in, ``on_event``
    with what the server says unasked, ``on_disconnected`` with why it ended or could not be made. A ServerNotTrusted
    or NotAuthenticated there is the last: trying again would not help.
    """

    def __init__(
        self,
        address: Address,
        fingerprint: bytes,
        device: DeviceIdentity,
        seams: Seams,
        *,
        on_connected: Callable[[Connection], object] = lambda connection: None,
        on_event: Callable[[EventBody], object] = lambda event: None,
        on_disconnected: Callable[[CoterieError], object] = lambda error: None,
    ) -> None:
        self.address = address
        self._fingerprint = fingerprint
        self._device = device
        self._seams = seams
        self._on_connected = on_connected
        self._on_event = on_event
        self._on_disconnected = on_disconnected
        self._connection: Connection | None = None
        self._error: CoterieError | None = None  # the last one
        self._is_stopped = False  # for good
        self._changed = asyncio.Event()  # set while connected or stopped
        self._hurried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to connect."""
        if self._task is not None or self._is_stopped:
            raise LocalProtocolError("a link is started once")
        self._task = asyncio.create_task(self._run(), name="coterie-link")

    def hurry(self) -> None:
        """Somebody waits: the next attempt is made within a second, whatever the back-off says."""
        self._hurried.set()

    async def close(self) -> None:
        """Ends the connection in order. Who waits gets Unavailable."""
        if not self._is_stopped:
            self._stop(Unavailable(f"the link to {self.address} is closed"))
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def status(self) -> str:
        """ "connected", "connecting", or a sentence that says what is wrong."""
        if self._connection is not None:
            return "connected"
        return str(self._error) if self._error is not None else "connecting"

    @property
    def connection(self) -> Connection | None:
        """The one that is logged in now."""
        return self._connection

    async def connected(self) -> Connection:
        """Waits for a connection. Raises what the link was stopped by: ServerNotTrusted, NotAuthenticated; Unavailable
        after ``close``.
        """
        while self._connection is None:
            if self._is_stopped and self._error is not None:
                raise self._error.with_traceback(None)
            await self._changed.wait()
        return self._connection

    async def request(
        self, body: RequestBody, *, timeout_s: float | None = REQUEST_TIMEOUT_S
    ) -> ReplyBody:
        """``Connection.request`` on the connection there is, or on the next one if it comes in time.

        Never asks twice: where the connection ends under way it raises Unavailable, and it may have been done.
        """
        try:
            async with timeout(self._seams.clock, timeout_s):
                connection = await self.connected()
                return await connection.request(body, timeout_s=None)
        except TimeoutError:
            if self._connection is None and self._error is not None:
                raise Unavailable(str(self._error), hint=self._error.hint) from None
            name = type(body).__name__
            raise Unavailable(
                f"{self.address} did not answer {name} within {timeout_s:.0f} s"
            ) from None

    async def _run(self) -> None:
        try:
            await self._keep_connected()
        except Exception as bug:  # the task ends here, and who waits must learn of it
            error = LocalProtocolError(f"the link failed: {type(bug).__name__}")
            error.__cause__ = bug
            self._stop(error)

    async def _keep_connected(self) -> None:
        back_off = BackOff(self._seams.chance)
        while True:
            lived_s = 0.0
            try:
                connection = await self._connect()
                began = self._seams.clock.monotonic()
                error = await self._stay(connection)
                lived_s = self._seams.clock.monotonic() - began
            except CoterieError as failure:
                error = failure
            if isinstance(error, ServerNotTrusted | NotAuthenticated):
                self._stop(error)
                self._on_disconnected(error)
                return
            self._error = error
            wait_s = error.wait_s if isinstance(error, Unavailable) else 0.0
            delay_s = back_off.next_delay_s(wait_s, lived_s)
            log.debug("disconnected", error=type(error).__name__, retry_in_s=round(delay_s, 1))
            self._on_disconnected(error)
            await self._rest(delay_s, wait_s)

    async def _rest(self, delay_s: float, wait_s: float) -> None:
        """Until the next attempt is due; sooner where somebody waits, but never sooner than the server asked for."""
        least_s = min(delay_s, max(wait_s, HURRIED_S))
        await sleep(self._seams.clock, least_s)
        timer = self._seams.clock.call_later(delay_s - least_s, self._hurried.set)
        try:
            await self._hurried.wait()
        finally:
            timer.cancel()
            self._hurried.clear()

    async def _connect(self) -> Connection:
        connection = await Connection.open(
            self.address, self._fingerprint, self._seams, on_event=self._on_event
        )
        try:
            await connection.log_in(self._device)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _stay(self, connection: Connection) -> CoterieError:
        self._connection, self._error = connection, None
        self._changed.set()
        try:
            self._on_connected(connection)
            error = await connection.wait_ended()
        finally:
            self._connection = None
            if not self._is_stopped:
                self._changed.clear()
            await connection.close()
        return error or Unavailable(f"the connection to {self.address} was closed")

    def _stop(self, error: CoterieError) -> None:
        self._is_stopped, self._error = True, error
        self._changed.set()
