"""What a device does on each new connection: its inbox, its logs, its key packages.

Everything that it does may be done again, since it may be cut at any moment.
"""

import asyncio
from collections.abc import Callable

from coterie.client.connection import Connection
from coterie.client.enrolment import Enrolled
from coterie.client.follower import Follower
from coterie.client.intent import Change
from coterie.client.key_packages import KeyPackages
from coterie.client.position import EXTENSION_TYPE as POSITION_EXTENSION
from coterie.client.position import decode as decode_position
from coterie.client.room_policy import ROOM_POLICY, check_joined, room_state_of
from coterie.client.rooms import Rooms
from coterie.client.seams import Clock, sleep
from coterie.client.store import Store
from coterie.errors import CoterieError, RemoteProtocolError, RuleViolation, Unavailable
from coterie.logs import get_logger, short
from coterie.mls import join
from coterie.mls.extension import find_extension
from coterie.wire.frames import (
    Closing,
    CountKeyPackages,
    EventBody,
    FetchInbox,
    Inbox,
    InboxGrew,
    InboxItem,
    KeyPackageCount,
    LogGrew,
    UploadKeyPackages,
)

log = get_logger()

RETRY_AFTER_S = 30.0  # a log whose server broke the protocol, a disk that was full
TIDY_AFTER_S = 5.0  # of quiet: then what was deleted is gone from the write-ahead log too
_INBOX, _GENERATION = "inbox", "generation"  # single values of the store


