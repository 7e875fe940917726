"""Connections within TLS, as the server sees them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvloop

from coterie.client.link import Link
from coterie.client.tls import CertificateRefused, context_for
from coterie.errors import CoterieError, RemoteProtocolError, Unavailable
from coterie.server.certificate import Certificate
from coterie.server.house import House
from coterie.server.limits import Limits
from coterie.server.peer import Peer
from coterie.server.tls import TlsLayer
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire.invite import Address
from coterie.wire.tls import ALPN, Trust
from tests.asynchronous import asynchronous
from tests.certificates import Authority
from tests.fakes import FakeClock, InlineThreads, settle
from tests.server.raw import MemoryTransport, RawClient, RawSocket
from tests.server.test_listener import GROUP, conversation, member
from tests.server.world import Events, Server, make_house, post, serving

AUTHORITY = Authority.make()
TRUST = Trust(AUTHORITY.own.pem)


def new_certificate(folder: Path) -> Certificate:
    """One that ``TRUST`` trusts."""
    return Certificate(*AUTHORITY.issue().write(folder))


PATIENT = Limits(handshake_timeout_s=60.0)  # who is dropped is not dropped by time


@asynccontextmanager
async def tls_serving(folder: Path, limits: Limits = PATIENT) -> AsyncIterator[Server]:
    async with serving(folder / "server", new_certificate(folder), TRUST, limits) as server:
        yield server


@asynchronous
async def test_two_people_talk(tmp_path: Path) -> None:
    await conversation(tmp_path / "server", new_certificate(tmp_path), TRUST)


def test_two_people_talk_on_uvloop(tmp_path: Path) -> None:
    async def watched() -> None:
        async with asyncio.timeout(20):
            await conversation(tmp_path / "server", new_certificate(tmp_path), TRUST)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watched())


@asynchronous
async def test_megabytes_go_through_whole(tmp_path: Path) -> None:
    async with tls_serving(tmp_path) as server:
        connection = await server.log_in(await member(server, "anna"))
        body = bytes(range(256)) * 2**14
        await connection.call(post(GROUP, 1, kind=f.Kind.COMMIT, body=body), f.Accepted)
        found = await connection.call(f.Fetch(GROUP, 0), f.Entries)
        assert found.entries[0].body == body
        await connection.renew()
        assert (await connection.call(post(GROUP, 2, after=1), f.Accepted)).seq == 2


@asynchronous
async def test_reader_that_stands_still_holds_up_nobody(tmp_path: Path) -> None:
    """Its pushes are dropped: backpressure goes through TLS."""
    async with tls_serving(tmp_path) as server:
        anna = await member(server, "anna")
        writer, events = await server.log_in(anna), Events()
        await writer.call(f.Subscribe(GROUP, 0, chain.first(GROUP)), f.Subscribed)
        async with RawSocket(server.address, server.fingerprint) as slow:
            await slow.open()
            login = anna.identity.login(slow.client.handshake_hash)
            assert await slow.ask(login) == f.LoggedIn()
            assert await slow.ask(f.Subscribe(GROUP, 0, chain.first(GROUP))) == f.Subscribed(0, 0)
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a ReadTransport too
            number = 60  # 12 MB, far beyond what sockets hold
            for count in range(1, number + 1):
                await writer.call(post(GROUP, count, body=bytes(200_000)), f.Accepted)
            slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
            told: list[f.LogGrew] = []
            while not told or told[-1].head < number:
                await slow.read()
                told = [e for e in slow.client.events() if isinstance(e, f.LogGrew)]
            assert told[-1] == f.LogGrew(GROUP, (), number)
            assert len(told) < number
        assert events.is_empty


@asynchronous
async def test_server_that_stops_tells_its_clients_to_come_back(tmp_path: Path) -> None:
    async with tls_serving(tmp_path) as server:
        events = Events()
        connection = await server.log_in(await server.join("anna"), events)
        await server.listener.close()
        assert isinstance(await events.next(), f.Closing)
        assert isinstance(await connection.wait_ended(), Unavailable)
        assert not server.listener.peers


# --- another certificate -------------------------------------------------------------------------


@asynchronous
async def test_certificate_that_is_replaced_is_shown_to_who_comes_and_cuts_off_nobody(
    tmp_path: Path,
) -> None:
    async with tls_serving(tmp_path) as server:
        connection = await server.log_in(await member(server, "anna"))
        stranger = Authority.make()
        stranger.issue().write(tmp_path)
        with pytest.raises(CertificateRefused, match="issued by nobody who is trusted"):
            await server.connect()
        assert (await connection.call(post(GROUP, 1), f.Accepted)).seq == 1
        await connection.renew()
        server.address = Address(server.address.host, server.address.port, Trust(stranger.own.pem))
        assert (await server.connect()).is_open


@asynchronous
async def test_client_goes_on_trying_until_the_certificate_is_right(tmp_path: Path) -> None:
    """A renewal that came late ended every client that was online, until somebody started it again."""
    async with tls_serving(tmp_path) as server:
        enrolled = await server.join("anna")
        AUTHORITY.issue(from_day=-9, until_day=-1).write(tmp_path)
        refused: asyncio.Queue[CoterieError] = asyncio.Queue()
        async with Link(
            server.address,
            server.fingerprint,
            enrolled.identity,
            server.seams,
            on_disconnected=refused.put_nowait,
        ) as link:
            error = await refused.get()
            assert isinstance(error, CertificateRefused)
            assert "has expired" in str(error)
            AUTHORITY.issue().write(tmp_path)
            link.hurry()
            assert (await link.connected()).is_open


# --- strangers -----------------------------------------------------------------------------------


def without_alpn(context: ssl.SSLContext) -> None:
    context.set_alpn_protocols([])


def with_another_alpn(context: ssl.SSLContext) -> None:
    context.set_alpn_protocols(["h2", "http/1.1"])


@pytest.mark.parametrize("change", [without_alpn, with_another_alpn])
@asynchronous
async def test_client_of_another_protocol_is_dropped(
    tmp_path: Path, change: Callable[[ssl.SSLContext], None]
) -> None:
    async with tls_serving(tmp_path) as server:
        context = context_for(TRUST)
        change(context)
        where = server.address
        reader, writer = await asyncio.open_connection(
            where.host, where.port, ssl=context, server_hostname=where.host
        )
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


@asynchronous
async def test_client_of_tls_1_2_is_refused(tmp_path: Path) -> None:
    async with tls_serving(tmp_path) as server:
        context = context_for(TRUST)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        where = server.address
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            await asyncio.open_connection(
                where.host, where.port, ssl=context, server_hostname=where.host
            )


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\n\r\n", bytes(2000), bytes(range(256)) * 100, b"\x16\x03\x01\x00\x05hello"],
    ids=["http", "zeros", "noise", "a broken ClientHello"],
)
@asynchronous
async def test_stranger_is_dropped_and_the_others_do_not_notice(
    tmp_path: Path, sent: bytes
) -> None:
    async with tls_serving(tmp_path) as server:
        connection = await server.log_in(await member(server, "anna"))
        others = set(server.listener.peers)
        reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
        writer.write(sent)
        with suppress(ConnectionError):
            await reader.read()  # an alert, or nothing
        writer.close()
        assert (await connection.call(post(GROUP, 1), f.Accepted)).seq == 1
        assert server.listener.peers == others


@asynchronous
async def test_client_without_tls_is_told_what_to_do(tmp_path: Path) -> None:
    async with tls_serving(tmp_path) as server:
        server.address = Address(server.address.host, server.address.port)
        with pytest.raises(RemoteProtocolError, match="it is a TLS server") as raised:
            await server.connect()
        assert f"coterie reach coteries://{server.address}" in raised.value.hint


# --- half-open ones ------------------------------------------------------------------------------


def client_hello() -> bytes:
    """How a TLS connection begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context_for(TRUST).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@asynchronous
