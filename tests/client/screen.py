"""What a screen makes of what it is told: the last that it heard of each thing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from msgspec import structs

from coterie.client import api
from coterie.client.service import Service


@dataclass
class Screen:
    """All that it knows, by name or number."""

    connection: api.Connection | None = None
    rooms: dict[str, api.Room] = field(default_factory=dict)
    messages: dict[int, api.Message] = field(default_factory=dict)
    pending: dict[str, api.Pending] = field(default_factory=dict)
    around: dict[str, api.Around] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    has_missed: bool = False

    def take(self, update: api.Update) -> None:
        """What it is told."""
        match update:
            case api.Connection():
                self.connection = update
            case api.Room():
                self.rooms[update.room_id] = update
            case api.Message():
                # It is told of a room's new name by the room.
                self.messages[update.number] = structs.replace(update, room="")
            case api.Pending():
                self.pending[update.room_id] = update
            case api.Around():
                self.around[update.room_id] = update
            case api.Notice():
                self.notices.append(update.text)
            case api.Missed():
                self.has_missed = True

    def shown(self) -> tuple[object, ...]:
        """To compare two of them: what is empty is as good as not there."""
        return (
            self.connection,
            self.rooms,
            self.messages,
            {room_id: one for room_id, one in self.pending.items() if one.messages},
            {room_id: one for room_id, one in self.around.items() if one.typing or one.presence},
        )


@asynccontextmanager
async def watched(service: Service) -> AsyncIterator["Watched"]:
    """A screen that is told of all that changes inside."""
    watched = Watched(service)
    task = asyncio.create_task(watched.read())
    try:
        await asyncio.sleep(0)
        yield watched
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


class Watched(Screen):
    """One that reads a stream, and may rest meanwhile."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service
        self.heard: list[api.Update] = []
        self.is_awake = asyncio.Event()
        self.is_awake.set()

    async def read(self) -> None:
        """Without end."""
        async with aclosing(self._service.stream(api.Watch())) as stream:
            async for update in stream:
                self.heard.append(update)
                self.take(update)
                await self.is_awake.wait()


async def screen_now(service: Service) -> Screen:
    """One that begins now: what it is told first, and all pages of each room."""
    async with watched(service) as screen:
        for room_id in screen.rooms:
            await turn_pages(service, screen, room_id)
        return screen


async def turn_pages(service: Service, screen: Screen, room_id: str) -> None:
    """All of a room, from the newest page back."""
    before = None
    while True:
        page = await service.call(api.GetPage(room_id, limit=7, before=before))
        assert isinstance(page, api.Page)
        for message in page.messages:
            screen.take(message)
        if not page.has_older:
            return
        before = page.messages[0].number
