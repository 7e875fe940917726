"""Keys turn over in a long session: what a thief of them gets, and that nobody else notices. PROTOCOL.md section 1.

The thief has a copy of all keys that either side of a channel holds at one moment, and every byte of the wire. Whether
he only listens or takes part, only the present is his.
"""

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coterie.client.connection import RENEWAL_TIMEOUT_S, TICK_S, Connection
from coterie.client.rotation import Rotation
from coterie.errors import RemoteProtocolError, Unavailable
from coterie.noise.channel import Channel, Established, RenewalMessage
from coterie.noise.dh import FFDHE2048
from coterie.noise.symmetric import CipherState
from coterie.secret import Secret
from coterie.server.house import House
from coterie.server.limits import Limits
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.world import COUNTED, DEVICE, World
from tests.e2e.talk import secrets_in
from tests.fakes import ADDRESS, FINGERPRINT, FakeClock, FakeServer, InlineThreads
from tests.noise.pairs import STATIC, events, pair, stream
from tests.noise.test_key_log import split
from tests.noise.test_renewal import answer, renew
from tests.server.people import Device, Person
from tests.server.raw import MemoryPeer
from tests.server.world import make_house, serving

COUNTERS = 60  # tried with each key: the tests below make fewer records
RENEWALS = 30  # in one test: 10 ms each
REKEYS = 3  # of each stolen key that the thief goes along with


class Thief:
    """Has every secret of a moment that can be reached from the two channels, and the server's static key."""

    def __init__(self, *channels: Channel) -> None:
        loot = secrets_in((channels, STATIC.private), "loot")
        self.keys = {key for key in loot.values() if len(key) == 32}
        assert len(self.keys) >= 3, "two directions and the static key"
        for key in list(self.keys):
            for _ in range(REKEYS):  # what anyone who has a key can do
                key = AESGCM(key).encrypt(bytes(4) + b"\xff" * 8, bytes(32), b"")[:32]  # noqa: PLW2901
                self.keys.add(key)

    def opens(self, record: bytes) -> bool:
        """Whether any key opens it, at any counter, as a record or as a part of a handshake."""
        return any(self._opens(key, n, record) for key in self.keys for n in range(COUNTERS))

    @staticmethod
    def _opens(key: bytes, n: int, record: bytes) -> bool:
        try:
            AESGCM(key).decrypt(n.to_bytes(12, "big"), record, b"")
        except InvalidTag:
            return False
        return True


class Wire:
    """Two channels that talk both ways, and the records that crossed."""

    def __init__(self) -> None:
        self.client, self.server = pair()
        self.records: list[bytes] = []

    def talk(self) -> list[bytes]:
        """A few records each way: those."""
        before = len(self.records)
        for channel, other in ((self.client, self.server), (self.server, self.client)):
            for number in range(3):
                channel.send_data(b"record %d" % number)
            wire = channel.data_to_send()
            self.records += split(wire)
            assert stream(events(other, wire)) == b"record 0record 1record 2"
        return self.records[before:]

    def rekey(self) -> None:
        for channel, other in ((self.client, self.server), (self.server, self.client)):
            channel.rekey()
            wire = channel.data_to_send()
            self.records += split(wire)
            events(other, wire)

    def renew(self) -> None:
        renew(self.client, self.server)


# --- the thief who listens -----------------------------------------------------------------------


def test_listening_thief_cannot_open_what_was_sent_before_the_last_rekey() -> None:
    wire = Wire()
    before = wire.talk()
    wire.rekey()
    thief = Thief(wire.client, wire.server)
    assert [thief.opens(record) for record in before] == [False] * 6
    assert [thief.opens(record) for record in wire.talk()] == [True] * 6, "the control"


def test_listening_thief_opens_nothing_after_the_renewal() -> None:
    """A rekey alone does not shut him out: he takes it along. The exchange does, though he sees all of it."""
    wire = Wire()
    wire.talk()
    thief = Thief(wire.client, wire.server)
    wire.rekey()
    assert [thief.opens(record) for record in wire.talk()] == [True] * 6, "the control"
    wire.renew()
    assert [thief.opens(record) for record in wire.talk()] == [False] * 6
    wire.rekey()
    assert [thief.opens(record) for record in wire.talk()] == [False] * 6


def test_thief_of_later_keys_opens_nothing_of_before_the_renewal() -> None:
    wire = Wire()
    before = wire.talk()
    wire.renew()
    thief = Thief(wire.client, wire.server)
    assert [thief.opens(record) for record in before] == [False] * 6


# --- the thief who takes part --------------------------------------------------------------------


async def a_session(folder: Path, clock: FakeClock) -> tuple[House, Device, MemoryPeer]:
    """A device, logged in at a server in memory."""
    house = make_house(folder, InlineThreads(), clock)
    device = Person("anna").register(house.store, now=clock.now()).first
    peer = await MemoryPeer(house).open()
    assert await peer.ask(device.login(peer.handshake_hash)) == [f.LoggedIn()]
    return house, device, peer