async def test_half_open_ones_count_as_connections(tmp_path: Path) -> None:
    async with tls_serving(tmp_path, Limits(connections_per_address=3)) as server:
        where = server.address
        silent = [await asyncio.open_connection(where.host, where.port) for _ in range(3)]
        with pytest.raises(Unavailable, match="ended the TLS handshake"):
            await server.connect()
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize(
    "sent", [b"", client_hello()[:100], client_hello()], ids=["nothing", "half", "hello"]
)
@asynchronous
async def test_half_open_one_is_ended_in_time(tmp_path: Path, sent: bytes) -> None:
    """The same time as for the handshake of the channel: it is one and the same."""
    async with tls_serving(tmp_path, Limits(handshake_timeout_s=0.2)) as server:
        reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
        writer.write(sent)
        with suppress(ConnectionError):
            await reader.read()
        assert not server.listener.peers
        writer.close()


class MemoryTls:
    """A raw client within TLS, joined to a peer by a list of bytes, in fake time."""

    def __init__(self, house: House, certificate: Certificate) -> None:
        self.socket = MemoryTransport()
        self.peer = Peer(house, on_made=lambda peer: None, on_lost=lambda peer: None)
        self.layer = TlsLayer(certificate.context(), self.peer)
        self.layer.connection_made(self.socket)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = context_for(TRUST)
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")
        self.channel = RawClient(house.keys.fingerprint)

    async def exchange(self) -> bytes:
        """What each side has to say reaches the other; what the server said."""
        self.layer.data_received(self._outgoing.read())
        await settle()
        written, self.socket.written = b"".join(self.socket.written), []
        self._incoming.write(written)
        return written

    async def shake_hands(self) -> None:
        """TLS, and then the channel."""
        while self.tls.version() is None or self._outgoing.pending:
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            await self.exchange()
        await self.ask(self.channel.greeting())

    async def ask(self, data: bytes) -> None:
        self.tls.write(data)
        await self.exchange()
        with suppress(ssl.SSLWantReadError):
            while data := self.tls.read():
                self.channel.receive(data)


