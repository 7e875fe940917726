"""One connection in memory and in fake time: deadlines, order, slow readers, the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_bytes

from coterie.noise.channel import MESSAGE_1_SIZE
from coterie.server import limits
from coterie.server.bus import INBOX_GREW, log_grew
from coterie.server.house import House
from coterie.server.limits import Limits
from coterie.server.news import News
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire import limits as wire_limits
from coterie.wire.stream import encode_frame
from tests.asynchronous import asynchronous
from tests.fakes import FakeClock, InlineThreads
from tests.server.people import GROUP, Device, Person
from tests.server.raw import MemoryPeer
from tests.server.test_writer import HeldThreads
from tests.server.world import make_house, post

LIMITS = Limits()


class World:
    """A house in fake time, and its connections."""

    def __init__(self, house: House, clock: FakeClock) -> None:
        self.house, self.clock = house, clock
        self.peers: list[MemoryPeer] = []

    def device(self, name: str) -> Device:
        person = Person(name)
        token = token_bytes(16)
        return person.register(self.house.store, token=token, now=self.clock.now()).first

    def connect(self) -> MemoryPeer:
        self.peers.append(MemoryPeer(self.house))
        return self.peers[-1]

    async def log_in(self, device: Device) -> MemoryPeer:
        peer = await self.connect().open()
        assert await peer.ask(device.login(peer.handshake_hash)) == [f.LoggedIn()]
        return peer

    async def group(self, peer: MemoryPeer) -> None:
        """Made, and subscribed to."""
        subscribe = f.Subscribe(GROUP, 0, chain.first(GROUP))
        assert await peer.ask(f.CreateGroup(GROUP)) == [f.Done()]
        assert await peer.ask(subscribe) == [f.Subscribed(0, 0)]


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    clock = FakeClock()
    house = make_house(folder, InlineThreads(), clock)
    made = World(house, clock)
    try:
        yield made
    finally:
        for peer in made.peers:
            peer.end()
        await house.writer.drain()
        house.store.close()
        assert (house.bus._groups, house.bus._devices) == ({}, {})


# --- deadlines -----------------------------------------------------------------------------------


@asynchronous
async def test_stranger_who_says_nothing_is_dropped_after_ten_seconds(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        silent, slow = w.connect(), w.connect()
        await w.clock.advance(LIMITS.handshake_timeout_s - 1)
        await slow.send(slow.client.greeting()[:100])
        assert silent.transport.end == ""
        await w.clock.advance(1)
        assert [silent.transport.end, slow.transport.end] == ["aborted"] * 2


@asynchronous
async def test_who_does_not_log_in_is_dropped_after_a_minute_whatever_it_says(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        peer = await w.connect().open()
        for _ in range(5):
            await w.clock.advance(10)
            assert await peer.ask(f.Ping()) == [f.Done()]
            await peer.renew()  # new keys buy no time
        await w.clock.advance(11)
        assert peer.transport.end == "aborted"


@asynchronous
async def test_device_that_is_silent_is_dropped_and_one_that_pings_stays(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = w.device("anna")
        silent, pinging = await w.log_in(anna), await w.log_in(anna)
        for _ in range(8):
            await w.clock.advance(30)
            await pinging.ask(f.Ping())
        assert silent.transport.end == "aborted"
        assert pinging.transport.end == ""


@asynchronous
async def test_device_that_says_nothing_after_its_login_has_the_idle_time(tmp_path: Path) -> None:
    """It had what was left of the minute for the login."""
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await w.clock.advance(LIMITS.login_timeout_s + 1)
        assert peer.transport.end == ""


@asynchronous
async def test_device_that_does_not_renew_is_dropped_after_ninety_minutes(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = w.device("anna")
        old, renewed = await w.log_in(anna), await w.log_in(anna)
        for minute in range(91):
            await w.clock.advance(60)
            for peer in (old, renewed):
                if not peer.transport.end:
                    await peer.ask(f.Ping())
            if minute == 60:
                await renewed.renew()
                login = anna.login(renewed.handshake_hash)
                assert await renewed.ask(login) == [f.LoggedIn()]
        assert old.transport.end == "aborted"
        assert renewed.transport.end == ""


# --- renewal -------------------------------------------------------------------------------------


@asynchronous
async def test_renewed_channel_is_pushed_nothing_and_dropped_unless_it_is_signed(
    tmp_path: Path,
) -> None:
    """A thief of live keys could renew, and went on hearing everything."""
    async with world(tmp_path) as w:
        anna = w.device("anna")
        stolen, other = await w.log_in(anna), await w.log_in(anna)
        await w.group(stolen)
        await stolen.renew()
        await other.ask(post(GROUP, 1))
        await stolen.run()
        assert stolen.client.events() == []
        (refused,) = await stolen.ask(f.Fetch(GROUP, 0))
        assert isinstance(refused, f.Failed)
        assert refused.code is f.Code.NOT_LOGGED_IN
        for _ in range(7):
            await w.clock.advance(10)
            if not stolen.transport.end:
                await stolen.ask(f.Ping())
        assert stolen.transport.end == "aborted"


@asynchronous
async def test_renewed_channel_is_told_what_it_missed_once_it_is_signed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = w.device("anna")
        peer, other = await w.log_in(anna), await w.log_in(anna)
        await w.group(peer)
        await peer.renew()
        for number in (1, 2):
            await other.ask(post(GROUP, number))
        assert await peer.ask(anna.login(peer.handshake_hash)) == [f.LoggedIn()]
        assert peer.client.events() == [f.LogGrew(GROUP, (), 2)]


@asynchronous
async def test_what_was_asked_before_a_renewal_is_answered_though_it_is_read_with_it(
    tmp_path: Path,
) -> None:
    """Requests that came with the marker of the new keys were judged after it, and refused."""
    async with world(tmp_path) as w:
        anna = w.device("anna")
        peer = await w.log_in(anna)
        await w.group(peer)
        channel = peer.client.channel
        assert channel is not None
        before = peer.client.seal(peer.client.request(f.Fetch(GROUP, 0)))
        channel.start_renewal()
        await peer.send(before + channel.data_to_send())
        last = channel.data_to_send()  # the marker
        login = peer.client.request(anna.login(peer.handshake_hash))
        behind = peer.client.request(f.Ping())
        await peer.send(last + peer.client.seal(login + behind))
        answers = peer.client.replies()[-3:]
        assert answers == [f.Entries((), 0), f.LoggedIn(), f.Done()]


@asynchronous
async def test_login_and_what_is_asked_behind_it_may_come_together(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = w.device("anna")
        peer = await w.connect().open()
        login = anna.login(peer.handshake_hash)
        answers = await peer.ask(login, f.CreateGroup(GROUP), f.FetchGroups())
        assert answers[0] == f.LoggedIn()
        assert f.Done() in answers[1:]
        assert all(not isinstance(answer, f.Failed) for answer in answers)


# --- strangers -----------------------------------------------------------------------------------


@asynchronous
async def test_garbage_of_every_kind_ends_its_own_connection_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        good = await w.log_in(w.device("anna"))
        for garbage in (
            b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            bytes(4),
            b"\xff" * 4,
            (MESSAGE_1_SIZE + 1).to_bytes(4, "big"),
            (10).to_bytes(4, "big") + b"0123456789",
            MESSAGE_1_SIZE.to_bytes(4, "big") + bytes(MESSAGE_1_SIZE),
            MESSAGE_1_SIZE.to_bytes(4, "big") + b"\xff" * MESSAGE_1_SIZE,
        ):
            stranger = w.connect()
            await stranger.send(garbage)
            assert stranger.transport.end == "aborted", garbage[:20]
            assert stranger.transport.written == []
        assert await good.ask(f.Ping()) == [f.Done()]


@asynchronous
async def test_altered_replayed_or_foreign_record_ends_the_connection(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = w.device("anna")
        other = await w.log_in(anna)
        for how in ("altered", "replayed", "foreign", "too long", "empty"):
            peer = await w.log_in(anna)
            record = peer.client.seal(peer.client.request(f.Ping()))
            sent = {
                "altered": record[:-1] + bytes([record[-1] ^ 1]),
                "replayed": record + record,
                "foreign": other.client.seal(other.client.request(f.Ping())),
                "too long": (2**16).to_bytes(4, "big"),
                "empty": bytes(4),
            }[how]
            await peer.send(sent)
            assert peer.transport.end == "aborted", how


@asynchronous
async def test_frame_that_is_no_request_ends_the_connection(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = w.device("anna")
        for stream in (
            bytes(4),
            (3).to_bytes(4, "big") + b"\xff\xff\xff",
            encode_frame(f.Reply(1, f.Done())),
            (wire_limits.MAX_FRAME + 1).to_bytes(4, "big"),
        ):
            peer = await w.log_in(anna)
            await peer.send(peer.client.seal(stream))
            assert peer.transport.end == "aborted"


@asynchronous
async def test_stranger_may_not_send_large_frames_and_a_device_may(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        large = (wire_limits.MAX_FRAME_BEFORE_LOGIN + 1).to_bytes(4, "big")
        stranger, device = await w.connect().open(), await w.log_in(w.device("anna"))
        for peer in (stranger, device):
            await peer.send(peer.client.seal(large))
        assert [stranger.transport.end, device.transport.end] == ["aborted", ""]


@asynchronous
async def test_request_before_the_greeting_ends_the_connection(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        peer = w.connect()
        await peer.send(peer.client.greeting())
        await peer.ask(f.Ping())
        assert peer.transport.end == "aborted"


@asynchronous
async def test_bytes_behind_message_1_wait_for_the_channel(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        peer = w.connect()
        greeting = peer.client.greeting()
        for place in range(0, len(greeting), 500):
            await peer.send(greeting[place : place + 500])
        assert peer.client.channel is not None
        assert await peer.ask(f.Hello((1,))) != []


# --- order and room ------------------------------------------------------------------------------


@asynchronous
async def test_half_a_frame_waits_for_its_rest(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        frame = peer.client.request(f.Ping())
        before = len(peer.client.replies())
        for byte in frame:
            assert len(peer.client.replies()) == before
            await peer.send(peer.client.seal(bytes([byte])))
        assert peer.client.replies()[before:] == [f.Done()]


@asynchronous
async def test_requests_beyond_those_in_flight_are_not_read_until_some_are_answered(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await w.group(peer)
        threads = HeldThreads()
        w.house.writer._threads = threads
        most = wire_limits.MAX_IN_FLIGHT
        posts = [post(GROUP, number) for number in range(1, 2 * most + 11)]
        before = len(peer.client.replies())
        assert await peer.ask(*posts) == []
        assert not peer.transport.is_reading_now
        assert len(threads.flushes[0]) + len(w.house.writer._waiting) == most
        while len(peer.client.replies()) < before + len(posts):
            threads.release()
            await peer.run()
        answers = peer.client.replies()[-len(posts) :]
        assert answers == [f.Accepted(p.message_id, n) for n, p in enumerate(posts, start=1)]
        assert peer.transport.is_reading_now


@asynchronous
async def test_large_requests_in_flight_are_bounded_in_bytes(tmp_path: Path) -> None:
    """64 frames of 16 MB each would be a gigabyte of one connection's."""
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await w.group(peer)
        threads = HeldThreads()
        w.house.writer._threads = threads
        for number in range(1, 8):
            await peer.ask(post(GROUP, number, kind=f.Kind.COMMIT, body=bytes(8 * 2**20)))
        assert (
            peer.peer._intake.bytes_in_flight < limits.MAX_BYTES_IN_FLIGHT + wire_limits.MAX_FRAME
        )
        assert not peer.transport.is_reading_now
        for _ in range(8):
            threads.release()
            await peer.run()
        assert len(peer.client.replies()) == 4 + 7


