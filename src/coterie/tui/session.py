"""What the screens show and do, without a screen: the rooms, the open one, and what is said meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import TypeVar

from coterie.client.api import (
    Backend,
    GetStatus,
    ListMembers,
    Member,
    Members,
    Message,
    Notice,
    ReadRoom,
    Request,
    Room,
    SendText,
    Sent,
    Status,
)
from coterie.client.mentions import is_mentioned
from coterie.errors import CoterieError, InvalidInput, LocalProtocolError, Unavailable
from coterie.tui.room_timeline import RoomTimeline, Sending, Unsent

T = TypeVar("T")

FIRST_PAGE = 200  # messages: more than the tallest screen
CONNECTING, CONNECTED = "connecting…", "connected"


class Session:
    """``changed`` is called after each change of what there is to see."""

    def __init__(self, backend: Backend, changed: Callable[[], object]) -> None:
        self._backend = backend
        self._changed = changed
        self.account = self.device = ""
        self.connection = CONNECTING
        self.rooms: tuple[Room, ...] = ()
        self.members: tuple[Member, ...] = ()  # of the open room
        self.is_listed = False  # whether ``rooms`` is what there is, and not only what is known yet
        self._open = ""
        self._timelines: dict[str, RoomTimeline] = {}
        self._latest: dict[str, int] = {}  # when something was said, as a number that grows
        self._is_loading = False
        self._stale = asyncio.Event()

    # --- what there is -------------------------------------------------------------------------

    @property
    def room(self) -> Room | None:
        """The open one."""
        return next((room for room in self.rooms if room.room_id == self._open), None)

    @property
    def timeline(self) -> RoomTimeline:
        """That of the open room."""
        return self.timeline_of(self._open)

    def timeline_of(self, room_id: str) -> RoomTimeline:
        """That of any."""
        return self._timelines.setdefault(room_id, RoomTimeline())

    @property
    def pins(self) -> dict[str, str]:
        """How the keys of the people in the open room came here."""
        return {member.name: member.pin for member in self.members}

    @property
    def in_order(self) -> list[Room]:
        """Rooms where we are addressed, then those with something new, then the latest."""

        def place(room: Room) -> tuple[bool, bool, int, str]:
            timeline = self.timeline_of(room.room_id)
            latest = self._latest.get(room.room_id, 0)
            return not timeline.mentions, not timeline.unread, -latest, room.name

        return sorted(self.rooms, key=place)

    @property
    def speakers(self) -> list[str]:
        """Names of the open room, who spoke last before the others."""
        names = [member.name for member in self.members if member.name != self.account]
        spoken = [one.sender for one in reversed(self.timeline.messages[-FIRST_PAGE:])]
        return sorted(names, key=lambda name: spoken.index(name) if name in spoken else len(spoken))

    # --- what comes ----------------------------------------------------------------------------

    async def start(self, wanted: str | None) -> None:
        """Lists the rooms, and opens ``wanted`` or the first. Raises InvalidInput where there is no such room."""
        status = await self.ask(GetStatus(), Status)
        self.account, self.device = status.account, status.device
        self.connection, self.rooms, self.is_listed = status.connection, status.rooms, True
        self._changed()
        if wanted is not None:
            await self.open(self.find(wanted).room_id)
        elif self.rooms:
            await self.open(self.in_order[0].room_id)

    async def follow(self) -> None:
        """Takes in what comes, until the backend ends. Raises Unavailable then."""
        request = ReadRoom(None, last=0, follow=True, catch_up=False)
        async with aclosing(self._backend.stream(request)) as stream:
            async for result in stream:
                if isinstance(result, Notice):
                    self.connection = result.text
                    self._stale.set()
                else:
                    self._take(result)
                    if result.kind == "line":
                        self._stale.set()
                self._changed()
        raise Unavailable("the process that holds this profile has ended")

    def _take(self, message: Message) -> None:
        timeline = self.timeline_of(message.room_id)
        is_ours = (message.sender, message.device) == (self.account, self.device)
        if is_ours:
            timeline.settle(message.text)
            self._stale.set()  # fewer wait
        is_seen = is_ours or message.room_id == self._open
        timeline.add(
            message,
            is_seen=is_seen,
            is_mention=message.kind == "text" and is_mentioned(message.text, self.account),
        )
        self._latest[message.room_id] = max(self._latest.values(), default=0) + 1

    async def keep_fresh(self) -> None:
        """Asks anew whenever something came that may have changed a room, until it is cancelled."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            await self.refresh()

    async def refresh(self) -> None:
        """Asks anew for the rooms, the members of the open one, and the connection."""
        status = await self.ask(GetStatus(), Status)
        self.connection, self.rooms = status.connection, status.rooms
        await self._list_members()
        self._changed()

    async def _list_members(self) -> None:
        opened = self._open
        if self.room is not None:
            members = (await self.ask(ListMembers(opened), Members)).members
            if opened == self._open:
                self.members = members

    # --- what is asked -------------------------------------------------------------------------

    async def ask(self, request: Request, expected: type[T]) -> T:
        """The answer. Raises what ``Backend.call`` does."""
        result = await self._backend.call(request)
        if not isinstance(result, expected):
            asked, got = type(request).__name__, type(result).__name__
            raise LocalProtocolError(f"{asked} was answered by {got}, not {expected.__name__}")
        return result

    def find(self, typed: str) -> Room:
        """A room by its name, with or without #, or by the beginning of its id. Raises InvalidInput."""
        wanted = typed.removeprefix("#")
        found = [room for room in self.rooms if room.name == wanted]
        found = found or [room for room in self.rooms if room.room_id.startswith(wanted)]
        if not found:
            raise InvalidInput(f"there is no room {typed}", hint="Ctrl+K shows them")
        if len(found) > 1:
            raise InvalidInput(f"several rooms are called {typed}", hint="Ctrl+K shows them")
        return found[0]

    async def open(self, room_id: str) -> None:
        """Shows it; what is new in it counts as seen."""
        if self._open and self._open != room_id:
            self.timeline.clear()
        self._open, self.members = room_id, ()
        timeline = self.timeline
        asked = FIRST_PAGE + timeline.unread
        timeline.seen()
        self._changed()
        if not timeline.is_wanted:
            timeline.is_wanted = True
            timeline.load(await self._read(room_id, asked), asked)
        await self._list_members()
        self._changed()

    async def load_older(self) -> None:
        """A further page of the open room, as long as what is here, if there is one."""
        timeline, room_id = self.timeline, self._open
        if self._is_loading or not timeline.is_loaded or timeline.is_whole:
            return
        self._is_loading = True
        try:
            asked = 2 * len(timeline.messages)
            timeline.load_older(await self._read(room_id, asked), asked)
        finally:
            self._is_loading = False
        self._changed()

    async def _read(self, room_id: str, last: int) -> list[Message]:
        request = ReadRoom(room_id, last=last, catch_up=False)
        async with aclosing(self._backend.stream(request)) as stream:
            return [one async for one in stream if isinstance(one, Message)]

    async def send(self, text: str) -> None:
        """Shows it as waiting until it is in the log, or says why it is not. Never raises CoterieError for it."""
        timeline, room_id = self.timeline, self._open
        await self._send(timeline, room_id, timeline.send(text))

    async def _send(self, timeline: RoomTimeline, room_id: str, unsent: Unsent) -> None:
        self._changed()
        try:
            await self.ask(SendText(room_id, unsent.text), Sent)
        except Unavailable as error:
            timeline.mark(unsent, Sending.KEPT, str(error))
        except CoterieError as error:
            hint = f" ({error.hint})" if error.hint else ""
            timeline.mark(unsent, Sending.FAILED, f"{error}{hint}")
        self._changed()

    async def retry(self) -> None:
        """Sends again what failed in the open room."""
        timeline, room_id = self.timeline, self._open
        again = [timeline.send(one.text) for one in timeline.take_failed()]
        await asyncio.gather(*(self._send(timeline, room_id, one) for one in again))

    def go(self, step: int) -> Room | None:
        """The room so many places below the open one, around the ends."""
        rooms = self.in_order
        if not rooms:
            return None
        place = next((n for n, room in enumerate(rooms) if room.room_id == self._open), 0)
        return rooms[(place + step) % len(rooms)]

    def next_unread(self) -> Room | None:
        """Where there is something new, the most pressing first."""
        unread = (room for room in self.in_order if self.timeline_of(room.room_id).unread)
        return next(unread, None)
