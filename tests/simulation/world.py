"""One schedule, from its beginning to the judgement: server, devices, the network between them, and the faults."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

from coterie.client import api
from coterie.client.room_policy import leaf_identity
from tests.simulation import oracle
from tests.simulation.beginning import MEMBERS, ROOM, Beginning, registered
from tests.simulation.device import Device, Wish
from tests.simulation.disk import ServerDisk
from tests.simulation.faults import ACTS
from tests.simulation.loop import Deadlock, VirtualLoop
from tests.simulation.network import Network, Tampering, Wire
from tests.simulation.oracle import Watch
from tests.simulation.schedule import Action, Schedule, schedule_of
from tests.simulation.seams import Clock, seeded
from tests.simulation.server import Server

if TYPE_CHECKING:
    from coterie.client.happening import Event

SETTLED_WITHIN_S = 400.0  # of virtual time, after the last fault is over


@dataclass(frozen=True)
class Outcome:
    """What a schedule came to. ``violation`` is empty where all that must hold did."""

    schedule: Schedule
    violation: str
    fired: Counter[str]
    trace: tuple[str, ...]
    settled_in_s: float
    turns: int
    signs: Counter[str] = field(default_factory=Counter)  # by which hostile acts were found out


class World:
    """Everything that runs, and what is known of it. The faults act on it."""

    def __init__(self, seed: int, beginning: Beginning) -> None:
        self.beginning = beginning
        self.loop = VirtualLoop()  # type: ignore[abstract]  # it has no sockets, signals or subprocesses
        self.chance = Random(f"network {seed}")  # noqa: S311
        self._trace: list[tuple[float, str, str]] = []
        self.fired: Counter[str] = Counter()
        self.signs: Counter[str] = Counter()  # by which hostile acts were found out
        self.wishes: list[Wish] = []
        self.network = Network(self.chance, self.trace, self._tampered)
        self.server = Server(
            ServerDisk(beginning.server), beginning.keys, Clock(beginning.date), self.network,
            self.chance, self.trace,
        )  # fmt: skip
        self.watch = Watch(beginning.group_id, self.trace)
        self.devices = {name: self._device(name) for name in beginning.accounts}
        self.settled_in_s = 0.0
        self.expected: set[tuple[str, Event]] = set()  # (account, alarm) that a fault makes right
        self.errors: list[str] = []  # that the program logged as bugs of its own
        self.calm_since: float | None = None
        self._root = copy_context()

    def _device(self, name: str) -> Device:
        beginning = self.beginning
        device = Device(
            beginning.accounts[name],
            beginning.clients[name],
            self.network,
            Clock(beginning.date),
            self.chance,
            self.trace,
            self.watch.stepped,
        )
        device.disk.on_died = lambda: self._died_writing(device)
        return device

    @property
    def group_id(self) -> bytes:
        return self.beginning.group_id

    @property
    def room(self) -> str:
        """By its id, since its name may change."""
        return self.beginning.room_id.hex()

    @property
    def head(self) -> int:
        """Of the room's log, as far as it is durable."""
        return self.server.head(self.group_id) if self.server.is_up else 0

    def trace(self, who: str, text: str) -> None:
        """Names and sizes, never bytes."""
        self._trace.append((self.loop.time(), who, text))

    def told(self) -> tuple[str, ...]:
        """The trace as it is read."""
        return tuple(f"{time:10.4f}  {who:8}  {text}" for time, who, text in self._trace)

    # --- what happens to processes -------------------------------------------------------------

    def later(self, delay_s: float, what: "object") -> None:
        """Calls ``what`` then, whoever is dead."""
        assert callable(what)
        self.loop.call_later(delay_s, what, context=self._root)

    def kill(self, device: Device, down_s: float) -> None:
        """The client ends at once, and comes back."""
        if device.party.is_alive:
            device.die()
            self.later(down_s, device.start)

    def _died_writing(self, device: Device) -> None:
        device.party.is_alive = False
        self.fired["die_writing"] += 1
        self.loop.call_soon(self._bury, device, context=self._root)

    def _bury(self, device: Device) -> None:
        device.die()
        self.later(self.chance.uniform(0.5, 20.0), device.start)

    def crash_server(self, down_s: float) -> None:
        """The server ends at once, and comes back."""
        if self.server.is_up:
            waiting = len(self.server.writer._waiting) + (self.server.writer._task is not None)
            self.fired["lost_batch"] += waiting > 0
            self.server.crash()
            self.later(down_s, self._start_server)

    def _start_server(self) -> None:
        if not self.server.is_up:
            self.server.start()

    def _tampered(self, wire: Wire, how: Tampering) -> None:
        self.fired[str(how)] += 1

    # --- a schedule ----------------------------------------------------------------------------

    async def play(self, actions: Sequence[Action]) -> str:
        """Does all that, waits until everything has settled, and judges."""
        self.start()
        for action in actions:
            self.trace("schedule", str(action))
            if ACTS[action.name].do(self, action):
                self.fired[action.name] += 1
            await asyncio.sleep(action.pause_s)
        self.calm()
        unsettled = await self.settle()
        if not unsettled:
            self.last_words()
            unsettled = await self.settle()
        await asyncio.sleep(30.0)  # what is closed is closed, what was retried is over
        violation = self.judge(unsettled)
        self.end()
        return violation

    def judge(self, unsettled: str) -> str:
        """What is wrong; empty if nothing."""
        return oracle.judge(self, unsettled)

    def start(self) -> None:
        """The server and everybody."""
        self.server.start()
        for device in self.devices.values():
            device.start()

    def calm(self) -> None:
        """No more faults: everybody is up and online, and every disk takes what is written."""
        self.trace("schedule", "calm")
        self.calm_since = self.loop.time()
        self.network.offline_until.clear()
        for wire in self.network.wires:
            for end in wire.ends:
                end.tampering, end.stalled_until = None, 0.0
        self.server.disk.is_full = self.server.disk.fails_flush = False
        self._start_server()
        for device in self.devices.values():
            device.disk.is_full, device.disk.dies_in = False, None
            device.start()

    async def settle(self) -> str:
        """Until there is nothing more to come; else what there is after the time in which it must have."""
        began = self.loop.time()
        unsettled = "not looked at"
        while self.loop.time() - began < SETTLED_WITHIN_S:
            await asyncio.sleep(1.0)
            unsettled = self.unsettled()
            if not unsettled:
                self.settled_in_s = max(self.settled_in_s, self.loop.time() - began)
                return ""
        return unsettled

    def unsettled(self) -> str:
        """What is still to come; empty where nothing is."""
        for device in self.devices.values():
            what = device.unsettled(self.group_id)
            if what:
                return f"{device.name}: {what}"
        head = self.head
        for device in self.devices.values():
            here = device.cursor(self.group_id)
            if here is not None and here != head:
                return f"{device.name}: has read {here} of {head}"
            inbox, _ = self.server.store.reading.inbox(device.account.device, 0)
            if inbox.items:
                return f"{device.name}: {len(inbox.items)} items in the inbox"
        return ""

    def say(self, name: str, text: str) -> bool:
        """Somebody says something; whether there was anybody to say it."""
        device = self.devices[name]
        if not device.is_up or not device.has(self.group_id):
            return False
        self.start_wish(device, text)
        return True

    def start_wish(self, device: Device, text: str) -> None:
        """The person types it."""
        wish = Wish(device.name, text)
        self.wishes.append(wish)
        device.start_task(device.say(wish, self.room), "say")

    def last_words(self) -> None:
        """Who is in the room can still be heard."""
        for device in self.devices.values():
            if device.has(self.group_id) and device.log(self.group_id).can_send:
                self.say(device.name, f"{device.name}'s last words")

    def end(self) -> None:
        """Everybody is gone."""
        for device in self.devices.values():
            device.party.die()
        self.server.party.die()


