"""A whole server for tests: real store, threads and sockets on loopback, and real clients of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes

from coterie.client import enrolment
from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.seams import LoopClock, Seams
from coterie.client.transport import TCP
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from coterie.server.attempts import Attempts
from coterie.server.bus import Bus
from coterie.server.certificate import Certificate
from coterie.server.house import House
from coterie.server.keys import Keys
from coterie.server.limits import Limits
from coterie.server.listener import Listener
from coterie.server.seams import PoolThreads, SystemClock, Threads
from coterie.server.store import Store
from coterie.server.writer import Writer
from coterie.wire import frames as f
from coterie.wire.invite import Address, Invite
from coterie.wire.tls import Trust
from tests.fakes import FakeClock

PASSWORD = Secret(b"correct horse battery staple")


def make_house(
    folder: Path, threads: Threads, clock: FakeClock | SystemClock, limits: Limits | None = None
) -> House:
    """Everything that connections share, in a folder; all work goes to ``threads``."""
    folder.mkdir(exist_ok=True)
    limits = limits or Limits()
    keys, store, bus = Keys.open(folder), Store.open(folder, limits), Bus()
    writer = Writer(store, threads, clock, bus.publish)
    return House(store, writer, bus, keys, Attempts(limits), clock, threads, threads, limits)


@dataclass
class Server:
    """It listens on 127.0.0.1."""

    house: House
    listener: Listener
    address: Address
    seams: Seams
    connections: list[Connection] = field(default_factory=list)

    @property
    def fingerprint(self) -> bytes:
        return self.house.keys.fingerprint

    def invite(self, uses: int = 1) -> Invite:
        token = token_bytes(16)
        now = self.house.clock.now()
        self.house.store.do(lambda t: t.accounts.create_invite(token, uses, 600.0), now)
        return Invite(self.address, self.fingerprint, token)

    async def join(self, name: str, invite: Invite | None = None) -> Enrolled:
        """A new account, without the stretching."""

        async def save(enrolled: Enrolled) -> None:
            """A test keeps it in memory."""

        return await enrolment.join(
            invite or self.invite(),
            name,
            PASSWORD,
            self.seams,
            before_finish=save,
            stretch=IDENTITY,
        )

    async def connect(
        self, on_event: Callable[[f.EventBody], object] = lambda event: None
    ) -> Connection:
        """Nobody yet."""
        connection = await Connection.open(
            self.address, self.fingerprint, self.seams, on_event=on_event
        )
        self.connections.append(connection)
        return connection

    async def log_in(
        self, who: Enrolled, on_event: Callable[[f.EventBody], object] = lambda event: None
    ) -> Connection:
        connection = await self.connect(on_event)
        await connection.log_in(who.identity)
        return connection


@asynccontextmanager
async def serving(
    folder: Path,
    certificate: Certificate | None = None,
    trust: Trust | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Server]:
    """A server in this process, and its end. Its clients judge the certificate by ``trust``."""
    threads = PoolThreads(2, "server")
    house = make_house(folder, threads, SystemClock(), limits)
    listener = Listener(house, certificate)
    port = await listener.listen("127.0.0.1", 0)
    address = Address("127.0.0.1", port, trust)
    server = Server(house, listener, address, Seams(TCP(), threads, LoopClock()))
    try:
        yield server
    finally:
        await asyncio.gather(*(connection.close() for connection in server.connections))
        await listener.close()
        await house.writer.drain()
        threads.close()
        house.store.close()


class Events:
    """What a server said unasked; a test waits for the next."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[f.EventBody] = asyncio.Queue()

    def __call__(self, event: f.EventBody) -> None:
        self._queue.put_nowait(event)

    async def next(self) -> f.EventBody:
        return await self._queue.get()

    @property
    def is_empty(self) -> bool:
        return self._queue.empty()


def post(
    group: bytes,
    count: int,
    *,
    kind: f.Kind = f.Kind.MESSAGE,
    after: int = 0,
    body: bytes = b"body",
    change: f.ListChange | None = None,
    welcome: f.WelcomeFor | None = None,
) -> f.Post:
    """A post under a new id."""
    return f.Post(group, kind, token_bytes(16), count, after, body, change, welcome)
