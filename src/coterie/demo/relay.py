"""A relay between a client and a server: it records every byte, and can do what an attacker on the network can.

It knows no keys. Of what passes it understands only the lengths before the records, as any listener would.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from coterie.demo.bell import Bell
from coterie.noise.handshake import MAX_MESSAGE
from coterie.noise.records import LENGTH_SIZE
from coterie.wire.invite import Address

CHUNK = 65_536  # bytes of one read


class Way(StrEnum):
    """In which direction bytes go."""

    UP = "up"  # client to server
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What comes of a record: any bytes, and the end of the connection behind them where that is cut."""

    data: bytes
    is_last: bool = False


Tamper = Callable[[bytes], Arrival]  # takes a record, with its length before it


def flip_bit(record: bytes) -> Arrival:
    """One bit in its middle is another one: its length is left alone, so that it arrives whole."""
    arrived = bytearray(record)
    arrived[LENGTH_SIZE + (len(record) - LENGTH_SIZE) // 2] ^= 1
    return Arrival(bytes(arrived))


@dataclass(frozen=True, slots=True)
class Change:
    """What the relay did to a record."""

    way: Way
    sent: bytes
    arrived: bytes

    @property
    def bits(self) -> int:
        """In how many bits the two differ."""
        return bit_distance(self.sent, self.arrived)


def bit_distance(one: bytes, other: bytes) -> int:
    """In how many bits two texts of the same size differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


class Records:
    """The records in a stream of bytes. What is no record in the end is passed on as it is."""

    def __init__(self) -> None:
        self._held = bytearray()

    def take(self, data: bytes) -> list[bytes]:
        """The whole records, each with its length before it, that ``data`` completes."""
        self._held += data
        whole: list[bytes] = []
        while len(self._held) >= LENGTH_SIZE:
            size = int.from_bytes(self._held[:LENGTH_SIZE], "big")
            if size > MAX_MESSAGE:  # another protocol's bytes: there are no records to wait for
                return [*whole, self.rest()]
            if len(self._held) < LENGTH_SIZE + size:
                break
            whole.append(bytes(self._held[: LENGTH_SIZE + size]))
            del self._held[: LENGTH_SIZE + size]
        return whole

    def rest(self) -> bytes:
        """All that is held."""
        rest = bytes(self._held)
        self._held.clear()
        return rest


@dataclass(slots=True)
class Recording:
    """One connection, as it passed: the records as their sender sent them, and what was done to them."""

    number: int  # 1 for the first through this relay
    target: Address
    up: list[bytes] = field(default_factory=list)
    down: list[bytes] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    has_ended: bool = False

    def records(self, way: Way) -> list[bytes]:
        """Those of one direction, each with its length before it."""
        return self.up if way is Way.UP else self.down

    def sizes(self, way: Way) -> tuple[int, ...]:
        """How large each was, without its length."""
        return tuple(len(record) - LENGTH_SIZE for record in self.records(way))

    def stream(self, way: Way) -> bytes:
        """All bytes of one direction."""
        return b"".join(self.records(way))


class Relay:
    """Listens on loopback, and passes on to ``target``, which can be changed for the connections to come."""

    def __init__(self, name: str, target: Address, bell: Bell) -> None:
        self.name = name
        self.target = target
        self.address = Address(target.host, 0)  # once it listens
        self.recordings: list[Recording] = []
        self._bell = bell
        self._tampers: dict[Way, deque[Tamper]] = {way: deque() for way in Way}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # one for each open connection
        self._writers: set[asyncio.StreamWriter] = set()  # two

    async def start(self) -> None:
        """Listens from now on."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = Address("127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Cuts all connections."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def tamper(self, way: Way, *tampers: Tamper) -> None:
        """The next records in that direction arrive as these make them, one record each."""
        self._tampers[way].extend(tampers)

    @property
    def newest(self) -> Recording:
        """The connection made last."""
        return self.recordings[-1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        recording = Recording(len(self.recordings) + 1, self.target)
        self.recordings.append(recording)
        with self._closing(writer):
            await self._pass_on(recording, reader, writer)
        recording.has_ended = True
        self._bell.ring()

    async def _pass_on(
        self, recording: Recording, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Until both sides have ended: what one still says after the other's end is recorded too."""
        try:
            server = await asyncio.open_connection(recording.target.host, recording.target.port)
        except OSError:
            return  # nothing listens there: the client is told by the end of its connection
        with self._closing(server[1]):
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pump(recording, Way.UP, reader, server[1]))
                ways.create_task(self._pump(recording, Way.DOWN, server[0], writer))

    @contextmanager
    def _closing(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pump(
        self,
        recording: Recording,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Until the sender ends. A side that was cut ends the other."""
        records = Records()
        try:
            while data := await reader.read(CHUNK):
                for record in records.take(data):
                    self._note(recording, way, record)
                    arrival = self._tampered(recording, way, record)
                    writer.write(arrival.data)
                    await writer.drain()
                    if arrival.is_last:
                        writer.close()
                        return
            if rest := records.rest():
                self._note(recording, way, rest)
                writer.write(rest)
            writer.write_eof()
        except OSError:
            writer.close()

    def _note(self, recording: Recording, way: Way, record: bytes) -> None:
        recording.records(way).append(record)
        self._bell.ring()

    def _tampered(self, recording: Recording, way: Way, record: bytes) -> Arrival:
        if not self._tampers[way] or len(record) <= LENGTH_SIZE:
            return Arrival(record)
        arrival = self._tampers[way].popleft()(record)
        recording.changes.append(Change(way, record, arrival.data))
        return arrival
