"""One group's log over one connection: read to its head, then posted to, for as long as the connection lives.

PROTOCOL.md section 2, "Posting" and "Reading". What is read or sealed is ``rooms``' to save.
"""

import asyncio
from collections import deque

from coterie.client.connection import Connection
from coterie.client.happening import Event
from coterie.client.intent import Change, Outgoing, Sealed
from coterie.client.log import GroupLog, Halt
from coterie.client.pace import commit_due_at
from coterie.client.rooms import Rooms
from coterie.client.seams import Clock
from coterie.errors import CoterieError, Refused, RemoteProtocolError, Unavailable
from coterie.logs import get_logger, short
from coterie.wire.frames import (
    Accepted,
    Ahead,
    Behind,
    ChangeList,
    Code,
    CreateGroup,
    Diverged,
    Done,
    Entries,
    Entry,
    Fetch,
    Kind,
    ListChange,
    LogGrew,
    OutOfOrder,
    Post,
    Stale,
    Subscribe,
    Subscribed,
    WelcomeFor,
)

log = get_logger()

POSTS_IN_FLIGHT = 32  # of one group; the server takes 64 of a connection
MAX_PUSHED = 1_000  # entries kept of what was pushed; what is more is fetched
ENTRIES_A_TURN = 20  # then others may have the loop: an entry takes about a millisecond
RETRY_AFTER_S = 1.0  # a post that was refused for a reason that should pass
FULL_RETRY_AFTER_S = 15.0
UNLISTED_RETRY_AFTER_S = 30.0
_KEPT = "it is kept, and goes out when the server takes it"


