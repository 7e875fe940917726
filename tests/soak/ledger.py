"""What a server promises of a log, checked entry by entry, in memory that does not grow with the log.

A device keeps its place and the chain up to it, and of its own posts those that are not both read and acknowledged.
Any of them that the server loses, doubles, changes or puts elsewhere raises ``BrokenPromise``.
"""

import secrets
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from coterie.wire import chain
from coterie.wire.frames import Entry, Kind
from coterie.wire.limits import MESSAGE_ID_SIZE

KNOWN_STRETCHES = 64  # of one group; who is further behind computes his own chain


class BrokenPromise(Exception):
    """The server did what no crash excuses."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries that follow each other, and the chain before and after them."""

    entries: tuple[Entry, ...]
    before: bytes
    after: bytes
    by_device: dict[bytes, tuple[Entry, ...]]


class Stretches:
    """Those that members of one group have read lately: most get the same ones, and compare instead of hashing."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Stretch] = OrderedDict()  # by the cursor before it

    def stretch(self, cursor: int, link: bytes, entries: tuple[Entry, ...]) -> Stretch:
        """The one that these entries are, read at that cursor with that chain."""
        known = self._known.get(cursor)
        if known is not None and known.before == link and known.entries == entries:
            return known
        if any(entry.seq != cursor + 1 + at for at, entry in enumerate(entries)):
            seqs = [entry.seq for entry in entries]
            raise BrokenPromise(f"entries out of order or with gaps: {seqs[:20]}")
        after, by_device = link, dict[bytes, list[Entry]]()
        for entry in entries:
            after = chain.following(after, entry)
            by_device.setdefault(entry.device, []).append(entry)
        made = Stretch(entries, link, after, {d: tuple(own) for d, own in by_device.items()})
        self._known[cursor] = made
        self._known.move_to_end(cursor)
        if len(self._known) > KNOWN_STRETCHES:
            self._known.popitem(last=False)
        return made


class Reader:
    """How far one device has read one group."""

    def __init__(self, group: bytes, stretches: Stretches) -> None:
        self.group = group
        self.cursor = 0
        self.chain = chain.first(group)
        self._stretches = stretches

    def take(self, entries: Sequence[Entry]) -> Stretch | None:
        """What is new of them; None where it does not follow, and has to be fetched. What was read is skipped."""
        new = tuple(entries)
        if new and new[0].seq <= self.cursor:
            new = tuple(entry for entry in new if entry.seq > self.cursor)
        if not new or new[0].seq != self.cursor + 1:
            return None
        stretch = self._stretches.stretch(self.cursor, self.chain, new)
        self.cursor, self.chain = new[-1].seq, stretch.after
        return stretch


@dataclass(slots=True, eq=False)
class Draft:
    """A post of ours."""

    count: int
    kind: Kind
    body: bytes
    made_at: float
    message_id: bytes = field(default_factory=lambda: secrets.token_bytes(MESSAGE_ID_SIZE))
    acknowledged_seq: int = 0
    read_seq: int = 0


class Outgoing:
    """The posts of one device in one group, until they are both acknowledged and read."""

    def __init__(self) -> None:
        self.posted = 0  # all that were ever made
        self.acknowledged = 0
        self.last_acknowledged = 0  # the highest seq: no log may end before it
        self._unread: deque[Draft] = deque()  # in the order in which they must be in the log
        self._unacknowledged: dict[int, Draft] = {}  # by count, in order

    def add(self, kind: Kind, body: bytes, now: float) -> Draft:
        """The next one."""
        self.posted += 1
        draft = Draft(self.posted, kind, body, now)
        self._unread.append(draft)
        self._unacknowledged[draft.count] = draft
        return draft

    @property
    def waiting(self) -> int:
        """How many are not acknowledged, or not read."""
        return max(len(self._unread), len(self._unacknowledged))

    def following(self, count: int) -> Draft | None:
        """The first that is not acknowledged and has a higher count."""
        if not self._unacknowledged:
            return None
        first = next(iter(self._unacknowledged))
        for candidate in range(max(first, count + 1), self.posted + 1):
            if candidate in self._unacknowledged:
                return self._unacknowledged[candidate]
        return None

    def was_acknowledged(self, draft: Draft, seq: int) -> None:
        """The server said that it has this place: the same that was read, now or later."""
        if draft.read_seq not in (0, seq) or draft.acknowledged_seq not in (0, seq):
            first = draft.read_seq or draft.acknowledged_seq
            raise BrokenPromise(f"post {draft.count} was given the places {first} and {seq}")
        if not draft.acknowledged_seq:
            self.acknowledged += 1
            self.last_acknowledged = max(self.last_acknowledged, seq)
        draft.acknowledged_seq = seq
        self._unacknowledged.pop(draft.count, None)

    def was_read(self, entry: Entry) -> Draft:
        """The next of ours, and nothing else, stands there. Returns it."""
        if not self._unread:
            raise BrokenPromise(f"entry {entry.seq} is nothing that its device has still to read")
        draft = self._unread[0]
        if entry.message_id != draft.message_id:
            raise BrokenPromise(
                f"entry {entry.seq} is not post {draft.count} of its device, which is the next:"
                f" {self._what_is(entry)}"
            )
        if entry.body != draft.body or entry.kind is not draft.kind:
            raise BrokenPromise(f"entry {entry.seq} is not what its device has posted")
        if draft.acknowledged_seq not in (0, entry.seq):
            raise BrokenPromise(
                f"post {draft.count} was acknowledged at {draft.acknowledged_seq},"
                f" and stands at {entry.seq}"
            )
        self._unread.popleft()
        draft.read_seq = entry.seq
        return draft

    def _what_is(self, entry: Entry) -> str:
        later = (draft for draft in self._unread if draft.message_id == entry.message_id)
        skipped = next(later, None)
        if skipped is None:
            return "it was read before, or never posted"
        return f"it is post {skipped.count}; those in between are lost or behind it"