class Sync:
    """Runs while the link has a connection. ``notice`` is told what people should know."""

    def __init__(
        self,
        store: Store,
        account: Enrolled,
        rooms: Rooms,
        key_packages: KeyPackages,
        clock: Clock,
        notice: Callable[[str], object],
    ) -> None:
        self._store = store
        self._account = account
        self._rooms = rooms
        self._key_packages = key_packages
        self._clock = clock
        self._notice = notice
        self._task: asyncio.Task[None] | None = None
        self._followers: dict[bytes, Follower] = {}
        self._following: dict[bytes, asyncio.Task[None]] = {}
        self._inbox_grew = asyncio.Event()
        self.caught_up = asyncio.Event()  # all that the server had on connecting is read
        rooms.on_change = self._changed

    # --- the link's callbacks ------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """A new connection, logged in."""
        self.stop()
        self._task = asyncio.create_task(self._guarded(connection), name="coterie-sync")

    def event(self, body: EventBody) -> None:
        """What the server says unasked."""
        match body:
            case LogGrew(group_id):
                follower = self._followers.get(group_id)
                if follower is not None:
                    follower.pushed(body)
            case InboxGrew():
                self._inbox_grew.set()
            case Closing():
                pass  # the connection ends by itself, and the link makes the next

    def stop(self) -> None:
        """The connection has ended; all that matters is in the store."""
        self.caught_up.clear()
        for task in self._tasks():
            task.cancel()
        self._task = None
        self._followers.clear()
        self._following.clear()

    async def close(self) -> None:
        """Ends, and waits until nothing runs any more."""
        tasks = self._tasks()
        self.stop()
        if tasks:
            await asyncio.wait(tasks)

    def follow(self, group_id: bytes, connection: Connection) -> Follower:
        """Follows a log from now on; in place of another follower, where a group was left and joined again."""
        earlier = self._following.get(group_id)
        if earlier is not None and earlier is not asyncio.current_task():
            earlier.cancel()
        follower = self._followers[group_id] = Follower(
            self._rooms, group_id, connection, self._clock
        )
        self._following[group_id] = asyncio.create_task(
            self._follow(follower, group_id, connection), name="coterie-follower"
        )
        return follower

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [*self._following.values(), *([self._task] if self._task else [])]

    def _changed(self, group_id: bytes) -> None:
        follower = self._followers.get(group_id)
        if follower is not None:
            follower.wake()

    # --- one connection ------------------------------------------------------------------------

    async def _guarded(self, connection: Connection) -> None:
        try:
            await self._run(connection)
        except Unavailable as error:
            log.debug("sync-ended", error=type(error).__name__)  # the link says why, and goes on
        except CoterieError as error:
            self._notice(str(error))
            await connection.close()  # the link tries again, later and later
        except Exception:  # a task ends here
            log.exception("sync-failed")
            await connection.close()

    async def _run(self, connection: Connection) -> None:
        if connection.hello.server_id != self._account.server_id:
            raise RemoteProtocolError(
                "the server has another id than on joining: its database was replaced"
            )
        await self._take_inbox(connection)
        followers = [self.follow(group_id, connection) for group_id in self._rooms]
        for follower in followers:
            await follower.caught_up.wait()
        self.caught_up.set()
        await self._top_up(connection)
        while True:
            await self._inbox_grew.wait()
            self._inbox_grew.clear()
            for group_id in await self._take_inbox(connection):
                self.follow(group_id, connection)
            await self._top_up(connection)

    async def _follow(self, follower: Follower, group_id: bytes, connection: Connection) -> None:
        try:
            await follower.run()
        except Unavailable as error:
            log.debug("follower-ended", group=short(group_id), error=type(error).__name__)
        except CoterieError as error:
            self._notice(f"#{self._rooms.name(self._rooms.room_id(group_id))}: {error}")
            follower.caught_up.set()
            await sleep(self._clock, RETRY_AFTER_S)
            if self._followers.get(group_id) is follower and connection.is_open:
                self.follow(group_id, connection)
        except Exception:  # a task ends here
            log.exception("follower-failed", group=short(group_id))
            follower.caught_up.set()

    # --- inbox ---------------------------------------------------------------------------------

    async def _take_inbox(self, connection: Connection) -> list[bytes]:
        """Reads it to its end; groups that were joined. The server deletes what the next request says was taken."""
        joined: list[bytes] = []
        while True:
            after = int.from_bytes(self._store.get(_INBOX) or b"", "big")
            inbox = await connection.call(FetchInbox(after), Inbox)
            if not inbox.items:
                return joined
            for item in inbox.items:
                if item.number <= after:
                    raise RemoteProtocolError(f"inbox item {item.number} after {after}")
                after = item.number
                if self._take_welcome(item):
                    joined.append(item.group)

    def _take_welcome(self, item: InboxItem) -> bool:
        """One item, in one transaction. One that is not for us or breaks a rule is passed over, and told."""
        number = item.number.to_bytes(8, "big")
        try:
            bundle, is_last_resort = self._key_packages.bundle_for(item.welcome)
            joined = join(item.welcome, bundle, self._account.device_key, policy=ROOM_POLICY)
            group = joined.group
            check_joined(group)
            begins = find_extension(joined.group_info_extensions, POSITION_EXTENSION)
            if begins is None:
                raise RuleViolation("welcome-position", "it does not say where the newcomer begins")
            position = decode_position(begins)
            self._check_new(item.group, group.group_id, group.epoch, room_state_of(group).room_id)
        except RemoteProtocolError as error:
            log.info(
                "welcome-refused", group=short(item.group), size=len(item.welcome), rule=str(error)
            )
            self._notice(f"an invitation to a room does not open: {error}")
            with self._store.transaction():
                self._store.put(_INBOX, number)
            return False

        def used() -> None:
            self._store.put(_INBOX, number)
            if not is_last_resort:
                self._key_packages.used(bundle)

        self._rooms.join(group, position, used)
        if (
            is_last_resort
        ):  # others may have been added by the same one: its keys are renewed at once
            self._rooms.enqueue(group.group_id, Change())
        log.info("joined", group=short(group.group_id), epoch=group.epoch)
        return True

    def _check_new(self, said: bytes, group_id: bytes, epoch: int, room_id: bytes) -> None:
        """ "A Welcome is refused for a group that the device was in, unless its epoch is higher …; and for a room it
        knows, unless a successor followed in that room's log names the group." (PROTOCOL.md section 2)
        """
        if said != group_id:
            raise RuleViolation("welcome-group", "the server names another group")
        if group_id in self._rooms:
            if epoch <= self._rooms.log(group_id).group.epoch:
                raise RuleViolation("welcome-epoch", "the device was in that epoch already")
        elif any(self._rooms.room_id(other) == room_id for other in self._rooms):
            raise RuleViolation("welcome-room", "a second group for a room that is known")

    # --- key packages --------------------------------------------------------------------------

    async def _top_up(self, connection: Connection) -> None:
        generation = connection.hello.generation
        is_new = self._store.get(_GENERATION) != generation
        count = await connection.call(CountKeyPackages(), KeyPackageCount)
        upload = self._key_packages.top_up(count, self._clock.now(), replace=is_new)
        if upload is not None:
            await upload_in_parts(connection, upload)
        if is_new:
            with self._store.transaction():
                self._store.put(_GENERATION, generation)


async def upload_in_parts(connection: Connection, upload: UploadKeyPackages) -> None:
    """Few at a time, so that no frame is large; ``replace`` goes with the first."""
    parts = [upload.one_time[at : at + 20] for at in range(0, len(upload.one_time), 20)] or [()]
    for number, part in enumerate(parts):
        is_first = number == 0
        request = UploadKeyPackages(
            part, upload.last_resort if is_first else None, upload.replace and is_first
        )
        await connection.call(request, KeyPackageCount)
