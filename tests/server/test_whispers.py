"""Whispers on the server: passed on now to who listens, or never; for nobody does anything else wait or get lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_bytes

from coterie.server import limits
from coterie.server.bus import log_grew
from coterie.server.delivery import NOT_MEMBER
from coterie.server.limits import RATE_BURST_S, Limits
from coterie.server.quotas import Quotas
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire.limits import MAX_HEARERS, WHISPER_SIZE
from coterie.wire.stream import encode_frame
from tests.asynchronous import asynchronous
from tests.server.people import GROUP, Device
from tests.server.raw import MemoryPeer
from tests.server.statements import statements
from tests.server.test_bus import Heard
from tests.server.test_peer import World, world
from tests.server.world import post

SEALED = bytes(range(WHISPER_SIZE))
WHISPER, WHISPERED = f.Whisper(GROUP, SEALED), f.Whispered(GROUP, SEALED)
SUBSCRIBE = f.Subscribe(GROUP, 0, chain.first(GROUP))


@dataclass
class Room:
    """Anna and ben are on the list of ``GROUP``, subscribed, and have heard all that there was."""

    world: World
    devices: tuple[Device, Device]
    anna: MemoryPeer
    ben: MemoryPeer
    crowd: list[Heard] = field(default_factory=list)

    async def heard(self, *peers: MemoryPeer) -> list[list[f.EventBody]]:
        """What came to each since the last time."""
        for peer in peers:
            await peer.run()
        told = [peer.client.events() for peer in peers]
        for peer in peers:
            peer.client.frames.clear()
        return told

    def listen(self, devices: int) -> list[Heard]:
        """So many more devices do."""
        crowd = [Heard() for _ in range(devices)]
        for hearer in crowd:
            self.world.house.bus.subscribe(GROUP, token_bytes(16), hearer)
            assert self.world.house.bus.confirm(GROUP, hearer)
        self.crowd += crowd
        return crowd

    def end(self) -> None:
        for hearer in self.crowd:
            self.world.house.bus.unsubscribe(GROUP, hearer)


def files(folder: Path) -> dict[Path, bytes]:
    """All of them, with what is in them."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[Room]:
    async with world(folder) as w:
        devices = w.device("anna"), w.device("ben")
        anna, ben = await w.log_in(devices[0]), await w.log_in(devices[1])
        await w.group(anna)
        change = f.ListChange(add=(devices[1].device,))
        await anna.ask(post(GROUP, 1, kind=f.Kind.COMMIT, change=change))
        assert await ben.ask(SUBSCRIBE) == [f.Subscribed(1, 0)]
        made = Room(w, devices, anna, ben)
        await made.heard(anna, ben)
        yield made
        made.end()