# --- slow readers --------------------------------------------------------------------------------


@asynchronous
async def test_slow_reader_is_pushed_nothing_and_told_to_fetch_when_it_has_caught_up(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        anna = w.device("anna")
        slow, quick = await w.log_in(anna), await w.log_in(anna)
        await w.group(slow)
        await quick.ask(f.Subscribe(GROUP, 0, chain.first(GROUP)))
        slow.peer.pause_writing()
        for number in range(1, 101):
            await quick.ask(post(GROUP, number, body=bytes(1000)))
        w.house.bus.publish(News(inboxes={anna.device}))
        await slow.run()
        await quick.run()
        assert slow.client.events() == []
        assert slow.peer._queued == 0
        assert not slow.transport.is_reading_now
        assert len(quick.client.events()) == 101
        slow.peer.resume_writing()
        await slow.run()
        assert slow.client.events() == [f.LogGrew(GROUP, (), 100), f.InboxGrew()]
        assert slow.transport.is_reading_now


@asynchronous
async def test_pushes_of_one_moment_are_bounded_too(tmp_path: Path) -> None:
    """All of a batch's pushes come in one turn of the loop, before the transport can say that it is full."""
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        entry = f.Entry(1, f.Kind.MESSAGE, b"d" * 16, b"m" * 16, bytes(100_000))
        groups = [number.to_bytes(16, "big") for number in range(20)]
        for group in groups:
            peer.peer.log_grew(group, 1, log_grew(group, [entry]))
        assert peer.peer._queued < limits.WRITE_BUFFER + 200_000
        await peer.run()
        told = [event.group for event in peer.client.events() if isinstance(event, f.LogGrew)]
        assert sorted(told) == groups


@asynchronous
async def test_large_answers_are_made_one_at_a_time_and_not_for_who_does_not_read(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await w.group(peer)
        peer.peer.pause_writing()
        peer.transport.is_reading_now = True  # what it had read before the pause
        peer.peer._writable.set()
        stream = b"".join(peer.client.request(f.Fetch(GROUP, 0)) for _ in range(10))
        sealed = peer.client.seal(stream)
        peer.peer.data_received(sealed)
        peer.peer._writable.clear()
        before = len(peer.client.replies())
        await peer.run()
        assert len(peer.client.replies()) == before
        peer.peer.resume_writing()
        await peer.run()
        assert len(peer.client.replies()) == before + 10


@asynchronous
async def test_slow_reader_that_goes_on_reading_is_not_idle_and_one_that_stands_still_is(
    tmp_path: Path,
) -> None:
    """A large Welcome on a slow line takes minutes, in which nothing of that client's is read."""
    async with world(tmp_path) as w:
        anna = w.device("anna")
        going, standing = await w.log_in(anna), await w.log_in(anna)
        for peer in (going, standing):
            peer.transport.lying = 10_000_000
            peer.peer.pause_writing()
        for _ in range(5):
            going.transport.lying -= 1_000_000
            await w.clock.advance(LIMITS.idle_timeout_s)
        assert [going.transport.end, standing.transport.end] == ["", "aborted"]


@asynchronous
async def test_stranger_that_reads_slowly_has_the_minute_for_the_login_and_no_more(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        peer = await w.connect().open()
        peer.transport.lying = 300_000
        peer.peer.pause_writing()
        for _ in range(7):
            peer.transport.lying -= 1
            await w.clock.advance(10)
        assert peer.transport.end == "aborted"


@asynchronous
async def test_device_that_reads_slowly_is_dropped_after_ninety_minutes_without_renewal(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        peer.transport.lying = 300_000
        peer.peer.pause_writing()
        for _ in range(92):
            peer.transport.lying -= 1
            await w.clock.advance(60)
        assert peer.transport.end == "aborted"


# --- the end -------------------------------------------------------------------------------------


@asynchronous
async def test_server_that_stops_answers_what_was_asked_and_says_when_to_come_back(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await w.group(peer)
        threads = HeldThreads()
        w.house.writer._threads = threads
        said = post(GROUP, 1)
        await peer.ask(said)
        peer.peer.finish()
        await peer.send(peer.client.seal(peer.client.request(post(GROUP, 2))))
        assert peer.transport.end == ""
        threads.release()
        await peer.run()
        assert peer.client.replies()[-1] == f.Accepted(said.message_id, 1)
        assert peer.client.events() == [f.Closing()]
        assert peer.client.is_closed_in_order
        assert peer.transport.end == "closed"


@asynchronous
async def test_client_that_closes_is_closed_and_its_last_post_stays_stored(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        anna = w.device("anna")
        peer, other = await w.log_in(anna), await w.log_in(anna)
        await w.group(peer)
        threads = HeldThreads()
        w.house.writer._threads = threads
        channel = peer.client.channel
        assert channel is not None
        sealed = peer.client.seal(peer.client.request(post(GROUP, 1)))
        channel.close()
        await peer.send(sealed + channel.data_to_send())
        assert peer.transport.end == "closed"
        peer.end()
        threads.release()
        await other.run()
        (found,) = await other.ask(f.Fetch(GROUP, 0))
        assert isinstance(found, f.Entries)
        assert len(found.entries) == 1
        w.peers.remove(peer)


@asynchronous
async def test_revoked_device_is_dropped_where_it_is_connected(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        now = w.clock.now()
        ben = Person("ben").register(w.house.store, token=b"b" * 16, now=now)
        phone = ben.add_device(w.house.store)
        first, second = await w.log_in(ben.first), await w.log_in(phone)
        signed, listed = ben.device_list(ben.first, version=3)
        await w.house.writer.do(lambda t: t.accounts.replace_device_list(signed, listed, None))
        assert [first.transport.end, second.transport.end] == ["", "aborted"]
        again = await w.connect().open()
        wrong = Device("ben", ben.first.device).login(again.handshake_hash)
        answers = await again.ask(phone.login(again.handshake_hash), wrong)
        assert answers == [f.Failed(f.Code.NOT_AUTHENTICATED, "login failed")] * 2


@asynchronous
async def test_own_key_is_changed_when_it_is_ten_minutes_old(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        for _ in range(11):
            await w.clock.advance(60)
            assert await peer.ask(f.Ping()) == [f.Done()]
        assert peer.peer._rekeyed_at > LIMITS.rekey_after_s


@asynchronous
async def test_connection_that_cannot_send_ends_alone(tmp_path: Path) -> None:
    """All that have something to send do so in one step."""
    async with world(tmp_path) as w:
        broken, other = await w.log_in(w.device("anna")), await w.log_in(w.device("ben"))
        assert broken.peer._channel is not None
        broken.peer._channel.close()
        for peer in (broken, other):
            peer.peer.inbox_grew(INBOX_GREW)
        await other.run()
        assert broken.transport.end == "aborted"
        assert other.client.events() == [f.InboxGrew()]
