"""A whole server in memory and people with real clients: real sessions and stores, a network of lists, a still clock.

What the server says can be replaced (``lie``) or altered (``twist``); what it pushes can be kept back (``is_mute``).
"""

import asyncio
import atexit
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from tempfile import mkdtemp
from typing import Any, TypeVar

from coterie import identity
from coterie.client import account as accounts
from coterie.client import api
from coterie.client.custody import Custody
from coterie.client.database import Database
from coterie.client.device import Enrolled, public_key
from coterie.client.log import GroupLog
from coterie.client.profile import Profile
from coterie.client.rooms import Rooms
from coterie.client.running import Running, open_store
from coterie.client.seams import Seams
from coterie.client.service import Service
from coterie.client.store import APPLICATION_ID, SCHEMA, Store
from coterie.errors import CoterieError, Unavailable
from coterie.identity import AccountKey
from coterie.secret import Secret
from coterie.server.session import Session
from coterie.wire import frames as f
from coterie.wire.invite import Invite
from coterie.wire.signed import open_certificate, open_device_list
from tests.decoded import decoded
from tests.fakes import ADDRESS, FakeClock, FakeNetwork, FakeServer, InlineThreads, fake_seams
from tests.server.world import make_house

T = TypeVar("T")
PARTS = 3  # in which a device uploads its key packages
FAST = 1  # the suite that RFC 9420 makes mandatory
KEY = Secret(bytes(32))
Lie = Callable[
    [f.RequestBody, str], f.ReplyBody | None
]  # to a request of that account; None: the truth


class HouseServer(FakeServer):
    """One connection to the house: the real session behind the fake network's Noise."""

    def __init__(self, house: "House") -> None:
        super().__init__()
        self.static = house.static
        self._house = house
        self._session = Session(house.shared, "192.0.2.1", self)
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return self._session.name

    def take(self, request: f.Request) -> None:
        self.received.append(request.body)
        newest = self.handshake_hashes[-1]
        if self._session.handshake_hash and self._session.handshake_hash != newest:
            self._session.renewed(newest)
        self._session.handshake_hash = newest
        refused = self._session.admit(request.body)
        if refused is not None:
            self.reply(request.id, refused)
            return
        task = asyncio.create_task(self._answer(request), name="house-answer")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, request: f.Request) -> None:
        body = request.body
        self._house.requests.append((self.name, body))
        lie = self._house.lie(body, self.name)
        reply = lie if lie is not None else decoded(await self._session.answer(body))
        await self._house.gate(body, self.name)
        given = self._house.twist(body, reply)
        if given is not None and not self.is_lost:
            self.reply(request.id, given)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._session.close()

    # what the bus tells

    def log_grew(self, group_id: bytes, head: int, frame: bytes) -> None:
        if not self._house.is_mute:
            self.send_frame(frame)

    def inbox_grew(self, frame: bytes) -> None:
        if not self._house.is_mute:
            self.send_frame(frame)

    def whispered(self, frame: bytes) -> None:
        if not self._house.is_mute:
            self.send_frame(frame)

    def revoked(self) -> None:
        self.cut()

    def displaced(self) -> None:
        self.cut()


