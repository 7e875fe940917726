"""A client's surroundings in memory: a server for each connection it makes, and a clock that stands still."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coterie.client.connection import (
    Connection,
)
from coterie.client.device import DeviceIdentity
from coterie.secret import Secret
from coterie.wire.frames import (
    CountKeyPackages,
    DeviceLogin,
    EventBody,
    KeyPackageCount,
    LoggedIn,
    ReplyBody,
    RequestBody,
)
from tests.fakes import (
    ADDRESS,
    FINGERPRINT,
    FakeClock,
    FakeNetwork,
    FakeServer,
    fake_seams,
)

SEED = Secret(bytes(range(32)))
DEVICE = DeviceIdentity("alice", b"d" * 16, SEED)
COUNT = CountKeyPackages()
COUNTED = KeyPackageCount(7, has_last_resort=True)


def counting(body: RequestBody) -> ReplyBody:
    return LoggedIn() if isinstance(body, DeviceLogin) else COUNTED


class World:
    """One client's network with a server of its own for each connection."""

    def __init__(self, answer: Callable[[RequestBody], ReplyBody | None] = counting) -> None:
        self.answer = answer
        self.servers: list[FakeServer] = []
        self.events: list[EventBody] = []
        self.clock = FakeClock()
        self.network = FakeNetwork(self.listen)
        self.seams = fake_seams(self.network, self.clock)

    def listen(self) -> FakeServer:
        self.servers.append(FakeServer(self.answer))
        return self.servers[-1]

    @property
    def server(self) -> FakeServer:
        return self.servers[-1]

    async def connect(self) -> Connection:
        return await Connection.open(
            ADDRESS,
            FINGERPRINT,
            self.seams,
            on_event=self.events.append,
        )


PUBLIC_KEY = Ed25519PrivateKey.from_private_bytes(SEED.expose()).public_key().public_bytes_raw()


class Scripted(FakeServer):
    """Says the same to everybody who sends anything, Noise or not."""

    def __init__(self, says: bytes, hangs_up: bool = False) -> None:
        super().__init__()
        self.says, self.hangs_up = says, hangs_up

    def data_received(self, data: bytes) -> None:
        if self.says:
            self.write(self.says)
        if self.hangs_up:
            self.cut()