class _Errors(logging.Handler):
    """What the program logs as a bug of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        facts = record.msg if isinstance(record.msg, dict) else {}
        if "exception" in facts:
            self.found.append(str(facts["exception"]))


def play(schedule: Schedule, world_of: "type[World]" = World) -> Outcome:
    """Plays it from the common beginning."""
    begins = beginning()
    logger = logging.getLogger("coterie")
    errors, propagates = _Errors(), logger.propagate
    level = logger.level
    logger.addHandler(errors)
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    world = world_of(schedule.seed, begins)
    try:
        with seeded(schedule.seed):
            try:
                violation = world.loop.run(world.play(schedule.actions))
            except Deadlock as deadlock:
                violation = str(deadlock)
    finally:
        logger.removeHandler(errors)
        logger.propagate = propagates
        logger.setLevel(level)
    if errors.found:
        violation = f"a bug in the program: {errors.found[0]}"
    return Outcome(
        schedule, violation, world.fired, world.told(), world.settled_in_s, world.loop.turns,
        world.signs,
    )  # fmt: skip


def play_seed(seed: int) -> Outcome:
    """The schedule of that seed."""
    return play(schedule_of(seed))


@cache
def beginning() -> Beginning:
    """Alice, bobb and carol in a room, all healed; dave outside. Everybody's key packages are on the server."""
    world = World(0, registered())
    with seeded(0):
        return world.loop.run(_begin(world))


async def _begin(world: World) -> Beginning:
    world.start()
    first = world.devices[MEMBERS[0]]
    assert not await world.settle()
    assert first.service is not None
    made = await first.party.start(first.service.call(api.CreateRoom(ROOM, MEMBERS[1:])), "create")
    assert isinstance(made, api.Room)
    group_id = bytes.fromhex(made.group)
    world.beginning = replace(
        world.beginning, group_id=group_id, room_id=bytes.fromhex(made.room_id)
    )
    await first.party.start(first.service.call(api.SetAdmin(ROOM, MEMBERS[1], True)), "admin")
    assert not await world.settle()
    names = {leaf_identity(m.leaf_node).name for m in first.log(group_id).group.members()}
    assert names == set(MEMBERS)
    await asyncio.sleep(60.0)  # rates are over
    for device in world.devices.values():
        device.die()
    date = world.server.clock.now()
    durable = world.server.disk.durable
    world.end()
    images = MappingProxyType({name: device.image for name, device in world.devices.items()})
    return replace(world.beginning, server=durable, clients=images, date=date)
