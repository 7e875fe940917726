"""What a screen is told: all that changes, as it is when it is told. ``api.Watch``."""

from collections.abc import AsyncGenerator, Iterator

from coterie.client import api
from coterie.client.news import Lot, News
from coterie.client.overview import Overview
from coterie.client.pages import Pages
from coterie.client.running import Running

BATCH = 100  # rows read at once: the longest messages of a batch are some megabytes


class Watcher:
    """One screen. It is told nothing twice of what is small enough to remember: rooms and the connection."""

    def __init__(self, running: Running, overview: Overview, pages: Pages, news: News) -> None:
        self._running, self._overview, self._pages = running, overview, pages
        self._rooms = running.rooms
        self._news = news
        self._told: dict[bytes, api.Room] = {}
        self._connection: api.Connection | None = None

    async def updates(self) -> AsyncGenerator[api.Update, None]:
        """How all is now, and then what changes, without end."""
        lot = self._everything()
        while True:
            for update in self._now(lot):
                yield update
            lot = await self._news.wait()

    def _everything(self) -> Lot:
        room_ids = self._all()
        return Lot(
            rooms=room_ids,
            pending={room_id for room_id in room_ids if self._rooms.pending(room_id)},
            around={room_id for room_id in room_ids if self._around(room_id)},
            is_connection_new=True,
        )

    def _all(self) -> set[bytes]:
        return {self._rooms.room_id(group_id) for group_id in self._rooms.shown()}

    def _around(self, room_id: bytes) -> bool:
        around = self._running.whispering.around(room_id)
        return bool(around.typing or around.presence)

    def _now(self, lot: Lot) -> Iterator[api.Update]:
        """A room before what was said in it; a message before it is gone from what is being sent."""
        connection = self._overview.connection()
        if lot.is_connection_new and connection != self._connection:
            self._connection = connection
            yield connection
        for room_id in sorted(self._all() if lot.are_people_new else lot.rooms):
            yield from self._room(room_id)
        if lot.has_missed:
            yield api.Missed()
        numbers = sorted(lot.rows)
        for place in range(0, len(numbers), BATCH):
            rows = self._running.store.rows(numbers[place : place + BATCH])
            yield from self._pages.messages(rows)
        for room_id in sorted(lot.pending):
            yield self._pages.pending(room_id)
        for room_id in sorted(lot.around):
            yield self._running.whispering.around(room_id)
        for text in lot.notices:
            yield api.Notice(text)

    def _room(self, room_id: bytes) -> Iterator[api.Room]:
        group_id = self._rooms.group_of(room_id)
        if group_id is None:
            return
        room = self._overview.room(group_id)
        if room != self._told.get(room_id):
            self._told[room_id] = room
            yield room
