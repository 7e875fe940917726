"""TCP that can be cut and held: the client's network seam, with a hand on each connection."""

import asyncio
from collections.abc import Callable
from random import Random

from coterie.client.seams import Receiver, Transport
from coterie.client.transport import unavailable
from coterie.wire.invite import Address


class Network:
    """Opens connections, each device's from an address of its own, as people's are."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._open: set[_Stream] = set()

    def seat(self, number: int) -> "Seat":
        """The network as one device sees it."""
        return Seat(self, f"127.1.{number // 250}.{number % 250 + 1}")

    async def connect(self, address: Address, receiver: Receiver, local: str) -> Transport:
        loop = asyncio.get_running_loop()
        try:
            transport, stream = await loop.create_connection(
                lambda: _Stream(receiver, self._open.discard),
                address.host,
                address.port,
                local_addr=(local, 0),
            )
        except (OSError, UnicodeError) as error:
            raise unavailable(address, error) from error
        stream.transport = transport
        self._open.add(stream)
        return stream.transport

    def cut(self) -> bool:
        """Ends one of them in the middle of whatever it does. False where there is none."""
        stream = self._any()
        if stream is not None and stream.transport is not None:
            stream.transport.abort()
        return stream is not None

    async def hold(self, for_s: float) -> bool:
        """One of them reads nothing for that long: a slow reader. False where there is none."""
        stream = self._any()
        if stream is None or stream.transport is None:
            return False
        stream.transport.pause_reading()
        await asyncio.sleep(for_s)  # this long is what it is about
        if not stream.transport.is_closing():
            stream.transport.resume_reading()
        return True

    def _any(self) -> "_Stream | None":
        return self._chance.choice(sorted(self._open, key=id)) if self._open else None


class Seat:
    """One device's place in the network: its ``Network`` seam."""

    def __init__(self, network: Network, local: str) -> None:
        self._network, self._local = network, local

    async def connect(self, address: Address, receiver: Receiver) -> Transport:
        """Raises Unavailable."""
        return await self._network.connect(address, receiver, self._local)


class _Stream(asyncio.Protocol):
    def __init__(self, receiver: Receiver, on_lost: Callable[["_Stream"], None]) -> None:
        self._receiver, self._on_lost = receiver, on_lost
        self.transport: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        self._receiver.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost(self)
        self._receiver.connection_lost(exc)

    def pause_writing(self) -> None:
        self._receiver.pause_writing()

    def resume_writing(self) -> None:
        self._receiver.resume_writing()
