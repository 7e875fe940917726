"""What a device does on each new connection: its logs, its inbox, its key packages.

Everything that it does may be done again, since it may be cut at any moment.
"""

import asyncio
from collections.abc import Callable, Coroutine

from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.follower import Follower
from coterie.client.inbox import Inbox
from coterie.client.key_packages import KeyPackages, upload
from coterie.client.log import Halt
from coterie.client.patience import Patience
from coterie.client.rejoiner import Rejoiner
from coterie.client.rooms import Rooms
from coterie.client.seams import Clock
from coterie.client.store import Store
from coterie.client.succession import Succession
from coterie.errors import CoterieError, LocalProtocolError, Refused, RemoteProtocolError
from coterie.logs import get_logger, short
from coterie.wire.frames import (
    ChangeList,
    Closing,
    CountKeyPackages,
    EventBody,
    FetchGroups,
    Groups,
    InboxGrew,
    KeyPackageCount,
    ListChange,
    LogGrew,
    Whispered,
)

log = get_logger()

# Between two lots of key packages: a server that says that there are none any more must not have us make them without
# end, since the private half of each is kept.
SUPPLY_AGAIN_S = 60.0
MOST_SUPPLY_AGAIN_S = 6 * 3600.0
LOOK_EVERY_S = 6 * 3600.0  # whether key packages are due, on a connection that lives for weeks
MAX_UNKNOWN = 100  # groups without a state that are asked at once: a server can list us in as many as it likes
GENERATION = "generation"  # of the server whose key packages are ours, in the store


