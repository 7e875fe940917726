"""A profile that is open: its store, its rooms, and the link that keeps them in step with the server."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from coterie.client import account as accounts
from coterie.client.connection import Connection
from coterie.client.database import Database
from coterie.client.key_packages import KeyPackages
from coterie.client.link import Link
from coterie.client.people import People
from coterie.client.profile import Profile
from coterie.client.rooms import Rooms
from coterie.client.seams import Seams, timeout
from coterie.client.store import APPLICATION_ID, SCHEMA, Store
from coterie.client.sync import Sync
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
from coterie.wire.frames import RequestBody

if TYPE_CHECKING:
    from collections.abc import Callable

    from coterie.client.enrolment import Enrolled

log = get_logger()
R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")

TIDY_AFTER_S = 5.0  # then what was deleted is gone from the write-ahead log too
ATTEMPTS = 3  # to connect, before who waits is told; the first two follow each other closely


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
    """Open until ``close``. Raises StorageError where the profile has no account."""

    def __init__(
        self, store: Store, folder: Path, key_custody: str, seams: Seams, suite: int = DEFAULT_SUITE
    ) -> None:
        found = accounts.load(store)
        if found is None or not found[1]:
            raise StorageError(
                f"the profile in {folder} has no account yet",
                hint="run `coterie join INVITE NAME` again: it goes on from where it was",
            )
        self.store, self.folder, self.key_custody, self.suite = store, folder, key_custody, suite
        self.account: Enrolled = found[0]
        self._seams = seams
        self.now = seams.clock.now
        self.people = People(store, self.account)
        self.rooms = Rooms(store, self.account, self.people, seams.clock.now, suite)
        self.on_notice: Callable[[str], object] = lambda text: None
        self.sync = Sync(
            store,
            self.account,
            self.rooms,
            KeyPackages(store, self.account, suite),
            seams.clock,
            self._tell,
        )
        self.link = Link(
            self.account.address,
            self.account.fingerprint,
            self.account.identity,
            seams,
            on_connected=self._connected,
            on_event=self.sync.event,
            on_disconnected=self._disconnected,
        )
        self._failures = 0  # to connect, in a row
        self._problem: CoterieError | None = None
        self._moved = asyncio.Event()  # the link's state has changed
        self._tidying = seams.clock.call_later(TIDY_AFTER_S, self._tidy)

    async def __aenter__(self) -> Self:
        self.link.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._tidying.cancel()
        await self.sync.close()
        await self.link.close()
        self._seams.threads.close()

    # --- waiting -------------------------------------------------------------------------------

    async def call(self, body: RequestBody, expected: type[R]) -> R:
        """One request, as soon as there is a connection. Raises Unavailable where a few attempts bring none."""
        connected = asyncio.ensure_future(self.link.connected())
        connection = await self.wait_for(connected, None)
        return await connection.call(body, expected)

    async def wait_for(self, future: "asyncio.Future[T]", timeout_s: float | None) -> T:
        """The future's result. Raises what it raises; Unavailable, ServerNotTrusted or NotAuthenticated where the
        server cannot be reached meanwhile.
        """
        hopeless = asyncio.ensure_future(self._hopeless())
        try:
            async with timeout(self._seams.clock, timeout_s):
                either: list[asyncio.Future[Any]] = [future, hopeless]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise Unavailable(f"the server took longer than {timeout_s:.0f} s") from None
        finally:
            hopeless.cancel()
        if future.done():
            return future.result()
        future.cancel()
        raise await hopeless

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

    async def _hopeless(self) -> CoterieError:
        """Returns why the server cannot be reached, once that is plain."""
        while True:
            self._moved.clear()
            problem = self._problem
            if isinstance(problem, ServerNotTrusted | NotAuthenticated):
                return type(problem)(str(problem), hint=problem.hint)
            if problem is not None and self._failures >= ATTEMPTS:
                return Unavailable(str(problem), hint=problem.hint)
            await self._moved.wait()

    # --- the link ------------------------------------------------------------------------------

    def _tell(self, text: str) -> None:
        self.on_notice(text)

    def _connected(self, connection: Connection) -> None:
        was_away = self._failures > 0
        self._failures, self._problem = 0, None
        self.sync.connected(connection)
        self._moved.set()
        if was_away:
            self.on_notice("connected again")

    def _disconnected(self, error: CoterieError) -> None:
        self.sync.stop()
        self._failures += 1
        self._problem = error
        self._moved.set()
        is_new = self._failures == 1 or isinstance(error, ServerNotTrusted | NotAuthenticated)
        if is_new and not isinstance(error, RemoteProtocolError):
            self.on_notice(str(error))
        elif isinstance(error, RemoteProtocolError):
            self.on_notice(f"the connection was dropped: {error}")

    # --- idle ----------------------------------------------------------------------------------

    def _tidy(self) -> None:
        try:
            self.store.tidy()
        except StorageError as error:
            log.warning("not-tidied", error=str(error))
        self._tidying = self._seams.clock.call_later(TIDY_AFTER_S, self._tidy)
