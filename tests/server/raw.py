"""A client that says what a test wants, byte for byte: over memory in fake time, or over a real socket."""

import asyncio
import socket
from typing import Any

from coterie.client.tls import context_for
from coterie.noise.channel import (
    MESSAGE_2_SIZE,
    Channel,
    ClientHandshake,
    CloseReceived,
    DataReceived,
    MessageSplitter,
    Renewed,
    frame_message,
)
from coterie.server.house import House
from coterie.server.limits import WRITE_BUFFER
from coterie.server.peer import Peer
from coterie.wire import frames as f
from coterie.wire.invite import Address
from coterie.wire.stream import encode_frame, from_server
from tests.fakes import settle


class RawClient:
    """The client's side of one connection, without I/O."""

    def __init__(self, fingerprint: bytes) -> None:
        self.fingerprint = fingerprint
        self.channel: Channel | None = None
        self.frames: list[f.FromServer] = []
        self.is_closed_in_order = False
        self._handshake = ClientHandshake()
        self._splitter = MessageSplitter(MESSAGE_2_SIZE)
        self._decoder = from_server()
        self._ids = 0

    def greeting(self) -> bytes:
        return frame_message(self._handshake.write())

    @property
    def handshake_hash(self) -> bytes:
        assert self.channel is not None
        return self.channel.handshake_hash

    def receive(self, data: bytes) -> None:
        if self.channel is None:
            self._splitter.receive_data(data)
            message = self._splitter.next_message()
            if message is None:
                return
            established = self._handshake.read(message, self.fingerprint)
            self.channel = Channel(established, is_initiator=True)
            data = self._splitter.take_rest()
        self.channel.receive_data(data)
        while (event := self.channel.next_event()) is not None:
            match event:
                case DataReceived(stream):
                    self._decoder.receive_data(stream)
                    while (frame := self._decoder.next_frame()) is not None:
                        self.frames.append(frame)
                case CloseReceived():
                    self.is_closed_in_order = True
                case Renewed():
                    pass  # its marker goes out with what is written next
                case _:
                    pass

    def request(self, body: f.RequestBody) -> bytes:
        """As a frame."""
        self._ids += 1
        return encode_frame(f.Request(self._ids, body))

    def seal(self, stream: bytes) -> bytes:
        """As records."""
        assert self.channel is not None
        self.channel.send_data(stream)
        return self.channel.data_to_send()

    def replies(self) -> list[f.ReplyBody]:
        """Those that came, in order; events aside."""
        return [frame.body for frame in self.frames if isinstance(frame, f.Reply)]

    def events(self) -> list[f.EventBody]:
        return [frame.body for frame in self.frames if isinstance(frame, f.Event)]


class MemoryTransport(asyncio.Transport):
    """What a peer writes, and how it holds the other side back."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        super().__init__()
        self.address = address
        self.written: list[bytes] = []
        self.lying = 0  # bytes that the test says were not taken yet
        self.writer: Peer | None = None  # where it is set, nothing is taken and it is told so
        self.is_reading_now = True
        self.has_begun = True  # False: in ``connection_made``, where it does not read yet
        self.end = ""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.address, 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.lying

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.end, "written after the end"
        self.written.append(bytes(data))
        if self.writer is not None:
            self.lying += len(data)
            if self.lying > WRITE_BUFFER:
                self.writer.pause_writing()

    def pause_reading(self) -> None:
        self.is_reading_now = not self.has_begun  # as uvloop does

    def resume_reading(self) -> None:
        self.is_reading_now = True

    def is_closing(self) -> bool:
        return bool(self.end)

    def close(self) -> None:
        self.end = self.end or "closed"

    def abort(self) -> None:
        self.end = "aborted"


class MemoryPeer:
    """A peer and a raw client, joined by a list of bytes."""

    def __init__(self, house: House, *, address: str = "192.0.2.1") -> None:
        self.transport = MemoryTransport(address)
        self.made: list[Peer] = []
        self.lost: list[Peer] = []
        self.peer = Peer(house, on_made=self.made.append, on_lost=self.lost.append)
        self.peer.connection_made(self.transport)
        self.client = RawClient(house.keys.fingerprint)
        self._waiting: list[bytes] = []

    async def send(self, data: bytes) -> None:
        """Bytes reach the peer where it reads."""
        self._waiting.append(data)
        await self.run()

    async def run(self) -> None:
        """Everything happens that can."""
        await settle()
        while self._waiting and self.transport.is_reading_now and not self.transport.end:
            self.peer.data_received(self._waiting.pop(0))
            await settle()
        written, self.transport.written = self.transport.written, []
        for data in written:
            self.client.receive(data)

    async def open(self) -> "MemoryPeer":
        await self.send(self.client.greeting())
        await self.ask(f.Hello((1,)))
        return self

    async def ask(self, *bodies: f.RequestBody) -> list[f.ReplyBody]:
        """All in one write; the replies that came."""
        before = len(self.client.replies())
        stream = b"".join(self.client.request(body) for body in bodies)
        await self.send(self.client.seal(stream))
        return self.client.replies()[before:]

    async def renew(self) -> None:
        """A whole new exchange; the device has yet to sign it."""
        channel = self.client.channel
        assert channel is not None
        channel.start_renewal()
        await self.send(channel.data_to_send())
        await self.send(channel.data_to_send())

    def stop_taking(self) -> None:
        """From now on what the peer writes lies in the transport."""
        self.transport.writer = self.peer

    def take_all(self) -> None:
        """What lies there is taken; and so will be what comes."""
        self.transport.writer, self.transport.lying = None, 0
        self.peer.resume_writing()

    @property
    def handshake_hash(self) -> bytes:
        return self.client.handshake_hash

    def end(self) -> None:
        """The socket is gone."""
        self.peer.connection_lost(None)


class RawSocket:
    """A raw client on a real socket, which takes little at a time: who does not read is soon a slow reader."""

    def __init__(self, address: Address, fingerprint: bytes) -> None:
        self._address = address
        self.client = RawClient(fingerprint)

    async def __aenter__(self) -> "RawSocket":
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)  # before it connects
        plain.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(plain, (self._address.host, self._address.port))
        trust = self._address.tls
        self.reader, self.writer = await asyncio.open_connection(
            sock=plain,
            ssl=context_for(trust) if trust else None,
            server_hostname=self._address.host if trust else None,
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.writer.close()

    async def open(self) -> "RawSocket":
        self.writer.write(self.client.greeting())
        while self.client.channel is None:
            await self.read()
        await self.ask(f.Hello((1,)))
        return self

    async def read(self) -> None:
        """The next bytes, whatever they are. Raises ConnectionError at the end."""
        data = await self.reader.read(2**16)
        if not data:
            raise ConnectionResetError
        self.client.receive(data)

    def send(self, *bodies: f.RequestBody) -> None:
        stream = b"".join(self.client.request(body) for body in bodies)
        self.writer.write(self.client.seal(stream))

    async def ask(self, body: f.RequestBody) -> f.ReplyBody:
        before = len(self.client.replies())
        self.send(body)
        while len(self.client.replies()) == before:
            await self.read()
        return self.client.replies()[before]

    async def is_dropped(self) -> bool:
        """Returns when the server has ended the connection."""
        try:
            while True:
                await self.read()
        except ConnectionError:
            return True
