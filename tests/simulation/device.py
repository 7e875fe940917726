"""A client in the simulation: the real running profile over a simulated disk, network and clock, in all its lives."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from coterie.client import api, group_log
from coterie.client.device import Enrolled
from coterie.client.group_log import GroupLog, Halt
from coterie.client.intent import Change
from coterie.client.pace import commit_due_at
from coterie.client.running import Running
from coterie.client.seams import Seams
from coterie.client.service import Service
from coterie.client.store import Store
from coterie.errors import CoterieError, Refused, Unavailable
from tests.simulation.disk import ClientDisk, TwinDatabase
from tests.simulation.loop import Party
from tests.simulation.network import Network, Trace
from tests.simulation.seams import Clock, Threads

FAST = 1  # the suite that RFC 9420 makes mandatory
FOLLOWING = (Halt.OPEN, Halt.JOINING, Halt.FORKED)
SOON_S = 120.0  # what is due by then is part of settling


@dataclass
class Wish:
    """Something a person wanted to say, and what became of it."""

    name: str
    text: str
    outcome: str = (
        "unknown"  # refused: never taken; kept; dropped; sent; unknown: it died meanwhile
    )
    seq: int = 0


class Device:
    """One device of one account. ``image`` is its file while it is dead."""

    def __init__(
        self,
        account: Enrolled,
        image: bytes,
        network: Network,
        clock: Clock,
        chance: Random,
        trace: Trace,
        on_step: "Callable[[Device], object]",
    ) -> None:
        self.account, self.image = account, image
        self.network, self.clock, self.chance, self._trace = network, clock, chance, trace
        self._on_step = on_step
        self.on_live: Callable[[Running], object] = lambda running: None
        self.refusals: list[str] = []  # of what its person asked for
        self.notices: list[str] = []  # to its person, outside of a room
        self.disk = ClientDisk()
        self.party = Party(account.name)
        self.party.is_alive = False
        self.running: Running | None = None
        self.service: Service | None = None
        self._store: Store | None = None
        self.lives = 0

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def is_up(self) -> bool:
        return self.party.is_alive and self.running is not None

    # --- lives ---------------------------------------------------------------------------------

    def start(self) -> None:
        """With what was committed. Nothing where it runs."""
        if self.party.is_alive:
            return
        self.lives += 1
        self.party = Party(self.name)
        self.disk.is_dead, self.disk.dies_in = False, None
        self.trace("starts")
        _ = self.party.start(self._live(), "life")

    async def _live(self) -> None:
        self._database = TwinDatabase(self.disk, self.image)
        self._store = Store(self._database)
        seams = Seams(self.network.of(self.party), Threads(self.chance), self.clock, self.chance)
        running = Running(self._store, Path("simulated"), "in a simulation", seams, suite=FAST)
        self.running, self.service = running, Service(running)
        stepped = running.rooms.on_step

        def on_step() -> None:
            stepped()
            self._on_step(self)

        running.rooms.on_step = on_step
        noticed = running.on_notice

        def on_notice(text: str) -> None:
            self.notices.append(text)
            noticed(text)

        running.on_notice = on_notice
        self.on_live(running)
        async with running:
            await asyncio.Event().wait()

    def die(self) -> None:
        """At once: what was not committed is gone."""
        self.trace("dies")
        self.disk.is_dead = True
        self.party.die()
        self.network.died(self.party)
        if self._store is not None:
            self.image = self._database.image()
        self.running = self.service = self._store = None

    def copy(self) -> bytes:
        """Of its file, as a person makes one while it runs."""
        return self._database.image()

    @property
    def warnings(self) -> list[str]:
        """Notices that are not about the connection, or a disk."""
        return [notice for notice in self.notices if "invitation" in notice]

    def start_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Something that a person does there."""
        _ = self.party.start(work, name)

    def trace(self, text: str) -> None:
        self._trace(self.name, text)

    # --- what a person does --------------------------------------------------------------------

    async def say(self, wish: Wish, room: str) -> None:
        """One message; notes in the wish what the client promised."""
        assert self.service is not None
        self.trace(f"says {wish.text!r}")
        try:
            sent = await self.service.call(api.SendText(room, wish.text))
        except Refused:
            wish.outcome = "dropped"
        except Unavailable:
            wish.outcome = "kept"
        except CoterieError:
            wish.outcome = "refused"
        else:
            assert isinstance(sent, api.Sent)
            wish.outcome, wish.seq = "sent", sent.seq
        self.trace(f"{wish.text!r} is {wish.outcome} {wish.seq or ''}".rstrip())

    async def ask(self, request: api.Request) -> None:
        """Anything else; a refusal is an answer."""
        assert self.service is not None
        self.trace(f"asks {type(request).__name__}")
        try:
            await self.service.call(request)
        except CoterieError as error:
            self.refusals.append(f"{type(request).__name__}: {error}")
            self.trace(f"{type(request).__name__}: {type(error).__name__}")
        else:
            self.trace(f"{type(request).__name__}: done")

    async def heal(self, group_id: bytes) -> None:
        """A commit that wants nothing but new keys."""
        await self._enqueue(group_id, Change())

    async def set_topic(self, group_id: bytes, topic: str) -> None:
        """A commit that changes the room's state."""
        seen = group_log.state(self.log(group_id))
        change = Change(room_state=msgspec.structs.replace(seen, topic=topic), seen=seen)
        await self._enqueue(group_id, change)

    async def _enqueue(self, group_id: bytes, change: Change) -> None:
        assert self.running is not None
        if not self.log(group_id).can_send:
            return
        try:
            self.running.rooms.enqueue(group_id, change).placed.cancel()
        except CoterieError as error:
            self.trace(f"not kept: {type(error).__name__}")

    # --- what a test looks at ------------------------------------------------------------------

    @property
    def store(self) -> Store:
        assert self._store is not None
        return self._store

    def has(self, group_id: bytes) -> bool:
        """Whether it knows the group."""
        return self.running is not None and group_id in self.running.rooms

    def log(self, group_id: bytes) -> GroupLog:
        assert self.running is not None
        return self.running.rooms.log(group_id)

    def count(self, table: str) -> int:
        """Rows that it keeps."""
        ((found,),) = self._database.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
        return int(found)

    def cursor(self, group_id: bytes) -> int | None:
        """Up to where it has read, where it still reads."""
        if not self.has(group_id) or self.log(group_id).halt not in FOLLOWING:
            return None
        return self.log(group_id).cursor

    def unsettled(self, group_id: bytes) -> str:
        """What is still to come there; empty where nothing is."""
        if self.running is None or not self.running.sync.caught_up.is_set():
            return "not connected and caught up"
        if not self.has(group_id):
            return ""
        log = self.log(group_id)
        if log.halt not in FOLLOWING:
            return ""
        if log.outbox:
            return f"{len(log.outbox)} posts wait"
        if not log.can_send:
            return f"is {log.halt}"
        return "owes a commit" if self.owes_commit(log, SOON_S) else ""

    def owes_commit(self, log: GroupLog, within_s: float) -> bool:
        """Whether it commits by itself by then."""
        due_at = commit_due_at(log, self.clock.now() if log.group.standing else None)
        return due_at is not None and due_at < self.clock.now() + within_s
