"""A real server process: what it acknowledged survives its end, however it ends."""

import asyncio
import random
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from coterie.client import enrolment
from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.seams import LoopClock, PoolThreads, Seams
from coterie.client.transport import TCP
from coterie.errors import StorageError, Unavailable
from coterie.opaque.stretch import IDENTITY
from coterie.server.config import Config
from coterie.server.keys import Keys
from coterie.server.run import Ready, make_invite, serve
from coterie.server.store import Store
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire.invite import Address, Invite
from coterie.wire.tls import Trust
from tests.asynchronous import asynchronous
from tests.certificates import Authority
from tests.server.process import ServerProcess, running, start
from tests.server.world import PASSWORD, post

GROUP = b"g" * 16


@dataclass
class Talker:
    """A device that posts, remembers what was acknowledged, and comes back after each crash."""

    seams: Seams
    enrolled: Enrolled
    sent: list[f.Post] = field(default_factory=list)
    acknowledged: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    async def join(cls, server: ServerProcess, seams: Seams) -> "Talker":
        """With a group of its own."""
        talker = cls(seams, await join(server.invite, "anna", seams))
        async with talker.connected(server) as connection:
            await connection.call(f.CreateGroup(GROUP), f.Done)
        return talker

    def connected(self, server: ServerProcess) -> "_Connected":
        return _Connected(self, server)

    async def talk(self, connection: Connection, until: int, stop: asyncio.Event) -> None:
        """Posts many at once, ``until`` of them are acknowledged; what was not is posted again, byte for byte."""
        waiting = [one for one in self.sent if one.message_id not in self.acknowledged]
        while len(self.sent) < 1000:
            new = [post(GROUP, len(self.sent) + 1 + n, body=b"x" * 200) for n in range(20)]
            self.sent += new
            waiting += new
            for one, seq in zip(waiting, await self._ask(connection, waiting), strict=True):
                if seq is not None:
                    self.acknowledged[one.message_id] = seq
            waiting = []
            if len(self.acknowledged) >= until:
                stop.set()
            if not connection.is_open:
                return

    async def _ask(self, connection: Connection, posts: list[f.Post]) -> list[int | None]:
        asked = [connection.call(one, f.Accepted) for one in posts]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            assert isinstance(answer, f.Accepted | Unavailable), answer
        return [answer.seq if isinstance(answer, f.Accepted) else None for answer in answers]


@dataclass
class _Connected:
    talker: Talker
    server: ServerProcess

    async def __aenter__(self) -> Connection:
        address = self.server.invite.address
        fingerprint = self.server.invite.fingerprint
        self.connection = await Connection.open(address, fingerprint, self.talker.seams)
        await self.connection.log_in(self.talker.enrolled.identity)
        return self.connection

    async def __aexit__(self, *exc_info: object) -> None:
        await self.connection.close()


async def join(invite: Invite, name: str, seams: Seams) -> Enrolled:
    async def save(enrolled: Enrolled) -> None:
        """A test keeps it in memory."""

    return await enrolment.join(invite, name, PASSWORD, seams, before_finish=save, stretch=IDENTITY)


async def whole_log(connection: Connection) -> list[f.Entry]:
    """From the beginning, with its chain compared with the server's."""
    found: list[f.Entry] = []
    while True:
        answer = await connection.call(f.Fetch(GROUP, len(found)), f.Entries)
        if not answer.entries:
            break
        found += answer.entries
    link = chain.first(GROUP)
    for entry in found:
        link = chain.following(link, entry)
    subscribed = await connection.call(f.Subscribe(GROUP, len(found), link), f.Subscribed)
    assert subscribed.head == len(found)
    return found


def assert_kept(log: list[f.Entry], talker: Talker) -> None:
    """Every acknowledged post once, at its place, in the order in which it was made; no gaps."""
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    places = {entry.message_id: entry.seq for entry in log}
    assert len(places) == len(log)
    for message_id, seq in talker.acknowledged.items():
        assert places.get(message_id) == seq
    assert [entry.message_id for entry in log] == [p.message_id for p in talker.sent[: len(log)]]


@asynchronous
async def test_server_that_is_killed_at_any_moment_keeps_what_it_acknowledged(
    tmp_path: Path,
) -> None:
    """Four crashes, each at a random number of acknowledged posts, in the midst of others."""
    chance = random.Random(tmp_path.name)  # noqa: S311
    seams = Seams(TCP(), PoolThreads(), LoopClock())
    async with running(tmp_path) as server:
        talker = await Talker.join(server, seams)
    for _ in range(4):
        async with running(tmp_path) as server, talker.connected(server) as connection:
            assert_kept(await whole_log(connection), talker)
            stop = asyncio.Event()
            until = len(talker.acknowledged) + chance.randrange(1, 60)
            talking = asyncio.ensure_future(talker.talk(connection, until, stop))
            await stop.wait()
            server.kill()
            await talking
            await server.ended()
    async with running(tmp_path) as server, talker.connected(server) as connection:
        log = await whole_log(connection)
        assert_kept(log, talker)
        assert len(talker.acknowledged) >= 4
        left = [one for one in talker.sent if one.message_id not in talker.acknowledged]
        await talker._ask(connection, left)
        assert len(await whole_log(connection)) == len(talker.sent)
    seams.threads.close()


