"""The same over loopback, with real sockets and threads."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from coterie.client.connection import (
    Connection,
)
from coterie.client.link import Link
from coterie.client.seams import LoopClock, PoolThreads, Seams
from coterie.client.transport import TCP, unavailable
from coterie.errors import (
    RemoteProtocolError,
    Unavailable,
)
from coterie.wire.frames import (
    Kind,
    Post,
)
from coterie.wire.invite import Address
from tests.asynchronous import asynchronous
from tests.client.world import COUNT, COUNTED, DEVICE, counting
from tests.fakes import (
    FINGERPRINT,
    FakeServer,
    InlineThreads,
)


class Loopback:
    """A real listener on 127.0.0.1 that makes a ``FakeServer`` for each connection."""

    def __init__(self, make: Callable[[], FakeServer]) -> None:
        self.make = make
        self.servers: list[FakeServer] = []
        self.seams = Seams(TCP(), PoolThreads(), LoopClock())

    async def __aenter__(self) -> "Loopback":
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(self._accept, "127.0.0.1", 0)
        self.address = Address(*self.listener.sockets[0].getsockname()[:2])
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.listener.close()
        await self.listener.wait_closed()
        self.seams.threads.close()

    def _accept(self) -> asyncio.Protocol:
        server = self.make()
        self.servers.append(server)

        class Accepted(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                server.transport = transport

            def data_received(self, data: bytes) -> None:
                server.data_received(data)

            def connection_lost(self, exc: Exception | None) -> None:
                server.connection_lost(exc)

        return Accepted()


@asynchronous
async def test_real_sockets_and_threads_carry_a_megabyte_each_way() -> None:
    async with Loopback(lambda: FakeServer(counting)) as world:
        connection = await Connection.open(world.address, FINGERPRINT, world.seams)
        await connection.log_in(DEVICE)
        body = Post(b"g" * 16, Kind.COMMIT, b"m" * 16, 1, 0, bytes(2**20))
        answers = await asyncio.gather(*(connection.request(body) for _ in range(4)))
        assert len(answers) == 4
        await connection.renew()
        assert await connection.request(COUNT) == COUNTED
        await connection.close()


@asynchronous
async def test_real_port_that_is_closed_and_name_that_cannot_be_are_unavailable() -> None:
    async with Loopback(FakeServer) as world:
        closed = world.address
    seams = Seams(TCP(), InlineThreads(), LoopClock())
    with pytest.raises(Unavailable, match=r"nothing listens at 127\.0\.0\.1"):
        await Connection.open(closed, FINGERPRINT, seams)
    with pytest.raises(Unavailable, match="no address is known for"):
        await Connection.open(Address("x" * 70, 1), FINGERPRINT, seams)


@asynchronous
async def test_real_http_server_is_told_by_its_answer() -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(page, "127.0.0.1", 0)
    address = Address(*listener.sockets[0].getsockname()[:2])
    seams = Seams(TCP(), InlineThreads(), LoopClock())
    with pytest.raises(RemoteProtocolError, match="does not speak Coterie: it is an HTTP server"):
        await Connection.open(address, FINGERPRINT, seams)
    listener.close()
    await listener.wait_closed()


@asynchronous
async def test_real_link_survives_a_cut() -> None:
    connected: asyncio.Queue[Connection] = asyncio.Queue()
    async with (
        Loopback(lambda: FakeServer(counting)) as world,
        Link(
            world.address, FINGERPRINT, DEVICE, world.seams, on_connected=connected.put_nowait
        ) as link,
    ):
        first = await connected.get()
        world.servers[0].cut()
        second = await connected.get()
        assert second.handshake_hash != first.handshake_hash
        assert await link.request(COUNT) == COUNTED


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no address is known for host"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens at host:7"),
        (OSError(113, "No route to host"), "cannot reach host:7: no route to host"),
        (OSError("Multiple exceptions: a, b"), "cannot reach host:7: multiple exceptions: a, b"),
    ],
    ids=["name", "refused", "route", "several"],
)
def test_what_the_system_says_becomes_a_sentence_with_a_hint(error: OSError, sentence: str) -> None:
    told = unavailable(Address("host", 7), error)
    assert str(told) == sentence
    assert told.hint
