"""Clock, threads, network and server as plain classes, for tests that need no socket and no time."""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from coterie.client.seams import Receiver, Seams
from coterie.errors import Unavailable
from coterie.noise.channel import (
    MESSAGE_1_SIZE,
    Channel,
    CloseReceived,
    DataReceived,
    MessageSplitter,
    Rekeyed,
    RenewalMessage,
    Renewed,
    ServerHandshake,
    fingerprint,
    frame_message,
)
from coterie.noise.dh import FFDHE2048
from coterie.wire.frames import (
    Done,
    Event,
    EventBody,
    Hello,
    HelloReply,
    Ping,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
)
from coterie.wire.invite import Address
from coterie.wire.stream import encode_frame, requests

T = TypeVar("T")
STATIC = FFDHE2048.generate()
FINGERPRINT = fingerprint(STATIC.public)
ADDRESS = Address("server.test", 7617)
SERVER_ID, GENERATION = b"s" * 16, b"g" * 16


@dataclass(order=True)
class FakeTimer:
    """A callback that is due at a moment of the fake clock."""

    due: float
    number: int
    callback: Callable[[], object] = field(compare=False)
    is_cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeClock:
    """Stands still until a test moves it."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._began = now
        self._passed = 0.0
        self._timers: list[FakeTimer] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._began + self._passed

    def monotonic(self) -> float:
        return self._passed

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> FakeTimer:
        timer = FakeTimer(self._passed + delay_s, next(self._numbers), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def delays(self) -> list[float]:
        """How long each timer still has."""
        return sorted(t.due - self._passed for t in self._timers if not t.is_cancelled)

    async def advance(self, seconds: float) -> None:
        """Lets time pass, and everything happen that is due, in order."""
        await settle()
        end = self._passed + seconds
        while self._timers and self._timers[0].due <= end:
            timer = heapq.heappop(self._timers)
            if timer.is_cancelled:
                continue
            self._passed = max(self._passed, timer.due)
            timer.callback()
            await settle()
        self._passed = end


async def settle(turns: int = 200) -> None:
    """Lets everything run that can without time, threads or sockets."""
    ready = vars(asyncio.get_running_loop())[
        "_ready"
    ]  # the loop has no other way to say that it is idle
    for _ in range(turns):
        await asyncio.sleep(0)
        if not ready:
            return


class InlineThreads:
    """Does the work at once: the order of things is then always the same."""

    async def run(self, function: Callable[..., T], *args: object) -> T:
        return function(*args)

    def close(self) -> None:
        pass


class Pipe:
    """One end of a byte stream in memory. What is written arrives at the other end in the next turn of the loop.

    ``tamper`` may alter, split or swallow what is written; ``written`` keeps it as it was written.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.other: Pipe | None = None
        self.written: list[bytes] = []
        self.tamper: Callable[[bytes], bytes] = lambda data: data
        self.is_closed = False

    def write(self, data: bytes) -> None:
        if self.is_closed:
            return
        self.written.append(data)
        data = self.tamper(data)
        if data:
            asyncio.get_running_loop().call_soon(self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if self.other is not None and not self.other.is_closed:
            self.other.receiver.data_received(data)

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            loop = asyncio.get_running_loop()
            loop.call_soon(self.receiver.connection_lost, None)
            if self.other is not None:
                loop.call_soon(self.other.close)

    abort = close


@dataclass
class FakeNetwork:
    """Leads every address to what ``listen`` makes, or raises what it raises. Remembers all client ends."""

    listen: Callable[[], "FakeServer"]
    attempts: list[Address] = field(default_factory=list)
    pipes: list[Pipe] = field(default_factory=list)

    async def connect(self, address: Address, receiver: Receiver) -> Pipe:
        self.attempts.append(address)
        server = self.listen()
        near, far = Pipe(receiver), Pipe(server)
        near.other, far.other = far, near
        server.transport = far
        self.pipes.append(near)
        return near


def nobody_listens() -> "FakeServer":
    """For ``FakeNetwork.listen``."""
    raise Unavailable(f"nothing listens at {ADDRESS}")


class FakeServer:
    """The server's side of one connection: Noise and frames are the real ones, the answers a test's.

    ``answer`` gives the reply to a request, or None for none; ``received`` holds all requests.
    """

    def __init__(self, answer: Callable[[RequestBody], ReplyBody | None] = lambda body: Done()):
        self.answer = answer
        self.transport: Pipe | asyncio.Transport | None = None
        self.received: list[RequestBody] = []
        self.channel: Channel | None = None
        self.handshake_hashes: list[bytes] = []
        self.static = STATIC
        self.is_closed_in_order = False
        self.is_lost = False
        self._splitter = MessageSplitter(MESSAGE_1_SIZE)
        self._frames = requests()

    def data_received(self, data: bytes) -> None:
        if self.channel is None:
            self._splitter.receive_data(data)
            message_1 = self._splitter.next_message()
            if message_1 is None:
                return
            message_2, established = ServerHandshake(self.static).respond(message_1)
            self.channel = Channel(established, is_initiator=False)
            self.handshake_hashes.append(established.handshake_hash)
            self.write(frame_message(message_2))
            return
        self.channel.receive_data(data)
        while (event := self.channel.next_event()) is not None:
            match event:
                case DataReceived(stream):
                    self._frames.receive_data(stream)
                    while (request := self._frames.next_frame()) is not None:
                        self.take(request)
                case RenewalMessage(payload):
                    response = self.channel.renewal_response(payload, self.static)
                    self.channel.answer_renewal(response)
                    self.write(self.channel.data_to_send())
                case Renewed(handshake_hash):
                    self.handshake_hashes.append(handshake_hash)
                case CloseReceived():
                    self.is_closed_in_order = True
                case Rekeyed():
                    pass

    def take(self, request: Request) -> None:
        """Answers one request."""
        self.received.append(request.body)
        match request.body:
            case Hello():
                reply: ReplyBody | None = HelloReply(
                    version=1, server_id=SERVER_ID, generation=GENERATION
                )
            case Ping():
                reply = Done()
            case body:
                reply = self.answer(body)
        if reply is not None:
            self.reply(request.id, reply)

    def reply(self, number: int, body: ReplyBody) -> None:
        self.send_frame(encode_frame(Reply(id=number, body=body)))

    def tell(self, body: EventBody) -> None:
        self.send_frame(encode_frame(Event(body=body)))

    def send_frame(self, frame: bytes) -> None:
        assert self.channel is not None
        self.channel.send_data(frame)
        self.write(self.channel.data_to_send())

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def close(self) -> None:
        """In order."""
        assert self.channel is not None
        assert self.transport is not None
        self.channel.close()
        self.write(self.channel.data_to_send())
        self.transport.close()

    def cut(self) -> None:
        assert self.transport is not None
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass


def fake_seams(network: FakeNetwork, clock: FakeClock | None = None) -> Seams:
    """Everything fake, and chance always the same."""
    return Seams(network, InlineThreads(), clock or FakeClock(), random.Random(1))  # noqa: S311