def copy_of(channel: Channel) -> Channel:
    """The channel as a thief has it: the same keys, counters and handshake hash."""
    ciphers = []
    for cipher in (channel._send, channel._receive):
        name, key = cipher.key_for_key_log()
        copied = CipherState(Secret(key.expose()), name)
        copied.n = cipher.n
        ciphers.append(copied)
    established = Established(channel.handshake_hash, channel.remote_static, *ciphers)
    return Channel(established, is_initiator=True)


@asynchronous
async def test_thief_who_takes_over_is_shut_out_by_the_signature(tmp_path: Path) -> None:
    """With the device's live keys he renews in its place; what he then cannot do is sign."""
    clock = FakeClock()
    house, device, peer = await a_session(tmp_path, clock)
    signed_before = device.login(peer.handshake_hash)
    assert peer.client.channel is not None
    peer.client.channel = copy_of(peer.client.channel)  # from here on it is he who sends
    assert await peer.ask(f.Ping()) == [f.Done()], "the present is his"
    await peer.renew()
    (refused,) = await peer.ask(f.FetchGroups())
    assert isinstance(refused, f.Failed)
    assert refused.code is f.Code.NOT_LOGGED_IN
    for forged in (
        signed_before,
        Device("anna", device.device).login(peer.handshake_hash),
        replace_signature(signed_before, token_bytes(64)),
    ):
        (failed,) = await peer.ask(forged)
        assert isinstance(failed, f.Failed)
        assert failed.code is f.Code.NOT_AUTHENTICATED
    for _ in range(7):
        await clock.advance(10)
        if not peer.transport.end:
            await peer.ask(f.Ping())
    assert peer.transport.end == "aborted"
    await end(house, peer)


@asynchronous
async def test_thief_in_the_middle_of_a_renewal_is_found_by_the_signature(tmp_path: Path) -> None:
    """He has the keys of both sides and the server's static key, and runs an exchange with each of them."""
    clock = FakeClock()
    house, device, peer = await a_session(tmp_path, clock)
    honest = peer.client.channel
    assert honest is not None
    to_server = copy_of(honest)
    peer.client.channel = to_server
    await peer.renew()
    honest.start_renewal()
    to_client = twin_of(honest)
    (asked,) = events(to_client, honest.data_to_send())
    assert isinstance(asked, RenewalMessage)
    to_client.answer_renewal(to_client.renewal_response(asked.payload, house.keys.static))
    events(honest, to_client.data_to_send())
    assert honest.handshake_hash != to_server.handshake_hash, "so the device signs another one"
    (failed,) = await peer.ask(device.login(honest.handshake_hash))
    assert isinstance(failed, f.Failed)
    assert failed.code is f.Code.NOT_AUTHENTICATED
    await end(house, peer)


def test_thief_in_the_middle_without_the_static_key_is_found_by_the_client() -> None:
    client, server = pair()
    client.start_renewal()
    (asked,) = events(server, client.data_to_send())
    assert isinstance(asked, RenewalMessage)
    server.answer_renewal(server.renewal_response(asked.payload, FFDHE2048.generate()))
    with pytest.raises(RemoteProtocolError, match="another static key"):
        events(client, server.data_to_send())


def twin_of(client: Channel) -> Channel:
    """The server's side of a client's channel, as who has its keys can make it."""
    twin = copy_of(client)
    twin._is_initiator = False
    twin._send, twin._receive = twin._receive, twin._send
    ours, theirs = client._receive.n, client._send.n
    twin._send.n, twin._receive.n = ours, theirs - 1  # message 1 is under way
    return twin


def replace_signature(login: f.DeviceLogin, signature: bytes) -> f.DeviceLogin:
    return f.DeviceLogin(login.name, login.device, signature)


async def end(house: House, peer: MemoryPeer) -> None:
    peer.end()
    await house.writer.drain()
    house.store.close()


# --- nobody else notices -------------------------------------------------------------------------


def test_of_ten_thousand_records_in_flight_each_way_a_rotation_loses_none() -> None:
    """All are on their way when the renewal begins; more follow under old keys and new."""
    chance = random.Random(5)  # noqa: S311
    client, server = pair(rekey_after_records=100)
    sent = {client: [], server: []}  # type: dict[Channel, list[bytes]]
    got = {client: b"", server: b""}
    hash_before = client.handshake_hash

    def say(channel: Channel, count: int) -> None:
        for _ in range(count):
            sent[channel].append(b"%d " % len(sent[channel]))
            channel.send_data(sent[channel][-1])

    for channel in (client, server):
        say(channel, 5_000)
    client.start_renewal()
    for channel in (client, server):
        say(channel, 5_000)
    pipes = {client: bytearray(), server: bytearray()}
    for _ in range(100_000):
        for channel, other in ((client, server), (server, client)):
            pipes[channel] += channel.data_to_send()
            size = chance.randrange(1, 20_000)
            found = events(other, bytes(pipes[channel][:size]))
            del pipes[channel][:size]
            got[channel] += stream(found)
            answer(server, found)
            if chance.random() < 0.1 and len(sent[channel]) < 12_000:
                say(channel, 50)
        if all(len(one) >= 12_000 for one in sent.values()) and all(
            len(got[channel]) == len(b"".join(sent[channel])) for channel in got
        ):
            break
    assert got == {channel: b"".join(texts) for channel, texts in sent.items()}
    assert client.handshake_hash == server.handshake_hash != hash_before


