"""What must hold where somebody was hostile: each lie was found out by name or cost only delay, and nobody was stopped.

Where the server did not fork the log all end in one state. What an honest schedule promises holds where it can.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from coterie.client import position
from coterie.client.group_log import GroupLog, Halt
from coterie.client.room_policy import leaf_identity
from coterie.client.store import TimelineRow
from coterie.errors import RemoteProtocolError
from coterie.mls.framing import PrivateMessage, decode_message
from coterie.wire.frames import Entry, Kind
from tests.simulation import oracle
from tests.simulation.hostility import NOTICE, REFUSAL, Hostility

if TYPE_CHECKING:
    from tests.simulation.device import Device
    from tests.simulation.ordeal import Ordeal

STOPPED_AT_MOST_S = 60.0  # "no hostile member stops the others for longer than a minute"
Check = Callable[["Ordeal"], Iterator[str]]


def judge(world: "Ordeal", unsettled: str) -> str:
    """What is wrong; empty if nothing."""
    if world.loop.failures:
        return f"nobody caught: {world.loop.failures[0]}"
    if world.watch.violation and not (world.is_forked or world.has_moved):
        return world.watch.violation
    if unsettled:
        return f"never settled: {unsettled}"
    _count_signs(world)
    checks = [undetected, wrongly_accused, invented, stopped, grown]
    if world.is_forked:
        checks += [late_forks, late_crossings]
    else:
        checks += [apart, unheard]
    if not (world.is_forked or world.has_moved):
        checks += [broken_promises, lost]
    return next((wrong for check in checks for wrong in check(world)), "")


# --- by name -------------------------------------------------------------------------------------


def _count_signs(world: "Ordeal") -> None:
    for attack in set(world.attacks):
        for sign in sorted(attack.shows | attack.may_show):
            times = _times(world, sign)
            if times:
                world.signs[f"{attack.name}: {sign}"] += times


def _times(world: "Ordeal", sign: str) -> int:
    if sign == NOTICE:
        return sum(len(device.warnings) for device in world.devices.values())
    if sign == REFUSAL:
        return sum(len(device.refusals) for device in world.devices.values())
    return sum(len(_events(world, device, sign)) for device in world.devices.values())


def _events(world: "Ordeal", device: "Device", event: str) -> list[TimelineRow]:
    return [row for row in oracle.rows_of(world, device) if row.event == event]


def undetected(world: "Ordeal") -> Iterator[str]:
    """Whoever lied was found out, in words that a person sees."""
    for attack in sorted(set(world.attacks), key=lambda attack: attack.name):
        if attack.is_told and not _is_found_out(world, attack):
            yield f"{attack.name} took effect, and nobody was told"


def _is_found_out(world: "Ordeal", attack: Hostility) -> bool:
    return any(world.signs[f"{attack.name}: {sign}"] for sign in attack.shows)


def wrongly_accused(world: "Ordeal") -> Iterator[str]:
    """Nobody raises an alarm for which there is no cause."""
    yield from oracle.alarms(world)


def late_forks(world: "Ordeal") -> Iterator[str]:
    """A fork is told at the first entry that crosses: one that the reader opens, by somebody who saw another log."""
    entries = world.server.entries(world.group_id)
    for victim, (first, last) in world.forked_at.items():
        for reader in world.devices.values():
            if not reader.has(world.group_id):
                continue
            texts = {row.seq for row in oracle.texts(world, reader)}
            if reader.name == victim:
                texts -= set(range(last + 1))
            crossing = next(
                (
                    entry.seq
                    for entry in entries
                    if entry.seq in texts
                    and _is_of(world, entry, victim) != (reader.name == victim)
                    and (read := _read_to(entry)) is not None
                    and first <= read < entry.seq
                ),
                None,
            )
            told = [row.seq for row in _events(world, reader, "fork")]
            if crossing is not None and not any(seq <= crossing for seq in told):
                yield f"{reader.name} is not told of the fork at {first} by {crossing}, where it crossed"


def late_crossings(world: "Ordeal") -> Iterator[str]:
    """Where one entry of another whole log was shown: by it, to each who opened it."""
    for name, crossing in world.crossed.items():
        device = world.devices[name]
        told = [row.seq for row in _events(world, device, "fork")]
        if any(row.seq == crossing for row in oracle.texts(world, device)) and crossing not in told:
            yield f"{name} is not told of the other log at {crossing}, where an entry of it crossed"


def _is_of(world: "Ordeal", entry: Entry, name: str) -> bool:
    return entry.device == world.devices[name].account.device


def _read_to(entry: Entry) -> int | None:
    """How far the sender of a message says in the clear that it had read."""
    try:
        message = decode_message(entry.body)
        if not isinstance(message, PrivateMessage):
            return None
        return position.decode(message.authenticated_data).seq
    except RemoteProtocolError:
        return None


# --- what is read --------------------------------------------------------------------------------


def invented(world: "Ordeal") -> Iterator[str]:
    """Nothing is shown that was not said by him, and nothing twice; what two both read they read in one order."""
    said = {wish.text: wish.name for wish in world.wishes}
    order: dict[str, list[str]] = {}
    for device in world.devices.values():
        rows = oracle.texts(world, device)
        for row in rows:
            if row.message.author.name in world.cheats and row.message.text.startswith("false"):
                continue
            if said.get(row.message.text) != row.message.author.name:
                yield f"{device.name} reads what {row.message.author.name} never said: {row.message.text!r}"
        shown = [row.message.text for row in rows]
        if len(shown) != len(set(shown)):
            yield f"{device.name} reads something twice"
        order[device.name] = shown
    if world.is_forked:
        return
    for one, first in order.items():
        for other, second in order.items():
            both = set(first) & set(second)
            if [t for t in first if t in both] != [t for t in second if t in both]:
                yield f"{one} and {other} read in different orders"


def lost(world: "Ordeal") -> Iterator[str]:
    """Whoever was in the room all the time has read everything that anybody beside its sender has.

    What somebody says whom a hostile member alone let in, and who does not know it yet, opens for no honest one.
    """
    shown = {d.name: {row.seq for row in oracle.texts(world, d)} for d in world.devices.values()}
    for entry in world.server.entries(world.group_id):
        place = world.watch.places.get(entry.seq)
        if entry.kind is not Kind.MESSAGE or place is None:
            continue
        is_read = any(
            entry.seq in seqs and not _is_of(world, entry, name) for name, seqs in shown.items()
        )
        for name in place.members & shown.keys() - world.watch.were_outside:
            if is_read and entry.seq not in shown[name]:
                yield f"{name} does not read what was said at {entry.seq}"


def broken_promises(world: "Ordeal") -> Iterator[str]:
    """What the server said it has, it has."""
    yield from oracle.broken_promises(world)


# --- how it ends ---------------------------------------------------------------------------------


def stopped(world: "Ordeal") -> Iterator[str]:
    """No honest person waits longer than a minute for what a member does. A server can delay as it likes."""
    if any(attack.who != "member" for attack in world.attacks):
        return
    for wish in world.wishes:
        wanted, heard = world.said.get(wish.text), world.read_at[wish.name].get(wish.text)
        is_honest = wish.name not in world.cheats and wish.name not in world.gaps
        stays = wish.name not in world.watch.were_removed
        if wanted is None or not (is_honest and stays) or wish.outcome in ("refused", "dropped"):
            continue
        if heard is None:
            if not world.is_forked and not world.has_moved:
                yield f"{wish.text!r} was never heard"
        elif heard - wanted > world.patience_s:
            yield f"{wish.name} waited {heard - wanted:.0f} s for {wish.text!r}"


def _present(world: "Ordeal") -> Iterator[tuple["Device", GroupLog]]:
    """Who is in the room at the end, and the log of it."""
    for device in world.devices.values():
        group_id = world.group_of(device)
        if group_id is not None and not world.is_left_out(device):
            log = device.log(group_id)
            if log.halt is not Halt.REMOVED:
                yield device, log


def apart(world: "Ordeal") -> Iterator[str]:
    """All who are in the room are in one group, in one state, and know the same members."""
    found: dict[str, object] = {}
    members: set[str] = set()
    for device, log in _present(world):
        if log.halt is not Halt.OPEN:
            yield f"{device.name} ends {log.halt}"
        found[device.name] = (
            log.group_id,
            log.chain,
            log.group.epoch,
            log.group.epoch_authenticator,
        )
        members = {leaf_identity(m.leaf_node).name for m in log.group.members()}
    names = sorted(found)
    for name in names[1:]:
        if found[name] != found[names[0]]:
            yield f"{name} and {names[0]} end apart"
    if members != set(names):
        yield f"{sorted(members)} are in the room, and {names} believe to be"


def unheard(world: "Ordeal") -> Iterator[str]:
    """Everybody's last words are read by all who are in the room."""
    last = [wish.text for wish in world.wishes if wish.text.endswith("last words")]
    for device, _ in _present(world):
        shown = {row.message.text for row in oracle.texts(world, device)}
        for text in last:
            if text not in shown:
                yield f"{device.name} does not hear {text}"


def grown(world: "Ordeal") -> Iterator[str]:
    """Nobody has gathered tasks, connections or key packages."""
    yield from oracle.grown_server(world)
    yield from oracle.grown_clients(world, may_wait=world.is_forked)
