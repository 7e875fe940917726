"""A hostile connection, in memory and in fake time: what it holds is bounded, and the others go on."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from coterie.server.budget import Budget
from coterie.server.limits import (
    LARGE_FRAME,
    LARGEST_ANSWER,
    REQUESTS_BURST_S,
    STEPS_PER_TURN,
    Limits,
)
from coterie.server.listener import Listener
from coterie.wire import chain
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.fakes import FakeClock, InlineThreads, settle
from tests.server.people import GROUP
from tests.server.raw import MemoryPeer, MemoryTransport
from tests.server.test_peer import World
from tests.server.test_writer import HeldThreads
from tests.server.world import make_house, post

LIMITS = Limits()
REQUESTS = 10.0  # a second, in a test where they are few
MEGABYTE = 2**20


@asynccontextmanager
async def world(folder: Path, limits: Limits = LIMITS) -> AsyncIterator[World]:
    """At its end every connection is lost, and nothing of what they held is left."""
    clock = FakeClock()
    house = make_house(folder, InlineThreads(), clock, limits)
    made = World(house, clock)
    try:
        yield made
    finally:
        for peer in made.peers:
            peer.end()
        await house.writer.drain()
        house.store.close()
    assert (house.budget.held, house.answers.held) == (0, 0)
    assert house.devices == {}
    assert (house.bus._groups, house.bus._devices) == ({}, {})


def half(peer: MemoryPeer, size: int) -> bytes:
    """A frame of which nothing but its length and a little comes."""
    return peer.client.seal(size.to_bytes(4, "big") + bytes(100))


# --- unfinished frames -----------------------------------------------------------------------------


@asynchronous
async def test_unfinished_frames_of_all_connections_share_one_budget(tmp_path: Path) -> None:
    limits = replace(LIMITS, request_bytes=80 * MEGABYTE, request_bytes_per_account=30 * MEGABYTE)
    async with world(tmp_path, limits) as w:
        anna, ben = w.device("anna"), w.device("ben")
        annas = [await w.log_in(anna) for _ in range(2)]
        bens = await w.log_in(ben)
        for peer in (*annas, bens):
            await peer.send(half(peer, 20 * MEGABYTE))
        assert [p.transport.is_reading_now for p in (*annas, bens)] == [True, False, True]
        assert w.house.budget.held == 40 * MEGABYTE
        annas[0].end()  # what is lost is free
        await annas[1].run()
        assert annas[1].transport.is_reading_now
        assert w.house.budget.held == 40 * MEGABYTE
        w.peers.remove(annas[0])


@asynchronous
async def test_small_requests_are_answered_while_large_ones_wait_for_memory(tmp_path: Path) -> None:
    limits = replace(LIMITS, request_bytes=20 * MEGABYTE, request_bytes_per_account=15 * MEGABYTE)
    async with world(tmp_path, limits) as w:
        hoarder, other = await w.log_in(w.device("anna")), await w.log_in(w.device("ben"))
        await hoarder.send(half(hoarder, 15 * MEGABYTE))
        assert await other.ask(f.Ping()) == [f.Done()]


@asynchronous
async def test_greetings_logins_and_pings_need_nothing_of_memory_that_is_full(
    tmp_path: Path,
) -> None:
    """Nothing but the lengths of large frames stopped everybody, and then dropped them as idle."""
    async with world(tmp_path) as w:
        there = await w.log_in(w.device("carl"))
        hoarder = await w.log_in(w.device("anna"))
        assert w.house.budget.take("hoarders", LIMITS.request_bytes)
        await hoarder.send(half(hoarder, MEGABYTE))
        assert not hoarder.transport.is_reading_now
        assert await there.ask(f.Ping()) == [f.Done()]
        newcomer = await w.log_in(w.device("ben"))
        assert await newcomer.ask(f.Ping()) == [f.Done()]
        w.house.budget.give("hoarders", LIMITS.request_bytes)


@asynchronous
async def test_small_requests_beyond_its_own_memory_wait_for_its_own_answers(
    tmp_path: Path,
) -> None:
    """Those in flight take nothing that others share, so nobody else would say when there is room."""
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await w.group(peer)
        threads = HeldThreads()
        w.house.writer._threads = threads
        assert w.house.budget.take("hoarders", LIMITS.request_bytes)
        before = len(peer.client.replies())
        posts = [post(GROUP, number, body=bytes(40_000)) for number in (1, 2, 3)]
        assert await peer.ask(*posts) == []
        assert not peer.transport.is_reading_now
        while len(peer.client.replies()) < before + len(posts):
            threads.release()
            await peer.run()
        w.house.budget.give("hoarders", LIMITS.request_bytes)


@asynchronous
async def test_large_frame_of_which_nothing_more_comes_ends_by_itself(tmp_path: Path) -> None:
    """A byte just before its time held its memory for as long again."""
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await peer.send(half(peer, LARGE_FRAME + 1))
        await w.clock.advance(LIMITS.frame_timeout_s - 1)
        await peer.send(peer.client.seal(b"\0"))
        assert peer.transport.end == ""
        await w.clock.advance(1)
        assert peer.transport.end == "aborted"


@asynchronous
async def test_large_frame_must_be_finished_in_time_though_a_byte_comes_every_second(
    tmp_path: Path,
) -> None:
    """Each byte put off the end, and 24 MB were held for ninety minutes."""
    async with world(tmp_path) as w:
        anna = w.device("anna")
        slow, small = await w.log_in(anna), await w.log_in(anna)
        await slow.send(half(slow, LARGE_FRAME + 1))
        await small.send(half(small, LARGE_FRAME))
        for _ in range(int(LIMITS.frame_timeout_s) - 1):
            await w.clock.advance(1)
            for peer in (slow, small):
                await peer.send(peer.client.seal(b"\0"))
        assert slow.transport.end == ""
        await w.clock.advance(1)
        await small.send(small.client.seal(b"\0"))
        assert [slow.transport.end, small.transport.end] == ["aborted", ""]


@asynchronous
async def test_requests_that_wait_for_the_disk_are_in_the_budget_too(tmp_path: Path) -> None:
    limits = replace(LIMITS, request_bytes=9 * MEGABYTE, request_bytes_per_account=4 * MEGABYTE)
    async with world(tmp_path, limits) as w:
        peer = await w.log_in(w.device("anna"))
        await w.group(peer)
        threads = HeldThreads()
        w.house.writer._threads = threads
        posts = [post(GROUP, number, body=bytes(250_000)) for number in range(1, 31)]
        before = len(peer.client.replies())
        assert await peer.ask(*posts) == []
        assert 3 * MEGABYTE < w.house.budget.held <= 4 * MEGABYTE
        assert not peer.transport.is_reading_now
        while len(peer.client.replies()) < before + len(posts):
            threads.release()
            await peer.run()
        assert all(isinstance(reply, f.Accepted) for reply in peer.client.replies()[before:])
        assert w.house.budget.held == 0


@asynchronous
async def test_posts_that_wait_for_the_disk_stay_in_the_budget_though_their_connection_is_lost(
    tmp_path: Path,
) -> None:
    """Cut and made anew, it could leave as much with the writer again, and again."""
    async with world(tmp_path) as w:
        peer, other = await w.log_in(w.device("anna")), await w.log_in(w.device("ben"))
        await w.group(peer)
        threads = HeldThreads()
        w.house.writer._threads = threads
        posts = [post(GROUP, n, kind=f.Kind.COMMIT, body=bytes(MEGABYTE)) for n in range(1, 6)]
        await peer.ask(*posts)
        await peer.send(half(peer, 3 * MEGABYTE))
        assert w.house.budget.held > 8 * MEGABYTE
        w.peers.remove(peer)
        peer.end()
        assert 5 * MEGABYTE < w.house.budget.held < 6 * MEGABYTE
        while w.house.budget.held:
            threads.release()
            await other.run()


# --- many requests ---------------------------------------------------------------------------------


@asynchronous
async def test_flood_of_requests_gives_way_to_the_others_after_some(tmp_path: Path) -> None:
    """What a socket had ready was taken to its end: 256 KiB of tiny records stood in everybody's way."""
    async with world(tmp_path) as w:
        flood, other = await w.log_in(w.device("anna")), await w.log_in(w.device("ben"))
        channel = flood.client.channel
        assert channel is not None
        for _ in range(10 * STEPS_PER_TURN):
            channel.rekey()
        flood.peer.data_received(channel.data_to_send())
        assert flood.peer._intake.is_resting
        assert not flood.transport.is_reading_now
        assert await other.ask(f.Ping()) == [f.Done()]
        await flood.run()
        assert flood.transport.is_reading_now
        assert await flood.ask(f.Ping()) == [f.Done()]