@asynchronous
async def test_one_that_is_held_back_costs_no_handshake(tmp_path: Path) -> None:
    """Who connects too often waits, and his ClientHello lies there meanwhile."""
    clock = FakeClock()
    house = make_house(tmp_path / "server", InlineThreads(), clock)
    client = MemoryTls(house, new_certificate(tmp_path))
    client.peer.hold(5.0)
    with suppress(ssl.SSLWantReadError):
        client.tls.do_handshake()
    await settle()
    assert await client.exchange() == b""
    assert not client.socket.is_reading_now
    await clock.advance(5.1)
    await client.shake_hands()
    assert client.tls.selected_alpn_protocol() == ALPN
    assert client.channel.channel is not None
    client.layer.connection_lost(None)
    house.store.close()


@asynchronous
async def test_end_of_tls_is_the_end_of_the_connection(tmp_path: Path) -> None:
    house = make_house(tmp_path / "server", InlineThreads(), FakeClock())
    client = MemoryTls(house, new_certificate(tmp_path))
    await client.shake_hands()
    with suppress(ssl.SSLWantReadError):
        client.tls.unwrap()
    await client.exchange()
    assert client.socket.end == "closed"
    client.tls.unwrap()  # the server's close_notify is there: nothing was cut off
    client.layer.connection_lost(None)
    house.store.close()


@asynchronous
async def test_altered_record_ends_the_connection(tmp_path: Path) -> None:
    house = make_house(tmp_path / "server", InlineThreads(), FakeClock())
    client = MemoryTls(house, new_certificate(tmp_path))
    await client.shake_hands()
    client.layer.data_received(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert client.socket.end == "closed"
    client.layer.data_received(b"more")
    client.layer.write(b"nothing goes out any more")
    client.layer.connection_lost(None)
    house.store.close()


@asynchronous
async def test_nothing_is_given_to_a_peer_that_rests(tmp_path: Path) -> None:
    """What lies decrypted in between comes when it goes on, in order."""
    house = make_house(tmp_path / "server", InlineThreads(), FakeClock())
    client = MemoryTls(house, new_certificate(tmp_path))
    await client.shake_hands()
    client.layer.pause_reading()
    seal, request = client.channel.seal, client.channel.request
    await client.ask(seal(request(f.Hello((1,)))))
    await client.ask(seal(request(f.Ping())))
    assert client.channel.replies() == []
    client.layer.resume_reading()
    await client.exchange()
    with suppress(ssl.SSLWantReadError):
        while data := client.tls.read():
            client.channel.receive(data)
    assert len(client.channel.replies()) == 2
    client.layer.connection_lost(None)
    house.store.close()
