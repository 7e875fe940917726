"""Old copies: of a server that is restored from a backup, and of a profile that is put back. Nobody means harm."""

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from coterie.client.happening import Event
from tests.simulation.hostility import hostile

if TYPE_CHECKING:
    from tests.simulation.ordeal import Ordeal
    from tests.simulation.schedule import Action

AGE_S = 12.0  # of the copy, once it is put back
DOWN_S = 2.0
ROLLED_BACK = (Event.FOUND, Event.STUCK, Event.OLDER_COPY, Event.UNLISTED)


@hostile("accident", shows=(Event.OLDER_COPY,), may_show=(Event.STUCK,))
def put_back(world: "Ordeal", action: "Action") -> bool:
    """An old copy of a profile is put back, after its device has posted what it does not know"""
    device = world.devices[action.who]
    if not device.is_up or not device.has(world.group_id) or device.name in world.gaps:
        return False
    if device.log(
        world.group_id
    ).outbox:  # what waits in the copy is said once more: nobody can know
        return False
    old = device.copy()
    world.gaps.add(device.name)
    world.say(device.name, f"{device.name} is forgotten {world.loop.time():.3f}")

    def put() -> None:
        if not device.is_up:
            world.later(1.0, put)
            return
        seen = [row.message.text for row in device.store.timeline(world.beginning.room_id, 1_000)]
        if any(text.startswith(f"{device.name} is forgotten") for text in seen):
            world.took_effect("put_back")
        device.die()
        device.image = old
        world.later(DOWN_S, device.start)

    world.remember(AGE_S, put)
    return False


@hostile("accident", shows=(Event.LOST,), may_show=ROLLED_BACK, moves=True)
def restored_backup(world: "Ordeal", action: "Action") -> bool:
    """The server is restored from an old backup, and has a new generation"""
    return _roll_back(world, action, is_new=True)


@hostile("accident", shows=(Event.LOST,), may_show=ROLLED_BACK, moves=True)
def old_snapshot(world: "Ordeal", action: "Action") -> bool:
    """The server's whole machine goes back to an old snapshot, and does not know it"""
    return _roll_back(world, action, is_new=False)


def _roll_back(world: "Ordeal", action: "Action", *, is_new: bool) -> bool:
    if not world.server.is_up or world.rolled_back:
        return False
    world.rolled_back = True
    old, head = world.server.disk.durable, world.head
    for number, name in enumerate(world.beginning.accounts):
        text = f"{name} is lost with the server {number}"
        world.later(1.0 + number, lambda name=name, text=text: world.say(name, text))

    def restore() -> None:
        if not world.server.is_up or world.head <= head:
            world.later(1.0, restore)
            return
        world.took_effect(action.name)
        world.server.crash()
        world.server.disk.durable = (
            _with_generation(old, world.chance.randbytes(16)) if is_new else old
        )
        world.later(DOWN_S, world.server.start)

    world.later(AGE_S, restore)
    return False


def _with_generation(image: bytes, generation: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(image)
        with database:
            database.execute("UPDATE meta SET value = ? WHERE key = 'generation'", (generation,))
        return database.serialize()
