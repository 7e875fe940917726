"""A profile for a screen: what it shows first is here at once, the rest of the client is loaded behind it.

Groups and the connection take as long to import as the whole of a full screen. None of them is needed to show what is
in the database, so the first requests are answered from it, and all others wait a moment.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, overload

from coterie.client import api
from coterie.client.closing import closing_quietly
from coterie.client.database import Database
from coterie.client.glance import Glances
from coterie.client.profile import Passphrase, Profile, ProfileInUse
from coterie.client.store_said import SaidStore
from coterie.client.store_schema import APPLICATION_ID, SCHEMA
from coterie.client.timeline import messages
from coterie.errors import StorageError, Unavailable

if TYPE_CHECKING:
    from coterie.client.seams import Seams

DRAWING_S = 0.15  # of the first picture: loading meanwhile would take every other moment from it
KEEP_AFTER_S = 60.0  # who is killed leaves the glance of so long ago, which may not count; each costs milliseconds


@asynccontextmanager
async def open_early(
    folder: Path, make_seams: "Callable[[], Seams]", *, passphrase: Passphrase | None = None
) -> AsyncIterator[api.Backend]:
    """As ``backend.open_backend``, but at once. What goes wrong with the rest, the requests that need it raise."""
    try:
        profile = Profile.open(folder, passphrase)
    except ProfileInUse:
        from coterie.client.backend import open_backend  # noqa: PLC0415

        async with open_backend(folder, passphrase=passphrase, seams=make_seams()) as backend:
            yield backend
        return
    with profile, closing_quietly(_open_database(profile)) as database:
        early = Early(profile, database, make_seams)
        running = asyncio.create_task(early.run(), name="coterie-early")
        try:
            yield early
        except BaseException:
            running.cancel()
            await asyncio.wait({running})
            raise
        early.end()
        await running


def _open_database(profile: Profile) -> Database:
    return Database.open(
        profile.database_path,
        profile.database_key,
        application_id=APPLICATION_ID,
        migrations=SCHEMA,
    )


class Early:
    """``api.Backend``, while ``run`` runs."""

    def __init__(
        self, profile: Profile, database: Database, make_seams: "Callable[[], Seams]"
    ) -> None:
        self._profile, self._database, self._make_seams = profile, database, make_seams
        self._glances, self._said = Glances(database), SaidStore(database)
        self._seen = self._glances.load_glance()
        self._service: api.Backend | None = None
        self._problem: Exception | None = None  # why there is no service, and will be none
        self._is_wanted, self._is_ready, self._is_over = (asyncio.Event() for _ in range(3))
        self._has_changed = asyncio.Event()
        if self._seen is None:
            self._is_wanted.set()

    async def run(self) -> None:
        """Loads the rest once it is wanted and the first picture drawn, and holds it open until ``end``."""
        await self._is_wanted.wait()
        if self._seen is not None:
            await self._over_within(DRAWING_S)
        if self._is_over.is_set():
            self._problem = Unavailable("the profile was closed before it was loaded")
            self._is_ready.set()
            return
        async with AsyncExitStack() as opened:
            try:
                self._service = await self._open(opened)
            except Exception as error:  # every request raises it
                self._problem = error
            self._is_ready.set()
            if self._service is not None:
                await self._keep_glances(self._service)

    def end(self) -> None:
        """Nothing more is asked."""
        for event in (self._is_over, self._is_wanted, self._has_changed):
            event.set()

    async def call(self, request: api.Request) -> api.Result:
        """The one result of a request; of a stream, its end."""
        glimpse = self._glimpse(request) if self._service is None else None
        return glimpse or await (await self._ready()).call(request)

    @overload
    def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Read, None]: ...
    @overload
    def stream(self, request: api.Watch) -> AsyncGenerator[api.Update, None]: ...
    async def stream(self, request: api.StreamRequest) -> AsyncGenerator[api.Update, None]:
        """The results of such a request. ``Watch`` tells the rooms as they were, then all as it is."""
        if isinstance(request, api.Watch) and self._service is None and self._seen is not None:
            yield api.Connection("connecting", self._seen.connection)
            for room in self._seen.rooms:
                yield room
        service = await self._ready()
        async with aclosing(service.stream(request)) as results:
            async for result in results:
                if isinstance(result, api.Room):
                    self._has_changed.set()
                yield result

    # --- from the database alone ---------------------------------------------------------------

    def _glimpse(self, request: api.Request) -> api.Result | None:
        if self._seen is None:
            return None
        names = {room.room_id: room.name for room in self._seen.rooms}
        match request:
            case api.GetStatus(catch_up=False):
                return self._seen
            case api.ListRooms(catch_up=False):
                return api.Rooms(self._seen.rooms)
            case api.GetPage(room, thread=None) if room in names:
                return self._page(request, names[room])
            case api.GetDraft(room) if room in names:
                return api.Draft(self._said.draft(bytes.fromhex(room)))
            case _:
                return None

    def _page(self, request: api.GetPage, name: str) -> api.Page:
        found = self._said.page(
            bytes.fromhex(request.room),
            request.limit,
            before=request.before,
            after=request.after,
            around=request.around,
        )
        shown = messages(found.rows, self._said, lambda room_id: name)
        return api.Page(tuple(shown), found.has_older, found.has_newer)

    # --- the rest ------------------------------------------------------------------------------

    async def _open(self, opened: AsyncExitStack) -> api.Backend:
        await asyncio.to_thread(_load)
        from coterie.client.backend import serve_profile  # noqa: PLC0415
        from coterie.client.store import Store  # noqa: PLC0415

        store = Store(self._database)
        return await opened.enter_async_context(
            serve_profile(self._profile, store, self._make_seams())
        )

    async def _ready(self) -> api.Backend:
        self._is_wanted.set()
        await self._is_ready.wait()
        if self._service is None:
            assert self._problem is not None  # noqa: S101  # one of them is there
            raise self._problem.with_traceback(None)  # of this request alone
        return self._service

    async def _keep_glances(self, service: api.Backend) -> None:
        """Until the end, and then once more."""
        while not self._is_over.is_set():
            await self._has_changed.wait()
            await self._over_within(KEEP_AFTER_S)
            self._has_changed.clear()
            status = await service.call(api.GetStatus(catch_up=False))
            if isinstance(status, api.Status):
                self._keep(status)

    def _keep(self, status: api.Status) -> None:
        try:
            self._glances.save_glance(status)
        except StorageError as error:  # a full disk: people go on, and the next start takes longer
            from coterie.logs import get_logger  # noqa: PLC0415

            get_logger().warning("glance-not-kept", error=str(error))

    async def _over_within(self, delay_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_over.wait(), delay_s)


def _load() -> None:
    """In a thread, so that the screen gets its turns meanwhile."""
    import coterie.client.backend  # noqa: PLC0415, F401
