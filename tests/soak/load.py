"""The load: rooms of devices that are put into the data folder of a server before its first start, and their pace."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random

from coterie.client.device import DeviceIdentity
from coterie.client.seams import LoopClock, PoolThreads, Seams
from coterie.secret import Secret
from coterie.server.folder import data_folder
from coterie.server.keys import Keys
from coterie.server.store import Store
from coterie.server.writing import Transaction
from coterie.wire.frames import ChangeList, Kind, ListChange, Subscribe, Subscribed
from coterie.wire.invite import Address
from coterie.wire.limits import GROUP_ID_SIZE, TOKEN_SIZE
from tests.server.people import Person
from tests.soak.device import Device, Group, Meter
from tests.soak.ledger import BrokenPromise
from tests.soak.network import Network

TEXT_BYTES = 470  # what MLS makes of a text of 256 bytes
LONG_BYTES, LONG_EACH = 4096, 50  # one in so many is a long one
COMMIT_BYTES = 8192
WINDOW = 8  # posts of one device under way
FULL = 60  # posts that wait at one device while the server is away; it says nothing more then
TICK_S = 0.01
BYTES_A_POST = 1100  # in the database, with its indexes and what its pages have spare


@dataclass
class Load:
    """All of its devices, in their rooms."""

    devices: list[Device]
    meter: Meter
    network: Network
    chance: Random
    threads: PoolThreads = field(default_factory=PoolThreads)
    withheld: int = 0  # posts that were due while their device was full

    @classmethod
    def prepare(
        cls,
        data: Path,
        rooms: int,
        members: int,
        chance: Random,
        on_broken: Callable[[BrokenPromise], None],
    ) -> "Load":
        """Makes the accounts and rooms in a data folder that no server uses yet."""
        meter = Meter()
        devices: list[Device] = []
        with data_folder(data):
            Keys.open(data)
            store = Store.open(data)
            for room in range(rooms):
                group = Group(secrets.token_bytes(GROUP_ID_SIZE))
                devices += [
                    Device(identity, group, meter, window=WINDOW, on_broken=on_broken)
                    for identity in _make_room(store, group.group, room, members)
                ]
            store.close()
        return cls(devices, meter, Network(chance), chance)

    def start(self, address: Address, fingerprint: bytes) -> None:
        """Everybody connects."""
        for number, device in enumerate(self.devices):
            seat = self.network.seat(number)
            device.start(address, fingerprint, Seams(seat, self.threads, LoopClock()))

    async def connected(self) -> None:
        """Returns when everybody is."""
        for device in self.devices:
            await device.link.connected()

    async def saturate(self) -> None:
        """Until it is cancelled: everybody has as much under way as may be."""
        while True:
            for device in self.devices:
                for _ in range(WINDOW - device.outgoing.waiting):
                    device.say(self._body())
            await asyncio.sleep(TICK_S)

    async def keep_pace(self, posts_per_s: float) -> None:
        """Until it is cancelled: so many, whatever the server does; who is full says nothing."""
        loop = asyncio.get_running_loop()
        order = list(self.devices)
        self.chance.shuffle(order)
        devices = cycle(order)
        due, last = 0.0, loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            due, last = due + posts_per_s * min(now - last, 1.0), now
            while due >= 1:
                due -= 1
                device = next(devices)
                if device.outgoing.waiting < FULL:
                    device.say(self._body())
                else:
                    self.withheld += 1

    def commit(self) -> None:
        """One of them commits: what others have encrypted meanwhile is stale."""
        self.chance.choice(self.devices).say(secrets.token_bytes(COMMIT_BYTES), Kind.COMMIT)

    def _body(self) -> bytes:
        is_long = self.chance.randrange(LONG_EACH) == 0
        return secrets.token_bytes(LONG_BYTES if is_long else TEXT_BYTES)

    @property
    def waiting(self) -> int:
        """Posts that are not yet acknowledged and read."""
        return sum(device.outgoing.waiting for device in self.devices)

    @property
    def told_closing(self) -> int:
        """How often one of them was told that the server goes down in order."""
        return sum(device.told_closing for device in self.devices)

    async def settle(self) -> None:
        """Returns when all that was said is acknowledged and read."""
        while self.waiting:  # noqa: ASYNC110  # two hundred devices, seldom asked
            await asyncio.sleep(TICK_S)

    async def check_ends(self) -> None:
        """Everybody has read his log to its end, and the server's chain is the one that he computed."""
        for device in self.devices:
            while True:
                reader = device.reader
                cursor = reader.cursor
                answer = await device.link.request(Subscribe(reader.group, cursor, reader.chain))
                if not isinstance(answer, Subscribed):
                    raise BrokenPromise(f"{device.identity.name} at {cursor} is told {answer}")
                if answer.head == cursor:
                    break
                await asyncio.sleep(TICK_S)

    async def close(self) -> None:
        await asyncio.gather(*(device.close() for device in self.devices))
        self.threads.close()


def _make_room(store: Store, group: bytes, room: int, members: int) -> list[DeviceIdentity]:
    now, batch = time.time(), secrets.token_hex(2)
    people = [
        Person(f"load-{batch}-{room}-{n}").register(
            store, token=secrets.token_bytes(TOKEN_SIZE), now=now
        )
        for n in range(members)
    ]
    first, *others = [person.first for person in people]
    store.do(lambda t: t.logs.create_group(group, first.device, first.name), now)
    for device in others:
        change = ChangeList(group, 0, ListChange(add=(device.device,)))
        store.do(partial(_change_list, change=change, device=first.device), now)
    return [
        DeviceIdentity(device.name, device.device, Secret(device.key.private_bytes_raw()))
        for device in (first, *others)
    ]


def _change_list(transaction: Transaction, change: ChangeList, device: bytes) -> object:
    return transaction.logs.change_list(change, device)