@asynchronous
async def test_whisper_reaches_the_other_devices_and_not_the_one_that_whispers(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as r:
        annas_other = await r.world.log_in(r.devices[0])
        assert await annas_other.ask(SUBSCRIBE) == [f.Subscribed(1, 1)]
        assert await r.anna.ask(WHISPER) == [f.Done()]
        assert await r.heard(r.anna, annas_other, r.ben) == [[], [], [WHISPERED]]
        assert await r.ben.ask(f.Ping()) == [f.Done()]
        assert await r.heard(r.ben) == [[]], "it came twice"


@asynchronous
async def test_whisper_that_nobody_hears_is_done_too(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.log_in(w.device("anna"))
        await w.group(anna)
        assert await anna.ask(WHISPER) == [f.Done()]


@asynchronous
async def test_nothing_of_a_whisper_is_stored(tmp_path: Path) -> None:
    """Not a statement is run for it, and not a byte of the database is another."""
    async with room(tmp_path) as r:
        await r.world.house.writer.drain()
        before = files(tmp_path)
        with statements() as seen:
            assert await r.anna.ask(WHISPER) == [f.Done()]
        assert await r.heard(r.ben) == [[WHISPERED]]
        assert seen == []
        assert files(tmp_path) == before


@asynchronous
async def test_who_is_not_on_the_list_may_not_whisper_and_hears_nothing(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        stranger = await r.world.log_in(r.world.device("mallory"))
        (subscribed,) = await stranger.ask(SUBSCRIBE)
        (refused,) = await stranger.ask(WHISPER)
        assert subscribed == refused == NOT_MEMBER
        await r.anna.ask(WHISPER)
        assert await r.heard(stranger, r.ben) == [[], [WHISPERED]]


@asynchronous
async def test_who_was_taken_off_the_list_may_not_whisper_and_hears_nothing_more(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as r:
        off = f.ListChange(remove=(r.devices[1].device,))
        await r.anna.ask(post(GROUP, 2, kind=f.Kind.COMMIT, after=1, change=off))
        await r.heard(r.anna, r.ben)
        assert await r.ben.ask(WHISPER) == [NOT_MEMBER]
        await r.anna.ask(WHISPER)
        assert await r.heard(r.anna, r.ben) == [[], []]


@asynchronous
async def test_so_much_is_pushed_for_a_device_and_then_it_waits(tmp_path: Path) -> None:
    """What counts is who hears it: one whisper in a large room is many in a small one."""
    async with room(tmp_path) as r:
        r.world.house.quotas = Quotas(replace(Limits(), whispers_per_second=1.0))
        r.listen(4)
        answers = await r.anna.ask(*[WHISPER] * 5)
        assert answers == [f.Done()] * 4 + [f.Failed(f.Code.WAIT, "too many whispers", wait_s=5.0)]
        assert await r.heard(r.ben) == [[WHISPERED] * int(RATE_BURST_S / 5)]
        assert await r.ben.ask(WHISPER) == [f.Done()], "another device waits for this one"
        await r.world.clock.advance(5.0)
        assert await r.anna.ask(WHISPER) == [f.Done()]


@asynchronous
async def test_nobody_whispers_where_too_many_would_hear_it(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        crowd = r.listen(MAX_HEARERS - 2)  # with anna and ben
        assert await r.anna.ask(WHISPER) == [f.Done()]
        r.listen(1)
        (refused,) = await r.anna.ask(WHISPER)
        assert isinstance(refused, f.Failed)
        assert refused.code is f.Code.TOO_LARGE
        assert {len(hearer.whispers) for hearer in crowd} == {1}


@asynchronous
async def test_to_whisper_where_too_many_would_hear_it_costs_its_sender_something(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as r:
        r.world.house.quotas = Quotas(replace(Limits(), whispers_per_second=0.2))  # 4 at once
        r.listen(MAX_HEARERS)
        answers = await r.anna.ask(*[WHISPER] * 5)
        assert [one.code for one in answers if isinstance(one, f.Failed)] == [
            *[f.Code.TOO_LARGE] * 4,
            f.Code.WAIT,
        ]


# --- slow readers --------------------------------------------------------------------------------


@asynchronous
async def test_slow_reader_is_whispered_nothing_and_never_told_of_it(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        r.ben.peer.pause_writing()
        for _ in range(50):
            assert await r.anna.ask(WHISPER) == [f.Done()]
        assert r.ben.peer._queued == 0
        r.ben.peer.resume_writing()
        assert await r.heard(r.ben) == [[]]
        assert r.ben.transport.end == ""
        await r.anna.ask(WHISPER)
        assert await r.heard(r.ben) == [[WHISPERED]]


@asynchronous
async def test_who_does_not_keep_up_is_whispered_nothing_long_before_logs_are_held_back(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as r:
        r.ben.transport.lying = limits.WHISPER_BUFFER
        entry = post(GROUP, 2, after=1)
        await r.anna.ask(WHISPER, entry)
        (told,) = await r.heard(r.ben)
        assert [type(event) for event in told] == [f.LogGrew]


@asynchronous
async def test_whispers_of_one_moment_are_bounded(tmp_path: Path) -> None:
    """They are dropped before a push of a log could be: whoever floods a room makes nobody miss an entry."""
    async with room(tmp_path) as r:
        frame = encode_frame(f.Event(WHISPERED))
        for _ in range(10_000):
            r.ben.peer.whispered(frame)
        assert r.ben.peer._queued < limits.WHISPER_BUFFER + len(frame)
        entry = f.Entry(2, f.Kind.MESSAGE, b"d" * 16, b"m" * 16, b"body")
        r.ben.peer.log_grew(GROUP, 2, log_grew(GROUP, [entry]))
        (told,) = await r.heard(r.ben)
        assert told[0] == f.LogGrew(GROUP, (entry,), 2), "a whisper went before an entry"
        assert len(told) == 1 + -(-limits.WHISPER_BUFFER // len(frame))


@asynchronous
async def test_nothing_is_whispered_to_who_has_yet_to_sign_new_keys(tmp_path: Path) -> None:
    async with room(tmp_path) as r:
        await r.ben.renew()
        await r.anna.ask(WHISPER)
        assert await r.heard(r.ben) == [[]]
        (refused,) = await r.ben.ask(WHISPER)
        assert isinstance(refused, f.Failed)
        assert refused.code is f.Code.NOT_LOGGED_IN
