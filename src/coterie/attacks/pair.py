"""A local pair: a real server in this process, on loopback, and a relay in front of it where the attacker sits."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coterie.client import enrolment
from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.seams import LoopClock, PoolThreads, Seams
from coterie.client.transport import TCP
from coterie.demo.bell import Bell
from coterie.demo.relay import Relay
from coterie.passwords import encode_password
from coterie.server import seams as server_seams
from coterie.server.attempts import Attempts
from coterie.server.bus import Bus
from coterie.server.folder import data_folder
from coterie.server.house import House
from coterie.server.keys import Keys
from coterie.server.limits import Limits
from coterie.server.listener import Listener
from coterie.server.store import Store
from coterie.server.writer import Writer
from coterie.wire.invite import Address, Invite
from coterie.wire.limits import TOKEN_SIZE

LOGGER = "coterie"  # of the standard library
INVITE_LIFETIME_S = 600.0
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """It listens on loopback, with its data in ``folder``."""

    folder: Path
    house: House
    address: Address

    @property
    def fingerprint(self) -> bytes:
        """32 bytes, of its static key."""
        return self.house.keys.fingerprint

    def invite(self, address: Address | None = None) -> Invite:
        """For one person; by default straight to the server."""
        token = secrets.token_bytes(TOKEN_SIZE)
        now = self.house.clock.now()
        self.house.store.do(lambda t: t.accounts.create_invite(token, 1, INVITE_LIFETIME_S), now)
        return Invite(address or self.address, self.fingerprint, token)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    """A server on that folder, and its end in order."""
    limits, clock = Limits(), server_seams.SystemClock()
    threads = server_seams.PoolThreads(2, "server")
    with data_folder(folder):
        keys, store, bus = Keys.open(folder), Store.open(folder, limits), Bus()
        writer = Writer(store, threads, clock, bus.publish)
        house = House(store, writer, bus, keys, Attempts(limits), clock, threads, threads, limits)
        listener = Listener(house)
        try:
            port = await listener.listen("127.0.0.1", 0)
            yield Server(folder, house, Address("127.0.0.1", port))
        finally:
            await listener.close()
            await writer.drain()
            threads.close()
            store.close()


@dataclass(slots=True)
class Pair:
    """The server, and a client's way to it through the attacker's relay."""

    server: Server
    relay: Relay
    bell: Bell
    seams: Seams
    log: list[Facts]  # of both, in this process
    _connections: list[Connection] = field(default_factory=list)

    async def join(self, name: str, password: str) -> Enrolled:
        """An account; ``password`` may be as weak as an attacker likes it."""

        async def save(enrolled: Enrolled) -> None:
            """Kept in memory alone."""

        invite = self.server.invite(self.relay.address)
        return await enrolment.join(
            invite, name, encode_password(password), self.seams, before_finish=save
        )

    async def connect(self, address: Address | None = None, fingerprint: bytes = b"") -> Connection:
        """Through the relay, to the server that is pinned, if nothing else is said."""
        connection = await Connection.open(
            address or self.relay.address, fingerprint or self.server.fingerprint, self.seams
        )
        self._connections.append(connection)
        return connection

    async def log_in(self, who: Enrolled) -> Connection:
        """The same, as that device."""
        connection = await self.connect()
        await connection.log_in(who.identity)
        return connection

    def refusals(self) -> list[str]:
        """Why the server dropped connections, each time that it did; those that were cut it only noticed."""
        reasons = [str(line["reason"]) for line in self.log if line["event"] == "dropped"]
        return [reason for reason in reasons if "was cut" not in reason]

    async def refusal(self, number: int) -> str:
        """The one of that number, from 0, once it is there. Raises NotSeen."""
        return await self.bell.until(
            lambda: next(iter(self.refusals()[number:]), None), "the server's refusal"
        )

    async def close(self) -> None:
        """Hangs up."""
        for connection in self._connections:
            await connection.close()
        await self.relay.close()
        self.seams.threads.close()


@asynccontextmanager
async def open_pair(folder: Path, bell: Bell | None = None) -> AsyncIterator[Pair]:
    """Nothing of it outlives the block but the server's folder."""
    bell = bell or Bell()
    with watching(bell.ring) as log:
        async with serving(folder) as server:
            relay = Relay("attacker", server.address, bell)
            await relay.start()
            pair = Pair(server, relay, bell, Seams(TCP(), PoolThreads(), LoopClock()), log)
            try:
                yield pair
            finally:
                await pair.close()


@contextmanager
def watching(ring: Callable[[], object]) -> Iterator[list[Facts]]:
    """What client and server log in this process meanwhile; ``ring`` is called on the loop for each line."""
    lines: list[Facts] = []
    loop = asyncio.get_running_loop()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.msg, Mapping):
                lines.append(record.msg)
                loop.call_soon_threadsafe(ring)

    logger, watch = logging.getLogger(LOGGER), Watch()
    level, propagate = logger.level, logger.propagate
    is_debugging = logger.isEnabledFor(logging.DEBUG)
    logger.addHandler(watch)
    logger.setLevel(logging.DEBUG if is_debugging else logging.INFO)
    logger.propagate = is_debugging  # else nobody asked to hear of what is done here on purpose
    try:
        yield lines
    finally:
        logger.removeHandler(watch)
        logger.setLevel(level)
        logger.propagate = propagate
