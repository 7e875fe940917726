"""A profile that is open: its store, its rooms, and the link that keeps them in step with the server."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from coterie.client import account as accounts
from coterie.client.connection import Connection
from coterie.client.database import Database
from coterie.client.key_packages import KeyPackages
from coterie.client.link import Link
from coterie.client.people import People
from coterie.client.profile import NoAccount, Profile
from coterie.client.rooms import Rooms
from coterie.client.seams import Seams, timeout
from coterie.client.store import APPLICATION_ID, SCHEMA, Store
from coterie.client.sync import Sync
from coterie.client.whispering import Whispering
from coterie.errors import (
    CoterieError,
    NotAuthenticated,
    RemoteProtocolError,
    ServerNotTrusted,
    StorageError,
    Unavailable,
)
from coterie.logs import get_logger
from coterie.mls import DEFAULT_SUITE
from coterie.wire.frames import RequestBody, Whisper

if TYPE_CHECKING:
    from collections.abc import Callable

    from coterie.client.device import Enrolled

log = get_logger()
R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")

TIDY_AFTER_S = 5.0  # then what was deleted is gone from the write-ahead log too
ATTEMPTS = 3  # to connect, before who waits is told; the first two follow each other closely
DRAIN_S = 3.0  # at the end, for what is under way already: a command that only reads takes it along


def open_store(profile: Profile) -> Store:
    """The encrypted store of a profile. Raises StorageError."""
    return Store(
        Database.open(
            profile.database_path,
            profile.database_key,
            application_id=APPLICATION_ID,
            migrations=SCHEMA,
        )
    )


class Running:
    """Open until ``close``. Raises NoAccount where the profile has none."""

    def __init__(
        self, store: Store, folder: Path, key_custody: str, seams: Seams, suite: int = DEFAULT_SUITE
    ) -> None:
        found = accounts.load(store)
        if found is None or not found[1]:
            raise NoAccount(folder)
        self.store, self.folder, self.key_custody, self.suite = store, folder, key_custody, suite
        self.account: Enrolled = found[0]
        self._seams = seams
        self.clock, self.now = seams.clock, seams.clock.now
        self.people = People(store, self.account)
        self.rooms = Rooms(store, self.account, self.people, seams.clock.now, suite)
        self.rooms.on_step = self._stepped
        self.on_notice: Callable[[str], object] = lambda text: None
        self.on_connection: Callable[[], object] = lambda: None  # it began, ended or caught up
        self.sync = Sync(
            store,
            self.account,
            self.rooms,
            KeyPackages(store, self.account, suite),
            seams.clock,
            notice=self._tell,
            on_failed=self._sync_failed,
            on_caught_up=self._caught_up,
        )
        self.whispering = Whispering(self.rooms, self.account.name, seams.clock, self._whisper)
        self.sync.on_whisper = self.whispering.heard
        self.link = Link(
            self.account.address,
            self.account.fingerprint,
            self.account.identity,
            seams,
            on_connected=self._connected,
            on_event=self.sync.event,
            on_disconnected=self._disconnected,
        )
        self._failures = 0  # in a row, to connect and to catch up
        self._problem: CoterieError | None = None  # while there is no connection
        self._sync_problem: CoterieError | None = None  # that ended the present one
        self._told = ""  # the last problem that people were told of
        self._waiters: set[asyncio.Future[CoterieError]] = set()
        self._drained: asyncio.Future[None] | None = None
        self._tidying = seams.clock.call_later(TIDY_AFTER_S, self._tidy)

    async def __aenter__(self) -> Self:
        self.link.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        try:
            if kind is None:
                await self._drain()
        finally:
            self.whispering.close()
            self._tidying.cancel()
            await self.sync.close()
            await self.link.close()
            self._seams.threads.close()

    # --- waiting -------------------------------------------------------------------------------

    def hurry(self) -> None:
        """Somebody is there, and wants something: a server that is back is found within a second."""
        if self.link.connection is None:
            self.link.hurry()

    async def call(self, body: RequestBody, expected: type[R]) -> R:
        """One request, as soon as there is a connection. Raises Unavailable where a few attempts bring none."""
        connected = asyncio.ensure_future(self.link.connected())
        try:
            connection = await self.wait_for(connected, None)
        finally:
            connected.cancel()
        return await connection.call(body, expected)

    async def wait_for(self, future: "asyncio.Future[T]", timeout_s: float | None) -> T:
        """The future's result. Raises what it raises; Unavailable, ServerNotTrusted or NotAuthenticated where the
        server cannot be reached meanwhile. The future is the caller's to cancel.
        """
        hopeless: asyncio.Future[CoterieError] = asyncio.get_running_loop().create_future()
        self._waiters.add(hopeless)
        self._tell_waiters()
        self.hurry()
        try:
            async with timeout(self._seams.clock, timeout_s):
                either: list[asyncio.Future[Any]] = [future, hopeless]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise Unavailable(f"the server took longer than {timeout_s:.0f} s") from None
        finally:
            self._waiters.discard(hopeless)
        if future.done():
            return future.result()
        raise hopeless.result()

    async def catch_up(self, timeout_s: float) -> str:
        """Waits until all that the server has is read; else a sentence that says why not."""
        caught_up = asyncio.ensure_future(self.sync.caught_up.wait())
        try:
            await self.wait_for(caught_up, timeout_s)
        except CoterieError as error:
            return str(error)
        finally:
            caught_up.cancel()
        return ""

    def _tell_waiters(self) -> None:
        """Who waits learns why the server cannot be reached, once that is plain. Each gets an error of its own."""
        problem = self._problem
        if problem is None:
            return
        for waiter in self._waiters:
            if waiter.done():
                continue
            if isinstance(problem, ServerNotTrusted | NotAuthenticated):
                waiter.set_result(type(problem)(str(problem), hint=problem.hint))
            elif self._failures >= ATTEMPTS:
                waiter.set_result(Unavailable(str(problem), hint=problem.hint))

    async def _drain(self) -> None:
        """Waits a moment until what was posted is read, and who was asked has the question."""
        if self.link.connection is None or not self._is_busy:
            return
        self._drained = asyncio.get_running_loop().create_future()
        with suppress(CoterieError):  # it is kept
            await self.wait_for(self._drained, DRAIN_S)

    @property
    def _is_busy(self) -> bool:
        return self.rooms.has_posts or self.sync.is_asking

    def _stepped(self) -> None:
        self.whispering.stepped()
        if self._drained is not None and not self._drained.done() and not self._is_busy:
            self._drained.set_result(None)

    # --- the link ------------------------------------------------------------------------------

    @property
    def refusal(self) -> CoterieError | None:
        """Why there will be no connection until a person does something; mostly None."""
        is_final = isinstance(self._problem, ServerNotTrusted | NotAuthenticated)
        return self._problem if is_final else None

    def _connected(self, connection: Connection) -> None:
        self._problem = self._sync_problem = None
        self.sync.connected(connection)
        self.on_connection()

    def _sync_failed(self, error: CoterieError) -> None:
        self._sync_problem = error

    def _caught_up(self) -> None:
        if self._failures > 0:
            self.on_notice("connected again")
        self._failures, self._told = 0, ""
        self.whispering.connected()
        self.on_connection()

    def _whisper(self, body: Whisper) -> None:
        if self.link.connection is not None:
            self.link.connection.whisper(body)

    def _disconnected(self, error: CoterieError) -> None:
        self.sync.stop()
        self.whispering.disconnected()
        self._failures += 1
        self._problem = problem = self._sync_problem or error
        self._tell_waiters()
        if isinstance(problem, RemoteProtocolError):
            self._tell(f"the connection was dropped: {problem}")
        elif self._failures == 1 or isinstance(problem, ServerNotTrusted | NotAuthenticated):
            self._tell(str(problem))
        self.on_connection()

    def _tell(self, text: str) -> None:
        """A problem, once; again when it was over in between."""
        if text != self._told:
            self._told = text
            self.on_notice(text)

    # --- idle ----------------------------------------------------------------------------------

    def _tidy(self) -> None:
        try:
            self.store.tidy()
        except StorageError as error:
            log.warning("not-tidied", error=str(error))
        self._tidying = self._seams.clock.call_later(TIDY_AFTER_S, self._tidy)
