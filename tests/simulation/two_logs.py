"""A server that keeps two logs of one room, each by all the rules, and shows each to some of the members."""

from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import select

from coterie.client.group_log import Halt
from coterie.client.happening import Event
from coterie.client.rejoin import epoch_named
from coterie.server import schema
from coterie.server.store import PostJob
from coterie.wire import frames as f
from tests.simulation.beginning import MEMBERS
from tests.simulation.disk import ServerDisk
from tests.simulation.hostility import hostile
from tests.simulation.lies import THEN
from tests.simulation.server import Server

if TYPE_CHECKING:
    from tests.simulation.ordeal import Ordeal
    from tests.simulation.schedule import Action

LOOKS_EVERY_S = 0.2
LOOKS = 75  # for an entry that can cross
SAID = 3  # by each, so that both logs grow


@hostile("server", shows=(Event.FORK, Event.LOST), may_show=THEN, forks=True)
def forks_house(world: "Ordeal", action: "Action") -> bool:
    """Two servers with one key go on from one log, each with some members, until one entry crosses"""
    if not world.server.is_up or world.forked_at or world.crossed:
        return False
    lone = action.who  # stays with the true log
    apart = [
        name
        for name in MEMBERS
        if name != lone and world.devices[name].cursor(world.group_id) == world.head
    ]
    if not apart or not world.devices[lone].is_up or not world.devices[lone].has(world.group_id):
        return False
    _TwoLogs(world, action.name, lone, apart)
    return False


class _TwoLogs:
    def __init__(self, world: "Ordeal", name: str, lone: str, apart: list[str]) -> None:
        self.world, self.name, self.lone, self.apart = world, name, lone, apart
        self.fork, self.is_split = world.head, False
        first = world.server
        disk = ServerDisk(first.disk.durable)
        self.other = Server(disk, first.keys, first.clock, world.network, world.chance, world.trace)
        with world.network.only_for(apart):
            self.other.start()
        for one in apart:
            world.network.cut(one)
        for number in range(SAID):
            for who in (lone, *apart):
                text = f"{who} {number} in one of two logs {world.loop.time():.3f}"
                world.later(2.0 + number, lambda who=who, text=text: world.say(who, text))
        world.at_calm.append(self._end)
        world.remember(LOOKS_EVERY_S, lambda: self._look(LOOKS))

    def _look(self, left: int) -> None:
        """Until a message crosses."""
        true, false = (s.entries(self.world.group_id) for s in (self.world.server, self.other))
        grown = true[self.fork :], false[self.fork :]
        if grown[1] and not self.is_split:
            self.is_split = True
            self.world.took_effect(self.name)
        crossing = self._crossing(*grown, len(false))
        if crossing is not None:
            self._cross(crossing)
        elif left:
            self.world.remember(LOOKS_EVERY_S, lambda: self._look(left - 1))

    def _crossing(
        self, true: tuple[f.Entry, ...], false: tuple[f.Entry, ...], head: int
    ) -> f.Entry | None:
        """The first message whose sender had read what is otherwise for the others, and which they can open."""
        if any(one.kind is not f.Kind.MESSAGE for log in (true, false) for one in log):
            return None
        sender = self.world.devices[self.lone].account.device
        own = [one for one in true if one.device == sender]
        return next((one for before, one in pairwise(own) if before.seq <= head), None)

    def _cross(self, entry: f.Entry) -> None:
        c, group_id = schema.member.c, self.world.group_id
        theirs = (c.group_id == group_id) & (c.device == entry.device)
        with self.other.store.reading.connection() as connection:
            count = connection.scalar(select(c.count).where(theirs)) or 0
        post = f.Post(
            group_id, entry.kind, entry.message_id, count + 1, self.other.head(group_id), entry.body
        )

        def done(answer: object) -> None:
            if not isinstance(answer, f.Accepted):
                return
            for name in self.apart:
                device = self.world.devices[name]
                log = device.log(group_id)
                if log.halt is Halt.OPEN and log.group.epoch == epoch_named(group_id, entry.body):
                    self.world.crossed[name] = answer.seq
                    self.world.fired["crossed"] += 1

        job = PostJob(post, entry.device)
        self.other.party.context.run(self.other.writer.submit, job, done)

    def _end(self) -> None:
        self.world.network.together()
        self.other.crash()