class House:
    """The server, and who has an account there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        shutil.copytree(_new_server(), folder / "server")
        self.shared = make_house(folder / "server", InlineThreads(), self.clock)
        self.network = FakeNetwork(self._listen)
        self.static = self.shared.keys.static
        self.connections: list[HouseServer] = []
        self.requests: list[tuple[str, f.RequestBody]] = []
        self.lie: Lie = lambda body, name: None
        self.twist: Callable[[f.RequestBody, f.ReplyBody], f.ReplyBody | None] = (
            lambda body, reply: reply
        )
        self.gate: Callable[[f.RequestBody, str], Awaitable[object]] = _open
        self.is_mute = False
        self.is_down = False

    def _listen(self) -> HouseServer:
        if self.is_down:
            raise Unavailable(f"nothing listens at {ADDRESS}", hint="check host and port")
        self.connections.append(HouseServer(self))
        return self.connections[-1]

    @property
    def seams(self) -> Seams:
        return fake_seams(self.network, self.clock)

    def go_down(self) -> None:
        """Cuts everybody, and takes nobody."""
        self.is_down = True
        self.cut()

    def cut(self, name: str | None = None) -> None:
        """Cuts the connections of an account, or all."""
        for connection in self.connections:
            if not connection.is_lost and name in (None, connection.name):
                connection.cut()

    def connection(self, name: str) -> HouseServer:
        """The one that the account has now."""
        return next(
            one for one in reversed(self.connections) if one.name == name and not one.is_lost
        )

    def invite(self, uses: int = 1) -> Invite:
        token = token_bytes(16)
        now = self.clock.now()
        self.shared.store.do(lambda t: t.accounts.create_invite(token, uses, 600.0), now)
        return Invite(ADDRESS, self.shared.keys.fingerprint, token)

    def lies_to(self, name: str, kind: type[f.RequestBody], *answers: f.ReplyBody) -> None:
        """The next requests of that kind by that account get these answers, the last one for ever."""
        given = list(answers)

        def lie(body: f.RequestBody, who: str) -> f.ReplyBody | None:
            if not (isinstance(body, kind) and who == name):
                return None
            return given.pop(0) if len(given) > 1 else given[0]

        self.lie = lie

    def tells_the_truth(self) -> None:
        """From now on."""
        self.lie = lambda body, name: None

    def asked(self, kind: type[T], name: str | None = None) -> list[T]:
        """All requests of that kind so far."""
        return [
            body for who, body in self.requests if isinstance(body, kind) and name in (None, who)
        ]

    def entries(self, group_id: bytes, device: bytes) -> tuple[f.Entry, ...]:
        """The log as the server keeps it."""
        found = decoded(self.shared.store.reading.entries(group_id, device, 0, 1_000))
        assert isinstance(found, f.Entries)
        return found.entries

    def person(self, name: str) -> "Person":
        """A new account with its first device, by real certificates and without a password."""
        key = AccountKey(Secret(sha256(name.encode()).digest()))
        return self.person_with(name, key)

    def person_with(self, name: str, key: AccountKey, *, is_on_server: bool = True) -> "Person":
        seed = Secret(sha256(f"{name}'s device".encode() + key.public_key).digest())
        device = sha256(seed.expose()).digest()[:16]
        now = self.clock.now()
        made = identity.new_device(key, name, device=device, device_key=public_key(seed), now=now)
        shared = self.shared
        account = Enrolled(
            ADDRESS,
            shared.keys.fingerprint,
            shared.store.server_id,
            shared.store.generation,
            name,
            key.public_key,
            device,
            seed,
            made.certificate,
            made.device_list,
        )
        if is_on_server:
            token = sha256(device).digest()[:16]
            shared.store.do(lambda t: t.accounts.create_invite(token, 1, 600.0), now)
            shared.store.do(
                lambda t: t.accounts.register(
                    token,
                    b"record",
                    b"vault",
                    made.device_list,
                    open_device_list(made.device_list),
                    open_certificate(made.certificate),
                ),
                now,
            )
        person = Person(self, account, self.folder / f"{name}-{device.hex()[:8]}")
        person.folder.mkdir()
        store = person.open_store()
        accounts.save(store, account, is_made=True)
        store.close()
        return person

    async def close(self) -> None:
        await until(lambda: all(connection.is_lost for connection in self.connections))
        await self.shared.writer.drain()
        self.shared.store.close()


@cache
def _new_server() -> Path:
    """A server's folder before its first start by a test: made once, since the tables take a quarter of a second."""
    folder = Path(mkdtemp(prefix="coterie-house-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    make_house(folder, InlineThreads(), FakeClock()).store.close()
    return folder


async def _open(body: f.RequestBody, name: str) -> None:
    """Answers leave at once."""


@dataclass
class Person:
    """An account with a profile. ``online`` runs its client."""

    house: House
    account: Enrolled
    folder: Path
    notices: list[str] = field(default_factory=list)
    running: Running | None = None
    service: Service | None = None

    @property
    def name(self) -> str:
        return self.account.name

    def open_store(self) -> Store:
        return Store(open_database(self.folder))

    @asynccontextmanager
    async def online(self, store: Store | None = None) -> AsyncIterator["Person"]:
        """The client runs inside; whether it is connected is the house's matter."""
        store = store or self.open_store()
        try:
            running = Running(store, self.folder, "in a test", self.house.seams, suite=FAST)
            self.running, self.service = running, Service(running)
            running.on_notice = self._noticing(running.on_notice)
            async with running:
                yield self
        finally:
            self.running = self.service = None
            store.close()

    def _noticing(self, told: Callable[[str], object]) -> Callable[[str], object]:
        def notice(text: str) -> None:
            self.notices.append(text)
            told(text)

        return notice

    def make_profile(self, folder: Path) -> Path:
        """A real profile of this account, its key in a file, for what opens one by itself."""
        with Profile.create(folder, Custody.FILE) as profile:
            store = open_store(profile)
            accounts.save(store, self.account, is_made=True)
            store.close()
        return folder

    # --- what a person does --------------------------------------------------------------------

    async def ask(self, request: api.Request) -> api.Result:
        assert self.service is not None
        return await self.service.call(request)

    async def say(self, text: str, room: str = "ops") -> api.Sent:
        sent = await self.ask(api.SendText(room, text))
        assert isinstance(sent, api.Sent)
        return sent

    def say_later(self, text: str, room: str = "ops") -> "asyncio.Task[api.Sent]":
        return asyncio.create_task(self.say(text, room))

    async def create(self, *members: str, room: str = "ops") -> api.Room:
        made = await self.ask(api.CreateRoom(room, members))
        assert isinstance(made, api.Room)
        return made

    async def read(self, room: str | None = "ops", *, catch_up: bool = False) -> list[api.Message]:
        assert self.service is not None
        request = api.ReadRoom(room, 1_000, catch_up=catch_up)
        return [m async for m in self.service.stream(request) if isinstance(m, api.Message)]

    async def texts(self, room: str = "ops") -> list[str]:
        """What was said, in the order of the log."""
        return [message.text for message in await self.read(room) if message.kind == "text"]

    async def events(self, room: str = "ops") -> list[str]:
        """The system's lines."""
        return [message.event for message in await self.read(room) if message.kind == "line"]

    async def room(self, name: str = "ops") -> api.Room:
        result = await self.ask(api.ListRooms())
        assert isinstance(result, api.Rooms)
        (found,) = [room for room in result.rooms if room.name == name]
        return found

    # --- what a test looks at ------------------------------------------------------------------

    @property
    def rooms(self) -> Rooms:
        assert self.running is not None
        return self.running.rooms

    @property
    def log(self) -> GroupLog:
        """Of the only room."""
        (group_id,) = self.rooms
        return self.rooms.log(group_id)

    async def in_step(self) -> None:
        """Has read all that the server has of the only room, and has nothing left to post."""
        house = self.house

        def is_in_step() -> bool:
            rooms = tuple(self.rooms)
            if not rooms or self.running is None or not self.running.sync.caught_up.is_set():
                return False
            log = self.rooms.log(rooms[0])
            head = len(house.entries(log.group_id, self.account.device))
            return log.cursor == head and not log.outbox

        await until(is_in_step)


def open_database(folder: Path) -> Database:
    return Database.open(
        folder / "client.db", KEY, application_id=APPLICATION_ID, migrations=SCHEMA
    )


@asynccontextmanager
async def alone_in(folder: Path) -> AsyncIterator[tuple[House, Person]]:
    """Alice is online, in a room of her own."""
    async with house_in(folder) as house:
        alice = house.person("alice")
        async with alice.online():
            await alice.create()
            await alice.in_step()
            yield house, alice


@asynccontextmanager
async def pair_in(folder: Path) -> AsyncIterator[tuple[House, Person, Person]]:
    """Alice, an admin, and bobb are online and in #ops, and nothing is under way."""
    async with house_in(folder) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online(), alice.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
            await alice.create("bobb")
            await bobb.in_step()
            await house.clock.advance(100.0)  # bobb's turn to heal has come
            await alice.in_step()
            await bobb.in_step()
            yield house, alice, bobb


async def until(is_so: Callable[[], bool], turns: int = 20_000) -> None:
    """Lets everything run until it is so. No time passes. Fails where it never becomes so."""
    for _ in range(turns):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not become so")


async def passing(clock: FakeClock, work: "asyncio.Future[T]", most_s: float = 600.0) -> T:
    """What ``work`` gives, while time passes in steps of a second."""
    passed = 0.0
    while not work.done() and passed < most_s:
        await clock.advance(1.0)
        passed += 1.0
    assert work.done(), f"not done after {most_s} s"
    return await work


@asynccontextmanager
async def house_in(folder: Path) -> AsyncIterator[House]:
    """A server, and its end."""
    house = House(folder)
    try:
        yield house
    finally:
        await house.close()


async def error_of(work: Awaitable[Any]) -> CoterieError:
    """What it raises."""
    try:
        result = await work
    except CoterieError as error:
        return error
    raise AssertionError(f"it gave {result!r}")