class Sync:
    """Runs while the link has a connection.

    ``notice`` is told what people should know, ``on_failed`` why it could not go on, ``on_caught_up`` that all is read
    that the server had.
    """

    def __init__(
        self,
        store: Store,
        account: Enrolled,
        rooms: Rooms,
        key_packages: KeyPackages,
        clock: Clock,
        *,
        notice: Callable[[str], object] = lambda text: None,
        on_failed: Callable[[CoterieError], object] = lambda error: None,
        on_caught_up: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._account = account
        self._rooms = rooms
        self._key_packages = key_packages
        self._clock = clock
        self._notice = notice
        self._on_failed = on_failed
        self._on_caught_up = on_caught_up
        self.on_whisper: Callable[[Whispered], object] = lambda whisper: None
        self.succession = Succession(store, account, rooms, key_packages, clock.now)
        self._inbox = Inbox(store, account, rooms, key_packages, self.succession, notice, clock.now)
        self._connection: Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._followers: dict[bytes, tuple[Follower, asyncio.Task[None]]] = {}
        self._rejoiners: dict[bytes, Rejoiner] = {}
        self._inbox_is_free = asyncio.Lock()
        self._leaving: set[bytes] = set()  # groups whose logs are read to their heads before
        self._off_list: set[bytes] = set()  # groups whose list is known to be without this device
        self._look = asyncio.Event()  # what is to be done: inbox, lists, key packages
        self._supply_patience = Patience(SUPPLY_AGAIN_S, MOST_SUPPLY_AGAIN_S)
        self._supply_not_before = 0.0  # monotonic
        self.caught_up = asyncio.Event()  # all that the server had on connecting is read
        rooms.on_change = self._changed
        rooms.on_outside = self._rejoin
        rooms.on_succession = self._look.set

    # --- the link's callbacks ------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """A new connection, logged in."""
        self.stop()
        self._connection = connection
        _ = self._start(self._guarded(connection), "coterie-sync")

    def event(self, body: EventBody) -> None:
        """What the server says unasked."""
        match body:
            case LogGrew(group_id):
                if group_id in self._followers:
                    self._followers[group_id][0].pushed(body)
                if group_id in self._rejoiners:
                    self._rejoiners[group_id].pushed(body)
            case InboxGrew():
                self._look.set()
            case Whispered():
                self.on_whisper(body)
            case Closing():
                pass  # the connection ends by itself, and the link makes the next

    def stop(self) -> None:
        """The connection has ended; all that matters is in the store."""
        self._connection = None
        self.caught_up.clear()
        self._followers.clear()
        self._rejoiners.clear()
        self._leaving.clear()
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Ends, and waits until nothing runs any more."""
        self.stop()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def follow(self, group_id: bytes) -> None:
        """Follows a log from now on, where there is a connection; in place of another follower of that group."""
        if self._connection is None:
            return
        earlier = self._followers.get(group_id)
        if earlier is not None:
            earlier[1].cancel()
        is_restored = self._connection.hello.generation != self._store.get(GENERATION)
        follower = Follower(
            self._rooms,
            group_id,
            self._connection,
            self._clock,
            notice=self._notice,
            is_restored=is_restored,
        )
        task = self._start(follower.run(), "coterie-follower")
        task.add_done_callback(lambda _: self._look.set())  # we may be no member any more
        self._followers[group_id] = (follower, task)
        self._off_list.discard(group_id)
        if group_id in self._rejoiners:
            self._rejoiners[group_id].wake()  # we may be in

    def go_on(self) -> None:
        """Rooms that can go on in another group do, here and without the server."""
        for group_id in self.succession.superseded():
            self.unfollow(group_id)
            self.succession.abandon(group_id)
        self.succession.announce()
        for group_id in self.succession.ready():
            self.unfollow(group_id)
        for group_id in self.succession.due():
            if self._is_read(group_id):
                self.unfollow(group_id)
                self.follow(self.succession.go_on(group_id) or group_id)
            else:
                self._read_before(group_id)

    def look_again(self, group_id: bytes) -> None:
        """Asks for what there is in a log before its room leaves it."""
        if group_id in self._followers:
            self._followers[group_id][0].read_again()

    def _is_read(self, group_id: bytes) -> bool:
        """Whether a room may leave its log: what is not read by then never can be."""
        if self._rooms.log(group_id).halt not in (Halt.OPEN, Halt.FORKED):
            return True
        follower = self._followers.get(group_id)
        return follower is not None and follower[0].is_at_head

    def _read_before(self, group_id: bytes) -> None:
        """Has a log read to its head, where there is a connection; then its room goes on."""
        follower = self._followers.get(group_id)
        if follower is None or follower[1].done() or group_id in self._leaving:
            return
        self._leaving.add(group_id)
        task = self._start(self._read_and_look(group_id), "coterie-leaving")
        task.add_done_callback(lambda _: self._leaving.discard(group_id))

    async def _read_and_look(self, group_id: bytes) -> None:
        await self.read_on(group_id)
        self._leaving.discard(group_id)
        self._look.set()

    @property
    def is_asking(self) -> bool:
        """Whether a group is being asked to let this device in, and the server has yet to answer."""
        return any(rejoiner.is_asking for rejoiner in self._rejoiners.values())

    def unfollow(self, group_id: bytes) -> None:
        """Nothing of its log is looked at from now on: it may be gone when the follower ends."""
        follower = self._followers.pop(group_id, None)
        if follower is not None:
            follower[1].cancel()

    def _rejoin(self, group_id: bytes) -> None:
        """Asks a group to let this device in anew, where there is a connection, and it is not asked already."""
        if self._connection is None or group_id in self._rejoiners:
            return
        if not self._rooms.is_outside(group_id):
            return
        if group_id not in self._rooms:
            unknown = sum(asked not in self._rooms for asked in self._rejoiners)
            if unknown >= MAX_UNKNOWN:
                return
        rejoiner = Rejoiner(
            self._store,
            self._account,
            self._rooms,
            self._key_packages,
            group_id,
            self._connection,
            self._clock,
            self._look_now,
        )
        self._rejoiners[group_id] = rejoiner
        task = self._start(rejoiner.run(), "coterie-rejoiner")
        task.add_done_callback(lambda _: self._ended(group_id, rejoiner))

    def _ended(self, group_id: bytes, rejoiner: Rejoiner) -> None:
        if self._rejoiners.get(group_id) is rejoiner:
            del self._rejoiners[group_id]
            is_on = self._connection is not None and self._connection.is_open
            if is_on and self._rooms.is_outside(
                group_id
            ):  # again: where the room goes on it does not go
                self._rejoin(group_id)

    def _start(self, work: Coroutine[None, None, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _changed(self, group_id: bytes) -> None:
        if group_id in self._followers:
            self._followers[group_id][0].wake()
        if group_id in self._rejoiners:
            self._rejoiners[group_id].wake()

    # --- one connection ------------------------------------------------------------------------

    async def _guarded(self, connection: Connection) -> None:
        try:
            await self._run(connection)
        except CoterieError as error:
            log.debug("sync-failed", error=type(error).__name__)
            failure = error
        except Exception as bug:  # a task ends here
            log.exception("sync-failed")
            failure = LocalProtocolError(f"a bug in this program: {type(bug).__name__}")
        if connection.is_open:
            self._on_failed(failure)
            await connection.close()  # the link tries again, later and later

    async def _run(self, connection: Connection) -> None:
        if connection.hello.server_id != self._account.server_id:
            raise RemoteProtocolError(
                "the server has another id than on joining: its database was replaced"
            )
        if connection.hello.generation != self._store.get(GENERATION):
            self._inbox.begin_again()
        ready = self.succession.ready()
        for group_id in self._rooms:
            if group_id not in ready:
                self.follow(group_id)
        # Before the inbox is looked into: the Welcome of what is new on the list lies there.
        listed = await connection.call(FetchGroups(), Groups)
        await self._look_into_inbox(connection)
        for follower, _ in tuple(self._followers.values()):
            await follower.caught_up.wait()
        self.caught_up.set()
        self._on_caught_up()
        for line in listed.groups:
            if line.removed_at is None:
                self._rejoin(line.group)
        while True:
            self.go_on()
            await self._leave_lists(connection)
            await self._supply(connection)
            await self._wait_to_look()
            await self._look_into_inbox(connection)

    async def _look_into_inbox(self, connection: Connection) -> None:
        self._look.clear()
        async with self._inbox_is_free:  # each item is taken once
            await self._inbox.take(
                connection,
                read_on=self.read_on,
                left=self.unfollow,
                joined=self.follow,
                outside=self._rejoin,
            )

    async def _look_now(self) -> None:
        if self._connection is not None:
            await self._look_into_inbox(self._connection)

    async def read_on(self, group_id: bytes) -> None:
        """Returns when a log is read to its head, or cannot be."""
        if group_id not in self._followers:
            return
        follower, task = self._followers[group_id]
        if not task.done():
            follower.read_again()
            await follower.caught_up.wait()

    async def _leave_lists(self, connection: Connection) -> None:
        """ "Who leaves … takes himself off after seeing the commit." An admin's commit has done it already."""
        if not self._left():
            return
        await self._look_into_inbox(connection)  # who was added anew since stays on the list
        for group_id in self._left():
            change = ListChange(remove=(self._account.device,))
            here = self._rooms.log(group_id).cursor
            try:
                reply = await connection.request(ChangeList(group_id, here, change))
                log.debug("off-the-list", group=short(group_id), answer=type(reply).__name__)
            except Refused as error:
                log.debug("off-the-list", group=short(group_id), code=error.code)
            self._off_list.add(group_id)

    def _left(self) -> list[bytes]:
        return [
            group_id
            for group_id in self._rooms
            if self._rooms.log(group_id).halt is Halt.REMOVED
            and group_id not in self._off_list
            and not self._rooms.is_outside(group_id)  # invited again, it stays on it
        ]

    async def _wait_to_look(self) -> None:
        wait_s = self._supply_not_before - self._clock.monotonic()
        timer = self._clock.call_later(wait_s if wait_s > 0 else LOOK_EVERY_S, self._look.set)
        try:
            await self._look.wait()
        finally:
            timer.cancel()

    async def _supply(self, connection: Connection) -> None:
        """As many key packages on the server as others may need until we look again."""
        if self._clock.monotonic() < self._supply_not_before:
            return
        generation = connection.hello.generation
        is_new = self._store.get(GENERATION) != generation
        count = await connection.call(CountKeyPackages(), KeyPackageCount)
        lot = self._key_packages.top_up(count, self._clock.now(), replace=is_new)
        if lot is not None:
            self._supply_not_before = self._clock.monotonic() + self._supply_patience.next_s()
            await upload(connection, lot)
        if is_new:
            self._store.put(GENERATION, generation)
