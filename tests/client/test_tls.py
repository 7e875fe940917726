"""Which certificates a client takes, over real sockets, and what it says of the others."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from coterie.client.connection import Connection
from coterie.client.seams import LoopClock, Seams
from coterie.client.tls import CertificateRefused, context_for
from coterie.client.transport import TCP
from coterie.errors import InvalidInput, ServerNotTrusted, Unavailable
from coterie.noise.channel import fingerprint
from coterie.noise.dh import FFDHE2048
from coterie.wire.invite import Address
from coterie.wire.tls import ALPN, Trust, show_pin
from tests.asynchronous import asynchronous
from tests.certificates import HOST, Authority, Issued, self_signed
from tests.fakes import FINGERPRINT, FakeServer, InlineThreads

AUTHORITY = Authority.make()
BY_AUTHORITY = Trust(AUTHORITY.own.pem)
GOOD = AUTHORITY.issue()


class Accepted(asyncio.Protocol):
    """A ``FakeServer`` behind TLS."""

    def __init__(self) -> None:
        self.server = FakeServer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.server.transport = transport

    def data_received(self, data: bytes) -> None:
        self.server.data_received(data)


class Endpoint:
    """Where a TLS server listens, and what its context says."""

    def __init__(self, folder: Path, issued: Issued) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*issued.write(folder))
        self.context.set_alpn_protocols([ALPN])
        self.port = 0
        self.accepted: list[Accepted] = []

    def accept(self) -> Accepted:
        self.accepted.append(Accepted())
        return self.accepted[-1]

    async def open(self, trust: Trust, pinned: bytes = FINGERPRINT) -> Connection:
        seams = Seams(TCP(), InlineThreads(), LoopClock())
        return await Connection.open(Address(HOST, self.port, trust), pinned, seams)


@asynccontextmanager
async def endpoint(folder: Path, issued: Issued) -> AsyncIterator[Endpoint]:
    """It listens on loopback."""
    where = Endpoint(folder, issued)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(where.accept, HOST, 0, ssl=where.context)
    where.port = listener.sockets[0].getsockname()[1]
    try:
        yield where
    finally:
        listener.close()
        await listener.wait_closed()
        accepting = asyncio.all_tasks() - {asyncio.current_task()}
        if accepting:  # those that a client has left are still to notice
            await asyncio.wait(accepting)


@pytest.mark.parametrize(
    ("issued", "trust"),
    [
        (GOOD, BY_AUTHORITY),
        (GOOD, Trust(AUTHORITY.own.pem, (GOOD.pin,))),
        (GOOD, Trust(pins=(bytes(32), GOOD.pin))),
        (alone := self_signed("another.example", until_day=-1), Trust(pins=(alone.pin,))),
    ],
    ids=["authority", "authority and pin", "one of two pins", "pin of an expired self-signed one"],
)
@asynchronous
async def test_certificate_that_is_trusted_carries_the_channel(
    tmp_path: Path, issued: Issued, trust: Trust
) -> None:
    async with endpoint(tmp_path, issued) as where:
        connection = await where.open(trust)
        assert connection.is_open
        await connection.renew()
        await connection.close()
        assert connection.error is None
        assert where.accepted[0].server.is_closed_in_order


NOT_TRUSTED = {
    "wrong name": (AUTHORITY.issue("other.example"), BY_AUTHORITY, "is for another"),
    "wrong address": (AUTHORITY.issue("127.0.0.2"), BY_AUTHORITY, "is for another address"),
    "expired": (AUTHORITY.issue(from_day=-9, until_day=-1), BY_AUTHORITY, "has expired"),
    "not yet valid": (AUTHORITY.issue(from_day=2), BY_AUTHORITY, "is not valid yet"),
    "self-signed": (self_signed(), BY_AUTHORITY, "is self-signed"),
    "another authority": (Authority.make().issue(), BY_AUTHORITY, "issued by nobody who is"),
    "unknown to the system": (GOOD, Trust(), "issued by nobody who is trusted here"),
    "another key": (GOOD, Trust(pins=(b"p" * 32,)), "has another key than the pinned one"),
    "right authority, another key": (
        GOOD,
        Trust(AUTHORITY.own.pem, (b"p" * 32,)),
        "has another key than the pinned one",
    ),
    "pinned, but expired by the authority's word": (
        old := AUTHORITY.issue(from_day=-9, until_day=-1),
        Trust(AUTHORITY.own.pem, (old.pin,)),
        "has expired",
    ),
}


@pytest.mark.parametrize(("issued", "trust", "what"), NOT_TRUSTED.values(), ids=NOT_TRUSTED)
@asynchronous
async def test_certificate_that_is_not_trusted_is_refused_with_why_and_what_to_do(
    tmp_path: Path, issued: Issued, trust: Trust, what: str
) -> None:
    async with endpoint(tmp_path, issued) as where:
        with pytest.raises(CertificateRefused) as raised:
            await where.open(trust)
        assert str(raised.value).startswith(f"the certificate of coteries://{HOST}:{where.port} ")
        assert what in str(raised.value)
        assert raised.value.hint
        assert not any(each.server.received for each in where.accepted)


@asynchronous
async def test_key_that_is_not_pinned_is_shown_with_the_pinned_one(tmp_path: Path) -> None:
    async with endpoint(tmp_path, GOOD) as where:
        with pytest.raises(CertificateRefused) as raised:
            await where.open(Trust(pins=(b"p" * 32,)))
        hint = raised.value.hint
        assert show_pin(GOOD.pin) in hint
        assert show_pin(b"p" * 32) in hint
        assert "coterie reach coteries://" in hint


@asynchronous
async def test_a_right_certificate_makes_no_right_server(tmp_path: Path) -> None:
    """TLS adds to the channel, and takes nothing from it."""
    other = fingerprint(FFDHE2048.generate().public)
    async with endpoint(tmp_path, GOOD) as where:
        with pytest.raises(ServerNotTrusted):
            await where.open(BY_AUTHORITY, other)


@asynchronous
async def test_server_without_tls_1_3_is_refused(tmp_path: Path) -> None:
    """Of blocking sockets, since asyncio keeps the alert that says so to itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*GOOD.write(tmp_path))
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def serve_one(listener: socket.socket) -> None:
        with listener.accept()[0] as accepted, suppress(ssl.SSLError):
            context.wrap_socket(accepted, server_side=True)

    with socket.create_server((HOST, 0)) as listener:
        serving = asyncio.create_task(asyncio.to_thread(serve_one, listener))
        address = Address(HOST, listener.getsockname()[1], BY_AUTHORITY)
        with pytest.raises(Unavailable, match=r"speaks no TLS 1\.3"):
            await Connection.open(address, FINGERPRINT, Seams(TCP(), InlineThreads(), LoopClock()))
        await serving


