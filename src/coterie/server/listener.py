"""Sockets: one ``asyncio.Protocol`` a connection, around the Noise channel and the session."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import assert_never

import structlog

from coterie.errors import CoterieError, RemoteProtocolError
from coterie.noise.channel import (
    Channel,
    CloseReceived,
    DataReceived,
    MessageSplitter,
    Rekeyed,
    RenewalMessage,
    Renewed,
    ServerHandshake,
    frame_message,
)
from coterie.noise.production import MESSAGE_1_SIZE
from coterie.server import limits
from coterie.server.session import House, Session, State
from coterie.wire import stream
from coterie.wire.frames import Closing, Event, LogGrew, Reply, Request
from coterie.wire.limits import MAX_FRAME, MAX_FRAME_BEFORE_LOGIN, MAX_IN_FLIGHT

log = structlog.get_logger()


class Listener:
    """All connections of a server."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.connections: set[Peer] = set()
        self.per_address: Counter[str] = Counter()
        self.handshakes = asyncio.Semaphore(limits.MAX_HANDSHAKES)
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Accepts from now on; the port, chosen where 0 was given."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Accepts no more, tells all to reconnect, and waits a moment for them to take it."""
        if self._server is not None:
            self._server.close()
        for peer in tuple(self.connections):
            peer.say_goodbye()
        deadline = self.house.clock.monotonic() + limits.CLOSE_TIMEOUT_S
        while self.connections and (left := deadline - self.house.clock.monotonic()) > 0:
            await asyncio.wait([peer.gone for peer in self.connections], timeout=left)
        for peer in tuple(self.connections):
            peer.drop("the server stops")


