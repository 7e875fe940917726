"""Strangers and worse: each does its one thing to the server and is done. None of them may harm anybody else."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from coterie.client.device import DeviceIdentity
from coterie.wire import frames as f
from coterie.wire.invite import Address
from tests.server.raw import RawClient

HOSTILE_ADDRESS = "127.9.9.9"
FLOOD = 2_000  # requests in one write
PATIENCE_S = (
    20.0  # until the server must have ended a connection that breaks the rules or says nothing
)


@asynccontextmanager
async def _stream(
    address: Address,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(
        address.host, address.port, local_addr=(HOSTILE_ADDRESS, 0)
    )
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):  # the server has ended it, which is right
            await writer.wait_closed()


async def garbage(address: Address) -> None:
    """Random bytes until it is dropped."""
    async with _stream(address) as (reader, writer):
        for _ in range(64):
            writer.write(secrets.token_bytes(65536))
            await writer.drain()
        await reader.read()


async def silence(address: Address) -> None:
    """Half a greeting, and nothing more."""
    async with _stream(address) as (reader, writer):
        writer.write(RawClient(bytes(32)).greeting()[:100])
        await reader.read()


async def flood(address: Address, fingerprint: bytes, device: DeviceIdentity, group: bytes) -> None:
    """Thousands of requests in one write, by a member who then reads no answer, and a frame that makes no sense."""
    client = RawClient(fingerprint)
    async with _stream(address) as (reader, writer):
        writer.write(client.greeting())
        while client.channel is None:
            data = await reader.read(2**16)
            if not data:
                return
            client.receive(data)
        asked: list[f.RequestBody] = [f.Hello((1,)), device.login(client.handshake_hash)]
        asked += [f.Fetch(group, 0)] * FLOOD
        writer.write(client.seal(b"".join(client.request(one) for one in asked)))
        writer.write(client.seal(b"\x00\x00\x00\x05\xc1\xc1\xc1\xc1\xc1"))
        await asyncio.sleep(PATIENCE_S / 2)  # in which it reads nothing


async def one(
    number: int, address: Address, fingerprint: bytes, device: DeviceIdentity, group: bytes
) -> None:
    """The next kind. A server that is down, or drops it, is as well."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            match number % 3:
                case 0:
                    await garbage(address)
                case 1:
                    await silence(address)
                case _:
                    await flood(address, fingerprint, device, group)