@asynchronous
async def test_who_asks_too_fast_is_read_later_and_answered_all_the_same(tmp_path: Path) -> None:
    async with world(tmp_path, replace(LIMITS, requests_per_second=REQUESTS)) as w:
        anna = w.device("anna")
        peer = await w.log_in(anna)
        pings = [f.Ping() for _ in range(30)]
        answered = len(await peer.ask(*pings))
        # The burst, and a turn's steps at most: what was spent is paid at the end of a turn.
        assert REQUESTS * REQUESTS_BURST_S - 2 <= answered <= STEPS_PER_TURN
        assert not peer.transport.is_reading_now
        second = await w.log_in(anna)  # over another connection it is no faster
        assert len(await second.ask(*pings[:20])) <= STEPS_PER_TURN
        for _ in range(100):
            await w.clock.advance(1)
            await peer.run()
        replies = [reply for reply in peer.client.replies() if reply == f.Done()]
        assert len(replies) == 30
        assert peer.transport.is_reading_now


@asynchronous
async def test_post_that_is_too_fast_is_told_to_wait_and_its_count_is_not_used(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, replace(LIMITS, posts_per_second=1)) as w:
        anna = w.device("anna")
        peer = await w.log_in(anna)
        await w.group(peer)
        posts = [post(GROUP, number) for number in range(1, 22)]
        answers = [(await peer.ask(one))[0] for one in posts]
        assert all(isinstance(answer, f.Accepted) for answer in answers[:20])
        refused = answers[20]
        assert isinstance(refused, f.Failed)
        assert (refused.code, refused.wait_s) == (f.Code.WAIT, 1.0)
        await w.clock.advance(1)
        assert await peer.ask(posts[20]) == [f.Accepted(posts[20].message_id, 21)]


