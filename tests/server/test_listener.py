"""The server as its clients meet it: real sockets on loopback, real clients, and strangers."""

import asyncio
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import uvloop

from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.enrolment import password_login
from coterie.errors import NotAuthenticated, Refused, ServerNotTrusted, Unavailable
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from coterie.server.certificate import Certificate
from coterie.server.limits import Limits
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire.tls import Trust
from tests.asynchronous import asynchronous
from tests.server.raw import RawClient, RawSocket
from tests.server.world import PASSWORD, Events, Server, post, serving

GROUP = b"g" * 16
LIMITS = Limits()


async def conversation(
    folder: Path, certificate: Certificate | None = None, trust: Trust | None = None
) -> None:
    """Two accounts, a group, a message in each direction, a login by password."""
    async with serving(folder, certificate, trust) as server:
        anna, ben = await server.join("anna"), await server.join("ben")
        annas = await server.log_in(anna)
        events = Events()
        bens = await server.log_in(ben, events)
        await annas.call(f.CreateGroup(GROUP), f.Done)
        change = f.ListChange(add=(ben.device,))
        welcome = f.WelcomeFor(b"welcome", (ben.device,))
        commit = post(GROUP, 1, kind=f.Kind.COMMIT, change=change, welcome=welcome)
        assert (await annas.call(commit, f.Accepted)).seq == 1
        assert await events.next() == f.InboxGrew()
        inbox = await bens.call(f.FetchInbox(0), f.Inbox)
        assert [item.welcome for item in inbox.items] == [b"welcome"]
        subscribed = await bens.call(f.Subscribe(GROUP, 0, chain.first(GROUP)), f.Subscribed)
        assert (subscribed.head, subscribed.count) == (1, 0)
        said = post(GROUP, 2, after=1, body=b"hello")
        await annas.call(said, f.Accepted)
        grew = await events.next()
        assert isinstance(grew, f.LogGrew)
        assert [entry.body for entry in grew.entries] == [b"hello"]
        assert (await bens.call(post(GROUP, 1, after=2), f.Accepted)).seq == 3
        found = await annas.call(f.Fetch(GROUP, 0), f.Entries)
        assert [entry.seq for entry in found.entries] == [1, 2, 3]
        unlocked = await password_login(
            server.address, server.fingerprint, "anna", PASSWORD, server.seams, stretch=IDENTITY
        )
        assert unlocked.device_list == anna.device_list


@asynchronous
async def test_two_people_talk(tmp_path: Path) -> None:
    await conversation(tmp_path)


def test_two_people_talk_on_uvloop(tmp_path: Path) -> None:
    """Its transports are no asyncio.Transport by inheritance: every connection failed."""

    async def watched() -> None:
        async with asyncio.timeout(20):
            await conversation(tmp_path)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watched())


async def member(server: Server, name: str) -> Enrolled:
    """Joined, with a group of his own under ``GROUP``."""
    enrolled = await server.join(name)
    connection = await server.log_in(enrolled)
    await connection.call(f.CreateGroup(GROUP), f.Done)
    return enrolled


async def log_in_by_password(server: Server, name: str, password: Secret = PASSWORD) -> None:
    """On a connection of its own."""
    await password_login(
        server.address, server.fingerprint, name, password, server.seams, stretch=IDENTITY
    )


# --- accounts ------------------------------------------------------------------------------------