@asynchronous
async def test_tls_server_of_another_protocol_is_refused(tmp_path: Path) -> None:
    async with endpoint(tmp_path, GOOD) as where:
        where.context.set_alpn_protocols(["http/1.1"])
        with pytest.raises(Unavailable, match="speaks TLS, but not for Coterie"):
            await where.open(BY_AUTHORITY)


@asynchronous
async def test_server_that_answers_without_tls_is_told_by_it() -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(page, HOST, 0)
    address = Address(HOST, listener.sockets[0].getsockname()[1], Trust())
    seams = Seams(TCP(), InlineThreads(), LoopClock())
    with pytest.raises(Unavailable, match="does not speak TLS"):
        await Connection.open(address, FINGERPRINT, seams)
    listener.close()
    await listener.wait_closed()


@asynchronous
async def test_server_without_tls_ends_the_handshake() -> None:
    """A Coterie server does: such a message is no beginning of a channel."""

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100_000)
        writer.close()

    listener = await asyncio.start_server(drop, HOST, 0)
    address = Address(HOST, listener.sockets[0].getsockname()[1], Trust())
    seams = Seams(TCP(), InlineThreads(), LoopClock())
    with pytest.raises(Unavailable, match="ended the TLS handshake"):
        await Connection.open(address, FINGERPRINT, seams)
    listener.close()
    await listener.wait_closed()


def test_authorities_that_are_no_certificates_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no certificates in PEM"):
        context_for(Trust("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
