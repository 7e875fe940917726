"""One group, its server and three clients under a random schedule: links break, processes crash, copies are put back.

The schedule is the model's that PROTOCOL.md section 2 names, and a busy server besides; the rules are the real ones:
``server.delivery.judge``, ``client.log``, ``client.outbox`` and MLS. Nothing here looks at a ciphertext but to know
again one that it has seen, so that a seed gives the same schedule each time.
"""

import random
from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache

import msgspec

from coterie.client import log as logs
from coterie.client import outbox
from coterie.client.happening import Dropped, Event, Line, Said
from coterie.client.intent import Change, Outgoing, Say, Sealed
from coterie.client.log import GroupLog, Halt
from coterie.mls.secret_tree import RatchetType
from coterie.server.delivery import Appended, GroupState, MemberState, Rates, judge
from coterie.wire import chain
from coterie.wire.frames import (
    Accepted,
    Behind,
    Entry,
    Kind,
    OutOfOrder,
    Post,
    Stale,
)
from tests.client.people import NOW, Ids, Kept, Room, new_room

NAMES = ("alice", "bobb", "carol")
IN_FLIGHT = 3
BETWEEN_POSTS_S = (
    1000.0  # so that no rate and no turn makes anybody wait: time is not what is tried here
)


class Mutant(StrEnum):
    """One rule taken away. The replay must then find a violation, or the rule would be idle."""

    NO_STALE_CHECK = "the server appends what was encrypted before the last commit"
    NO_COUNT = "the server takes a count that was used, or leaves a gap"
    ANSWER_BEFORE_FLUSH = "the server answers before the entry is durable"
    DEAD_IS_NOTHING = "a client does not encrypt again when it reads a dead commit"
    KEEP_PENDING = "a client that lost a race applies its own commit all the same"
    SAVE_AFTER_SEND = "the client sends before it has saved the ratchet"


class Server:
    """The real rules over a log in memory, of which a crash takes what was not flushed."""

    def __init__(self, room: Room, mutant: Mutant | None) -> None:
        self.mutant = mutant
        self.log = list(room.entries)
        running = chain.first(room.group_id)
        for entry in self.log:
            running = chain.following(running, entry)
        self.group = GroupState(room.group_id, len(self.log), running, len(self.log))
        self.group.keepers.add(NAMES[0])
        self.members = {
            reader.device.id: MemberState(reader.device.id, reader.device.name, reader.log.landed)
            for reader in room.everybody()
        }
        self.waiting: list[tuple[bytes, InFlight, object]] = []  # answers held until the flush
        self._rates, self._now = Rates(), NOW
        self._flush_states()

    def _flush_states(self) -> None:
        self.flushed = len(self.log)
        self._durable = deepcopy((self.group, self.members))

    def post(self, device: bytes, sent: "InFlight") -> object | None:
        """An answer, or None where it waits for the flush."""
        known = next(
            (e.seq for e in self.log if (e.device, e.message_id) == (device, sent.message_id)), None
        )
        self._now += BETWEEN_POSTS_S
        group, poster = self.group, self.members[device]
        last_handshake = group.last_handshake
        if self.mutant is Mutant.NO_STALE_CHECK:
            group.last_handshake = 0
        if self.mutant is Mutant.NO_COUNT:
            poster.count = sent.post.count - 1
        answer = judge(sent.post, group, self.members, device, known, 0, self._rates, self._now)
        group.last_handshake = max(last_handshake, group.last_handshake)
        if isinstance(answer, Appended):
            self.log.append(answer.entry)
            answer = Accepted(sent.message_id, answer.entry.seq)
        rests_on = {Accepted: getattr(answer, "seq", 0), Stale: group.last_handshake}
        if (
            rests_on.get(type(answer), 0) <= self.flushed
            or self.mutant is Mutant.ANSWER_BEFORE_FLUSH
        ):
            return answer
        self.waiting.append((device, sent, answer))
        return None

    def flush(self) -> list[tuple[bytes, "InFlight", object]]:
        """Everything is durable; the answers that waited for it."""
        self._flush_states()
        done, self.waiting = self.waiting, []
        return done

    def crash(self) -> None:
        del self.log[self.flushed :]
        self.group, self.members = deepcopy(self._durable)
        self.waiting.clear()


@dataclass(frozen=True)
class InFlight:
    """A post on its way."""

    post: Post
    intent: Say | object
    key: tuple[int, RatchetType, int]  # epoch, ratchet and generation: what may be used once

    @property
    def message_id(self) -> bytes:
        return self.post.message_id