@asynchronous
async def test_wrong_password_and_unknown_name_end_alike(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await server.join("anna")
        told = []
        for name in ("anna", "nobody"):
            with pytest.raises(NotAuthenticated) as raised:
                await log_in_by_password(server, name, Secret(b"wrong"))
            told.append((str(raised.value), raised.value.hint))
        assert told[0] == told[1]


@asynchronous
async def test_guesses_are_answered_with_a_wait_in_the_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        for _ in range(LIMITS.login_attempts):
            with pytest.raises(NotAuthenticated):
                await log_in_by_password(server, "anna", Secret(b"wrong"))
        with pytest.raises(Unavailable, match="too many attempts") as raised:
            await log_in_by_password(server, "anna", Secret(b"wrong"))
        assert raised.value.wait_s > 0


@asynchronous
async def test_name_that_is_taken_and_invite_that_is_spent_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        invite = server.invite(2)
        await server.join("anna", invite)
        with pytest.raises(Refused, match="taken"):
            await server.join("anna", invite)
        await server.join("ben", invite)
        with pytest.raises(Refused, match="unknown, spent or expired"):
            await server.join("carl", invite)


@asynchronous
async def test_two_who_join_at_once_under_one_name_get_one_account(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        joined = await asyncio.gather(
            *(server.join("anna") for _ in range(3)), return_exceptions=True
        )
        made = [one for one in joined if isinstance(one, Enrolled)]
        assert len(made) == 1
        refused = [one for one in joined if isinstance(one, Refused)]
        assert len(refused) == 2
        await server.log_in(made[0])


@asynchronous
async def test_server_with_another_key_is_not_trusted(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        with pytest.raises(ServerNotTrusted):
            await Connection.open(server.address, b"f" * 32, server.seams)


# --- many at once --------------------------------------------------------------------------------


@asynchronous
async def test_many_requests_are_in_flight_together_and_each_gets_its_own_answer(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as server:
        connection = await server.log_in(await member(server, "anna"))
        posts = [post(GROUP, number) for number in range(1, 201)]
        answers = await asyncio.gather(*(connection.call(p, f.Accepted) for p in posts))
        assert answers == [f.Accepted(p.message_id, n) for n, p in enumerate(posts, start=1)]
        fetches = [connection.call(f.Fetch(GROUP, n, 1), f.Entries) for n in range(200)]
        for number, found in enumerate(await asyncio.gather(*fetches), start=1):
            assert [entry.seq for entry in found.entries] == [number]


@asynchronous
async def test_posts_of_many_writers_are_flushed_together_and_lie_without_gaps(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as server:
        people = [await server.join(f"person{number}") for number in range(5)]
        connections = [await server.log_in(enrolled) for enrolled in people]
        await connections[0].call(f.CreateGroup(GROUP), f.Done)
        change = f.ListChange(add=tuple(enrolled.device for enrolled in people[1:]))
        await connections[0].call(post(GROUP, 1, kind=f.Kind.COMMIT, change=change), f.Accepted)

        async def talk(place: int) -> list[int]:
            first = 2 if place == 0 else 1
            said = [post(GROUP, first + number, after=1) for number in range(40)]
            asked = (connections[place].call(one, f.Accepted) for one in said)
            return [answer.seq for answer in await asyncio.gather(*asked)]

        places = await asyncio.gather(*(talk(place) for place in range(5)))
        assert all(seqs == sorted(seqs) for seqs in places)
        assert sorted(seq for seqs in places for seq in seqs) == list(range(2, 202))


@asynchronous
async def test_reader_that_stands_still_holds_up_nobody(tmp_path: Path) -> None:
    """Its pushes are dropped, and it is told to fetch once it reads again."""
    async with serving(tmp_path) as server:
        anna = await member(server, "anna")
        writer, events = await server.log_in(anna), Events()
        quick = await server.log_in(anna, events)
        subscribe = f.Subscribe(GROUP, 0, chain.first(GROUP))
        await quick.call(subscribe, f.Subscribed)
        async with RawSocket(server.address, server.fingerprint) as slow:
            await slow.open()
            login = anna.identity.login(slow.client.handshake_hash)
            assert await slow.ask(login) == f.LoggedIn()
            assert await slow.ask(subscribe) == f.Subscribed(0, 0)
            body, number = bytes(200_000), 60  # 12 MB, far beyond what sockets hold
            for seq in range(1, number + 1):
                await writer.call(post(GROUP, seq, body=body), f.Accepted)
                grew = await events.next()
                assert isinstance(grew, f.LogGrew)
                assert grew.head == seq
            told: list[f.LogGrew] = []
            while not told or told[-1].head < number:
                await slow.read()
                told = [e for e in slow.client.events() if isinstance(e, f.LogGrew)]
            assert told[-1] == f.LogGrew(GROUP, (), number)
            assert len(told) < number
            found = await slow.ask(f.Fetch(GROUP, number - 1))
            assert isinstance(found, f.Entries)
            assert [entry.seq for entry in found.entries] == [number]


# --- strangers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        bytes(2000),
        bytes(range(256)) * 100,
        b"\x00\x00\x05\xa0" + b"\x07" * 100,
    ],
    ids=["http", "tls", "ssh", "zeros", "noise", "half a greeting"],
)
@asynchronous
async def test_stranger_is_dropped_and_the_others_do_not_notice(
    tmp_path: Path, sent: bytes
) -> None:
    async with serving(tmp_path) as server:
        connection = await server.log_in(await member(server, "anna"))
        reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
        writer.write(sent)
        if sent.startswith(b"\x00\x00\x05"):
            writer.write_eof()
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        assert (await connection.call(post(GROUP, 1), f.Accepted)).seq == 1


def broken(client: RawClient, how: str) -> bytes:
    """What no client would say."""
    ping = client.seal(client.request(f.Ping()))
    match how:
        case "too long":
            return client.seal(b"\xff" * 4)
        case "unknown type":
            encoded = msgspec.msgpack.encode([1, {"type": "Gossip"}])
            return client.seal(len(encoded).to_bytes(4, "big") + encoded)
        case "garbage":
            return bytes(range(256))
        case "altered":
            return ping[:-1] + bytes([ping[-1] ^ 1])
        case "half":
            return ping[:-1]
        case _:
            return b""


@pytest.mark.parametrize("how", ["too long", "unknown type", "garbage", "altered", "half", "cut"])
@asynchronous
async def test_peer_that_breaks_the_protocol_is_dropped_and_the_others_do_not_notice(
    tmp_path: Path, how: str
) -> None:
    async with serving(tmp_path) as server:
        anna = await member(server, "anna")
        connection = await server.log_in(anna)
        async with RawSocket(server.address, server.fingerprint) as peer:
            await peer.open()
            assert await peer.ask(anna.identity.login(peer.client.handshake_hash)) == f.LoggedIn()
            peer.writer.write(broken(peer.client, how))
            if how in ("half", "cut"):
                peer.writer.write_eof()
            assert await peer.is_dropped()
        assert (await connection.call(post(GROUP, 1), f.Accepted)).seq == 1


@asynchronous
async def test_connections_from_one_address_are_bounded(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        connection = await server.log_in(await member(server, "anna"))
        server.listener.max_per_network = 3
        idle = [
            await asyncio.open_connection(server.address.host, server.address.port)
            for _ in range(4)
        ]
        with suppress(ConnectionError):
            assert await idle[3][0].read() == b""
        assert (await connection.call(post(GROUP, 1), f.Accepted)).seq == 1
        for _, writer in idle:
            writer.close()


# --- the end -------------------------------------------------------------------------------------


@asynchronous
async def test_server_that_stops_tells_its_clients_to_come_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        events = Events()
        connection = await server.log_in(await server.join("anna"), events)
        await server.listener.close()
        assert isinstance(await events.next(), f.Closing)
        error = await connection.wait_ended()
        assert isinstance(error, Unavailable)
        assert error.wait_s > 0
        assert not server.listener.peers


@asynchronous
async def test_client_that_renews_under_load_loses_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        connection = await server.log_in(await member(server, "anna"))
        before = connection.handshake_hash
        posts = [post(GROUP, number) for number in range(1, 101)]
        asked = [asyncio.ensure_future(connection.call(one, f.Accepted)) for one in posts]
        await asyncio.sleep(0)
        await connection.renew()
        answers = await asyncio.gather(*asked)
        assert [answer.seq for answer in answers] == list(range(1, 101))
        assert connection.handshake_hash != before
        assert (await connection.call(post(GROUP, 101), f.Accepted)).seq == 101
