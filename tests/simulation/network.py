"""The network: byte streams with delays, cuts and pauses, and somebody in the middle who alters what passes.

A stream keeps its order. Each write is chopped as the seed says; ``tamper`` damages the next one of a direction.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Protocol, cast

from coterie.client.seams import Receiver, Transport
from coterie.errors import Unavailable
from coterie.wire.invite import Address
from tests.simulation.loop import Party

LATENCY_S = (0.001, 0.08)
HELD_S = 20.0  # a record that waits for the next one to overtake it is given up after that
WRITE_BUFFER = 64 * 2**10  # as asyncio's
Trace = Callable[[str, str], None]


class Tampering(StrEnum):
    """What the one in the middle does with one write, which is one record or more."""

    FLIP = "flip"
    DUPLICATE = "duplicate"
    REORDER = "reorder"


class Accepts(Protocol):
    """What listens: gives the protocol of a connection."""

    def __call__(self) -> asyncio.Protocol: ...


class End(asyncio.Transport):
    """One side of a stream: the transport that its protocol writes to."""

    def __init__(self, wire: "Wire", party: Party, receiver: Receiver) -> None:
        super().__init__()
        self.wire, self.party, self.receiver = wire, party, receiver
        self.other: End = self
        self.tampering: Tampering | None = None  # of the next write of this side
        self.is_lost = False
        self.stalled_until = 0.0  # reads nothing before
        self._is_closing = False
        self._is_paused = False
        self._arrived: deque[bytes] = deque()
        self._unsent = 0  # bytes that the other side has not taken
        self._high = WRITE_BUFFER
        self._has_paused_writer = False
        self._last_arrival = 0.0
        self._held = b""

    # --- what the protocol calls ---------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self._is_closing or self.is_lost or not self.party.is_alive:
            return
        data = bytes(data)
        self.wire.trace(self.party.name, f"-> {self.other.party.name} {len(data)} bytes")
        self._unsent += len(data)
        if self._unsent > self._high and not self._has_paused_writer:
            self._has_paused_writer = True
            self.receiver.pause_writing()
        if self.tampering is not None or self._held:
            data = self._tampered(data)
        self._send(data)

    def close(self) -> None:
        self._is_closing = True
        self._finish_if_sent()

    def abort(self) -> None:
        self.lose()
        self.other.lose_after(self._arrival())

    def is_closing(self) -> bool:
        return self._is_closing or self.is_lost

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        self._soon(self._take)

    def get_write_buffer_size(self) -> int:
        return self._unsent

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high if high is not None else WRITE_BUFFER

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.other.party.address, 7617) if name == "peername" else default

    # --- the stream ----------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        chance, loop = self.wire.chance, asyncio.get_running_loop()
        while data:
            size = len(data) if chance.random() < 0.8 else chance.randrange(1, len(data) + 1)
            piece, data = data[:size], data[size:]
            loop.call_at(
                self._arrival(), self.other.arrived, piece, context=self.other.party.context
            )

    def _arrival(self) -> float:
        now = asyncio.get_running_loop().time()
        self._last_arrival = max(
            self._last_arrival, now + self.wire.chance.uniform(*self.wire.latency_s)
        )
        return self._last_arrival

    def arrived(self, piece: bytes) -> None:
        """A piece is here; it is taken when this side reads."""
        if not self.is_lost:
            self._arrived.append(piece)
            self._take()

    def _take(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.stalled_until > now:
            asyncio.get_running_loop().call_at(
                self.stalled_until, self._take, context=self.party.context
            )
            return
        while self._arrived and not self._is_paused and not self.is_lost:
            piece = self._arrived.popleft()
            self.other.taken(len(piece))
            self.receiver.data_received(piece)
        if self.other.is_closing() and not self._arrived and not self.is_lost:
            self.other._finish_if_sent()

    def taken(self, size: int) -> None:
        """The other side has read so much."""
        self._unsent -= size
        if self._has_paused_writer and self._unsent <= self._high // 4:
            self._has_paused_writer = False
            self._soon(self.receiver.resume_writing)

    def _finish_if_sent(self) -> None:
        if self._unsent <= 0 and not self.is_lost:
            self.lose()
            self.other.lose_after(self._arrival())

    def lose(self) -> None:
        """This side is told that the connection has ended."""
        if self.is_lost:
            return
        self.is_lost = True
        self._arrived.clear()
        self.wire.ended_at = self.wire.ended_at or asyncio.get_running_loop().time()
        self._soon(self.receiver.connection_lost, None)

    def lose_after(self, when: float) -> None:
        """The same, when the news of it arrives."""
        asyncio.get_running_loop().call_at(when, self.lose, context=self.party.context)

    def _soon(self, callback: Callable[..., object], *args: Any) -> None:
        asyncio.get_running_loop().call_soon(callback, *args, context=self.party.context)

    # --- in the middle -------------------------------------------------------------------------

    def _tampered(self, data: bytes) -> bytes:
        if self._held:  # the one before it comes behind it
            held, self._held = self._held, b""
            self.wire.tampered(self, Tampering.REORDER)
            return data + held
        tampering, self.tampering = self.tampering, None
        match tampering:
            case Tampering.FLIP:
                at = self.wire.chance.randrange(len(data))
                data = data[:at] + bytes([data[at] ^ 1 << self.wire.chance.randrange(8)]) + data[at + 1 :]  # fmt: skip
            case Tampering.DUPLICATE:
                self._unsent += len(data)
                data += data
            case Tampering.REORDER:
                self._held = data
                asyncio.get_running_loop().call_later(HELD_S, self._release)
                return b""
            case None:
                return data
        self.wire.tampered(self, tampering)
        return data

    def _release(self) -> None:
        held, self._held = self._held, b""
        if held and not self.is_lost:
            self._send(held)


@dataclass(eq=False)
class Wire:
    """One connection, with both its ends."""

    trace: Trace
    chance: Random
    latency_s: tuple[float, float]
    on_tampered: Callable[["Wire", Tampering], None]
    ends: tuple[End, ...] = ()
    tampered_at: float | None = None
    ended_at: float | None = None

    def tampered(self, end: End, how: Tampering) -> None:
        """Told by the end whose write it was."""
        self.trace("network", f"{how} of what {end.party.name} wrote")
        if self.tampered_at is None:
            self.tampered_at = asyncio.get_running_loop().time()
        self.on_tampered(self, how)

    @property
    def is_open(self) -> bool:
        return not all(end.is_lost for end in self.ends)

    def cut(self) -> None:
        """Both sides lose it; what was on its way is lost."""
        for end in self.ends:
            end.lose()


@dataclass
class Network:
    """One server, and who can reach it."""

    chance: Random
    trace: Trace
    on_tampered: Callable[[Wire, Tampering], None] = lambda wire, how: None
    wires: list[Wire] = field(default_factory=list)
    offline_until: dict[str, float] = field(default_factory=dict)
    latency_s: tuple[float, float] = LATENCY_S
    _listening: tuple[Party, Accepts] | None = None
    _apart: dict[str, tuple[Party, Accepts]] = field(default_factory=dict)

    def listen(self, party: Party, accept: Accepts) -> None:
        """That process takes connections from now on."""
        self._listening = (party, accept)

    @contextmanager
    def only_for(self, names: Iterable[str]) -> Iterator[None]:
        """What begins to listen inside is reached by these clients instead, and by no others."""
        before = self._listening
        yield
        assert self._listening is not None
        self._apart = dict.fromkeys(names, self._listening)
        self._listening = before

    def together(self) -> None:
        """All clients reach the one server again."""
        self._apart.clear()

    def of(self, party: Party) -> "Dialler":
        """The client's seam."""
        return Dialler(self, party)

    def open_wires(self, name: str) -> list[Wire]:
        """Those of a party."""
        return [w for w in self.wires if w.is_open and any(e.party.name == name for e in w.ends)]

    def cut(self, name: str) -> int:
        """Ends all connections of a party; how many there were."""
        wires = self.open_wires(name)
        for wire in wires:
            wire.cut()
        return len(wires)

    def died(self, party: Party) -> None:
        """Its connections are gone, and the other sides learn of it."""
        for wire in self.wires:
            for end in wire.ends:
                if end.party is party:
                    end.is_lost = True
                    end.other.lose_after(end._arrival())

    def dial(self, client: Party, receiver: Receiver, address: Address) -> End:
        """The client's end of a new connection. Raises Unavailable."""
        loop = asyncio.get_running_loop()
        listening = self._apart.get(client.name, self._listening)
        if self.offline_until.get(client.name, 0.0) > loop.time():
            raise Unavailable(f"cannot reach {address}: the network is down")
        if listening is None or not listening[0].is_alive:
            raise Unavailable(f"nothing listens at {address}")
        server, accept = listening
        self.wires = [wire for wire in self.wires if wire.is_open or wire.tampered_at is not None]
        wire = Wire(self.trace, self.chance, self.latency_s, self.on_tampered)
        near = End(wire, client, receiver)
        protocol: asyncio.Protocol = server.context.run(accept)
        far = End(wire, server, cast("Receiver", protocol))
        near.other, far.other = far, near
        wire.ends = (near, far)
        self.wires.append(wire)
        loop.call_soon(protocol.connection_made, far, context=server.context)
        return near


@dataclass
class Dialler:
    """``client.seams.Network`` of one process."""

    network: Network
    party: Party

    async def connect(self, address: Address, receiver: Receiver) -> Transport:
        """After a round trip."""
        await asyncio.sleep(self.network.chance.uniform(*self.network.latency_s) * 2)
        self.network.trace(self.party.name, "connects")
        return self.network.dial(self.party, receiver, address)