# --- answers that nobody reads ---------------------------------------------------------------------


@asynchronous
async def test_next_large_answer_is_made_when_the_last_was_taken(tmp_path: Path) -> None:
    """It was made before the last was written, so that nobody knew yet that it is not taken."""
    async with world(tmp_path) as w:
        peer = await w.log_in(w.device("anna"))
        await w.group(peer)
        await peer.ask(post(GROUP, 1, kind=f.Kind.COMMIT, body=bytes(MEGABYTE)))
        peer.stop_taking()
        assert len(await peer.ask(*[f.Fetch(GROUP, 0)] * 5)) == 1
        assert w.house.answers.held == peer.transport.lying > MEGABYTE
        before = len(peer.client.replies())
        peer.take_all()
        await peer.run()
        assert len(peer.client.replies()) == before + 4
        assert w.house.answers.held == 0


@asynchronous
async def test_large_answers_that_lie_unread_are_bounded_by_account(tmp_path: Path) -> None:
    """Each of an account's connections could have megabytes lie, and it has hundreds."""
    async with world(tmp_path) as w:
        w.house.answers = Budget(math.inf, LARGEST_ANSWER + 3 * MEGABYTE)
        anna, ben = w.device("anna"), w.device("ben")
        slow = [await w.log_in(anna) for _ in range(4)]
        await w.group(slow[0])
        await slow[0].ask(post(GROUP, 1, kind=f.Kind.COMMIT, body=bytes(2 * MEGABYTE)))
        answered = []
        for peer in slow:
            peer.stop_taking()
            answered.append(len(await peer.ask(f.Fetch(GROUP, 0))))
        assert answered == [1, 1, 0, 0]
        other = await w.log_in(ben)
        assert await other.ask(f.FetchGroups()) == [f.Groups(())]
        assert await slow[3].ask(f.Ping()) == [f.Done()]
        slow[0].take_all()
        await slow[2].run()
        assert isinstance(slow[2].client.replies()[-1], f.Entries)
        w.peers.remove(slow[1])
        slow[1].end()  # what it did not take is free too
        await slow[3].run()
        assert isinstance(slow[3].client.replies()[-1], f.Entries)


# --- subscriptions and connections -----------------------------------------------------------------


@asynchronous
async def test_subscriptions_of_a_connection_are_bounded(tmp_path: Path) -> None:
    async with world(tmp_path, replace(LIMITS, subscriptions=3)) as w:
        peer = await w.log_in(w.device("anna"))
        groups = [bytes([number]) * 16 for number in range(4)]
        for group in groups:
            assert await peer.ask(f.CreateGroup(group)) == [f.Done()]
        asked = [f.Subscribe(group, 0, chain.first(group)) for group in groups]
        answers = [(await peer.ask(one))[0] for one in asked]
        assert answers[:3] == [f.Subscribed(0, 0)] * 3
        assert isinstance(answers[3], f.Failed)
        assert answers[3].code is f.Code.TOO_LARGE
        assert await peer.ask(asked[0]) == [f.Subscribed(0, 0)]  # again is none more


@asynchronous
async def test_newest_connections_of_a_device_stay_and_the_oldest_ends(tmp_path: Path) -> None:
    """It may be half open: who comes back from a dead network is not kept out by his own past."""
    async with world(tmp_path, replace(LIMITS, connections_per_device=3)) as w:
        anna = w.device("anna")
        other = await w.log_in(w.device("ben"))
        peers = []
        for _ in range(5):
            peers.append(await w.log_in(anna))
            for peer in peers:
                if peer.transport.end and peer in w.peers:  # the loop would say so
                    w.peers.remove(peer)
                    peer.end()
        assert [bool(peer.transport.end) for peer in peers] == [True, True, False, False, False]
        assert not other.transport.end