@dataclass(frozen=True)
class Saved:
    """What a client has on disk. Each step replaces it whole: one transaction."""

    log: GroupLog
    kept: Kept
    shown: tuple[tuple[int, bytes, bytes], ...] = ()  # seq, message_id, content
    lines: tuple[Line, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    acknowledged: frozenset[tuple[int, bytes]] = frozenset()  # seq, message_id


class Client:
    """The real reading and sealing, over a disk that is a value."""

    def __init__(
        self, name: str, device: bytes, log: GroupLog, server: Server, keys: "Keys"
    ) -> None:
        self.name, self.device, self.server, self.keys = name, device, server, keys
        self.saved = self.backup = Saved(log, Kept.begin(log))
        self.in_flight: list[InFlight] = []
        self.used: dict[tuple[int, RatchetType, int], bytes] = {}  # what was ever put on the wire
        self.was_put_back, self.caught_up, self.fault = False, True, ""
        self._before_sealing = self.saved
        self._new_id = Ids(name)

    @property
    def stopped(self) -> bool:
        return self.saved.log.halt is not Halt.OPEN

    @property
    def is_misled(self) -> bool:
        """Put back while posts of its later life were on their way, it has encrypted them anew under the same keys and
        cannot open theirs: it takes them for altered. Whoever restores a profile waits until the other has ended.
        """
        return self.was_put_back and any(x.event is Event.ALTERED for x in self.saved.lines)

    def want(self, intent: Say | Change) -> bool:
        """A person's wish, into the outbox; whether it was taken."""
        if self.stopped:
            return False
        log = outbox.enqueue(self.saved.log, intent, self._new_id())
        self.saved = replace(self.saved, log=log)
        return True

    def send(self) -> None:
        """Sealed when read to the head, saved, and only then on its way: up to three posts, in order."""
        if self.stopped or not self.caught_up:
            return
        self._before_sealing = self.saved
        before = self.saved.log
        log, told = outbox.seal(before, self._new_id, NOW)
        self.keys.note(before, log)
        dropped = tuple(h for h in told if isinstance(h, Dropped))
        self.saved = replace(self.saved, log=log, dropped=self.saved.dropped + dropped)
        waiting = [sent.post.body for sent in self.in_flight]
        for count, out, sealed in logs.next_posts(log)[:IN_FLIGHT]:
            if sealed.body not in waiting:
                self.in_flight.append(self._post(count, out, sealed))

    def _post(self, count: int, out: Outgoing, sealed: Sealed) -> InFlight:
        post = Post(
            self.saved.log.group_id,
            Kind(sealed.kind),
            out.message_id,
            count,
            sealed.after,
            sealed.body,
            sealed.list_change,
        )
        return InFlight(post, out.intent, self.keys.of[sealed.body])

    def deliver(self) -> None:
        """The oldest post in flight reaches the server."""
        if not self.in_flight:
            return
        sent = self.in_flight.pop(0)
        if self.used.setdefault(sent.key, sent.post.body) != sent.post.body:
            self.fault = self.fault or "" if self.was_put_back else f"{self.name} used a key twice"
        answer = self.server.post(self.device, sent)
        if answer is not None:
            self.answered(sent, answer)

    def put_off(self) -> None:
        """The server is too busy for the oldest post in flight, and takes those behind it."""
        if self.in_flight:
            del self.in_flight[0]

    def answered(self, sent: InFlight, answer: object) -> None:
        match answer:
            case Accepted(message_id, seq):
                acknowledged = self.saved.acknowledged | {(seq, message_id)}
                self.saved = replace(self.saved, acknowledged=acknowledged)
            case Stale():
                self.read()
                if not self.stopped and self.saved.log.base <= sent.post.after:
                    self.fault = f"{self.name} was told of a commit that is not there"
            case Behind():
                self.read()
                waiting = {
                    (o.message_id, o.sealed.after) for o in self.saved.log.outbox if o.sealed
                }
                if (sent.message_id, sent.post.after) in waiting:
                    step = logs.halted(self.saved.log, Halt.OLDER_COPY, Event.OLDER_COPY, "behind")
                    self.saved = replace(self.saved, log=step.log)
                    self._older_copy()
            case OutOfOrder():
                pass  # what is before it was refused, or is still on its way
            case other:
                self.fault = f"{self.name} was told {other}"

    def _older_copy(self) -> None:
        """Right for a profile that was put back; a fault for any other."""
        if not self.was_put_back:
            self.fault = f"{self.name} takes itself for an older copy, and is none"

    def read(self) -> None:
        """The log from the cursor on, in order, an entry a transaction."""
        is_counted = self.server.mutant is not Mutant.NO_COUNT
        if is_counted and self.server.members[self.device].count < self.saved.log.landed:
            self.fault = f"the server has fewer posts of {self.name} than it has shown"
        for entry in self.server.log[self.saved.log.cursor : self.server.flushed]:
            if self.stopped:
                return
            self._read(entry)
        self.caught_up = True

    def _read(self, entry: Entry) -> None:
        before = self.saved.log
        kept = Kept(dict(self.saved.kept.chains), set(self.saved.kept.used))
        step = logs.read(before, entry, kept, NOW)
        kept.save(step)
        log = step.log
        is_dead = any(isinstance(h, Line) and h.event is Event.DEAD for h in step.happenings)
        mutant = self.server.mutant
        if mutant is Mutant.DEAD_IS_NOTHING and is_dead:
            log = replace(log, outbox=before.outbox, pending=before.pending)
        if mutant is Mutant.KEEP_PENDING and entry.device != self.device and step.is_new_epoch:
            log = replace(log, group=before.pending.group if before.pending else log.group)
        said = tuple(
            (h.seq, h.message_id, h.content) for h in step.happenings if isinstance(h, Said)
        )
        self.saved = replace(
            self.saved,
            log=log,
            kept=kept,
            shown=self.saved.shown + said,
            lines=self.saved.lines + tuple(h for h in step.happenings if isinstance(h, Line)),
            dropped=self.saved.dropped
            + tuple(h for h in step.happenings if isinstance(h, Dropped)),
        )
        if log.halt is Halt.OLDER_COPY:
            self._older_copy()

    def lose_link(self) -> None:
        """What is under way is lost; after connecting again it reads to the head before it posts."""
        self.in_flight.clear()
        self.caught_up = False
        self.server.waiting = [w for w in self.server.waiting if w[0] != self.device]

    def crash(self) -> None:
        self.lose_link()
        if self.server.mutant is Mutant.SAVE_AFTER_SEND:
            unsaved = replace(self.saved.log, group=self._before_sealing.log.group)
            if unsaved.group.epoch == self.saved.log.group.epoch and not unsaved.pending:
                outgoing = tuple(replace(out, sealed=None) for out in unsaved.outbox)
                self.saved = replace(self.saved, log=replace(unsaved, outbox=outgoing))

    def put_back(self) -> None:
        """Somebody restores an older copy of the profile."""
        if not self.was_put_back and self.backup is not self.saved:
            self.saved, self.was_put_back = self.backup, True
            self.lose_link()


@dataclass
class Keys:
    """Under which key each ciphertext was made, as far as its maker's state tells."""

    of: dict[bytes, tuple[int, RatchetType, int]] = field(default_factory=dict)

    def note(self, before: GroupLog, after: GroupLog) -> None:
        """What was sealed between two values of a log."""
        old = {out.sealed.body for out in before.outbox if out.sealed}
        following = {which: _generation(before, which) for which in RatchetType}
        for out in after.outbox:
            if out.sealed is None or out.sealed.body in old:
                continue
            is_message = out.sealed.kind == Kind.MESSAGE
            which = RatchetType.APPLICATION if is_message else RatchetType.HANDSHAKE
            self.of[out.sealed.body] = (before.group.epoch, which, following[which])
            following[which] += 1


def _generation(log: GroupLog, which: RatchetType) -> int:
    ratchet = log.group.secret_tree.ratchets.get((log.group.own_leaf_index, which))
    return ratchet.generation if ratchet else 0


@cache
def _beginning() -> Room:
    """Values never change, so all schedules begin with the same ones."""
    return new_room(*NAMES, "mallory", admins=2)[0]


class World:
    """A seed's schedule."""

    def __init__(self, seed: int, mutant: Mutant | None = None) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.restores = 5 if seed % 4 == 0 else 1  # some people put older copies back all the time
        room = _beginning()
        readers = {reader.device.name: reader for reader in room.everybody()}
        self.server = Server(room, mutant)
        self.mallory = readers["mallory"].device.id
        self.keys = Keys()
        self.clients = [
            Client(name, readers[name].device.id, readers[name].log, self.server, self.keys)
            for name in NAMES
        ]
        self.written: list[tuple[str, bytes]] = []

    def run(self) -> str:
        """What is wrong once everything has settled; empty if nothing."""
        for _ in range(self.rng.randrange(20, 200)):
            client = self.rng.choice(self.clients)
            (step,) = self.rng.choices(
                [
                    self.write, self.commit, Client.send, Client.deliver, Client.read, self.flush,
                    Client.lose_link, Client.crash, self.server_crash, self.back_up,
                    Client.put_back, self.sabotage, Client.put_off,
                ],
                [10, 3, 12, 14, 10, 8, 2, 1, 1, self.restores, self.restores, 1, 1],
            )  # fmt: skip
            step(client)
        self.settle()
        return self.violation()

    def settle(self) -> None:
        """Calm weather."""
        quiet = 0
        for _ in range(200):
            before = len(self.server.log), [client.saved for client in self.clients]
            for client in self.clients:
                client.read()
                client.send()
                for _ in range(IN_FLIGHT):
                    client.deliver()
            self.flush()
            for client in self.clients:
                client.read()
            quiet = quiet + 1 if before == self._seen(before) else 0
            if quiet == 2:
                return

    def _seen(self, before: tuple[int, list[Saved]]) -> tuple[int, list[Saved]]:
        same = all(a is b.saved for a, b in zip(before[1], self.clients, strict=True))
        return (len(self.server.log), before[1] if same else [])

    # --- steps ---------------------------------------------------------------------------------

    def write(self, client: Client) -> None:
        content = f"{client.name}:{len(self.written)}".encode()
        if client.want(Say(content)):
            self.written.append((client.name, content))

    def commit(self, client: Client) -> None:
        """It heals, or it wants something, which a lost race does not take away."""
        if any(isinstance(out.intent, Change) for out in client.saved.log.outbox):
            return
        topic = f"{client.name}:{len(self.written)}" if self.rng.random() < 0.5 else ""
        state = logs.state(client.saved.log)
        if topic and client.name != "carol":  # who is no admin
            client.want(Change(room_state=msgspec.structs.replace(state, topic=topic)))
        else:
            client.want(Change())

    def flush(self, _: Client | None = None) -> None:
        for device, sent, answer in self.server.flush():
            client = next((c for c in self.clients if c.device == device), None)
            if client is not None:
                client.answered(sent, answer)

    def server_crash(self, _: Client) -> None:
        self.server.crash()
        for client in self.clients:
            client.lose_link()

    def back_up(self, client: Client) -> None:
        client.backup = client.saved

    def sabotage(self, _: Client) -> None:
        """A hostile member posts a commit that is dead for all."""
        count = self.server.members[self.mallory].count + 1
        message_id = Ids(f"mallory {len(self.server.log)} {count}")()
        body = b"nonsense " + message_id
        post = Post(
            self.server.group.group_id, Kind.COMMIT, message_id, count, self.server.flushed, body
        )
        self.server.post(self.mallory, InFlight(post, None, (0, RatchetType.HANDSHAKE, 0)))

    # --- what must hold ------------------------------------------------------------------------

    def violation(self) -> str:
        log = self.server.log
        keys = [(e.device, *self.keys.of[e.body]) for e in log if e.body in self.keys.of]
        if len(keys) != len(set(keys)):
            return "two entries are under one key"
        for client in self.clients:
            if client.fault:
                return client.fault
        present = [client for client in self.clients if not client.stopped and not client.is_misled]
        checks = (
            self._standstill, self._told_wrong, self._differs, self._broken_promise, self._lost
        )  # fmt: skip
        return next(
            (wrong for c in present for check in checks if (wrong := check(c, present[0]))), ""
        )

    def _standstill(self, client: Client, _: Client) -> str:
        waiting = client.saved.log.outbox
        return f"standstill: {client.name} still has {waiting[0].intent}" if waiting else ""

    def _told_wrong(self, client: Client, _: Client) -> str:
        """Nothing of an honest client's is dead, altered, a lie or another log."""
        by = {entry.seq: entry.device for entry in self.server.log}
        bad = {Event.DEAD, Event.ALTERED, Event.LIE, Event.FORK, Event.STUCK}
        wrong = [x for x in client.saved.lines if x.event in bad and by[x.seq] != self.mallory]
        if wrong:
            return f"{client.name} is told: {wrong[0].text}"
        if client.saved.dropped:
            return f"{client.name} gave up: {client.saved.dropped[0].reason}"
        return ""

    def _differs(self, client: Client, first: Client) -> str:
        mine, theirs = client.saved, first.saved
        contents = [content for _, _, content in mine.shown]
        if len(contents) != len(set(contents)):
            return f"{client.name} sees a message twice"
        if mine.shown != theirs.shown:
            return f"{client.name} and {first.name} see different rooms"
        if mine.log.chain != theirs.log.chain:
            return f"{client.name} and {first.name} have different logs"
        if mine.log.group.epoch_authenticator != theirs.log.group.epoch_authenticator:
            return f"{client.name} and {first.name} are in different epochs"
        return ""

    def _broken_promise(self, client: Client, _: Client) -> str:
        places = {entry.seq: entry.message_id for entry in self.server.log}
        for seq, message_id in client.saved.acknowledged:
            if places.get(seq) != message_id:
                return f"an acknowledged post of {client.name} is not where it was promised"
        return ""

    def _lost(self, client: Client, _: Client) -> str:
        if client.was_put_back:
            return ""
        prefix = f"{client.name}:".encode()
        mine = [content for _, _, content in client.saved.shown if content.startswith(prefix)]
        if mine != [content for name, content in self.written if name == client.name]:
            return f"{client.name} wrote in another order than is shown, or a message is lost"
        return ""