class Peer(asyncio.Protocol):
    """One connection."""

    _transport: asyncio.Transport

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._house = listener.house
        self._channel: Channel | None = None
        self._splitter = MessageSplitter(limit=MESSAGE_1_SIZE)
        self._frames = stream.requests(MAX_FRAME_BEFORE_LOGIN)
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: list[bytes] = []
        self._is_flush_due = False
        self._is_writable = True
        self._is_over = False
        self._missed: set[bytes | None] = set()  # what was not pushed to a slow reader
        self._timer: asyncio.TimerHandle | None = None
        self._renewed_at = 0.0
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- the connection's life -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client, or anything else."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a TCP transport was expected")
        self._transport = transport
        transport.set_write_buffer_limits(high=limits.WRITE_BUFFER)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else "?"
        listener = self._listener
        listener.connections.add(self)
        listener.per_address[self._address] += 1
        self._session = Session(self._house, self._address, self)
        self._deadline(limits.HANDSHAKE_TIMEOUT_S, "no handshake in time")
        if (
            len(listener.connections) > limits.MAX_CONNECTIONS
            or listener.per_address[self._address] > limits.MAX_CONNECTIONS_PER_ADDRESS
        ):
            self.drop("too many connections")

    def connection_lost(self, error: Exception | None) -> None:
        """Cut or closed."""
        self._is_over = True
        listener = self._listener
        listener.connections.discard(self)
        listener.per_address[self._address] -= 1
        if not listener.per_address[self._address]:
            del listener.per_address[self._address]
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._session.close()
        if not self.gone.done():
            self.gone.set_result(None)

    def drop(self, reason: str) -> None:
        """Ends the connection at once."""
        if not self._is_over:
            self._is_over = True
            log.info("dropped", reason=reason)
            self._transport.abort()

    def say_goodbye(self) -> None:
        """The server stops: tells the client to come back, and ends in order."""
        if self._channel is None:
            self.drop("the server stops")
        elif self._channel.is_open:
            self._send(stream.encode_frame(Event(Closing())))
            self._flush()
            self._close()

    def _close(self) -> None:
        if self._channel is not None and self._channel.is_open:
            self._channel.close()
            self._transport.write(self._channel.data_to_send())
        self._transport.close()

    def _deadline(self, delay_s: float, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self.drop, reason)

    def _stay_alive(self) -> None:
        """Every byte puts the end off: a shorter while before the login than after it."""
        if self._session.state is State.LOGGED_IN:
            if self._house.clock.monotonic() - self._renewed_at > limits.RENEWAL_DEADLINE_S:
                self.drop("no renewal in time")
            self._deadline(limits.IDLE_TIMEOUT_S, "idle")

    # --- receiving -----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Whatever came. What breaks the protocol ends this connection, and touches no other."""
        if self._is_over:
            return
        try:
            if self._channel is None:
                self._take_handshake(data)
            else:
                self._channel.receive_data(data)
                self._take_records()
        except RemoteProtocolError as error:
            self.drop(str(error)[:200])
        else:
            self._stay_alive()

    def _take_handshake(self, data: bytes) -> None:
        self._splitter.receive_data(data)
        message = self._splitter.next_message()
        if message is not None:
            self._transport.pause_reading()  # one handshake a connection
            self._start(self._shake_hands(message))

    async def _shake_hands(self, message: bytes) -> None:
        house = self._house
        began = house.clock.monotonic()
        handshake = ServerHandshake(house.keys.static)
        async with self._listener.handshakes:
            reply, established = await house.threads.run(handshake.respond, message)
        if self._is_over:
            return
        duration = house.clock.monotonic() - began
        log.debug(
            "handshake",
            received=len(message),
            sent=len(reply),
            handshake_hash=established.handshake_hash.hex()[:16],
            duration_ms=round(duration * 1000, 1),
        )
        self._channel = Channel(established, is_initiator=False)
        self._session.handshake_hash = established.handshake_hash
        self._renewed_at = house.clock.monotonic()
        self._transport.write(frame_message(reply))
        self._deadline(limits.LOGIN_TIMEOUT_S, "no login in time")
        self._transport.resume_reading()
        self._channel.receive_data(self._splitter.take_rest())
        self._take_records()

    def _take_records(self) -> None:
        channel = self._channel
        while channel is not None and not self._is_over and (event := channel.next_event()):
            match event:
                case DataReceived(data):
                    self._frames.receive_data(data)
                    self._take_frames()
                case Rekeyed():
                    pass
                case RenewalMessage(payload):
                    self._start(self._renew(payload))
                case Renewed(handshake_hash):
                    self._renewed_at = self._house.clock.monotonic()
                    self._session.renewed(handshake_hash)
                case CloseReceived():
                    self._close()
                case _:
                    assert_never(event)

    async def _renew(self, payload: bytes) -> None:
        channel = self._channel
        if channel is None:
            return
        async with self._listener.handshakes:
            renewal = await self._house.threads.run(
                channel.renewal_response, payload, self._house.keys.static
            )
        if channel.is_open and not self._is_over:
            channel.answer_renewal(renewal)
            self._transport.write(channel.data_to_send())

    def _take_frames(self) -> None:
        while len(self._tasks) < MAX_IN_FLIGHT and not self._is_over:
            request = self._frames.next_frame()
            if request is None:
                return
            self._start(self._answer(request))
        self._transport.pause_reading()  # until some of them are answered

    # --- answering -----------------------------------------------------------------------------

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except CoterieError as error:
            self.drop(str(error)[:200])
        except Exception:  # a task ends here
            log.exception("connection-failed")
            self.drop("a bug of the server's")

    async def _answer(self, request: Request) -> None:
        session, clock = self._session, self._house.clock
        began, size = clock.monotonic(), self._frames.last_size
        reply = await session.answer(request.body)
        if self._is_over:
            return
        frame = stream.encode_frame(Reply(request.id, reply))
        log.debug(
            "request",
            request=type(request.body).__name__,
            size=size,
            reply=type(reply).__name__,
            reply_size=len(frame),
            duration_ms=round((clock.monotonic() - began) * 1000, 1),
        )
        self._send(frame)
        if session.state is State.LOGGED_IN:
            self._frames.limit = MAX_FRAME
        if len(self._tasks) == MAX_IN_FLIGHT:  # this one still counts: there was no room
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._is_over:
            return
        self._transport.resume_reading()
        try:
            self._take_frames()
            self._take_records()
        except RemoteProtocolError as error:
            self.drop(str(error)[:200])

    # --- sending -------------------------------------------------------------------------------

    def push(self, group_id: bytes | None, frame: bytes) -> None:
        """``bus.Listener``: to a slow reader nothing is pushed; it is told once that it has missed something."""
        if self._is_over or self._channel is None:
            return
        if self._is_writable:
            self._send(frame)
        else:
            self._missed.add(group_id)

    def pause_writing(self) -> None:
        """The reader is slow."""
        self._is_writable = False
        self._transport.pause_reading()  # who does not read answers gets no more of them

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self._is_writable = True
        self._transport.resume_reading()
        missed, self._missed = self._missed, set()
        for group_id in missed:
            if group_id is not None:  # head 0 says: something came, fetch
                self._send(stream.encode_frame(Event(LogGrew(group_id, (), 0))))

    def _send(self, frame: bytes) -> None:
        """All frames that are ready in one turn of the loop go out as one: one seal, one write."""
        self._out.append(frame)
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._is_over or self._channel is None or not self._channel.is_open:
            return
        self._channel.send_data(b"".join(self._out))
        self._out.clear()
        self._transport.write(self._channel.data_to_send())
