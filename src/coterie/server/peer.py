"""One connection: an ``asyncio.Protocol`` around the Noise channel and the session.

What comes is taken in order: a record only when the frames before it were taken, a frame only when there is room for
its answer. Where there is none, nothing is read, and TCP holds the other side back.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, assert_never, cast

from coterie.errors import CoterieError, RemoteProtocolError
from coterie.logs import get_logger, is_debugging
from coterie.noise.channel import (
    MESSAGE_1_SIZE,
    Channel,
    CloseReceived,
    DataReceived,
    Established,
    MessageSplitter,
    Rekeyed,
    RenewalMessage,
    Renewed,
    ServerHandshake,
    frame_message,
)
from coterie.noise.channel import Event as ChannelEvent
from coterie.server import limits
from coterie.server.bus import INBOX_GREW, log_has
from coterie.server.delivery import PostAnswer
from coterie.server.session import House, Session
from coterie.wire import stream
from coterie.wire.frames import (
    Closing,
    Event,
    Failed,
    Fetch,
    FetchGroups,
    FetchInbox,
    FetchKeyPackages,
    Post,
    ReplyBody,
    Request,
    Subscribe,
)
from coterie.wire.limits import MAX_FRAME, MAX_FRAME_BEFORE_LOGIN, MAX_IN_FLIGHT
from coterie.wire.stream import EncodedEntries

if TYPE_CHECKING:
    from coterie.server.seams import Timer

log = get_logger()

_numbers = itertools.count(1)  # of connections, for the log

_BULK = (
    Fetch,
    FetchGroups,
    FetchInbox,
    FetchKeyPackages,
    Subscribe,
)  # whose answers can be megabytes


class Stage(Enum):
    """How far the connection has come."""

    GREETING = auto()  # waiting for message 1
    SHAKING_HANDS = auto()  # a thread works on message 2
    OPEN = auto()
    FINISHING = auto()  # what was asked is answered, nothing more is taken
    CLOSING = auto()  # nothing more is sent; what was is on its way
    OVER = auto()


class Peer(asyncio.Protocol):
    """One connection, and a ``bus.Listener``. ``gone`` is done when the socket is."""

    _transport: asyncio.Transport

    def __init__(
        self,
        house: House,
        on_made: Callable[["Peer"], None],
        on_lost: Callable[["Peer"], None],
    ) -> None:
        self._house = house
        self._limits = house.limits
        self._on_made, self._on_lost = on_made, on_lost
        self._stage = Stage.GREETING
        self._channel: Channel | None = None
        self._splitter = MessageSplitter(limit=MESSAGE_1_SIZE)
        self._frames = stream.requests(MAX_FRAME_BEFORE_LOGIN)
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0  # requests that are being answered
        self._bytes_in_flight = 0
        self._exclusive: Request | None = None  # one of them, that changes what may be asked
        self._is_reading = True
        self._is_resting = False  # others are served first
        self._spent = 0.0  # requests, and what counts as such, not yet paid for
        self._reserved = 0  # bytes of ``house.budget`` for the frame that is coming
        self._frame_due = 0.0  # when that frame must be there
        self._holder = ""  # for whom the budget counts what is reserved and in flight
        self._unsent = 0  # bytes that lay in the transport at the last look
        self._bulk = asyncio.Lock()  # one large answer at a time
        self._writable = asyncio.Event()
        self._writable.set()
        self._out: list[bytes] = []  # frames for the next flush
        self._queued = 0  # bytes of them
        self._is_flush_due = False
        self._missed: dict[bytes, int] = {}  # heads of groups that were not told
        self._missed_inbox = False
        self._timer: Timer | None = None
        self._due = 0.0  # when the connection ends if nothing puts it off
        self._due_reason = ""
        self._renewed_at = self._rekeyed_at = 0.0
        self.address = "?"
        self.number = next(_numbers)
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- the connection's life -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client, or anything else."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._transport.set_write_buffer_limits(high=limits.WRITE_BUFFER)
        peername = transport.get_extra_info("peername")
        self.address = str(peername[0]) if peername else "?"
        self._session = Session(self._house, self.address, self, self.number)
        self._end_after(self._limits.handshake_timeout_s, "no handshake in time")
        self._on_made(self)

    def hold(self, delay_s: float) -> None:
        """Reads nothing for so long: too many came from its address. The time for its handshake passes meanwhile."""
        self._rest(delay_s)
        # uvloop begins to read after ``connection_made``, and pauses nothing before.
        asyncio.get_running_loop().call_soon(self._update_reading)

    def connection_lost(self, error: Exception | None) -> None:
        """Cut or closed. What is under way in the store is finished there, and nobody is told."""
        self._stage = Stage.OVER
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._house.budget.forget(self)
        self._give_back(self._reserved + self._bytes_in_flight)
        self._session.close()
        self._on_lost(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def drop(self, reason: str) -> None:
        """Ends the connection at once."""
        if self._stage is not Stage.OVER:
            self._stage = Stage.OVER
            log.info("dropped", connection=self.number, reason=reason)
            self._transport.abort()

    def finish(self) -> None:
        """The server stops: answers what was asked, tells the client to come back, and ends in order."""
        if self._stage is not Stage.OPEN:
            self.drop("the server stops")
            return
        self._stage = Stage.FINISHING
        self._update_reading()
        self._finish_if_idle()

    def _finish_if_idle(self) -> None:
        if self._stage is Stage.FINISHING and not self._in_flight:
            self._send(stream.encode_frame(Event(Closing())))
            self._flush()
            self._close()

    def _close(self) -> None:
        self._stage = Stage.CLOSING
        if self._channel is not None:
            self._channel.close()
            self._transport.write(self._channel.data_to_send())
        self._transport.close()

    # --- time ------------------------------------------------------------------------------------

    def _end_after(self, delay_s: float, reason: str) -> None:
        """Unless it is put off. The timer looks again when it is due, so putting off costs nothing."""
        self._due, self._due_reason = self._house.clock.monotonic() + delay_s, reason
        if self._timer is None:
            self._timer = self._house.clock.call_later(delay_s, self._look_at_time)

    def _look_at_time(self) -> None:
        left = self._due - self._house.clock.monotonic()
        self._timer = None
        if left <= 0 and self._session.is_logged_in and self._is_draining():
            self._put_off_end()
        elif left <= 0:
            self.drop(self._due_reason)
        elif self._stage is not Stage.OVER:
            self._timer = self._house.clock.call_later(left, self._look_at_time)

    def _is_draining(self) -> bool:
        """Whether a slow reader, of whom nothing is read, has taken something since the last look."""
        before, self._unsent = self._unsent, self._transport.get_write_buffer_size()
        return not self._writable.is_set() and self._unsent < before

    def _put_off_end(self) -> None:
        """Every byte of a device does, to or from it, until its keys are too old. Before the login none does."""
        if not self._session.is_logged_in:
            return
        if self._house.clock.monotonic() - self._renewed_at > self._limits.renewal_deadline_s:
            self.drop("no renewal in time")
        else:
            self._end_after(self._limits.idle_timeout_s, "idle")

    # --- receiving -------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Whatever came. What breaks the protocol ends this connection, and touches no other."""
        if self._stage is Stage.OPEN and self._channel is not None:
            self._channel.receive_data(data)
            self._put_off_end()
            self._advance()
            if self._is_frame_late():
                self.drop("a frame was not finished in time")
        elif self._stage in (Stage.GREETING, Stage.SHAKING_HANDS):
            self._splitter.receive_data(data)
            self._take_greeting()

    def _take_greeting(self) -> None:
        if self._stage is not Stage.GREETING:
            return  # it waits for the channel
        try:
            message = self._splitter.next_message()
        except RemoteProtocolError as error:
            self.drop(str(error))
            return
        if message is not None:
            self._stage = Stage.SHAKING_HANDS
            self._update_reading()
            self._start(self._shake_hands(message))

    async def _shake_hands(self, message: bytes) -> None:
        house = self._house
        began = house.clock.monotonic()
        handshake = ServerHandshake(house.keys.static)
        reply, established = await house.heavy.run(
            self._session.network, handshake.respond, message
        )
        if self._stage is not Stage.SHAKING_HANDS:
            return
        log.debug(
            "handshake",
            connection=self.number,
            received=len(message),
            sent=len(reply),
            handshake_hash=established.handshake_hash.hex()[:16],
            duration_ms=round((house.clock.monotonic() - began) * 1000, 1),
        )
        self._transport.write(frame_message(reply))
        self._open(established)

    def _open(self, established: Established) -> None:
        self._stage = Stage.OPEN
        self._channel = Channel(established, is_initiator=False)
        self._session.handshake_hash = established.handshake_hash
        self._renewed_at = self._rekeyed_at = self._house.clock.monotonic()
        self._end_after(self._limits.login_timeout_s, "no login in time")
        self._channel.receive_data(self._splitter.take_rest())
        self._advance()

    def _advance(self) -> None:
        """Takes what there is room for: frames that are there, then the next record. After some it is others' turn."""
        steps = 0
        try:
            while steps < limits.STEPS_PER_TURN and self._may_take():
                request = self._frames.next_frame()
                if request is not None:
                    self._take(request)
                else:
                    event = self._channel.next_event() if self._channel is not None else None
                    if event is None:
                        break
                    self._take_event(event)
                steps += 1
        except RemoteProtocolError as error:
            self.drop(str(error))
        self._spent += steps * limits.STEP_COST
        wait_s = self._pay()
        if wait_s or steps == limits.STEPS_PER_TURN:
            self._rest(wait_s)
        self._update_reading()

    def _pay(self) -> float:
        """How long to wait for what was spent. Who asks for too much is not told so: it is read later."""
        spent, self._spent = self._spent, 0.0
        if not spent:
            return 0.0
        requests, now = self._house.quotas.requests, self._house.clock.monotonic()
        key = self._session.device or self._session.network
        requests.take(key, spent, now=now)
        return requests.wait_s(key, now=now)

    def _may_take(self) -> bool:
        return (
            self._stage is Stage.OPEN
            and not self._is_resting
            and self._has_room()
            and (self._reserved > 0 or self._reserve())
        )

    def _has_room(self) -> bool:
        return (
            self._exclusive is None
            and self._in_flight < MAX_IN_FLIGHT
            and self._bytes_in_flight < limits.MAX_BYTES_IN_FLIGHT
            and self._writable.is_set()  # who does not read answers gets no more of them
        )

    def _reserve(self) -> bool:
        """Whether the memory that all connections share has room for the frame that is coming."""
        size = self._frames.expected
        if not 0 < size <= self._frames.limit:
            return True
        if not self._bytes_in_flight:
            self._holder = self._session.account
        if not self._house.budget.take(self._holder, size):
            self._rest(is_until_called=True)
            self._house.budget.wait(self, self._go_on)
            return False
        self._reserved = size
        self._frame_due = self._house.clock.monotonic() + self._limits.frame_timeout_s
        return True

    def _give_back(self, size: int) -> None:
        if size:
            self._house.budget.give(self._holder, size)

    def _is_frame_late(self) -> bool:
        """A small one may take its time, since it takes little else."""
        is_large = self._reserved > limits.LARGE_FRAME
        return is_large and self._house.clock.monotonic() > self._frame_due

    def _rest(self, delay_s: float = 0.0, *, is_until_called: bool = False) -> None:
        """Nothing is read or taken: for a moment, or until there is room."""
        self._is_resting = True
        if is_until_called:
            return
        if delay_s:
            self._house.clock.call_later(delay_s, self._go_on)
        else:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_resting = False
        self._advance()

    def _update_reading(self) -> None:
        if self._stage in (Stage.CLOSING, Stage.OVER):
            return
        may_read = not self._is_resting and (
            self._stage is Stage.GREETING or (self._stage is Stage.OPEN and self._has_room())
        )
        if may_read != self._is_reading:
            self._is_reading = may_read
            if may_read:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _take_event(self, event: ChannelEvent) -> None:
        match event:
            case DataReceived(data):
                self._frames.receive_data(data)
            case Rekeyed(direction):
                self._spent += 1
                log.debug("rekeyed", connection=self.number, direction=direction.value)
            case RenewalMessage(payload):
                self._start(self._renew(payload))
            case Renewed(handshake_hash):
                self._renewed_at = self._house.clock.monotonic()
                if self._session.is_logged_in:  # it signs the new exchange, or goes
                    self._end_after(self._limits.login_timeout_s, "no login in time")
                self._session.renewed(handshake_hash)
                log.debug(
                    "renewed", connection=self.number, handshake_hash=handshake_hash.hex()[:16]
                )
            case CloseReceived():
                self._close()
            case _:
                assert_never(event)

    async def _renew(self, payload: bytes) -> None:
        channel = self._channel
        if channel is None:
            return
        house, network = self._house, self._session.network
        if house.quotas.handshakes.spend(network, now=house.clock.monotonic()):
            self.drop("too many handshakes")
            return
        renewal = await house.heavy.run(
            network, channel.renewal_response, payload, house.keys.static
        )
        if channel.is_open and self._stage is Stage.OPEN:
            self._flush()
            channel.answer_renewal(renewal)
            self._transport.write(channel.data_to_send())

    # --- answering -------------------------------------------------------------------------------

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except CoterieError as error:
            self.drop(str(error))
        except Exception:  # a task ends here
            log.exception("connection-failed", connection=self.number)
            self.drop("a bug of the server's")

    def _take(self, request: Request) -> None:
        refused = self._session.admit(request.body)
        size = self._frames.last_size
        self._reserved = 0
        self._in_flight += 1
        self._bytes_in_flight += size
        now = self._house.clock.monotonic()
        self._spent += 1
        self._exclusive = request if self._session.exclusive(request.body) else None
        if refused is None and isinstance(request.body, Post):  # the most frequent, without a task
            done = partial(self._posted, request, request.body, now, size)
            self._session.post(request.body, done)
        else:
            self._start(self._answer(request, now, size, refused))

    async def _answer(
        self, request: Request, began: float, size: int, refused: Failed | None
    ) -> None:
        if refused is not None:
            reply: ReplyBody | EncodedEntries = refused
        elif isinstance(request.body, _BULK):
            async with self._bulk:
                await self._writable.wait()
                reply = await self._session.answer(request.body)
        else:
            reply = await self._session.answer(request.body)
        self._reply(request, reply, began, size)

    def _posted(
        self, request: Request, post: Post, began: float, size: int, result: PostAnswer | Exception
    ) -> None:
        """A batch ends with it, which many share: whatever goes wrong here is this connection's."""
        try:
            self._reply(request, self._session.posted(post, result), began, size)
        except Exception:
            log.exception("connection-failed", connection=self.number)
            self.drop("a bug of the server's")

    def _reply(
        self, request: Request, reply: ReplyBody | EncodedEntries, began: float, size: int
    ) -> None:
        if self._stage not in (Stage.OPEN, Stage.FINISHING):
            return
        frame = stream.encode_reply(request.id, reply)
        if is_debugging():
            duration = self._house.clock.monotonic() - began
            log.debug(
                "request",
                connection=self.number,
                request=type(request.body).__name__,
                size=size,
                reply=type(reply).__name__,
                reply_size=len(frame),
                duration_ms=round(duration * 1000, 1),
            )
        self._send(frame)
        self._spent += len(frame) // limits.ANSWER_PER_REQUEST
        self._answered(request, size)

    def _answered(self, request: Request, size: int) -> None:
        self._in_flight -= 1
        self._bytes_in_flight -= size
        self._give_back(size)
        if self._exclusive is request:
            self._exclusive = None
            if self._session.is_logged_in:
                self._frames.limit = MAX_FRAME
                self._put_off_end()
                self._tell_missed()
        if not self._is_reading:
            self._advance()
        if self._stage is Stage.FINISHING:
            self._finish_if_idle()

    # --- sending ---------------------------------------------------------------------------------

    def log_grew(self, group_id: bytes, head: int, frame: bytes) -> None:
        """``bus.Listener``: to a slow reader nothing is pushed; it is told later that it has missed something."""
        if self._can_push():
            self._send(frame)
        else:
            self._missed[group_id] = head

    def inbox_grew(self, frame: bytes) -> None:
        """``bus.Listener``."""
        if self._can_push():
            self._send(frame)
        else:
            self._missed_inbox = True

    def revoked(self) -> None:
        """``bus.Listener``."""
        self.drop("the device was revoked")

    def displaced(self) -> None:
        """``session.Connected``."""
        self.drop("the device has newer connections")

    def pause_writing(self) -> None:
        """The reader is slow."""
        self._writable.clear()
        self._unsent = self._transport.get_write_buffer_size()
        self._update_reading()

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self._writable.set()
        self._tell_missed()
        self._advance()

    def _can_push(self) -> bool:
        return (
            self._stage is Stage.OPEN
            and self._session.is_logged_in
            and self._writable.is_set()
            and self._queued < limits.WRITE_BUFFER
        )

    def _tell_missed(self) -> None:
        if not self._can_push():
            return
        missed, self._missed = self._missed, {}
        for group_id, head in missed.items():
            self._send(log_has(group_id, head))
        if self._missed_inbox:
            self._missed_inbox = False
            self._send(INBOX_GREW)

    def _send(self, frame: bytes) -> None:
        """All frames that are ready in one turn of the loop go out as one."""
        self._out.append(frame)
        self._queued += len(frame)
        if not self._is_flush_due:
            self._is_flush_due = True
            self._house.outbox.add(self)

    def flush(self) -> None:
        """``outbox.Sender``."""
        self._is_flush_due = False
        try:
            self._flush()
        except Exception:  # the others' turn comes, whatever goes wrong with this one
            log.exception("connection-failed", connection=self.number)
            self.drop("a bug of the server's")

    def _flush(self) -> None:
        if (
            not self._out
            or self._channel is None
            or self._stage not in (Stage.OPEN, Stage.FINISHING)
        ):
            return
        self._channel.send_data(b"".join(self._out))
        self._out.clear()
        self._queued = 0
        now = self._house.clock.monotonic()
        if now - self._rekeyed_at > self._limits.rekey_after_s:
            self._rekeyed_at = now
            self._channel.rekey()
        self._transport.write(self._channel.data_to_send())
        if self._missed or self._missed_inbox:
            self._tell_missed()
