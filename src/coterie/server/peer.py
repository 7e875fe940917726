"""One connection: an ``asyncio.Protocol`` around the Noise channel and the session.

What comes is taken in order: a record only when the frames before it were taken, a frame only when there is room for
its answer (``intake``). What is sent is in ``line``.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, assert_never

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
from coterie.server.delivery import PostAnswer
from coterie.server.house import House
from coterie.server.intake import Intake, Taken
from coterie.server.line import Line, Stage
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
from coterie.wire.limits import MAX_FRAME
from coterie.wire.stream import EncodedEntries

if TYPE_CHECKING:
    from coterie.server.seams import Timer

log = get_logger()

_BULK = (
    Fetch,
    FetchGroups,
    FetchInbox,
    FetchKeyPackages,
    Subscribe,
)  # whose answers can be megabytes


class Peer(Line, asyncio.Protocol):
    """One connection. ``gone`` is done when the socket is."""

    _intake: Intake

    def __init__(
        self,
        house: House,
        on_made: Callable[["Peer"], None],
        on_lost: Callable[["Peer"], None],
    ) -> None:
        super().__init__(house)
        self._on_made, self._on_lost = on_made, on_lost
        self._splitter = MessageSplitter(limit=MESSAGE_1_SIZE)
        self._is_reading = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._bulk = asyncio.Lock()  # one large answer at a time
        self._borrowed = 0  # bytes of ``house.answers`` for it
        self._borrower = ""
        self._timer: Timer | None = None
        self._due = 0.0  # when the connection ends if nothing puts it off
        self._due_reason = ""
        self._renewed_at = 0.0
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- the connection's life -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client, or anything else."""
        super().connection_made(transport)
        self._intake = Intake(self._house, self._session)
        self._end_after(self._limits.handshake_timeout_s, "no handshake in time")
        self._on_made(self)

    def hold(self, delay_s: float) -> None:
        """Reads nothing for so long: too many came from its address. The time for its handshake passes meanwhile."""
        self._intake.rest(delay_s, self._go_on)
        # uvloop begins to read after ``connection_made``, and pauses nothing before.
        asyncio.get_running_loop().call_soon(self._update_reading)

    def connection_lost(self, error: Exception | None) -> None:
        """Cut or closed. What is under way in the store is finished there, and nobody is told."""
        self._stage = Stage.OVER
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._intake.close()
        self._house.answers.forget(self)
        self._pay_back(self._borrowed)
        self._session.close()
        self._on_lost(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def finish(self) -> None:
        """The server stops: answers what was asked, tells the client to come back, and ends in order."""
        if self._stage is not Stage.OPEN:
            self.drop("the server stops")
            return
        self._stage = Stage.FINISHING
        self._update_reading()
        self._finish_if_idle()

    def _finish_if_idle(self) -> None:
        if self._stage is Stage.FINISHING and not self._intake.in_flight:
            self._send(stream.encode_frame(Event(Closing())))
            self._flush()
            self._close()

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
        frames, steps = self._intake.frames, 0
        try:
            while steps < limits.STEPS_PER_TURN and self._may_take():
                request = frames.next_frame()
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
        wait_s = self._intake.pay(steps)
        if wait_s or steps == limits.STEPS_PER_TURN:
            self._intake.rest(wait_s, self._go_on)
        self._update_reading()

    def _may_take(self) -> bool:
        intake = self._intake
        return (
            self._stage is Stage.OPEN
            and not intake.is_resting
            and self._writable.is_set()  # who does not read answers gets no more of them
            and intake.has_room()
            and (intake.is_reserved or intake.reserve(self._go_on, self._drop_late))
        )

    def _drop_late(self) -> None:
        self.drop("a frame was not finished in time")

    def _go_on(self) -> None:
        self._intake.is_resting = False
        self._advance()

    def _update_reading(self) -> None:
        if self._stage in (Stage.CLOSING, Stage.OVER):
            return
        may_read = not self._intake.is_resting and (
            self._stage is Stage.GREETING
            or (self._stage is Stage.OPEN and self._writable.is_set() and self._intake.has_room())
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
                self._intake.frames.receive_data(data)
            case Rekeyed(direction):
                self._intake.spent += 1
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
            self._failed()

    def _take(self, request: Request) -> None:
        refused = self._session.admit(request.body)
        taken = self._intake.begin(request)
        if refused is None and isinstance(request.body, Post):  # the most frequent, without a task
            self._intake.lend(taken)
            self._session.post(request.body, partial(self._posted, taken, request.body))
        else:
            self._start(self._answer(taken, refused))

    async def _answer(self, taken: Taken, refused: Failed | None) -> None:
        if refused is not None:
            self._reply(taken, refused)
        elif isinstance(taken.request.body, _BULK):
            async with self._bulk:
                await self._answer_in_turn(taken)
        else:
            self._reply(taken, await self._session.answer(taken.request.body))

    async def _answer_in_turn(self, taken: Taken) -> None:
        """A large answer: made when the last was taken, and while not too much of the account's lies unread."""
        await self._writable.wait()
        await self._borrow()
        self._reply(taken, await self._session.answer(taken.request.body))
        self._flush()  # so the transport says at once whether it was taken
        lying = 0 if self._writable.is_set() else self._transport.get_write_buffer_size()
        self._pay_back(max(self._borrowed - lying, 0))

    async def _borrow(self) -> None:
        account = self._session.account
        while not self._house.answers.take(account, limits.LARGEST_ANSWER):
            is_free = asyncio.Event()
            self._house.answers.wait(self, is_free.set)
            await is_free.wait()
        self._borrowed, self._borrower = limits.LARGEST_ANSWER, account

    def _pay_back(self, size: int) -> None:
        if size:
            self._borrowed -= size
            self._house.answers.give(self._borrower, size)

    def _posted(self, taken: Taken, post: Post, result: PostAnswer | Exception) -> None:
        """A batch ends with it, which many share: whatever goes wrong here is this connection's."""
        try:
            self._intake.take_back(taken)
            self._reply(taken, self._session.posted(post, result))
        except Exception:  # the batch goes on
            self._failed()

    def _reply(self, taken: Taken, reply: ReplyBody | EncodedEntries) -> None:
        if self._stage not in (Stage.OPEN, Stage.FINISHING):
            return
        frame = stream.encode_reply(taken.request.id, reply)
        if is_debugging():
            duration = self._house.clock.monotonic() - taken.began
            log.debug(
                "request",
                connection=self.number,
                request=type(taken.request.body).__name__,
                size=taken.size,
                reply=type(reply).__name__,
                reply_size=len(frame),
                duration_ms=round(duration * 1000, 1),
            )
        self._send(frame)
        if self._intake.end(taken, len(frame)) and self._session.is_logged_in:
            self._intake.frames.limit = MAX_FRAME
            self._put_off_end()
            self._tell_missed()
        if not self._is_reading:
            self._advance()
        if self._stage is Stage.FINISHING:
            self._finish_if_idle()

    # --- slow readers ----------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The reader is slow: nothing is read of it."""
        super().pause_writing()
        self._update_reading()

    def resume_writing(self) -> None:
        """The reader has caught up."""
        super().resume_writing()
        self._pay_back(self._borrowed)
        self._advance()
