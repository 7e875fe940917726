"""A chat of lines: what is typed goes out, what is said comes in. For pipes, screen readers and simple terminals."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import TypeVar

from coterie.cli import output, present
from coterie.cli.calling import answer
from coterie.cli.plain_commands import run_command
from coterie.cli.shown import Shown
from coterie.client.api import (
    Backend,
    DeleteMessage,
    EditMessage,
    GetPending,
    GetStatus,
    ListMembers,
    ListRooms,
    MarkRead,
    Notice,
    Pending,
    React,
    ReadRoom,
    Request,
    Result,
    Room,
    Rooms,
    SendText,
    Sent,
    Status,
)
from coterie.errors import CoterieError, InvalidInput, Unavailable
from coterie.ui.commands import PLAIN_COMMANDS, Called, Said, parse

T = TypeVar("T")

HISTORY = 10  # messages shown when a room comes into view
REMEMBERED = (
    1_000  # message ids of what was shown: a message can be seen in the log before its sending ends
)
APPEARANCE_TIMEOUT_S = (
    5.0  # what is stored comes back at once, unless the connection was cut in between
)


class PlainChat:
    """One chat, from its first line to its last. ``room`` None: all rooms are shown, and none is written to."""

    def __init__(
        self,
        backend: Backend,
        room: str | None,
        *,
        is_json: bool,
        with_numbers: bool = False,
        with_changes: bool = True,
    ) -> None:
        self.backend = backend
        self._room = room  # until ``run`` has asked for its id: a name may become another room's
        self._is_json, self._with_numbers = is_json, with_numbers
        self._with_changes = with_changes
        self._account = ""
        self._failures = 0
        self._read_to = 0  # what the person has seen of the room in view
        self._ids: deque[str] = deque(maxlen=REMEMBERED)
        self._unshown: set[str] = set()  # message ids of ours, stored and not yet in view
        self._all_shown = asyncio.Event()

    async def run(self, lines: AsyncIterator[str | InvalidInput]) -> int:
        """How many of the lines failed, when they have ended (or with ``/quit``) and what was typed is in view.

        Raises what ends it before: the view lost its backend, or nobody reads our output.
        """
        if self._room is not None:
            self._room = await self._id_of(self._room)
        self._begin_view()
        typing = asyncio.create_task(self._type(lines))
        try:
            while True:
                view = self._view
                await asyncio.wait({typing, view}, return_when=asyncio.FIRST_COMPLETED)
                if typing.done():
                    typing.result()
                    return self._failures
                if view is self._view:  # else another room came into view
                    view.result()
                    raise Unavailable("the process that holds this profile has ended")
        finally:
            tasks = {typing, self._view}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    # --- what is typed -------------------------------------------------------------------------

    async def _type(self, lines: AsyncIterator[str | InvalidInput]) -> None:
        """One line after the other, each begun when the one before is done: so they stay in order."""
        async for line in lines:
            try:
                if isinstance(line, InvalidInput):
                    raise line
                await self._mark_read()
                match parse(line, PLAIN_COMMANDS):
                    case None:
                        pass
                    case Said(text):
                        await self.say(SendText(self.chosen(), text))
                    case Called(command) if command.name == "quit":
                        break
                    case Called(command, arguments):
                        await run_command(self, command.name, arguments)
            except CoterieError as error:  # of this line; the chat goes on
                self._failures += 1
                output.complain_about(error)
        if self._unshown:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_shown.wait(), APPEARANCE_TIMEOUT_S)

    async def _mark_read(self) -> None:
        """Who types has seen what stands above; a program has not."""
        newest = self.shown.newest
        if self._room is not None and newest > self._read_to and not self._is_json:
            self._read_to = newest
            await self.ask(MarkRead(self._room, newest), Room)

    # --- what commands do ----------------------------------------------------------------------

    async def ask(self, request: Request, expected: type[T]) -> T:
        """The answer. Raises what ``Backend.call`` does."""
        return await answer(self.backend, request, expected)

    async def show(self, request: Request) -> None:
        """The answer, in lines."""
        self.put(await self.backend.call(request))

    def put(self, result: Result, *, with_numbers: bool = False) -> None:
        """A result, in lines."""
        shown = present.lines(result, is_json=self._is_json, with_numbers=with_numbers)
        output.put(*shown)

    async def say(self, text: SendText) -> None:
        """Returns when it is stored; it is in view soon."""
        sent = await self.ask(text, Sent)
        if sent.message_id not in self._ids:
            self._unshown.add(sent.message_id)
            self._all_shown.clear()

    async def change(self, request: EditMessage | DeleteMessage | React) -> None:
        """Returns when it is stored; what it did is told as that of others is."""
        await self.ask(request, Sent)

    async def join(self, room: str) -> None:
        """Has this room alone in view from now on."""
        room_id = await self._id_of(room)
        await self.show(ListMembers(room_id))
        before, self._room = self._view, room_id
        self._read_to = 0
        self._unshown.clear()  # stored they are; they would come in another view
        self._begin_view()
        before.cancel()
        await asyncio.wait({before})

    async def _id_of(self, room: str) -> str:
        """Raises InvalidInput where there is no such room."""
        return (await self.ask(GetPending(room), Pending)).room_id

    def chosen(self) -> str:
        """The id of the room that is written to. Raises InvalidInput where there is none."""
        if self._room is None:
            raise InvalidInput("no room is chosen", hint="/join ROOM, or /rooms for the list")
        return self._room

    async def room(self) -> Room:
        """It, as it is."""
        wanted = self.chosen()
        rooms = (await self.ask(ListRooms(catch_up=False), Rooms)).rooms
        found = next((room for room in rooms if room.room_id == wanted), None)
        if found is None:
            raise InvalidInput("the room is not there any more", hint="/rooms lists those that are")
        return found

    async def account(self) -> str:
        """Our name."""
        if not self._account:
            self._account = (await self.ask(GetStatus(catch_up=False), Status)).account
        return self._account

    # --- what is said --------------------------------------------------------------------------

    def _begin_view(self) -> None:
        self.shown = Shown(with_room=self._room is None, with_numbers=self._with_numbers)
        self._view = asyncio.create_task(self._show(self._room, self.shown))

    async def _show(self, room: str | None, shown: Shown) -> None:
        request = ReadRoom(room, HISTORY, follow=True, changes=self._with_changes)
        async with aclosing(self.backend.stream(request)) as stream:
            async for result in stream:
                if isinstance(result, Notice):
                    output.note(result.text)
                    continue
                lines = shown.lines(result)
                if self._is_json:
                    lines = list(present.lines(result, is_json=True))
                output.put(*lines)
                self._ids.append(result.message_id)
                self._unshown.discard(result.message_id)
                if not self._unshown:
                    self._all_shown.set()
