"""All that can happen in a schedule: what people do, and what goes wrong.

An act says how often it comes, how its numbers are drawn, and what it does. To add one, decorate a function with
``act``: it gets the world and the action, and says whether it took effect. Faults that take effect only later count
themselves in ``world.fired``. An act of weight 0 is only done by schedules that name it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from coterie.client import api
from tests.simulation.beginning import GUESTS, MEMBERS
from tests.simulation.network import Tampering

if TYPE_CHECKING:
    from tests.simulation.schedule import Action
    from tests.simulation.world import World

ADMINS = MEMBERS[:2]
EVERYBODY = MEMBERS + GUESTS
DAY_S = 86_400.0
BURST = 4  # messages
SMALL_BUFFER = 1_000  # bytes that lie in the server before it takes a reader for slow
Do = Callable[["World", "Action"], bool]
Draw = Callable[[Random], tuple[str, float]]


@dataclass(frozen=True)
class Act:
    """``is_fault``: a run over many seeds must have seen it take effect. ``fires`` names what else it counts."""

    name: str
    weight: float
    draw: Draw
    do: Do
    is_fault: bool
    fires: tuple[str, ...] = ()


ACTS: dict[str, Act] = {}


def by(*names: str, low: float = 0.0, high: float = 0.0) -> Draw:
    """One of these, and an amount from low to high."""
    return lambda rng: (rng.choice(names), round(rng.uniform(low, high), 3))


def act(
    weight: float, draw: Draw, *, is_fault: bool = True, fires: tuple[str, ...] = ()
) -> Callable[[Do], Do]:
    """Registers a function under its name."""

    def register(do: Do) -> Do:
        ACTS[do.__name__] = Act(do.__name__, weight, draw, do, is_fault, fires)
        return do

    return register


# --- what people do ------------------------------------------------------------------------------


@act(24, by(*EVERYBODY), is_fault=False)
def say(world: "World", action: "Action") -> bool:
    """A message."""
    return world.say(action.who, f"{action.who} {len(world.wishes)}")


@act(3, by(*EVERYBODY, high=0.05), is_fault=False)
def burst(world: "World", action: "Action") -> bool:
    """Several messages, a moment apart: they come in different batches."""
    for number in range(BURST):
        world.later(number * action.amount, lambda: say(world, action))
    return True


@act(4, by(*EVERYBODY), is_fault=False)
def heal(world: "World", action: "Action") -> bool:
    """A commit that only heals."""
    device = world.devices[action.who]
    if device.is_up and device.has(world.group_id):
        device.start_task(device.heal(world.group_id), "heal")
        return True
    return False


@act(2, by(*ADMINS), is_fault=False)
def topic(world: "World", action: "Action") -> bool:
    """A commit that changes the room."""
    device = world.devices[action.who]
    if device.is_up and device.has(world.group_id):
        text = f"topic {len(world.wishes)} of {action.who}"
        device.start_task(device.set_topic(world.group_id, text), "topic")
        return True
    return False


@act(3, by(*MEMBERS))
def race(world: "World", action: "Action") -> bool:
    """All members commit in one moment."""
    ready = [d for d in world.devices.values() if d.is_up and d.has(world.group_id)]
    for device in ready:
        device.start_task(device.heal(world.group_id), "heal")
    return len(ready) > 1


@act(3, by(*MEMBERS), is_fault=False)
def add(world: "World", action: "Action") -> bool:
    """A member adds the guest."""
    return _ask(world, action.who, api.AddMembers(world.room, GUESTS))


@act(1.5, by(*ADMINS), is_fault=False)
def remove(world: "World", action: "Action") -> bool:
    """An admin removes the guest."""
    return _ask(world, action.who, api.RemoveMember(world.room, GUESTS[0]))


@act(1, by(*GUESTS), is_fault=False)
def leave(world: "World", action: "Action") -> bool:
    """The guest leaves."""
    return _ask(world, action.who, api.LeaveRoom(world.room))


# --- the network ---------------------------------------------------------------------------------


@act(4, by(*EVERYBODY))
def cut(world: "World", action: "Action") -> bool:
    """All connections of a device break; what was on its way is lost."""
    return world.network.cut(action.who) > 0


@act(2, by(*EVERYBODY, low=1.0, high=60.0))
def offline(world: "World", action: "Action") -> bool:
    """A device is cut off for a while."""
    world.network.offline_until[action.who] = world.loop.time() + action.amount
    return world.network.cut(action.who) > 0


@act(2, by(*EVERYBODY, low=0.5, high=40.0))
def slow_reader(world: "World", action: "Action") -> bool:
    """A device reads nothing for a while; what is sent to it lies in the server."""
    wires = world.network.open_wires(action.who)
    for wire in wires:
        wire.ends[1].set_write_buffer_limits(SMALL_BUFFER)
        wire.ends[0].stalled_until = world.loop.time() + action.amount
    return bool(wires)


@act(2, by(*EVERYBODY, low=0.5, high=20.0))
def slow_server(world: "World", action: "Action") -> bool:
    """The server hears nothing of a device for a while."""
    wires = world.network.open_wires(action.who)
    for wire in wires:
        wire.ends[1].stalled_until = world.loop.time() + action.amount
    return bool(wires)


@act(3, by(*EVERYBODY, high=5.999))
def tamper(world: "World", action: "Action") -> bool:
    """Somebody in the middle damages what is written next, in one direction."""
    wires = world.network.open_wires(action.who)
    how, side = tuple(Tampering)[int(action.amount) // 2], int(action.amount) % 2
    for wire in wires:
        wire.ends[side].tampering = how
    return bool(wires)


# --- processes -----------------------------------------------------------------------------------


@act(2, by(*EVERYBODY, high=20.0))
def kill(world: "World", action: "Action") -> bool:
    """A client ends between two turns of its loop."""
    device = world.devices[action.who]
    is_up = device.is_up
    world.kill(device, action.amount)
    return is_up


@act(4, by(*EVERYBODY, low=1.0, high=40.0), fires=("die_writing",))
def die_writing(world: "World", action: "Action") -> bool:
    """A client ends at one of its next writes to the disk, before or after it."""
    disk = world.devices[action.who].disk
    disk.dies_in, disk.dies_after = int(action.amount), action.amount % 1 < 0.5
    return False  # it counts when it dies


@act(3, by("server", high=15.0), fires=("lost_batch",))
def crash_server(world: "World", action: "Action") -> bool:
    """The server ends between two turns of its loop; what it had not flushed is lost."""
    is_up = world.server.is_up
    world.crash_server(action.amount)
    return is_up


# --- disks ---------------------------------------------------------------------------------------


@act(1.5, by("server", low=1.0, high=40.0))
def server_disk_full(world: "World", action: "Action") -> bool:
    """For a while nothing can be written."""
    disk, failed = world.server.disk, world.server.disk.failed
    disk.is_full = True

    def free() -> None:
        disk.is_full = False
        world.fired["server_disk_full"] += disk.failed > failed

    world.later(action.amount, free)
    return False


@act(2.5, by("server"))
def failing_flush(world: "World", action: "Action") -> bool:
    """The next flush fails, and its batch with it."""
    disk, failed = world.server.disk, world.server.disk.failed
    disk.fails_flush = True

    def look() -> None:
        disk.fails_flush = False
        world.fired["failing_flush"] += disk.failed > failed

    world.later(20.0, look)
    return False


@act(1.5, by(*EVERYBODY, low=1.0, high=40.0))
def client_disk_full(world: "World", action: "Action") -> bool:
    """For a while a client can write nothing."""
    disk, refused = world.devices[action.who].disk, world.devices[action.who].disk.refused
    disk.is_full = True

    def free() -> None:
        disk.is_full = False
        world.fired["client_disk_full"] += disk.refused > refused

    world.later(action.amount, free)
    return False


# --- clocks --------------------------------------------------------------------------------------


@act(2, by("server", *EVERYBODY, low=-2 * DAY_S, high=2 * DAY_S))
def clock_jump(world: "World", action: "Action") -> bool:
    """Somebody's date is another one from now on."""
    is_server = action.who == "server"
    clock = world.server.clock if is_server else world.devices[action.who].clock
    clock.began += action.amount
    return True


def _ask(world: "World", name: str, request: api.Request) -> bool:
    device = world.devices[name]
    if device.is_up and device.has(world.group_id):
        device.start_task(device.ask(request), "ask")
        return True
    return False
