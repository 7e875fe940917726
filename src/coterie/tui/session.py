"""What the screens show and do, without a screen: the rooms, the open one, and what is said meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, assert_never

from coterie.client.api import (
    Around,
    Backend,
    Connection,
    Discard,
    Done,
    GetStatus,
    ListMembers,
    ListRooms,
    MarkRead,
    Member,
    Members,
    Message,
    Missed,
    Notice,
    Pending,
    Resend,
    Room,
    Rooms,
    SayTyping,
    Status,
    Watch,
)
from coterie.client.attention import Attention, Standing, in_order
from coterie.client.called import Known, rooms_called
from coterie.errors import InvalidInput, Unavailable
from coterie.tui.asking import Asking
from coterie.tui.drafts import Drafts
from coterie.tui.open_room import OpenRoom
from coterie.tui.window import PAGE

CONNECTING = Connection("connecting", "connecting…")
OVER = ("connected again",)  # notices that what was told before is over
SAY_TYPING_EVERY_S = 2.0  # the client says it more rarely; this spares it the keys between
Work = Coroutine[Any, Any, None]


class Session:
    """``changed`` is called after each change of what there is to see; ``spawn`` has work done in the background, and
    tells its errors; ``heard`` gets each new text of others that is not in sight.
    """

    def __init__(
        self,
        backend: Backend,
        changed: Callable[[], object],
        spawn: Callable[[Work], object],
        heard: Callable[[Room, Message], object] = lambda room, message: None,
    ) -> None:
        self._backend, self._changed, self._spawn, self._heard = backend, changed, spawn, heard
        self.ask = Asking(backend)
        self.account = self.server = ""
        self.connection = CONNECTING
        self.notice = ""  # the last one, until it is over
        self.rooms: dict[str, Room] = {}
        self.is_listed = False  # whether these are all, and not only those that are known yet
        self.members: tuple[Member, ...] = ()  # of the open room
        self._pins: dict[str, dict[str, str]] = {}  # how people's keys came here: by room, and name
        self.opened = OpenRoom(self.ask, changed)
        self.drafts = Drafts(self.ask, spawn)
        self.says_typing = True
        self._wanted: str | None = None  # a room that is not here yet
        self._pending: dict[str, tuple[Message, ...]] = {}
        self._around: dict[str, Around] = {}
        self._newest = 0  # the highest number of all that was told
        self._said_typing_at = -SAY_TYPING_EVERY_S
        self._opening = asyncio.Lock()
        self._walk: dict[str, int] = {}  # the places of rooms, while one goes from room to room

    # --- what there is -------------------------------------------------------------------------

    @property
    def room(self) -> Room | None:
        """The open one."""
        return self.rooms.get(self.opened.room_id)

    @property
    def is_connected(self) -> bool:
        """Whether what is sent now goes out now."""
        return self.connection.state == "connected"

    @property
    def typing(self) -> tuple[str, ...]:
        """Who is, in the open room."""
        around = self._around.get(self.opened.room_id)
        return around.typing if around else ()

    def presence(self, room: Room) -> str:
        """A ``PresenceWord`` for the other one of direct messages."""
        around = self._around.get(room.room_id)
        return around.presence.get(room.direct, "unknown") if around else "unknown"

    @property
    def pins(self) -> Mapping[str, str]:
        """How the keys of people came here that they have in the open room, by name."""
        return self.pins_in(self.opened.room_id)

    def pins_in(self, room_id: str) -> Mapping[str, str]:
        """The same of another room: under one name there may be another key."""
        return self._pins.get(room_id, {})

    @property
    def in_order(self) -> list[Room]:
        """Rooms where we are addressed, then those with something new, then the latest."""
        pairs = [(_standing(room), room) for room in self.rooms.values()]
        rooms = {id(standing): room for standing, room in pairs}
        return [rooms[id(standing)] for standing in in_order([standing for standing, _ in pairs])]

    @property
    def listed(self) -> list[Room]:
        """The same as they stand on the screen: direct messages below the rooms, and in place during a walk."""
        walk = self._walk
        return sorted(
            self.in_order,
            key=lambda room: (bool(room.direct), walk.get(room.room_id, len(walk))),
        )

    @property
    def twins(self) -> frozenset[str]:
        """Names that several rooms have."""
        names = Counter(room.name for room in self.rooms.values() if not room.direct)
        return frozenset(name for name, count in names.items() if count > 1)

    @property
    def speakers(self) -> list[str]:
        """Names of the open room, who spoke last before the others."""
        names = [member.name for member in self.members if member.name != self.account]
        spoken = [one.sender for one in reversed(self.opened.view.window.messages[-PAGE:])]
        return sorted(names, key=lambda name: spoken.index(name) if name in spoken else len(spoken))

    # --- what comes ----------------------------------------------------------------------------

    async def start(self, wanted: str | None) -> None:
        """Lists the rooms, and opens ``wanted`` or the first: as soon as there is one. Raises InvalidInput."""
        status = await self.ask(GetStatus(catch_up=False), Status)
        self.account, self.server = status.account, status.server
        for room in status.rooms:
            if room.room_id not in self.rooms:  # else it was told meanwhile
                self.take_room(room)
        self.is_listed, self._wanted = True, wanted
        await self._open_first()
        self._changed()

    async def _open_first(self) -> None:
        """What is wanted may be told of only once all is read that the server has."""
        if self._wanted is None:
            first = self.listed[0] if self.rooms else None
        else:
            try:
                first = self.find(self._wanted)
            except InvalidInput:
                if self.is_connected:
                    self._wanted = None
                    raise
                return
        if first is not None and not self.opened.room_id:
            self._wanted = None
            await self.open(first.room_id)

    def _spawn_opening(self) -> None:
        if self.is_listed and not self.opened.room_id:
            self._spawn(self._open_first())

    async def follow(self) -> None:
        """Takes in what comes, until the backend ends. Raises Unavailable then."""
        async with aclosing(self._backend.stream(Watch())) as stream:
            async for result in stream:
                if isinstance(result, Missed):
                    self._spawn(self._resume())
                else:
                    self._take(result)
                self._changed()
        raise Unavailable("the process that holds this profile has ended")

    def _take(self, result: Message | Room | Pending | Around | Connection | Notice) -> None:
        match result:
            case Message():
                self._take_message(result)
            case Room():
                self.take_room(result)
            case Pending(room_id, messages):
                self._pending[room_id] = messages
                if room_id == self.opened.room_id:
                    self.opened.take_pending(messages)
            case Around(room_id):
                self._around[room_id] = result
            case Connection():
                self.connection = result
                self._spawn_opening()
            case Notice(text):
                self.notice = "" if text in OVER else text
            case _:
                assert_never(result)

    def _take_message(self, message: Message) -> None:
        self.opened.take(message)
        is_new, self._newest = message.number > self._newest, max(message.number, self._newest)
        room = self.rooms.get(message.room_id)
        if is_new and room is not None and self.is_listed and self._is_news(message):
            self._heard(room, message)

    def _is_news(self, message: Message) -> bool:
        """Another's words, which are not before the eyes."""
        is_open = message.room_id == self.opened.room_id
        is_others = message.kind == "text" and message.sender != self.account
        return is_others and not (is_open and self.opened.is_seen)

    def take_room(self, room: Room) -> None:
        """As it is now."""
        before = self.rooms.get(room.room_id)
        self.rooms[room.room_id] = room
        is_open = room.room_id == self.opened.room_id
        if before is None:
            self._newest = max(self._newest, room.newest)
            self._spawn_opening()
        elif is_open and room.unread and not before.unread:
            self.opened.draw_line(room)
        if (is_open or room.direct) and (before is None or _is_otherwise(before, room)):
            self._spawn(self._list_members(room.room_id))

    async def _list_members(self, room_id: str) -> None:
        """Of the open room, and of direct messages, which show how the other's key came here."""
        members = (await self.ask(ListMembers(room_id), Members)).members
        pins = self._pins.setdefault(room_id, {})  # who has left keeps the last one
        changed = {name for name, pin in pins.items() if pin == "changed"}
        pins |= {member.name: member.pin for member in members}
        if room_id == self.opened.room_id:
            self.members = members
            if any(pins[name] != "changed" for name in changed):  # what is there is by earlier keys
                await self.opened.reload()
        self._changed()

    async def refresh(self) -> None:
        """Asks anew for the rooms and who is in the open one."""
        rooms = (await self.ask(ListRooms(catch_up=False), Rooms)).rooms
        self.rooms = {room.room_id: room for room in rooms}
        if self.room is not None:
            await self._list_members(self.room.room_id)
        self._changed()

    async def _resume(self) -> None:
        """After more changed than was told."""
        await self.refresh()
        await self.opened.reload()

    # --- what is done --------------------------------------------------------------------------

    def find(self, typed: str) -> Room:
        """As ``rooms_called`` understands it; with ~ it is the beginning of an id. Raises InvalidInput."""
        if typed.startswith("~"):  # as rooms of one name are told apart
            found = [one for one in self.rooms.values() if one.room_id.startswith(typed[1:])]
        else:
            found = rooms_called(typed, self.rooms.values(), _known)
        if not found:
            raise InvalidInput(f"there is no room {typed}", hint="Ctrl+K shows them")
        if len(found) > 1:
            raise InvalidInput(f"several rooms are called {typed}", hint="Ctrl+K shows them")
        return found[0]

    async def open(self, room_id: str, *, around: int | None = None) -> None:
        """Shows it: its newest messages, or those around a number. Raises InvalidInput."""
        room = self.rooms.get(room_id)
        if room is None:
            raise InvalidInput(
                "that room is not there any more", hint="Ctrl+K shows those that are"
            )
        if room_id != self.opened.room_id or around is not None:
            self.members = ()
            # not waited for: who reads is not kept waiting
            self._spawn(self._list_members(room_id))
            async with self._opening:
                await self.opened.open(room, self._pending.get(room_id, ()), around)
        self.opened.close_thread()
        self._changed()

    async def until_open(self) -> None:
        """Until each room is shown that is being opened."""
        async with self._opening:
            pass

    def saw(self, number: int) -> None:
        """The person has that message of the open room before the eyes."""
        request = self.opened.see(number)
        if request is not None:
            self._spawn(self._mark_read(request))

    async def _mark_read(self, request: MarkRead) -> None:
        self.take_room(await self.ask(request, Room))

    async def leave_unread(self, message: Message) -> None:
        """From this message on."""
        self.take_room(await self.opened.mark_unread(message))

    async def retry(self) -> None:
        """Sends again what failed in the open room."""
        for message in self._failed():
            await self.ask(Resend(message.room_id, message.ticket), Done)

    async def discard(self) -> None:
        """Gives up what failed in the open room."""
        for message in self._failed():
            await self.ask(Discard(message.room_id, message.ticket), Done)

    def _failed(self) -> list[Message]:
        """Raises InvalidInput where nothing did."""
        pending = self._pending.get(self.opened.room_id, ())
        failed = [one for one in pending if one.state == "failed"]
        if not failed:
            raise InvalidInput("nothing failed here")
        return failed

    def typed(self, text: str) -> None:
        """A key was pressed in the composer of the open room, and this stands there now."""
        if self.room is None or not self.says_typing:
            return
        now = time.monotonic()
        if not text:
            self._said_typing_at = -SAY_TYPING_EVERY_S
            self._spawn(self._say_typing(SayTyping(self.opened.room_id, is_over=True)))
        elif now - self._said_typing_at >= SAY_TYPING_EVERY_S:
            self._said_typing_at = now
            self._spawn(self._say_typing(SayTyping(self.opened.room_id)))

    def sent(self) -> None:
        """What was typed says by itself that it is written: who goes on types anew."""
        self._said_typing_at = -SAY_TYPING_EVERY_S

    async def _say_typing(self, request: SayTyping) -> None:
        await self.ask(request, Done)

    def go(self, step: int) -> Room | None:
        """The room so many places below the open one, around the ends. All keep their places until ``end_walk``."""
        rooms = self.listed
        if not rooms:
            return None
        if not self._walk:
            self._walk = {room.room_id: place for place, room in enumerate(rooms)}
        places = (n for n, room in enumerate(rooms) if room.room_id == self.opened.room_id)
        return rooms[(next(places, 0) + step) % len(rooms)]

    def end_walk(self) -> None:
        """The person does something else: rooms stand where they belong."""
        if self._walk:
            self._walk = {}
            self._changed()

    def next_unread(self) -> Room | None:
        """Where there is something new, the most pressing first."""
        others = (room for room in self.in_order if room.room_id != self.opened.room_id)
        return next((room for room in others if room.unread), None)


def _standing(room: Room) -> Standing:
    attention = Attention(room.attention)
    return Standing(room.name, room, room.newest, attention, is_direct=bool(room.direct))


def _is_otherwise(before: Room, after: Room) -> bool:
    """Whether who is in it, or how their keys came here, may have changed."""
    was = (before.group, before.epoch, before.state, before.people)
    return was != (after.group, after.epoch, after.state, after.people)


def _known(room: Room) -> Known:
    return Known(room.room_id, room.name, bool(room.direct), room.state == "removed")
