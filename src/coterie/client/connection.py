"""One live encrypted connection to a server: the pump around ``noise.channel``, and requests in flight together.

It is made once and ends once; ``client.link`` makes the next. PROTOCOL.md section 1.
"""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import TypeVar, assert_never

import msgspec

from coterie.client import refusal
from coterie.client.device import DeviceIdentity
from coterie.client.greeting import Greeting
from coterie.client.in_flight import InFlight, Waiting
from coterie.client.seams import Seams, Timer, Transport, timeout
from coterie.errors import (
    CoterieError,
    LocalProtocolError,
    NotAuthenticated,
    RemoteProtocolError,
    Unavailable,
)
from coterie.logs import get_logger
from coterie.noise.channel import (
    Channel,
    CloseReceived,
    DataReceived,
    Established,
    Rekeyed,
    RenewalMessage,
    Renewed,
)
from coterie.wire import limits
from coterie.wire.frames import (
    Closing,
    Code,
    Event,
    EventBody,
    Failed,
    Hello,
    HelloReply,
    LoggedIn,
    Ping,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
    Whisper,
)
from coterie.wire.invite import Address
from coterie.wire.stream import encode_frame, from_server

log = get_logger()
R = TypeVar("R", bound=msgspec.Struct)

CONNECT_TIMEOUT_S = 10.0  # for TCP; a host that drops packets would take two minutes
HANDSHAKE_TIMEOUT_S = 10.0  # for three round trips and five milliseconds of work
REQUEST_TIMEOUT_S = 120.0  # 8 MB, the largest post, on a line of 1 Mbit/s takes 67
CLOSE_TIMEOUT_S = 2.0  # for what is still to be written
RENEWAL_TIMEOUT_S = 60.0  # from asking for new keys to the server's yes to the signature under them
TICK_S = 5.0  # how often these two are looked at, and whether keys are old
PING_AFTER_S = 30.0  # of quiet in either direction; home routers forget a stream after minutes
PONG_WITHIN_S = 15.0  # any byte will do
MAX_WHISPERS = 256  # unanswered, 130 bytes each: all that a person's presence takes at once


class _State(Enum):
    GREETING = auto()  # connecting, and the handshake
    OPEN = auto()
    ENDED = auto()


