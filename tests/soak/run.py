"""A soak from its beginning to its verdict: a real server, load, people, weather, samples."""

import asyncio
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import uvloop

from coterie import logs
from coterie.wire.invite import decode_invite
from tests.e2e.programs import Programs, Ran
from tests.e2e.stage import Stage
from tests.soak import hostile
from tests.soak.ledger import BrokenPromise
from tests.soak.load import BYTES_A_POST, Load
from tests.soak.people import Conversation, Talker, somebody
from tests.soak.processes import Usage, on_core, size_of, usage
from tests.soak.samples import CSV, Sample, quantile
from tests.soak.verdict import Verdict, judge

SERVER_CORE, LOAD_CORE = 0, 1
NAMES = ("alice", "bobb", "carol")
ROOM = "soak"
SETTLE_S = 180.0  # for everybody to come back and say what waited, at the end
STOP_S = 5.0  # from SIGTERM to the end: issue and limits promise it
EXAMINE_S = 3600.0  # for ``coterie check`` of all that an hour has left
SATURATED_S = (
    10.0  # for which the server is driven as hard as it goes, after as much again of warming up
)
TOLD = 0.9  # of the devices: some are cut or slow at that moment
BUSY = 0.9  # of a core
LOAD_SPARES = 0.7  # of what the load can do: it has to check, and to catch up after an outage
EVERY_S = {"cut": 5.0, "hold": 20.0, "hostile": 10.0, "person": 45.0, "commit": 15.0}
SERVER_EVERY_S = 150.0
HOLD_S = 10.0  # less than the client's patience for an answer
MAX_BROKEN = 20
LEAST_FREE_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ``while_down`` is done to the data folder while the server is killed: for sabotage."""

    folder: Path
    minutes: float
    seed: int = 1
    rooms: int = 8
    members: int = 25
    most_gb: float = 20.0  # that the database may grow by
    people: bool = True
    while_down: Callable[[Path], object] = lambda data: None

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    @property
    def data(self) -> Path:
        return self.folder / "server"

    @property
    def csv(self) -> Path:
        return self.folder / "soak.csv"

    def pause_s(self, fault: str) -> float:
        """Between two of a kind; a short run has some of each."""
        return min(EVERY_S[fault], self.length_s / 6)


def run(plan: Plan) -> Verdict:
    """Raises KeyboardInterrupt. What it made stays in the folder."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    _raise_descriptor_limit()
    logs.configure(debug=False)
    with Programs() as programs, on_core(LOAD_CORE):
        soak = Soak(plan, Stage(programs, plan.folder))
        uvloop.run(soak.run())
        wanted = ["cut", "hold", "hostile", "kill", "stop", "commit"]
        wanted += ["person"] if plan.people else []
        verdict = judge(soak.samples, soak.broken, soak.faults, wanted)
    return Verdict(verdict.failures, (*soak.facts, *verdict.facts))


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@dataclass
class Soak:
    plan: Plan
    stage: Stage
    samples: list[Sample] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = Random(self.plan.seed)  # noqa: S311  # a schedule
        self.over = asyncio.Event()  # set where a promise was broken
        self.recent: Counter[str] = Counter()  # faults since the last sample
        self.conversation = Conversation()
        self.talkers: list[Talker] = []
        self._seen: dict[int, float] = {}  # CPU seconds of a process at the last sample

    def on_broken(self, broken: BaseException) -> None:
        if len(self.broken) < MAX_BROKEN:
            self.broken.append(str(broken) or type(broken).__name__)
        self.over.set()

    # --- the run ---------------------------------------------------------------------------------

    async def run(self) -> None:
        plan = self.plan
        make = (plan.rooms, plan.members, self.chance, self.on_broken)
        self.load = await asyncio.to_thread(Load.prepare, plan.data, *make)
        await asyncio.to_thread(self._start_server)
        if plan.people:
            await asyncio.to_thread(self._let_people_join)
        invite = decode_invite(self.stage.server.told["invite"])
        self.fingerprint = invite.fingerprint
        self.load.start(invite.address, invite.fingerprint)
        csv = CSV(plan.csv)
        try:
            await self._guarded(self._weather(csv))
            if not self.over.is_set():
                await self._guarded(self._end())
        finally:
            csv.close()
            await self.load.close()

    async def _weather(self, csv: CSV) -> None:
        async with asyncio.timeout(SETTLE_S):
            await self.load.connected()
        rate = await self._measure()
        self._began = asyncio.get_running_loop().time()
        people = [asyncio.create_task(self._guarded(t.run())) for t in self.talkers]
        works: list[Coroutine[None, None, None]] = [
            self.load.keep_pace(rate),
            self._sampling(csv),
            self._server_faults(),
            self._often("cut", self._cut),
            self._often("hold", self._hold),
            self._often("hostile", self._hostile),
            self._often("commit", self._commit),
        ]
        if self.talkers:
            works.append(self._often("person", self._kill_person))
        tasks = [asyncio.create_task(self._guarded(work)) for work in works]
        try:
            async with asyncio.timeout(self.plan.length_s):
                await self.over.wait()
        except TimeoutError:
            pass  # as planned
        await self._stop_all(tasks)
        for talker in self.talkers:
            talker.leave()
        await asyncio.wait_for(asyncio.gather(*people), SETTLE_S)

    async def _stop_all(self, tasks: list[asyncio.Task[None]]) -> None:
        """The server's faults last: one that is under way starts it again."""
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if self.stage.server.program.has_ended:
            await asyncio.to_thread(self._start_server)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:  # a task of the soak's ends here, and so does the soak
            self.on_broken(error)

    async def _measure(self) -> float:
        """Half of what the server can do, in posts a second; less where the disk would not hold it."""
        warm_s = min(SATURATED_S, self.plan.length_s / 10)
        full = asyncio.create_task(self.load.saturate())
        await asyncio.sleep(warm_s)
        before = self._usages()
        self.load.meter.reset()
        began = time.monotonic()
        await asyncio.sleep(warm_s)
        took = time.monotonic() - began
        most = self.load.meter.acknowledged / took
        server, load = (
            (now.cpu_s - then.cpu_s) / took if now and then else 0.0
            for now, then in zip(self._usages(), before, strict=True)
        )
        full.cancel()
        async with asyncio.timeout(SETTLE_S):
            await self.load.settle()
        room = self.plan.most_gb * 1e9 / BYTES_A_POST / max(self.plan.length_s, 1)
        half = most / 2
        if load > BUSY:  # it was the load that could no more: the server's half is more than that
            half = max(half, min(most * 0.5 / max(server, 0.1), most * LOAD_SPARES))
        rate = min(half, room)
        self._say(
            f"saturation: {most:,.0f} posts/s, {most * self.plan.members:,.0f} deliveries/s"
            f" (server {server:.2f} of its core, load {load:.2f}); driven at {rate:,.0f} posts/s"
        )
        return rate

    async def _end(self) -> None:
        """Calm weather: everything that was said arrives, and all have the same."""
        try:
            async with asyncio.timeout(SETTLE_S):
                await self.load.settle()
                await self.load.check_ends()
        except TimeoutError:
            raise BrokenPromise(
                f"{self.load.waiting} posts are not acknowledged and read after {SETTLE_S:.0f} s of calm"
            ) from None
        await asyncio.to_thread(self._hear_people)
        entries = sum({d.group.group: d.reader.cursor for d in self.load.devices}.values())
        said = sum(device.outgoing.posted for device in self.load.devices)
        if entries != said:
            raise BrokenPromise(f"{said} posts made {entries} entries")
        self._say(
            f"{entries:,} posts, each acknowledged, in its log once and in order,"
            f" read by each of {self.plan.members} members; {self.load.withheld:,} withheld in outages"
        )
        self._say(
            f"{len(self.conversation.acknowledged):,} texts of people acknowledged and read by all"
        )
        await self._stop_server()
        examined = await asyncio.to_thread(self.stage.server.examine, EXAMINE_S)
        if examined.status != 0:
            raise BrokenPromise(f"coterie check: {examined.out}{examined.err}")
        self._say(f"coterie check: {examined.out.strip()}")

    # --- the server ------------------------------------------------------------------------------

    def _start_server(self) -> None:
        with on_core(SERVER_CORE):
            if self.stage.has_server:
                self.stage.server.start()
            else:
                self.stage.start_server()

    async def _server_faults(self) -> None:
        """In the first and the last third: the second leaves it alone, so that its memory shows over a long life."""
        third = self.plan.length_s / 3
        step = min(SERVER_EVERY_S, third / 2)
        each = int(third / step)
        times = [start + step * (n + 0.5) for start in (0.0, 2 * third) for n in range(each)]
        loop = asyncio.get_running_loop()
        for number, at_s in enumerate(times):
            jitter = self.chance.uniform(-0.3, 0.3) * step
            await asyncio.sleep(max(0.0, self._began + at_s + jitter - loop.time()))
            await (self._kill_server() if number % 2 == 0 else self._restart_server())

    async def _kill_server(self) -> None:
        self._fired("kill")
        await asyncio.to_thread(self.stage.server.program.kill)
        await asyncio.to_thread(self.plan.while_down, self.plan.data)
        await asyncio.sleep(self.chance.uniform(0, 1))  # any moment will do
        await asyncio.to_thread(self._start_server)

    async def _restart_server(self) -> None:
        self._fired("stop")
        async with asyncio.timeout(SETTLE_S):
            await self.load.connected()
        told = self.load.told_closing
        await self._stop_server()
        told = self.load.told_closing - told
        if told < len(self.load.devices) * TOLD:
            raise BrokenPromise(
                f"{told} of {len(self.load.devices)} devices were told to come back"
            )
        await asyncio.to_thread(self._start_server)

    async def _stop_server(self) -> None:
        began = time.monotonic()
        ran: Ran = await asyncio.to_thread(self.stage.server.stop)
        took = time.monotonic() - began
        if ran.status != 0:
            raise BrokenPromise(f"the server ended with {ran.status}: {ran.err[-2000:]}")
        if took > STOP_S:
            raise BrokenPromise(f"the server took {took:.1f} s to stop")

    # --- the rest of the weather -----------------------------------------------------------------

    def _fired(self, fault: str) -> None:
        self.faults[fault] += 1
        self.recent[fault] += 1

    async def _often(self, fault: str, act: Callable[[], Awaitable[bool]]) -> None:
        while True:
            await asyncio.sleep(self.plan.pause_s(fault) * self.chance.uniform(0.5, 1.5))
            if await act():
                self._fired(fault)

    async def _cut(self) -> bool:
        return self.load.network.cut()

    async def _hold(self) -> bool:
        return await self.load.network.hold(min(HOLD_S, self.plan.length_s / 10))

    async def _hostile(self) -> bool:
        device = self.chance.choice(self.load.devices)
        await hostile.one(
            self.faults["hostile"],
            self.stage.server.address,
            self.fingerprint,
            device.identity,
            device.group.group,
        )
        return True

    async def _commit(self) -> bool:
        self.load.commit()
        return True

    async def _kill_person(self) -> bool:
        return somebody(self.talkers, self.chance).kill()

    # --- people ----------------------------------------------------------------------------------

    def _let_people_join(self) -> None:
        self.stage.join(*NAMES)
        self.stage.people[NAMES[0]].does("room", "new", ROOM, *NAMES[1:])
        for person in self.stage.people.values():
            person.does("read", ROOM)
            self.talkers.append(Talker(person, ROOM, self.conversation, self.on_broken))

    def _hear_people(self) -> None:
        deadline = time.monotonic() + SETTLE_S
        for talker in self.talkers:
            while any(r["waiting"] for r in talker.person.does("room", "list", "--json").results):
                if time.monotonic() > deadline:
                    raise BrokenPromise(f"{talker.person.name} cannot say what waits")
        for talker in self.talkers:
            read = talker.person.does("read", ROOM, "--last", "1000000", "--json").results
            self.conversation.check_whole(talker.person.name, read)

    # --- what is seen ----------------------------------------------------------------------------

    def _usages(self) -> tuple[Usage | None, Usage | None]:
        return usage(self.stage.server.program.pid), usage(os.getpid())

    def _cpu(self, pid: int, now: Usage | None, length_s: float) -> float:
        if now is None:
            return 0.0
        before = self._seen.get(pid, 0.0)
        self._seen[pid] = now.cpu_s
        return (now.cpu_s - before) / length_s

    async def _sampling(self, csv: CSV) -> None:
        loop = asyncio.get_running_loop()
        length_s = min(10.0, self.plan.length_s / 10)
        self._seen = {p: u.cpu_s for p, u in zip(self._pids(), self._usages(), strict=True) if u}
        self.load.meter.reset()
        last = loop.time()
        while True:
            await asyncio.sleep(last + length_s - loop.time())
            now, took = loop.time(), loop.time() - last
            last = now
            sample = self._sample(now - self._began, took)
            self.samples.append(sample)
            csv.add(sample)
            self._tell(sample)
            self._check_disk()

    def _pids(self) -> tuple[int, int]:
        return self.stage.server.program.pid, os.getpid()

    def _sample(self, at_s: float, took: float) -> Sample:
        (server_pid, load_pid), (server, load) = self._pids(), self._usages()
        meter = self.load.meter
        faults = " ".join(f"{fault} {n}" for fault, n in sorted(self.recent.items()))
        self.recent.clear()
        sample = Sample(
            at_s=round(at_s, 1),
            server_pid=server_pid if server else 0,
            server_rss_mb=round(server.rss_bytes / 1e6, 1) if server else 0.0,
            server_cpu=round(self._cpu(server_pid, server, took), 3),
            server_fds=server.descriptors if server else 0,
            load_rss_mb=round(load.rss_bytes / 1e6, 1) if load else 0.0,
            load_cpu=round(self._cpu(load_pid, load, took), 3),
            posts_per_s=round(meter.acknowledged / took, 1),
            deliveries_per_s=round(meter.deliveries / took, 1),
            p50_ms=round(quantile(meter.latencies_s, 0.5) * 1000, 2),
            p99_ms=round(quantile(meter.latencies_s, 0.99) * 1000, 2),
            waiting=self.load.waiting,
            texts=len(self.conversation.acknowledged),
            database_mb=round(size_of(self.plan.data) / 1e6, 1),
            faults=faults,
        )
        meter.reset()
        return sample

    def _check_disk(self) -> None:
        disk = os.statvfs(self.plan.folder)
        if disk.f_bavail * disk.f_frsize < LEAST_FREE_BYTES:
            raise OSError("the disk is nearly full: run it with less --gigabytes")

    def _say(self, fact: str) -> None:
        self.facts.append(fact)
        sys.stdout.write(fact + "\n")
        sys.stdout.flush()

    def _tell(self, s: Sample) -> None:
        sys.stdout.write(
            f"{s.at_s / 60:5.1f} min  {s.posts_per_s:7,.0f} posts/s  {s.deliveries_per_s:9,.0f} deliveries/s"
            f"  p50 {s.p50_ms:6.1f} ms  p99 {s.p99_ms:8.1f} ms  server {s.server_rss_mb:5.0f} MB"
            f" {s.server_cpu:4.2f} cpu {s.server_fds:4} fds  load {s.load_rss_mb:4.0f} MB {s.load_cpu:4.2f} cpu"
            f"  waiting {s.waiting:5}  texts {s.texts:5}  {s.faults}\n"
        )
        sys.stdout.flush()