class Follower:
    """Made anew for each connection."""

    def __init__(self, rooms: Rooms, group_id: bytes, connection: Connection, clock: Clock) -> None:
        self._rooms = rooms
        self._group_id = group_id
        self._connection = connection
        self._clock = clock
        self._head = 0
        self._must_fetch = False
        self._pushed: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._posting: dict[tuple[bytes, int], asyncio.Task[None]] = {}
        self._not_before = 0.0  # monotonic: no post before it
        self._stale: list[int] = []  # ``after`` of posts that were refused so
        self._behind: list[tuple[bytes, int]] = []
        self._stands_since: tuple[int, float] | None = None  # epoch, and when
        self._was_told_unlisted = False
        self._failure: CoterieError | None = None  # of a post
        self.caught_up = asyncio.Event()  # read to the head that there was on connecting

    @property
    def _log(self) -> GroupLog:
        return self._rooms.log(self._group_id)

    def wake(self) -> None:
        """There is something to post."""
        self._wake.set()

    def pushed(self, grew: LogGrew) -> None:
        """Entries came unasked. They save a fetch; what is missing is fetched."""
        if len(self._pushed) + len(grew.entries) <= MAX_PUSHED:
            self._pushed += grew.entries
        self._head = max(self._head, grew.head)
        self._must_fetch |= grew.head == 0  # "something came"
        self._wake.set()

    async def run(self) -> None:
        """Until the device is no member any more, or its log and the server's part ways.

        Raises Unavailable when the connection ends, Refused and RemoteProtocolError where the server breaks the
        protocol, StorageError.
        """
        try:
            if not await self._subscribe():
                return
            while True:
                self._wake.clear()
                if self._failure is not None:
                    raise self._failure
                await self._read_to_head()
                self._judge_answers()
                self.caught_up.set()
                if self._log.halt is Halt.REMOVED:
                    await self._take_off_list()
                    return
                self._commit_if_due()
                self._start_posts()
                await self._wait()
        finally:
            self.caught_up.set()
            for task in self._posting.values():
                task.cancel()

    # --- reading -------------------------------------------------------------------------------

    async def _subscribe(self) -> bool:
        where = self._log
        request = Subscribe(self._group_id, where.cursor, where.chain)
        try:
            reply = await self._connection.request(request)
        except Refused as error:
            if error.code != Code.NOT_MEMBER or where.cursor or where.landed:
                raise
            await self._connection.call(CreateGroup(self._group_id), Done)  # ours, not yet made
            reply = await self._connection.request(request)
        match reply:
            case Subscribed(head, count):
                self._head = head
                if where.halt is Halt.JOINING:
                    self._rooms.posts_counted(self._group_id, count)
                elif count < where.landed:
                    self._lost(f"{where.landed - count} of this device's posts")
                    return False
                return True
            case Diverged(head):
                missing = where.cursor - head
                self._lost(
                    f"{missing} entries" if missing > 0 else "the log that this device has read"
                )
                return False
            case other:
                raise RemoteProtocolError(f"{type(other).__name__} in answer to Subscribe")

    def _lost(self, what: str) -> None:
        text = f"the server does not have {what} of this room: it lost data, or shows another log; nothing is sent here"
        self._rooms.halt(self._group_id, Halt.LOST, Event.LOST, text)

    async def _read_to_head(self) -> None:
        while True:
            pushed, self._pushed = self._pushed, deque()
            await self._take(pushed)
            cursor = self._log.cursor
            if cursor >= self._head and not self._must_fetch:
                return
            self._must_fetch = False
            reply = await self._connection.call(Fetch(self._group_id, cursor), Entries)
            self._head = max(self._head, reply.head) if reply.entries else reply.head
            if reply.entries and reply.entries[0].seq != cursor + 1:
                raise RemoteProtocolError(f"entry {reply.entries[0].seq} after {cursor}: a gap")
            if not reply.entries and reply.head > cursor:
                raise RemoteProtocolError(f"no entries after {cursor} of {reply.head}")
            await self._take(reply.entries)

    async def _take(self, entries: "deque[Entry] | tuple[Entry, ...]") -> None:
        """Those that follow; what was read already is passed over, what leaves a gap is fetched."""
        for number, entry in enumerate(entries, start=1):
            if entry.seq == self._log.cursor + 1:
                self._rooms.take(self._group_id, entry)
            if number % ENTRIES_A_TURN == 0:
                await asyncio.sleep(0)

    # --- posting -------------------------------------------------------------------------------

    def _start_posts(self) -> None:
        now = self._clock.monotonic()
        if now < self._not_before:
            return
        for count, out, sealed in self._rooms.seal(self._group_id)[:POSTS_IN_FLIGHT]:
            key = (out.message_id, sealed.after)
            if key not in self._posting:
                self._posting[key] = asyncio.create_task(self._post(count, out, sealed))

    async def _post(self, count: int, out: Outgoing, sealed: Sealed) -> None:
        try:
            await self._post_one(count, out, sealed)
        except Unavailable as error:
            if error.wait_s:
                self._pause(
                    error.wait_s
                )  # too fast; else the connection is ending, and all is kept
        except CoterieError as error:  # a task ends here: ``run`` raises it
            self._failure = error
        finally:
            self._posting.pop((out.message_id, sealed.after), None)
            self._wake.set()

    async def _post_one(self, count: int, out: Outgoing, sealed: Sealed) -> None:
        welcome = None
        if sealed.welcome is not None and sealed.list_change is not None:
            welcome = WelcomeFor(sealed.welcome, sealed.list_change.add)
        post = Post(
            self._group_id,
            Kind(sealed.kind),
            out.message_id,
            count,
            sealed.after,
            sealed.body,
            sealed.list_change,
            welcome,
        )
        began = self._clock.monotonic()
        try:
            reply = await self._connection.request(post)
        except Refused as error:
            self._refused(out, error)
            return
        duration = self._clock.monotonic() - began
        log.debug(
            "posted",
            group=short(self._group_id),
            kind=post.kind.name,
            size=len(sealed.body),
            answer=type(reply).__name__,
            duration_ms=round(duration * 1000, 1),
        )
        match reply:
            case Accepted(_, seq):
                self._head = max(self._head, seq)
            case Stale(head):
                self._head = max(self._head, head)
                self._stale.append(sealed.after)
            case Behind():
                self._must_fetch = True
                self._behind.append((out.message_id, sealed.after))
            case OutOfOrder(known):
                if known < self._log.landed:
                    self._lost(f"{self._log.landed - known} of this device's posts")
                self._pause(RETRY_AFTER_S)
            case Ahead(head):
                self._lost(f"{sealed.after - head} entries")
            case other:
                raise RemoteProtocolError(f"{type(other).__name__} in answer to Post")

    def _refused(self, out: Outgoing, error: Refused) -> None:
        match error.code:
            case Code.NOT_MEMBER:
                self._must_fetch = True  # it may be that we were removed
                self._pause(UNLISTED_RETRY_AFTER_S)
                if not self._was_told_unlisted:
                    self._was_told_unlisted = True
                    text = "the server does not take this device's posts here: an admin can put its list right"
                    self._rooms.tell(self._group_id, Event.UNLISTED, text)
                self._rooms.delayed(out.ticket, Unavailable(str(error), hint=_KEPT))
            case Code.FULL | Code.CLOSING:
                self._pause(FULL_RETRY_AFTER_S)
                self._rooms.delayed(out.ticket, Unavailable(str(error), hint=_KEPT))
            case _:
                self._rooms.drop(self._group_id, out.message_id, str(error))

    def _judge_answers(self) -> None:
        """What the server said of our posts, against the log that it then showed."""
        stale, self._stale = self._stale, []
        if any(self._log.base <= after for after in stale):
            text = "the server refused a message as written before a commit that it does not show"
            self._rooms.tell(self._group_id, Event.RULE_BROKEN, text)
            self._pause(RETRY_AFTER_S)
        behind, self._behind = self._behind, []
        waiting = {
            (out.message_id, out.sealed.after) for out in self._log.outbox if out.sealed is not None
        }
        if waiting.intersection(behind):
            text = "this profile is an older copy: its next post's number was used; nothing is sent here"
            self._rooms.halt(self._group_id, Halt.OLDER_COPY, Event.OLDER_COPY, text)

    def _pause(self, delay_s: float) -> None:
        self._not_before = max(self._not_before, self._clock.monotonic() + delay_s)

    # --- unasked -------------------------------------------------------------------------------

    def _commit_if_due(self) -> None:
        due = self._due_in()
        if due is not None and due <= 0:
            self._rooms.enqueue(self._group_id, Change())

    def _due_in(self) -> float | None:
        """Seconds until this device should commit by itself."""
        where, now = self._log, self._clock.now()
        if not where.group.standing:
            self._stands_since = None
        elif self._stands_since is None or self._stands_since[0] != where.group.epoch:
            self._stands_since = (where.group.epoch, now)
        due = commit_due_at(where, self._stands_since[1] if self._stands_since else None)
        return None if due is None else due - now

    async def _take_off_list(self) -> None:
        """ "Who leaves … takes himself off after seeing the commit." An admin's commit has done it already."""
        change = ListChange(remove=(self._log.device,))
        try:
            await self._connection.call(ChangeList(self._group_id, change), Done)
        except Refused as error:
            log.debug("off-the-list", group=short(self._group_id), code=error.code)

    async def _wait(self) -> None:
        """Until there is something to do."""
        delays = (
            [] if self._not_before <= (now := self._clock.monotonic()) else [self._not_before - now]
        )
        due = self._due_in()
        if due is not None:
            delays.append(max(due, 0.0))
        timer = self._clock.call_later(min(delays), self._wake.set) if delays else None
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