@asynchronous
async def test_logins_before_the_displaced_are_gone_displace_another_each(tmp_path: Path) -> None:
    """The loop says later that a connection is lost: two logins ended the same one, and one too many stayed."""
    async with world(tmp_path, replace(LIMITS, connections_per_device=2)) as w:
        anna = w.device("anna")
        peers = [await w.log_in(anna) for _ in range(4)]
        assert [bool(peer.transport.end) for peer in peers] == [True, True, False, False]
        assert len(w.house.devices[anna.device]) == 2


@asynchronous
async def test_renewals_of_an_address_are_bounded_like_its_connections(tmp_path: Path) -> None:
    limits = replace(LIMITS, connections_per_address=3, handshakes_per_second=0.01)
    async with world(tmp_path, limits) as w:
        anna = w.device("anna")
        peer = await w.log_in(anna)
        for _ in range(3):
            await peer.renew()
            assert await peer.ask(anna.login(peer.handshake_hash)) == [f.LoggedIn()]
        channel = peer.client.channel
        assert channel is not None
        channel.start_renewal()
        await peer.send(channel.data_to_send())
        assert peer.transport.end == "aborted"


async def arrive(listener: Listener, address: str) -> MemoryTransport:
    """A connection; if it is dropped, the loop says so at once."""
    transport, peer = MemoryTransport(address), listener.accept()
    transport.has_begun = False
    peer.connection_made(transport)
    transport.has_begun = True
    await settle()
    if transport.end:
        peer.connection_lost(None)
    return transport


def ended(transports: list[MemoryTransport]) -> list[bool]:
    return [bool(transport.end) for transport in transports]


@asynchronous
async def test_connections_are_bounded_in_all_by_address_and_by_time(tmp_path: Path) -> None:
    limits = replace(LIMITS, connections=6, connections_per_address=4, handshakes_per_second=1.0)
    async with world(tmp_path, limits) as w:
        listener = Listener(w.house)
        flood = [await arrive(listener, "192.0.2.7") for _ in range(6)]
        assert ended(flood) == [False] * 4 + [True] * 2
        others = [await arrive(listener, f"198.51.100.{number}") for number in range(3)]
        assert ended(others) == [False, False, True]
        for peer in tuple(listener.peers):
            peer.connection_lost(None)
        held = await arrive(listener, "192.0.2.7")
        free = await arrive(listener, "192.0.2.8")
        assert (held.is_reading_now, free.is_reading_now) == (False, True)
        await w.clock.advance(1)
        assert held.is_reading_now
        held = await arrive(listener, "192.0.2.7")
        await w.clock.advance(limits.handshake_timeout_s)
        assert held.end == "aborted"  # it said nothing when it was its turn
        for peer in tuple(listener.peers):
            peer.connection_lost(None)
        assert (listener.peers, listener._per_network) == (set(), {})


@asynchronous
async def test_who_opens_and_closes_without_end_leaves_nothing_and_locks_nobody_out_for_long(
    tmp_path: Path,
) -> None:
    """Each was counted though it would never have its turn, and kept in memory until then: for hours."""
    limits = replace(LIMITS, connections_per_address=4, handshakes_per_second=1.0)
    async with world(tmp_path, limits) as w:
        listener = Listener(w.house)
        for _ in range(1_000):
            transport = await arrive(listener, "192.0.2.7")
            for peer in tuple(listener.peers):
                peer.connection_lost(None)
        assert transport.end == "aborted"  # its turn would come after its time
        assert w.clock.delays() == []
        await w.clock.advance(limits.handshake_timeout_s + 1)
        late = await arrive(listener, "192.0.2.7")
        assert (late.is_reading_now, late.end) == (True, "")
        for peer in tuple(listener.peers):
            peer.connection_lost(None)


@asynchronous
async def test_handshakes_of_a_flood_wait_for_each_other_and_one_from_elsewhere_goes_first(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, replace(LIMITS, key_exchanges_at_once=1)) as w:
        done: list[str] = []

        class Slow(InlineThreads):
            """Each exchange takes a turn of the loop."""

            async def run(self, function, *args):  # type: ignore[no-untyped-def]
                await asyncio.sleep(0)
                return await super().run(function, *args)

        w.house.heavy._threads = Slow()
        flood = [MemoryPeer(w.house, address="192.0.2.7") for _ in range(6)]
        honest = MemoryPeer(w.house, address="198.51.100.1")
        w.peers += [*flood, honest]
        for peer in (*flood, honest):
            peer.peer.data_received(peer.client.greeting())
        await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0)
            for name, peers in (("flood", flood), ("honest", [honest])):
                written = sum(bool(peer.transport.written) for peer in peers)
                done += [name] * (written - done.count(name))
        assert done.index("honest") <= 2
        assert len(done) == 7
