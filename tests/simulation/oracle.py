"""What must hold: at each step of each client, and once everything has settled.

``Watch`` compares the clients at each step that they save: at one place of the log all have one state. ``judge`` looks
at the end: what the server promised, what people were told, what they can read, and what has grown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coterie.client import group_log
from coterie.client.group_log import Halt
from coterie.client.happening import Event
from coterie.client.room_policy import leaf_identity
from coterie.client.store import TimelineRow
from coterie.secret import Secret
from coterie.wire.frames import Kind

if TYPE_CHECKING:
    from tests.simulation.device import Device
    from tests.simulation.network import Trace
    from tests.simulation.world import World

# Lines that no honest client sees where the server is honest too, whatever breaks.
ALARMS = frozenset(
    {
        Event.DEAD, Event.LIE, Event.FORK, Event.ALTERED, Event.STUCK, Event.OLDER_COPY, Event.LOST,
        Event.RULE_BROKEN, Event.KEY_CHANGED, Event.REJOINED,
    }
)  # fmt: skip
# A tampered stream ends: at once, or where a length was altered once the heartbeat is missed.
TAMPERED_ENDS_IN_S = 75.0
MAX_TASKS = 8  # of a client at rest: life, link, sync, a follower
PEOPLE = frozenset({"say", "ask"})  # tasks in which a person waits
MAX_RATCHETS = 2  # for each leaf
MAX_KEY_PACKAGES = 120  # private halves: two lots, those of last resort, and those that were taken


@dataclass(frozen=True, slots=True)
class Place:
    """The room after one entry, as all agree on it."""

    chain: bytes
    epoch: int
    epoch_authenticator: Secret
    room: object
    members: frozenset[str]


@dataclass
class Watch:
    """Sees each step that a client has saved. ``violation`` is the first that is wrong."""

    group_id: bytes
    trace: "Trace"
    places: dict[int, Place] = field(default_factory=dict)
    were_removed: set[str] = field(default_factory=set)  # at some time
    were_outside: set[str] = field(default_factory=set)  # likewise: not in step with the room
    now_outside: set[str] = field(default_factory=set)
    violation: str = ""
    _seen: dict[str, tuple[int, int, Halt]] = field(default_factory=dict)

    def stepped(self, device: "Device") -> None:
        """Something was saved there."""
        if not device.has(self.group_id):
            return
        log = device.log(self.group_id)
        now = (log.cursor, log.group.epoch, log.halt)
        if self._seen.get(device.name) == now:
            return
        self._seen[device.name] = now
        self.trace(device.name, f"is at {log.cursor}, epoch {log.group.epoch}, {log.halt}")
        if log.halt is Halt.REMOVED:
            self.were_removed.add(device.name)
        if log.halt not in (Halt.OPEN, Halt.FORKED):
            self.were_outside.add(device.name)
            self.now_outside.add(device.name)
            return
        self.now_outside.discard(device.name)
        if log.let_in_by:  # whoever let it in may have led it astray, until another one was heard
            return
        names = frozenset(leaf_identity(m.leaf_node).name for m in log.group.members())
        here = Place(
            log.chain, log.group.epoch, log.group.epoch_authenticator, group_log.state(log), names
        )
        known = self.places.setdefault(log.cursor, here)
        if known != here and not self.violation:
            self.violation = (
                f"{device.name} is in another state at {log.cursor} than who was there first: "
                f"epoch {here.epoch}, not {known.epoch}"
                if here.epoch != known.epoch
                else f"{device.name} is in another state at {log.cursor} than who was there first"
            )


def judge(world: "World", unsettled: str) -> str:
    """What is wrong; empty if nothing."""
    if world.watch.violation:
        return world.watch.violation
    if world.loop.failures:
        return f"nobody caught: {world.loop.failures[0]}"
    if unsettled:
        return f"never settled: {unsettled}"
    return next((wrong for check in CHECKS for wrong in check(world)), "")


# --- what is judged ------------------------------------------------------------------------------

Check = Callable[["World"], Iterator[str]]


def broken_promises(world: "World") -> Iterator[str]:
    """What the server said it has, it has, where it said."""
    at = {entry.seq: entry for entry in world.server.entries(world.group_id)}
    for promise in world.server.observed.promises:
        if promise.group_id != world.group_id:
            continue
        entry = at.get(promise.seq)
        if entry is None or (entry.device, entry.message_id) != (
            promise.device,
            promise.message_id,
        ):
            yield f"an acknowledged post is not where it was promised, at {promise.seq}"


def unlike_rooms(world: "World") -> Iterator[str]:
    """Everybody reads each message of his time in the room once, in its place, and nothing else."""
    names = {d.account.device: d.name for d in world.devices.values()}
    truth: dict[int, tuple[str, str]] = {}
    shown_by = {d.name: texts(world, d) for d in world.devices.values()}
    for name, rows in shown_by.items():
        places = [row.seq for row in rows]
        if places != sorted(set(places)):
            yield f"{name} reads in another order, or twice: {places}"
        for row in rows:
            if truth.setdefault(row.seq, (row.message.author.name, row.message.text)) != (
                row.message.author.name,
                row.message.text,
            ):
                yield f"{name} reads another text than others at {row.seq}"
            if names.get(row.message.ref.device) != row.message.author.name:
                yield f"{name} reads something of {row.message.author.name} from another's device at {row.seq}"
    for entry in world.server.entries(world.group_id):
        if entry.kind is not Kind.MESSAGE or entry.seq not in world.watch.places:
            continue
        members = world.watch.places[entry.seq].members
        for device in world.devices.values():
            has = any(row.seq == entry.seq for row in shown_by[device.name])
            if (device.name in members) != has:
                word = "does not read" if device.name in members else "reads, and is no member,"
                yield f"{device.name} {word} what was said at {entry.seq}"


def unlike_wishes(world: "World") -> Iterator[str]:
    """What is read was said, once, by him; what was taken is read, where it was promised."""
    said = {wish.text: wish for wish in world.wishes}
    found: dict[str, int] = {}
    for device in world.devices.values():
        for row in texts(world, device):
            wish = said.get(row.message.text)
            if wish is None or wish.name != row.message.author.name:
                yield f"{device.name} reads what {row.message.author.name} never said, at {row.seq}"
            if found.setdefault(row.message.text, row.seq) != row.seq:
                yield f"{row.message.text!r} is in the log twice"
    for wish in world.wishes:
        stays = wish.name not in world.watch.were_removed
        place = found.get(wish.text)
        if wish.outcome == "sent" and place != wish.seq:
            yield f"{wish.text!r} was sent to {wish.seq}, and is read at {place}"
        if wish.outcome == "kept" and stays and place is None:
            yield f"{wish.text!r} was kept, and never sent"
        if wish.outcome in ("refused", "dropped") and stays and place is not None:
            yield f"{wish.text!r} was {wish.outcome}, and is read at {place}"
    for name in world.devices:
        mine = [wish.text for wish in world.wishes if wish.name == name and wish.text in found]
        if name not in world.watch.were_removed and mine != sorted(mine, key=found.__getitem__):
            yield f"{name} said it in another order"


def alarms(world: "World") -> Iterator[str]:
    """Nobody is accused, and nobody gives up, for no fault of a member's or the server's."""
    for device in world.devices.values():
        for row in rows_of(world, device):
            if row.event not in ALARMS:
                continue
            if (device.name, Event(row.event)) not in world.expected:
                yield f"{device.name} is told at {row.seq}: {row.message.text}"


def refused_invitations(world: "World") -> Iterator[str]:
    """Every invitation opens."""
    for device in world.devices.values():
        for notice in device.warnings:
            yield f"{device.name} is told: {notice}"


def told_too_much(world: "World") -> Iterator[str]:
    """Nobody is told of what came after he was taken off the list."""
    yield from world.server.observed.leaks


def divided(world: "World") -> Iterator[str]:
    """All who are in the room end in one state, at the head."""
    head = world.head
    for device in world.devices.values():
        if not device.has(world.group_id):
            continue
        log = device.log(world.group_id)
        is_member = device.name in world.watch.places[head].members
        if (log.halt is Halt.OPEN) != is_member:
            yield f"{device.name} ends {log.halt}, and {'is' if is_member else 'is not'} in the room"


def grown_server(world: "World") -> Iterator[str]:
    """The server has nothing left to do, and a connection for each device."""
    server, online = world.server, len(world.devices)
    if server.writer._waiting or server.writer._task is not None:
        yield "the writer still has something to do"
    if len(server.listener.peers) != online:
        yield f"the server has {len(server.listener.peers)} connections with {online} devices"
    if server.party.tasks:
        names = ", ".join(task.get_name() for task in server.party.tasks.values())
        yield f"the server still does something: {names}"


def grown_clients(world: "World", *, may_wait: bool = False) -> Iterator[str]:
    """No client has gathered tasks, connections or key packages. People ``may_wait`` for what they asked."""
    for device in world.devices.values():
        tasks = [task.get_name() for task in device.party.tasks.values()]
        if may_wait:
            tasks = [name for name in tasks if name not in PEOPLE]
        if len(tasks) > MAX_TASKS:
            yield f"{device.name} has {len(tasks)} tasks: {', '.join(sorted(tasks))}"
        if len(world.network.open_wires(device.name)) != 1:
            yield f"{device.name} has {len(world.network.open_wires(device.name))} connections"
        if device.count("key_package") > MAX_KEY_PACKAGES:
            yield f"{device.name} keeps {device.count('key_package')} key packages"


def grown_rooms(world: "World") -> Iterator[str]:
    """Of a room each client keeps the keys of the present epoch, and what was since the last commit."""
    for device in world.devices.values():
        if not device.has(world.group_id):
            continue
        log = device.log(world.group_id)
        tree = log.group.secret_tree
        if len(tree.ratchets) > MAX_RATCHETS * tree.n_leaves:
            yield f"{device.name} keeps {len(tree.ratchets)} ratchets"
        if any(ratchet.skipped for ratchet in tree.ratchets.values()):
            yield f"{device.name} keeps keys of messages that it passed over"
        since = log.cursor - log.base if log.halt is Halt.OPEN else log.cursor
        for table, most in (("chain", since + 1), ("used", since)):
            if device.count(table) > most:
                yield f"{device.name} keeps {device.count(table)} rows of {table}, {most} would do"


def open_after_tampering(world: "World") -> Iterator[str]:
    """Whoever sees an altered stream ends it."""
    for wire in world.network.wires:
        if wire.tampered_at is None:
            continue
        lasted_s = (wire.ended_at or world.loop.time()) - wire.tampered_at
        if lasted_s > TAMPERED_ENDS_IN_S:
            yield f"a connection went on for {lasted_s:.0f} s after it was tampered with"


CHECKS: tuple[Check, ...] = (
    broken_promises, alarms, refused_invitations, told_too_much, divided, unlike_rooms, unlike_wishes, grown_server,
    grown_clients, grown_rooms, open_after_tampering,
)  # fmt: skip


def rows_of(world: "World", device: "Device") -> list[TimelineRow]:
    """All that a device keeps of the room."""
    return device.store.timeline(world.beginning.room_id, 100_000)


def texts(world: "World", device: "Device") -> list[TimelineRow]:
    """What was said, in the order in which the device shows it."""
    return [
        row for row in rows_of(world, device) if not row.is_line and row.message.unknown is None
    ]
