"""One group's log over one connection: read to its head, then posted to, for as long as the connection lives.

PROTOCOL.md section 2, "Reading". What is read is ``rooms``' to save; what is posted is ``poster``'s.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from coterie.client import narrate
from coterie.client.connection import Connection
from coterie.client.fetching import fetch
from coterie.client.happening import Event
from coterie.client.intent import Change
from coterie.client.log import GroupLog, Halt
from coterie.client.lost_log import LostLog
from coterie.client.pace import commit_due_at
from coterie.client.patience import Patience
from coterie.client.poster import KEPT, Poster
from coterie.client.rooms import Rooms
from coterie.client.seams import Clock, wait
from coterie.errors import (
    CoterieError,
    LocalProtocolError,
    Refused,
    RemoteProtocolError,
    Unavailable,
)
from coterie.logs import get_logger, short
from coterie.wire.frames import (
    Code,
    CreateGroup,
    Diverged,
    Done,
    Entry,
    LogGrew,
    Subscribe,
    Subscribed,
)

log = get_logger()

MAX_PUSHED = 1_000  # entries kept of what was pushed, and
MAX_PUSHED_BYTES = 2**20  # of their bodies; what is more is fetched
ENTRIES_A_TURN = 20  # then others may have the loop: an entry takes about a millisecond
RETRY_AFTER_S = (
    30.0  # what failed: the server broke the protocol, a disk was full; doubled each time
)
MOST_RETRY_S = 3600.0
COMMIT_AGAIN_S = (
    10.0  # after one of our own accord: the server's rate; doubled where it does not help
)
MOST_COMMIT_AGAIN_S = 3600.0


class Follower:
    """Made anew for each connection. ``notice`` is told, once each, what keeps it from going on."""

    def __init__(
        self,
        rooms: Rooms,
        group_id: bytes,
        connection: Connection,
        clock: Clock,
        notice: Callable[[str], object] = lambda text: None,
        *,
        is_restored: bool = False,  # the server has another generation than when we last knew it
    ) -> None:
        self._rooms = rooms
        self._group_id = group_id
        self._connection = connection
        self._clock = clock
        self._notice = notice
        self._is_restored = is_restored
        self._wake = asyncio.Event()
        self._lost = LostLog(rooms, group_id, connection, clock)
        self._poster = self._new_poster()
        self._head = 0  # up to which there is something to read, as far as we were told
        self._must_fetch = False  # "something came"
        self._asked = asyncio.Event()  # to read again
        self._pushed: deque[Entry] = deque()
        self._pushed_bytes = 0
        self._stands_since: tuple[int, float] | None = None  # epoch, and when
        self._commit_not_before = 0.0  # monotonic
        self._commit_patience = Patience(COMMIT_AGAIN_S, MOST_COMMIT_AGAIN_S)
        self._committed_in: int | None = None  # the epoch of our last commit of our own accord
        self.caught_up = asyncio.Event()  # read to the head that there was, or it cannot be
        self.is_at_head = False  # read to the head, and nothing was said to lie beyond

    @property
    def _log(self) -> GroupLog:
        return self._rooms.log(self._group_id)

    @property
    def _is_removed(self) -> bool:
        return self._log.halt is Halt.REMOVED

    def wake(self) -> None:
        """There is something to post."""
        self._wake.set()

    def read_again(self) -> None:
        """Asks for what there is; then ``caught_up`` is set."""
        self.caught_up.clear()
        self.is_at_head = False
        self._must_fetch = True
        self._asked.set()
        self._wake.set()

    def pushed(self, grew: LogGrew) -> None:
        """Entries came unasked. They save a fetch; what is missing is fetched."""
        size = sum(len(entry.body) for entry in grew.entries)
        if (
            len(self._pushed) + len(grew.entries) <= MAX_PUSHED
            and self._pushed_bytes + size <= MAX_PUSHED_BYTES
        ):
            self._pushed += grew.entries
            self._pushed_bytes += size
        self._head = max(self._head, grew.head)
        self._must_fetch |= grew.head == 0  # "something came"
        self.is_at_head = False
        self._wake.set()

    async def run(self) -> None:
        """Until the device is no member any more, its log and the server's part ways, or the connection ends.

        What fails otherwise is begun anew, later and later: the server breaks the protocol, the disk is full.
        """
        patience = Patience(RETRY_AFTER_S, MOST_RETRY_S)
        told = ""
        try:
            while True:
                failure = await self._failure_of_following()
                if failure is None or not self._connection.is_open:
                    return
                self.caught_up.set()
                self._rooms.failed(self._group_id, Unavailable(str(failure), hint=KEPT))
                if str(failure) != told:
                    told = str(failure)
                    name = self._rooms.name(self._rooms.room_id(self._group_id))
                    self._notice(f"#{name}: {told}")
                wait_s = failure.wait_s if isinstance(failure, Unavailable) else 0.0
                self._asked.clear()  # whoever waits for what is here now is not kept waiting
                await wait(self._clock, self._asked, max(wait_s, patience.next_s()))
        finally:
            self.caught_up.set()

    async def _failure_of_following(self) -> CoterieError | None:
        """None: there is nothing more to follow."""
        self._poster = self._new_poster()
        try:
            await self._follow()
        except CoterieError as error:
            log.debug("follower-failed", group=short(self._group_id), error=type(error).__name__)
            return error
        except Exception as bug:  # what follows ends here, and is begun anew
            log.exception("follower-failed", group=short(self._group_id))
            return LocalProtocolError(f"a bug in this program: {type(bug).__name__}")
        finally:
            await self._poster.stop()
        return None

    def _new_poster(self) -> Poster:
        return Poster(self._rooms, self._group_id, self._connection, self._clock, self._wake.set)

    async def _follow(self) -> None:
        while not self._is_removed:
            if await self._subscribe():
                await self._read_and_post()
            else:
                self.caught_up.set()
                await self._lost.go_on(self._wake)

    async def _read_and_post(self) -> None:
        """Until the device is no member any more, or the log was lost, and there is a reason to look again."""
        while True:
            self._wake.clear()
            await self._read_to_head()
            self._poster.judge()
            is_lost = self._log.halt is Halt.LOST
            if is_lost and self._asked.is_set():
                return
            self._asked.clear()
            self.caught_up.set()
            if self._is_removed or (is_lost and self._lost.is_due):
                return
            self._commit_if_due()
            self._poster.start()
            await self._wait()

    # --- reading -------------------------------------------------------------------------------

    async def _subscribe(self) -> bool:
        """False where the server's log is another one."""
        where = self._log
        self._asked.clear()
        request = Subscribe(self._group_id, where.cursor, where.chain)
        try:
            reply = await self._connection.request(request)
        except Refused as error:
            if error.code != Code.NOT_MEMBER:
                raise
            is_known = bool(where.cursor or where.landed)
            if where.halt is Halt.LOST or (is_known and self._is_restored):
                self._rooms.lost(self._group_id, "anything")
                await self._lost.make_again()
                return False
            if is_known:
                text = "the server does not count this device among the room's: an admin can put its list right"
                self._rooms.tell_once(self._group_id, Event.UNLISTED, text)
                raise
            await self._connection.call(CreateGroup(self._group_id), Done)  # ours, not yet made
            reply = await self._connection.request(request)
        match reply:
            case Subscribed(head) if head < where.cursor:
                self._rooms.lost(self._group_id, narrate.entries(where.cursor - head))
                return False
            case Subscribed(head, count):
                self._head = max(
                    self._head, head
                )  # more may have been told before this answer came
                if where.halt is Halt.JOINING:
                    self._rooms.posts_counted(self._group_id, count)
                elif count < where.landed:
                    self._rooms.lost(
                        self._group_id, f"{where.landed - count} of this device's posts"
                    )
                    return False
                self._rooms.found_again(self._group_id)
                return True
            case Diverged(head, successors):
                missing = where.cursor - head
                what = (
                    narrate.entries(missing) if missing > 0 else "the log that this device has read"
                )
                self._rooms.lost(self._group_id, what)
                self._lost.shown(head, successors)
                return False
            case other:
                raise RemoteProtocolError(f"{type(other).__name__} in answer to Subscribe")

    async def _read_to_head(self) -> None:
        """Returns when all is read that there was, by what the server last said.

        Nothing is read of a log that is lost: where it comes back, it goes on from here.
        """
        self.is_at_head = False
        while self._log.halt is not Halt.LOST:
            pushed, self._pushed, self._pushed_bytes = self._pushed, deque(), 0
            await self._take(pushed)
            cursor = self._log.cursor
            self._head = max(self._head, self._poster.head)
            if cursor >= self._head and not (self._must_fetch or self._poster.must_fetch):
                self.is_at_head = True
                return
            # What was said before is forgotten (it may be a lie), what comes while we wait for the answer is not.
            self._must_fetch = self._poster.must_fetch = False
            self._head = self._poster.head = 0
            reply = await fetch(self._connection, self._group_id, cursor)
            self._head = max(self._head, reply.head)
            await self._take(reply.entries)

    async def _take(self, entries: "deque[Entry] | Sequence[Entry]") -> None:
        """Those that follow; what was read already is passed over, what leaves a gap is fetched."""
        for number, entry in enumerate(entries, start=1):
            if entry.seq == self._log.cursor + 1:
                self._rooms.take(self._group_id, entry)
            if number % ENTRIES_A_TURN == 0:
                await asyncio.sleep(0)

    # --- unasked -------------------------------------------------------------------------------

    def _commit_if_due(self) -> None:
        due_in = self._due_in()
        if due_in is None or due_in > 0:
            return
        epoch = self._log.group.epoch
        if epoch != self._committed_in:
            self._commit_patience.reset()
        self._committed_in = epoch
        self._commit_not_before = self._clock.monotonic() + self._commit_patience.next_s()
        self._rooms.enqueue(self._group_id, Change())

    def _due_in(self) -> float | None:
        """Seconds until this device should commit by itself."""
        where, now = self._log, self._clock.now()
        if not where.group.standing:
            self._stands_since = None
        elif self._stands_since is None or self._stands_since[0] != where.group.epoch:
            self._stands_since = (where.group.epoch, now)
        due_at = commit_due_at(where, self._stands_since[1] if self._stands_since else None)
        if due_at is None:
            return None
        return max(due_at - now, self._commit_not_before - self._clock.monotonic())

    async def _wait(self) -> None:
        """Until there is something to do."""
        delays = [wait_s] if (wait_s := self._poster.wait_s) else []
        due_in = self._due_in()
        if due_in is not None:
            delays.append(max(due_in, 0.0))
        timer = self._clock.call_later(min(delays), self._wake.set) if delays else None
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