class Connection:
    """One connection. ``open`` makes it; after its end every request raises Unavailable.

    ``on_event`` is called on the loop for what the server says unasked.
    """

    def __init__(
        self,
        address: Address,
        seams: Seams,
        on_event: Callable[[EventBody], object],
    ) -> None:
        self.address = address
        self.hello = HelloReply(version=0, server_id=bytes(16), generation=bytes(16))
        self.error: CoterieError | None = None  # why it ended; None also after ``close``
        self._seams = seams
        self._clock = seams.clock
        self._rotation = seams.rotation
        self._on_event = on_event
        self._state = _State.GREETING
        self._transport: Transport | None = None
        self._greeting = Greeting(address)
        self._channel: Channel | None = None
        self._frames = from_server()
        self._out: list[bytes] = []  # frames for the next flush
        self._is_flush_due = False
        self._in_flight = InFlight()
        self._whispers = 0  # unanswered
        self._line = asyncio.Lock()  # who must wait goes out in the order in which it asked
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended = asyncio.Event()
        self._gone = asyncio.Event()  # the transport has let go
        self._closing_wait_s = 0.0
        self._device: DeviceIdentity | None = None
        self._renewal: asyncio.Future[None] | None = None
        self._timer: Timer | None = None
        self._opened_at = self._clock.monotonic()
        self._sent_at = self._received_at = self._rekeyed_at = self._renewed_at = self._opened_at
        self._renewal_began = 0.0
        self._pinged_at: float | None = None

    # Opening

    @classmethod
    async def open(
        cls,
        address: Address,
        fingerprint: bytes,
        seams: Seams,
        *,
        on_event: Callable[[EventBody], object] = lambda event: None,
    ) -> "Connection":
        """Connected, the server's key compared with ``fingerprint`` (32 bytes), the version agreed.

        Raises Unavailable, RemoteProtocolError (something else answers there), ServerNotTrusted.
        """
        self = cls(address, seams, on_event)
        try:
            await self._connect()
            await self._shake_hands(fingerprint)
        except BaseException as error:
            self._end(None)
            if isinstance(error, Unavailable) and self.error is not None:
                raise self.error from None  # what ended it says more than what then failed
            raise
        return self

    async def _connect(self) -> None:
        log.debug("connecting", address=str(self.address))
        try:
            async with timeout(self._clock, CONNECT_TIMEOUT_S):
                self._transport = await self._seams.network.connect(self.address, self)
        except TimeoutError:
            raise Unavailable(
                f"{self.address} does not answer within {CONNECT_TIMEOUT_S:.0f} s",
                hint="check host and port, and that no firewall is in between",
            ) from None

    async def _shake_hands(self, fingerprint: bytes) -> None:
        try:
            async with timeout(self._clock, HANDSHAKE_TIMEOUT_S):
                established = await self._greeting.shake_hands(
                    fingerprint, self._seams.threads, self._clock, self._write
                )
                self._begin(established)
                hello = Hello(versions=(limits.VERSION,))
                self.hello = await self.call(hello, HelloReply, timeout_s=None)
        except TimeoutError:
            raise Unavailable(
                f"{self.address} takes connections but does not answer within {HANDSHAKE_TIMEOUT_S:.0f} s",
                hint="it may not be a Coterie server, or a very busy one",
            ) from None

    def _begin(self, established: Established) -> None:
        if self._state is _State.ENDED:  # it was cut while the thread worked
            raise self._refusal()
        self._state = _State.OPEN
        self._channel = Channel(
            established,
            is_initiator=True,
            rekey_after_records=self._rotation.rekey_after_records,
            rekey_after_bytes=self._rotation.rekey_after_bytes,
        )
        if self._seams.key_log is not None:
            self._channel.log_keys(partial(self._seams.key_log.write, self._greeting.message_1))
        self._rekeyed_at = self._renewed_at = self._clock.monotonic()
        self._timer = self._clock.call_later(self._tick_s, self._tick)
        self.data_received(self._greeting.take_rest())

    # What it is asked

    @property
    def handshake_hash(self) -> bytes:
        """32 bytes, of the newest exchange: what a login is bound to."""
        if self._channel is None:
            raise LocalProtocolError("no handshake yet")
        return self._channel.handshake_hash

    @property
    def is_open(self) -> bool:
        """Whether requests can be made."""
        return self._state is _State.OPEN

    async def request(
        self, body: RequestBody, *, timeout_s: float | None = REQUEST_TIMEOUT_S
    ) -> ReplyBody:
        """The answer to ``body``, whatever it is but ``Failed``. Many may be in flight together.

        Raises Refused, NotAuthenticated, and Unavailable: too fast, the server closes, no answer in time, or the
        connection ended. After the last two the request may have been done.
        """
        try:
            async with timeout(self._clock, timeout_s):
                async with self._line:
                    await self._in_flight.take_place()
                    try:
                        await self._writable.wait()
                        waiting = self._send(body)
                    except BaseException:
                        self._in_flight.give_back_place()
                        raise
                reply = await waiting.reply  # from here on the answer gives back the place
        except TimeoutError:
            raise Unavailable(
                f"{self.address} did not answer {type(body).__name__} within {timeout_s:.0f} s"
            ) from None
        if isinstance(reply, Failed):
            raise refusal.error_of(reply)
        return reply

    async def call(
        self, body: RequestBody, expected: type[R], *, timeout_s: float | None = REQUEST_TIMEOUT_S
    ) -> R:
        """As ``request``, for requests with one kind of answer. Raises RemoteProtocolError for another kind."""
        reply = await self.request(body, timeout_s=timeout_s)
        if not isinstance(reply, expected):
            raise RemoteProtocolError(
                f"{type(reply).__name__} in answer to {type(body).__name__}, not {expected.__name__}"
            )
        return reply

    def whisper(self, body: Whisper) -> None:
        """Sends it, in no request's place, or drops it: where requests wait to be written, or too many are unanswered.

        What the server makes of it nobody is told.
        """
        if self.is_open and self._writable.is_set() and self._whispers < MAX_WHISPERS:
            self._whispers += 1
            self._send(body, is_own=True).reply.add_done_callback(self._whisper_answered)

    def _whisper_answered(self, answer: "asyncio.Future[ReplyBody]") -> None:
        self._whispers -= 1

    async def log_in(self, device: DeviceIdentity) -> None:
        """As ``device``: one round trip. Repeated by itself after each renewal. Raises NotAuthenticated."""
        try:
            await self.call(device.login(self.handshake_hash), LoggedIn)
        except NotAuthenticated as error:
            raise self._unknown_device() from error
        self._device = device

    async def renew(self) -> None:
        """New keys by a whole new exchange, and the device's signature again. By itself after an hour."""
        if self._renewal is None:
            self._start_renewal()
        if self._renewal is not None:
            await asyncio.shield(self._renewal)

    async def wait_ended(self) -> CoterieError | None:
        """Returns when it has ended, with the reason."""
        await self._ended.wait()
        return self.error

    async def close(self) -> None:
        """Ends it in order; what was asked and not answered raises Unavailable. Never raises."""
        if self._state is _State.OPEN and self._channel is not None:
            self._flush()
            self._channel.close()
            self._flush()
        self._end(None)
        if self._transport is None:
            return
        try:
            async with timeout(self._clock, CLOSE_TIMEOUT_S):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()

    # Sending

    def _send(self, body: RequestBody, *, is_own: bool = False, first: bool = False) -> Waiting:
        """Puts ``body`` into the next write. Raises Unavailable after the end, LocalProtocolError if too large."""
        if self._state is not _State.OPEN:
            raise self._refusal()
        name, number, now = type(body).__name__, self._in_flight.next_id(), self._clock.monotonic()
        frame = encode_frame(Request(id=number, body=body))
        self._out.insert(0 if first else len(self._out), frame)
        if (
            not self._is_flush_due
        ):  # all that is asked in this turn of the loop: one seal, one write
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)
        self._sent_at = now
        log.debug("request", request=name, id=number, size=len(frame))
        return self._in_flight.add(name, now, is_own=is_own)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and self._state is not _State.ENDED:
            self._transport.write(data)

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._state is not _State.OPEN or self._channel is None:
            return
        if self._out:
            self._channel.send_data(b"".join(self._out))
            self._out.clear()
        data = self._channel.data_to_send()
        if data:
            self._write(data)

    # Receiving: called by the transport

    def data_received(self, data: bytes) -> None:
        """Takes what came. What breaks the protocol ends the connection."""
        self._received_at = self._clock.monotonic()
        try:
            if self._state is _State.OPEN:
                self._take_records(data)
            elif self._state is not _State.ENDED:
                self._greeting.receive_data(data)
        except CoterieError as error:
            self._end(error)

    def connection_lost(self, error: Exception | None) -> None:
        """The transport has ended, for whatever reason."""
        self._gone.set()
        if self._state is _State.OPEN:
            why = f"the connection to {self.address} was cut"
            self._end(Unavailable(why, wait_s=self._closing_wait_s))
        else:
            why = f"{self.address} closed the connection before the handshake was done"
            hint = "it may not be a Coterie server, or one that takes no more connections"
            self._end(Unavailable(why, hint=hint))

    def pause_writing(self) -> None:
        """The transport holds enough: requests wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The transport takes more."""
        self._writable.set()

    def _take_records(self, data: bytes) -> None:
        channel = self._channel
        if channel is None:  # never: it is there while OPEN
            raise LocalProtocolError("open without a channel")
        try:
            channel.receive_data(data)
            while self._state is _State.OPEN and (event := channel.next_event()) is not None:
                match event:
                    case DataReceived(stream):
                        self._take_stream(stream)
                    case Rekeyed(direction):
                        log.debug("rekeyed", direction=direction.value)
                    case Renewed():
                        self._take_renewed()
                    case CloseReceived():
                        why = f"{self.address} closed the connection"
                        self._end(Unavailable(why, wait_s=self._closing_wait_s))
                    case RenewalMessage():  # never: a client's channel does not give it
                        raise LocalProtocolError("a server asked for a renewal")
                    case _:
                        assert_never(event)
        except RemoteProtocolError as error:
            raise RemoteProtocolError(
                f"the connection to {self.address} was ended: {error}",
                hint="something on the way altered it, or the server has a bug; nothing is lost",
            ) from error
        self._flush()  # a renewal has something to say

    def _take_stream(self, data: bytes) -> None:
        self._frames.receive_data(data)
        while self._state is _State.OPEN and (frame := self._frames.next_frame()) is not None:
            match frame:
                case Reply(number, body):
                    self._take_reply(number, body)
                case Event(body):
                    name, size = type(body).__name__, self._frames.last_size
                    log.debug("event", event_type=name, size=size)
                    if isinstance(body, Closing):
                        self._closing_wait_s = refusal.bounded_wait(body.reconnect_after_s)
                    self._on_event(body)
                case _:
                    assert_never(frame)

    def _take_reply(self, number: int, body: ReplyBody) -> None:
        waiting = self._in_flight.answer(number, body)
        duration = self._clock.monotonic() - waiting.sent_at
        log.debug(
            "reply",
            request=waiting.name,
            id=number,
            reply=type(body).__name__,
            size=self._frames.last_size,
            duration_ms=round(duration * 1000, 1),
        )

    # Time

    def _tick(self) -> None:
        """Looks whether the other side lives, and whether keys are old."""
        if self._state is not _State.OPEN or self._channel is None:
            return
        now = self._clock.monotonic()
        if self._pinged_at is not None and self._received_at >= self._pinged_at:
            self._pinged_at = None
        if self._pinged_at is not None and now - self._pinged_at >= PONG_WITHIN_S:
            quiet = now - self._received_at
            why = f"{self.address} has not answered for {quiet:.0f} s"
            self._end(Unavailable(why, hint="check that this machine is online"))
            return
        if self._pinged_at is None and now - min(self._sent_at, self._received_at) >= PING_AFTER_S:
            self._pinged_at = now
            self._send(Ping(), is_own=True)
        if self._renewal is not None and now - self._renewal_began >= RENEWAL_TIMEOUT_S:
            # Staying would leave old keys in use: the next connection has new ones.
            self._end(Unavailable(f"{self.address} does not renew the connection's keys"))
            return
        if now - self._rekeyed_at >= self._rotation.rekey_after_s:
            self._rekeyed_at = now
            self._channel.rekey()
        if now - self._renewed_at >= self._rotation.renew_after_s and self._renewal is None:
            self._start_renewal()
        self._flush()
        self._timer = self._clock.call_later(self._tick_s, self._tick)

    @property
    def _tick_s(self) -> float:
        return min(TICK_S, self._rotation.rekey_after_s, self._rotation.renew_after_s)

    def _start_renewal(self) -> None:
        if self._state is not _State.OPEN or self._channel is None:
            raise self._refusal()
        self._renewal = asyncio.get_running_loop().create_future()
        self._renewal_began = self._clock.monotonic()
        self._channel.start_renewal()
        self._flush()

    def _take_renewed(self) -> None:
        self._renewed_at = self._rekeyed_at = self._clock.monotonic()
        log.debug("renewed")
        if self._device is None:
            self._settle_renewal()
            return
        # Before all else that waits to be sent: the server trusts the new keys only with the signature.
        login = self._device.login(self.handshake_hash)
        self._send(login, is_own=True, first=True).reply.add_done_callback(self._logged_in_again)

    def _logged_in_again(self, answer: "asyncio.Future[ReplyBody]") -> None:
        if answer.cancelled() or answer.exception() is not None:
            return  # the connection has ended meanwhile
        match answer.result():
            case LoggedIn():
                self._settle_renewal()
            case Failed(Code.NOT_AUTHENTICATED):
                self._end(self._unknown_device())
            case Failed() as failed:
                self._end(refusal.error_of(failed))
            case other:
                self._end(RemoteProtocolError(f"{type(other).__name__} in answer to DeviceLogin"))

    def _settle_renewal(self) -> None:
        renewal, self._renewal = self._renewal, None
        if renewal is not None and not renewal.done():
            renewal.set_result(None)

    def _unknown_device(self) -> NotAuthenticated:
        return NotAuthenticated(
            f"{self.address} does not know this device",
            hint="it was revoked, or the server was restored from an older backup",
        )

    # The end

    def _refusal(self) -> Unavailable:
        """What requests get from now on. A new one each time: a raised one carries its traceback."""
        if self.error is None:
            return Unavailable(f"the connection to {self.address} is closed")
        wait_s = self.error.wait_s if isinstance(self.error, Unavailable) else 0.0
        return Unavailable(str(self.error), hint=self.error.hint, wait_s=wait_s)

    def _end(self, error: CoterieError | None) -> None:
        if self._state is _State.ENDED:
            return
        self._state, self.error = _State.ENDED, error
        log.debug("connection-ended", reason=type(error).__name__ if error else "closed")
        if self._timer is not None:
            self._timer.cancel()
        self._out.clear()
        self._greeting.fail(error or self._refusal())
        self._in_flight.fail(self._refusal)
        self._writable.set()
        if self._renewal is not None and not self._renewal.done():
            self._renewal.set_exception(self._refusal())
            self._renewal.exception()  # where nobody waits, that is no news
        if self._transport is not None:
            self._transport.close() if error is None else self._transport.abort()
        self._ended.set()
