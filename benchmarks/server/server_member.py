"""The load's side of a connection to the server: a device that is subscribed to one room.

Most only count. That nothing was lost shows at the end, when each of them has been sent as many bytes of frames as one
of its room who has read all of them, entry by entry.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from data import DEVICE_KEY, Seat, group_id
from shapes import PADDING, TIME
from walker import RecordWalker

from coterie.noise.channel import Channel, ClientHandshake, DataReceived, MessageSplitter
from coterie.noise.records import frame_message
from coterie.wire import chain, stream
from coterie.wire import frames as f
from coterie.wire.signed import device_login_input

if TYPE_CHECKING:
    from collections.abc import Callable

RECORD_OVERHEAD = 17  # bytes of a record that are not the stream's: its type and its tag


class Room:
    """What one who reads has found in a room's log."""

    def __init__(self, head: int) -> None:
        self.first = self.head = head
        self.pushed_bytes = 0  # of the frames that told of it

    def grew(self, entries: tuple[f.Entry, ...], size: int) -> None:
        for entry in entries:
            assert entry.seq == self.head + 1, "an entry is missing"
            self.head = entry.seq
        self.pushed_bytes += size


class ServerMember(asyncio.Protocol):
    """A device. From its subscription on it only counts, or it reads everything."""

    def __init__(self, seat: Seat, fingerprint: bytes, *, only_counts: bool) -> None:
        self.seat = seat
        self.latencies: list[float] | None = None
        self.sent = self.answered = 0
        self.on_answer: Callable[[int], None] | None = None
        self._only_counts = only_counts
        self._fingerprint = fingerprint
        self._handshake: ClientHandshake | None = None
        self._splitter = MessageSplitter()
        self._channel: Channel | None = None
        self._frames = stream.from_server()
        self.walker: RecordWalker | None = None
        self.room = Room(0)
        self.count = 0  # of its last post
        self._asked: deque[asyncio.Future[f.ReplyBody]] = deque()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- up to the subscription ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._handshake = ClientHandshake()
        self.write(frame_message(self._handshake.write()))

    def connection_lost(self, exc: Exception | None) -> None:
        error = ConnectionError(f"{self.seat.name} was cut off")
        for waiting in (*self._asked, self._ready):
            if not waiting.done():
                waiting.set_exception(error)

    async def enter(self) -> None:
        """Logs in, and subscribes to its room from the beginning."""
        await self._ready
        assert self._channel is not None
        seat = self.seat
        await self.ask(f.Hello((1,)))
        to_sign = device_login_input(seat.name, seat.device, self._channel.handshake_hash)
        login = f.DeviceLogin(seat.name, seat.device, DEVICE_KEY.sign(to_sign))
        assert await self.ask(login) == f.LoggedIn()
        group = group_id(seat.room)
        subscribed = await self.ask(f.Subscribe(group, 0, chain.first(group)))
        assert isinstance(subscribed, f.Subscribed), subscribed
        self.room, self.count = Room(subscribed.head), subscribed.count
        if self._only_counts:
            assert self._frames.is_empty
            self.walker, self._channel = RecordWalker(), None

    async def ask(self, body: f.RequestBody) -> f.ReplyBody:
        """The answer. Several may be under way, of a kind that is answered in order."""
        asked: asyncio.Future[f.ReplyBody] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self._send(stream.encode_frame(f.Request(0, body)))
        return await asked

    # --- under load ------------------------------------------------------------------------------

    def post(self, number: int) -> None:
        """As one record."""
        group, frames = group_id(self.seat.room), []
        body = TIME.pack(time.perf_counter()) + PADDING
        for _ in range(number):
            self.count += 1
            message_id = self.seat.device[8:] + self.count.to_bytes(8, "big")
            post = f.Post(group, f.Kind.MESSAGE, message_id, self.count, 0, body)
            frames.append(stream.encode_frame(f.Request(self.count, post)))
        self.sent += number
        self._send(b"".join(frames))

    def received(self) -> int:
        return self.room.head - self.room.first

    def data_received(self, data: bytes) -> None:
        if self.walker is not None:
            self.walker.take(data, RECORD_OVERHEAD)
        elif self._channel is not None:
            self._read(data)
        else:
            self._splitter.receive_data(data)
            message = self._splitter.next_message()
            if message is not None and self._handshake is not None:
                established = self._handshake.read(message, self._fingerprint)
                self._handshake = None
                self._channel = Channel(established, is_initiator=True)
                self._ready.set_result(None)

    def _read(self, data: bytes) -> None:
        channel, answers = self._channel, 0
        assert channel is not None
        channel.receive_data(data)
        while (event := channel.next_event()) is not None:
            if isinstance(event, DataReceived):
                self._frames.receive_data(event.data)
                while (frame := self._frames.next_frame()) is not None:
                    answers += self._take(frame, self._frames.last_size + stream.LENGTH_SIZE)
        if answers:
            self.answered += answers
            if self.on_answer is not None:
                self.on_answer(answers)

    def _take(self, frame: f.FromServer, size: int) -> int:
        """1 where it answers a post."""
        if isinstance(frame, f.Event):
            assert isinstance(frame.body, f.LogGrew), frame
            assert frame.body.entries, "a push was dropped: the load is too slow"
            self.room.grew(frame.body.entries, size)
            if self.latencies is not None:
                now = time.perf_counter()
                self.latencies += [
                    now - TIME.unpack_from(entry.body)[0] for entry in frame.body.entries
                ]
            return 0
        if isinstance(frame.body, f.Accepted):
            return 1
        assert self._asked, frame
        self._asked.popleft().set_result(frame.body)
        return 0

    def _send(self, data: bytes) -> None:
        assert self._channel is not None
        self._channel.send_data(data)
        self.write(self._channel.data_to_send())

    def write(self, data: bytes) -> None:
        self._transport.write(data)  # type: ignore[attr-defined]  # uvloop's

    def close(self) -> None:
        self._transport.close()