async def ask_while_renewing(connection: Connection, requests: int) -> int:
    """Asks for something so often, with renewals meanwhile, each when the last one is done. Returns their number."""
    calls = [connection.call(f.CountKeyPackages(), f.KeyPackageCount) for _ in range(requests)]
    asking = asyncio.gather(*calls)
    hashes = [connection.handshake_hash]
    while not asking.done() and len(hashes) <= RENEWALS:
        await connection.renew()
        hashes.append(connection.handshake_hash)
    assert len(await asking) == requests
    assert len(set(hashes)) == len(hashes)
    assert connection.is_open
    return len(hashes) - 1


@asynchronous
async def test_ten_thousand_requests_are_all_answered_while_keys_turn_over() -> None:
    world = World()
    seams = replace(world.seams, rotation=Rotation(rekey_after_records=10))
    connection = await Connection.open(ADDRESS, FINGERPRINT, seams)
    await connection.log_in(DEVICE)
    assert await ask_while_renewing(connection, 10_000) >= 10
    received = world.server.received
    assert sum(isinstance(body, f.CountKeyPackages) for body in received) == 10_000
    await connection.close()


@asynchronous
async def test_requests_over_sockets_are_all_answered_while_keys_turn_over(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        who = await server.join("anna")
        server.seams = replace(server.seams, rotation=Rotation(rekey_after_records=10))
        assert await ask_while_renewing(await server.log_in(who), 500) >= 2


@asynchronous
async def test_settings_make_a_client_turn_its_keys_over_sooner() -> None:
    world = World()
    seams = replace(world.seams, rotation=Rotation(rekey_after_s=2.0, renew_after_s=7.0))
    connection = await Connection.open(ADDRESS, FINGERPRINT, seams)
    await connection.log_in(DEVICE)
    for _ in range(30):
        await world.clock.advance(1.0)
    assert len(set(world.server.handshake_hashes)) == 1 + 30 // 8, "at the next tick after 7 s"
    assert await connection.request(f.CountKeyPackages()) == COUNTED
    await connection.close()


# --- who refuses ---------------------------------------------------------------------------------


@asynchronous
async def test_client_that_does_not_renew_is_dropped_by_the_server(tmp_path: Path) -> None:
    clock = FakeClock()
    limits = Limits(renewal_deadline_s=100.0)
    house = make_house(tmp_path, InlineThreads(), clock, limits)
    device = Person("anna").register(house.store, now=clock.now()).first
    peers = [await MemoryPeer(house).open() for _ in range(2)]
    for peer in peers:
        assert await peer.ask(device.login(peer.handshake_hash)) == [f.LoggedIn()]
    for ten_seconds in range(15):
        await clock.advance(10)
        for peer in peers:
            if not peer.transport.end:
                await peer.ask(f.Ping())
        if ten_seconds == 5:
            await peers[1].renew()
            login = device.login(peers[1].handshake_hash)
            assert await peers[1].ask(login) == [f.LoggedIn()]
    assert [peer.transport.end for peer in peers] == ["aborted", ""]
    for peer in peers:
        peer.end()
    await house.writer.drain()
    house.store.close()


@asynchronous
async def test_server_that_does_not_renew_is_dropped_by_the_client() -> None:
    """It answers everything else, so that only the old keys would be left."""

    class Refusing(FakeServer):
        def data_received(self, data: bytes) -> None:
            if self.channel is not None:
                self.channel.answer_renewal = lambda response: None  # type: ignore[method-assign]
            super().data_received(data)

    world = World()
    world.network.listen = lambda: Refusing(world.answer)
    seams = replace(world.seams, rotation=Rotation(renew_after_s=30.0))
    connection = await Connection.open(ADDRESS, FINGERPRINT, seams)
    await connection.log_in(DEVICE)
    await world.clock.advance(30 + RENEWAL_TIMEOUT_S - TICK_S)
    assert connection.is_open, connection.error
    await world.clock.advance(2 * TICK_S)
    error = await connection.wait_ended()
    assert isinstance(error, Unavailable)
    assert "does not renew" in str(error)
    await connection.close()