@asynchronous
async def test_server_that_is_stopped_finishes_what_it_acknowledged_and_exits_0(
    tmp_path: Path,
) -> None:
    seams = Seams(TCP(), PoolThreads(), LoopClock())
    async with running(tmp_path) as server:
        talker = await Talker.join(server, seams)
        async with talker.connected(server) as connection:
            stop = asyncio.Event()
            talking = asyncio.ensure_future(talker.talk(connection, 50, stop))
            await stop.wait()
            server.terminate()
            await talking
            error = await connection.wait_ended()
            assert isinstance(error, Unavailable)
            assert error.wait_s > 0  # it said so, and was not cut
        assert await server.ended() == (0, "")
    async with running(tmp_path) as server, talker.connected(server) as connection:
        assert_kept(await whole_log(connection), talker)
    seams.threads.close()


@asynchronous
async def test_idle_server_stops_at_once_though_somebody_is_connected(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        address = server.invite.address
        _, stranger = await asyncio.open_connection(address.host, address.port)
        server.terminate()
        async with asyncio.timeout(3):
            assert await server.ended() == (0, "")
        stranger.close()


@asynchronous
async def test_invites_are_made_while_the_server_runs_and_while_it_does_not(
    tmp_path: Path,
) -> None:
    seams = Seams(TCP(), PoolThreads(), LoopClock())
    async with running(tmp_path) as server:
        talker = await Talker.join(server, seams)
        async with talker.connected(server) as connection:
            stop = asyncio.Event()
            talking = asyncio.ensure_future(talker.talk(connection, 200, stop))
            made = [await asyncio.to_thread(make_invite, tmp_path, 2, 60.0) for _ in range(5)]
            await stop.wait()
            await join(made[0], "ben", seams)
            await join(made[0], "carl", seams)
            server.terminate()
            await talking
        await server.ended()
    assert {invite.fingerprint for invite in made} == {server.invite.fingerprint}
    assert {invite.address for invite in made} == {server.invite.address}
    while_down = make_invite(tmp_path, 1, 60.0)
    async with running(tmp_path) as server:
        await join(replace(while_down, address=server.invite.address), "dora", seams)
    seams.threads.close()


def test_invite_for_no_server_is_a_sentence(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(StorageError, match="is no data folder") as raised:
            make_invite(folder, 1, 60.0)
        assert "coterie serve" in raised.value.hint
    assert list(tmp_path.iterdir()) == []


def test_invite_of_a_server_that_has_never_listened_is_a_sentence(tmp_path: Path) -> None:
    Keys.open(tmp_path)
    with closing(Store.open(tmp_path)), pytest.raises(StorageError, match="has never listened"):
        make_invite(tmp_path, 1, 60.0)


@asynchronous
async def test_second_server_on_a_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        second = await start(tmp_path)
        _, told = await second.communicate()
        assert second.returncode == 1
        assert b"StorageError: another server is running on" in told
        server.terminate()
        assert await server.ended() == (0, "")


@asynchronous
async def test_port_that_is_in_use_is_a_sentence(tmp_path: Path) -> None:
    async with running(tmp_path / "first") as server:
        second = await start(tmp_path / "second", listen=server.address)
        _, told = await second.communicate()
        assert f"cannot listen on {server.address}".encode() in told


class Enough(Exception):
    """A test has seen what it wanted."""


def serve_once(config: Config) -> Invite:
    """The invite that the server says; then it ends."""
    seen: list[Invite] = []

    def ready(told: Ready) -> None:
        seen.append(told.invite)
        raise Enough

    with pytest.raises(Enough):
        serve(config, ready)
    return seen[0]


def test_announced_address_is_in_the_invites(tmp_path: Path) -> None:
    """A server that could not say that it is ready (a closed pipe) also hung, deaf to SIGTERM."""
    config = Config(tmp_path, Address("127.0.0.1", 0), "chat.example.org:443")
    assert serve_once(config).address == Address("chat.example.org", 443)
    assert make_invite(tmp_path, 1, 60.0).address == Address("chat.example.org", 443)


def test_invites_of_a_server_with_tls_say_so(tmp_path: Path) -> None:
    chain, key = Authority.make().issue().write(tmp_path)
    config = Config(tmp_path / "data", Address("127.0.0.1", 0), "", chain, key)
    assert serve_once(config).encode().startswith("coteries://127.0.0.1:")
    serve_once(replace(config, announce="chat.example.org:443"))
    announced = Address("chat.example.org", 443, Trust())
    assert make_invite(tmp_path / "data", 1, 60.0).address == announced


def test_invites_may_say_that_a_proxy_in_front_has_tls(tmp_path: Path) -> None:
    config = Config(tmp_path, Address("127.0.0.1", 0), "coteries://chat.example.org:443")
    assert serve_once(config).address == Address("chat.example.org", 443, Trust())


def test_who_listens_everywhere_is_asked_for_on_this_machine(tmp_path: Path) -> None:
    address = serve_once(Config(tmp_path, Address("0.0.0.0", 0))).address  # noqa: S104
    assert address.host == "127.0.0.1"
    assert address.port > 0
