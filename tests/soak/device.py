"""A device of the load: a real channel and login, posts as large as MLS makes them, and every entry read and checked.

The server cannot tell it from a client; it only has no MLS behind it, so one process can be hundreds.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from coterie.client.connection import Connection
from coterie.client.device import DeviceIdentity
from coterie.client.link import Link
from coterie.client.seams import Seams
from coterie.errors import (
    CoterieError,
    NotAuthenticated,
    Refused,
    ServerNotTrusted,
    Unavailable,
)
from coterie.wire.frames import (
    Accepted,
    Closing,
    Code,
    Entries,
    Entry,
    EventBody,
    Fetch,
    InboxGrew,
    Kind,
    LogGrew,
    OutOfOrder,
    Post,
    Stale,
    Subscribe,
    Subscribed,
    Whispered,
)
from coterie.wire.invite import Address
from tests.soak.ledger import BrokenPromise, Draft, Outgoing, Reader, Stretches

AGAIN_AFTER_S = 0.2  # what was refused is posted again after this, or what the server asked for
TIMED_EACH = 20  # one post in so many is timed at every member


@dataclass
class Meter:
    """What all devices have done since it was last read."""

    acknowledged: int = 0
    deliveries: int = 0
    latencies_s: list[float] = field(default_factory=list)

    def reset(self) -> None:
        self.acknowledged = self.deliveries = 0
        self.latencies_s.clear()


@dataclass
class Group:
    """What the members of a group share here."""

    group: bytes
    stretches: Stretches = field(default_factory=Stretches)
    made_at: dict[int, float] = field(default_factory=dict)  # of timed posts, by seq

    def timed(self, seq: int, made_at: float) -> None:
        """Its author has read it first, or is slow: then those before him are not counted."""
        self.made_at[seq] = made_at
        if len(self.made_at) > 1000:
            del self.made_at[next(iter(self.made_at))]


class Device:
    """One of them. ``window`` posts are under way together; ``on_broken`` hears of what no crash excuses."""

    def __init__(
        self,
        identity: DeviceIdentity,
        group: Group,
        meter: Meter,
        *,
        window: int,
        on_broken: Callable[[BrokenPromise], None],
    ) -> None:
        self.identity, self.group, self.window = identity, group, window
        self.outgoing = Outgoing()
        self.reader = Reader(group.group, group.stretches)
        self._meter, self._on_broken = meter, on_broken
        self.told_closing = self.refused_as_full = 0  # times
        self._head = 0
        self._subscribed: Connection | None = None
        self._has_news = asyncio.Event()  # something to fetch, or a new connection
        self._sent = 0  # the count of the last post that was sent, since it was last begun anew
        self._under_way: set[asyncio.Task[None]] = set()
        self._refused_for_s: float | None = None  # nothing more is sent until it is begun anew
        self._reading: asyncio.Task[None] | None = None

    # --- its life --------------------------------------------------------------------------------

    def start(self, address: Address, fingerprint: bytes, seams: Seams) -> None:
        """Connects, and stays so."""
        self.link = Link(
            address,
            fingerprint,
            self.identity,
            seams,
            on_connected=self._connected,
            on_event=self._take_event,
            on_disconnected=self._disconnected,
        )
        self.link.start()
        self._reading = asyncio.create_task(self._guarded(self._read()))

    async def close(self) -> None:
        """Ends the connection in order."""
        tasks = {*self._under_way, *([self._reading] if self._reading else [])}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.link.close()

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except (
            BrokenPromise,
            CoterieError,
        ) as error:  # Unavailable, which is no wonder, is caught before
            self._broken(error)

    def _broken(self, error: Exception) -> None:
        self._on_broken(BrokenPromise(f"{self.identity.name}: {type(error).__name__}: {error}"))

    def _connected(self, connection: Connection) -> None:
        self._has_news.set()
        self._pump()

    def _disconnected(self, error: CoterieError) -> None:
        if isinstance(error, NotAuthenticated | ServerNotTrusted):
            self._broken(error)

    # --- reading ---------------------------------------------------------------------------------

    def _take_event(self, event: EventBody) -> None:
        match event:
            case LogGrew(_, entries, head):
                self._head = max(self._head, head)
                try:
                    self._take(entries)
                except BrokenPromise as broken:
                    self._broken(broken)
                if self.reader.cursor < self._head:
                    self._has_news.set()
            case Closing():
                self.told_closing += 1
            case InboxGrew() | Whispered():
                pass

    def _take(self, entries: tuple[Entry, ...]) -> bool:
        stretch = self.reader.take(entries)
        if stretch is None:
            return False
        self._meter.deliveries += len(stretch.entries)
        for entry in stretch.by_device.get(self.identity.device, ()):
            draft = self.outgoing.was_read(entry)
            if draft.count % TIMED_EACH == 0:
                self.group.timed(entry.seq, draft.made_at)
        self._time(stretch.entries)
        return True

    def _time(self, entries: tuple[Entry, ...]) -> None:
        first, last = entries[0].seq, entries[-1].seq
        now = time.monotonic()
        for seq, made_at in reversed(self.group.made_at.items()):
            if seq < first:
                break
            if seq <= last:
                self._meter.latencies_s.append(now - made_at)

    async def _read(self) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            connection = self.link.connection
            if connection is None:
                continue  # the next one wakes us
            try:
                await self._catch_up(connection)
            except Unavailable:
                if connection.is_open:  # it asks for patience
                    await asyncio.sleep(AGAIN_AFTER_S)
                    self._has_news.set()

    async def _catch_up(self, connection: Connection) -> None:
        reader = self.reader
        if self._subscribed is not connection:
            cursor, acknowledged = reader.cursor, self.outgoing.last_acknowledged
            answer = await connection.request(Subscribe(reader.group, cursor, reader.chain))
            if not isinstance(answer, Subscribed):
                raise BrokenPromise(f"after entry {cursor} the server's log is another: {answer}")
            if answer.head < acknowledged:  # what is acknowledged meanwhile may be behind that head
                raise BrokenPromise(
                    f"entry {acknowledged} was acknowledged, and the log ends at {answer.head}"
                )
            self._subscribed, self._head = connection, max(self._head, answer.head)
        while reader.cursor < self._head:
            cursor = reader.cursor
            got = await connection.call(Fetch(reader.group, cursor), Entries)
            if not self._take(got.entries) and reader.cursor == cursor:
                seqs = [entry.seq for entry in got.entries[:5]]
                raise BrokenPromise(f"after entry {cursor}, of {self._head}, there is {seqs}")

    # --- posting ---------------------------------------------------------------------------------

    def say(self, body: bytes, kind: Kind = Kind.MESSAGE) -> None:
        """One more post."""
        self.outgoing.add(kind, body, time.monotonic())  # uvloop counts whole milliseconds
        self._pump()

    def _pump(self) -> None:
        """Sends what may be under way, in order: a post that is not accepted takes those behind it with it."""
        connection = self.link.connection
        while (
            connection is not None
            and self._refused_for_s is None
            and len(self._under_way) < self.window
            and (draft := self.outgoing.following(self._sent)) is not None
        ):
            self._sent = draft.count
            task = asyncio.create_task(self._guarded(self._ask(connection, draft)))
            self._under_way.add(task)
            task.add_done_callback(self._answered)

    async def _ask(self, connection: Connection, draft: Draft) -> None:
        after = self.reader.cursor
        post = Post(self.group.group, draft.kind, draft.message_id, draft.count, after, draft.body)
        try:
            answer = await connection.request(post, timeout_s=None)  # who is cut hears of it
        except (
            Unavailable
        ) as error:  # too fast, or cut: whether it is stored shows when it is asked again
            self._refuse(max(AGAIN_AFTER_S, error.wait_s))
            return
        except Refused as error:
            if error.code != Code.FULL:
                raise
            self.refused_as_full += 1
            self._refuse(AGAIN_AFTER_S)
            return
        match answer:
            case Accepted(message_id, seq) if message_id == draft.message_id:
                self.outgoing.was_acknowledged(draft, seq)
                self._meter.acknowledged += 1
            case Stale(head):  # it is read first, or the same would come of it
                self._head = max(self._head, head)
                self._has_news.set()
                self._refuse(AGAIN_AFTER_S)
            case OutOfOrder():  # one before it was not accepted
                self._refuse(0.0)
            case _:
                raise BrokenPromise(f"{answer} to post {draft.count} after {after}")

    def _refuse(self, wait_s: float) -> None:
        self._refused_for_s = max(self._refused_for_s or 0.0, wait_s)

    def _answered(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        if self._refused_for_s is None:
            self._pump()
        elif not self._under_way:
            asyncio.get_running_loop().call_later(self._refused_for_s, self._begin_anew)

    def _begin_anew(self) -> None:
        self._sent, self._refused_for_s = 0, None
        self._pump()
