"""The server in the simulation: the real listener, peers, sessions, writer and rules over a simulated disk and network.

``Lies`` is where a server that lies puts its word in: it sees each answer and each push before they leave.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from sqlalchemy import select

from coterie.server import schema
from coterie.server.attempts import Attempts
from coterie.server.bus import Bus
from coterie.server.house import House
from coterie.server.keys import Keys
from coterie.server.listener import Listener
from coterie.server.peer import Peer
from coterie.server.writer import Writer
from coterie.wire import frames as f
from coterie.wire.stream import encode_frame, from_server
from tests.simulation.disk import ServerDisk, TwinStore
from tests.simulation.loop import Party
from tests.simulation.network import Network, Trace
from tests.simulation.seams import Clock, Threads, WriterThread


class Lies:
    """An honest server's. Override ``tell`` to alter, withhold, repeat or put off what somebody is told."""

    def tell(
        self, peer: "TwinPeer", asked: f.RequestBody | None, frame: f.FromServer
    ) -> Iterable[f.FromServer]:
        """What is sent to ``peer`` instead of the frame: an answer to ``asked``, or, where that is None, a push."""
        return (frame,)

    def whisper(self, frame: bytes) -> Iterable[bytes]:
        """What is whispered to somebody instead of the frame."""
        return (frame,)

    def instead(self, peer: "TwinPeer", asked: f.RequestBody) -> f.ReplyBody | None:
        """An answer to a request that is not done; None: it is."""
        return None

    def end(self) -> None:
        """The server is honest from now on."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A post that the server said it has."""

    group_id: bytes
    device: bytes
    message_id: bytes
    seq: int


@dataclass
class Observed:
    """What the server did, over all its lives."""

    promises: list[Promise] = field(default_factory=list)
    flushes: list[int] = field(default_factory=list)  # jobs of each
    told: Counter[str] = field(default_factory=Counter)  # how often, by kind
    leaks: list[str] = field(default_factory=list)  # entries told to who was taken off before


class TwinPeer(Peer):
    """The real peer, whose every word is noted and may be altered before it is sealed.

    Its hash is its number, so that sets of peers have the same order in each run.
    """

    server: "Server"
    serial: int

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def account(self) -> str:
        """Whose connection it is; empty before the login."""
        return self._session.name

    def begin(self, server: "Server", serial: int) -> None:
        """Right after it was made."""
        self.server, self.serial = server, serial
        self._asked: dict[int, f.RequestBody] = {}

    def tell(self, frame: f.FromServer) -> None:
        """Sends it as it is."""
        super()._send(encode_frame(frame))

    def _take(self, request: f.Request) -> None:
        lie = self.server.lies.instead(self, request.body)
        if lie is not None:
            taken = self._intake.begin(request)
            self.tell(f.Reply(request.id, lie))
            self._intake.end(taken, 0)
            return
        self._asked[request.id] = request.body
        super()._take(request)

    def _send(self, frame: bytes) -> None:
        decoder = from_server()
        decoder.receive_data(frame)
        meant = decoder.next_frame()
        assert meant is not None
        asked = self._asked.pop(meant.id, None) if isinstance(meant, f.Reply) else None
        for told in self.server.lies.tell(self, asked, meant):
            self._note(asked, told)
            self.tell(told)

    def whispered(self, frame: bytes) -> None:
        for told in self.server.lies.whisper(frame):
            super().whispered(told)

    def _note(self, asked: f.RequestBody | None, told: f.FromServer) -> None:
        kind = type(told.body).__name__
        self.server.observed.told[kind] += 1
        if isinstance(asked, f.Post) and isinstance(told.body, f.Accepted):
            promise = Promise(
                asked.group, self._session.device, told.body.message_id, told.body.seq
            )
            self.server.observed.promises.append(promise)
        if isinstance(told.body, f.LogGrew) and told.body.entries:
            self._look_for_leak(told.body)
        if not isinstance(asked, f.Ping):
            what = f"{type(asked).__name__}: {kind}" if asked is not None else kind
            self.server.trace("server", f"tells {self.account or '?'} {what}")

    def _look_for_leak(self, told: f.LogGrew) -> None:
        m, newest = schema.member.c, told.entries[-1].seq
        mine = (m.group_id == told.group) & (m.device == self._session.device)
        with self.server.store.reading.connection() as connection:
            last = connection.scalar(select(m.removed_at).where(mine))
        if last is not None and newest > last:
            self.server.observed.leaks.append(
                f"{self.account} was taken off at {last}, and is told of {newest}"
            )


class _Listener(Listener):
    """The real listener of such peers."""

    def __init__(self, server: "Server") -> None:
        super().__init__(server.house)
        self._simulated = server
        self._accepted = 0

    def accept(self) -> Peer:
        peer = TwinPeer(self.house, on_made=self._made, on_lost=self._lost)
        self._accepted += 1
        peer.begin(self._simulated, self._accepted)
        return peer


class Server:
    """One server over all its lives: ``start`` after ``crash`` finds what was flushed."""

    def __init__(
        self, disk: ServerDisk, keys: Keys, clock: Clock, network: Network, chance: Random, trace: Trace
    ) -> None:  # fmt: skip
        self.disk, self.keys, self.clock = disk, keys, clock
        self.network, self.chance, self.trace = network, chance, trace
        self.lies = Lies()
        self.observed = Observed()
        self.party = Party("server")
        self.party.is_alive = False
        self.lives = 0

    @property
    def is_up(self) -> bool:
        return self.party.is_alive

    def start(self) -> None:
        """With what is on the disk."""
        self.lives += 1
        self.party = Party("server")
        self.trace("server", "starts")
        self.party.context.run(self._start)

    def _start(self) -> None:
        self.store = TwinStore(self.disk)
        bus, threads = Bus(), Threads(self.chance)
        writer_thread = WriterThread(self.chance, self.store, self._flushed)
        self.writer = Writer(self.store, writer_thread, self.clock, bus.publish)
        self.house = House(
            self.store, self.writer, bus, self.keys, Attempts(), self.clock, threads, threads
        )
        self.listener = _Listener(self)
        self.network.listen(self.party, self.listener.accept)

    def _flushed(self, jobs: int) -> None:
        self.observed.flushes.append(jobs)
        self.trace("server", f"flushed {jobs} jobs")

    def crash(self) -> None:
        """It ends at once: what was not flushed is gone."""
        self.trace("server", "dies")
        self.party.die()
        self.network.died(self.party)
        self.store.close()

    def head(self, group_id: bytes) -> int:
        """Of a log, as far as it is durable."""
        head = select(schema.group.c.head).where(schema.group.c.group_id == group_id)
        with self.store.reading.connection() as connection:
            return connection.scalar(head) or 0

    def entries(self, group_id: bytes) -> tuple[f.Entry, ...]:
        """The whole log as it is durable."""
        c = schema.entry.c
        with self.store.reading.connection() as connection:
            rows = connection.execute(
                select(c.seq, c.kind, c.device, c.message_id, c.body)
                .where(c.group_id == group_id)
                .order_by(c.seq)
            )
            return tuple(
                f.Entry(seq, f.Kind(k), device, mid, body) for seq, k, device, mid, body in rows
            )
