"""A chat of lines: what is typed goes out, what is said comes in. For pipes, screen readers and simple terminals."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from coterie.cli import output, present
from coterie.cli.calling import answer
from coterie.client.api import (
    AddMembers,
    Backend,
    CreateRoom,
    FollowRoom,
    GetStatus,
    LeaveRoom,
    ListMembers,
    ListRooms,
    Notice,
    ReadRoom,
    RemoveMember,
    RenewRoom,
    Request,
    Room,
    SendText,
    Sent,
    VerifyAccount,
)
from coterie.errors import CoterieError, InvalidInput, LocalProtocolError, Unavailable
from coterie.ui.commands import COMMANDS, Called, Said, parse

HISTORY = 10  # messages shown when a room comes into view
REMEMBERED = (
    1_000  # message ids of what was shown: a message can be seen in the log before its sending ends
)
APPEARANCE_TIMEOUT_S = (
    5.0  # what is stored comes back at once, unless the connection was cut in between
)


class PlainChat:
    """One chat, from its first line to its last. ``room`` None: all rooms are shown, and none is written to."""

    def __init__(self, backend: Backend, room: str | None, *, is_json: bool) -> None:
        self._backend = backend
        self._room = room
        self._is_json = is_json
        self._failures = 0
        self._shown: deque[str] = deque(maxlen=REMEMBERED)
        self._unshown: set[str] = set()  # message ids of ours, stored and not yet in view
        self._all_shown = asyncio.Event()
        self._view = asyncio.create_task(self._show())

    async def run(self, lines: AsyncIterator[str | InvalidInput]) -> int:
        """How many of the lines failed, when they have ended (or with ``/quit``) and what was typed is in view.

        Raises what ends it before: the view lost its backend, or nobody reads our output.
        """
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
                match parse(line):
                    case None:
                        pass
                    case Said(text):
                        await self._say(text)
                    case Called(command) if command.name == "quit":
                        break
                    case Called(command, arguments):
                        await self._do(command.name, arguments)
            except CoterieError as error:  # of this line; the chat goes on
                self._failures += 1
                output.complain_about(error)
        if self._unshown:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_shown.wait(), APPEARANCE_TIMEOUT_S)

    async def _say(self, text: str) -> None:
        sent = await answer(self._backend, SendText(self._chosen(), text), Sent)
        if sent.message_id not in self._shown:
            self._unshown.add(sent.message_id)
            self._all_shown.clear()

    async def _do(  # noqa: PLR0912  # one case a command
        self, command: str, arguments: tuple[str, ...]
    ) -> None:
        match command, arguments:
            case "join", (room,):
                await self._join(room)
            case "rooms", ():
                await self._answer(ListRooms())
            case "members", ():
                await self._answer(ListMembers(self._chosen()))
            case "create", (name, *members):
                request = CreateRoom(name.removeprefix("#"), tuple(map(_account, members)))
                await self._join((await answer(self._backend, request, Room)).room_id)
            case "invite", names:
                await self._answer(AddMembers(self._chosen(), tuple(map(_account, names))))
            case "kick", (name,):
                await self._answer(RemoveMember(self._chosen(), _account(name)))
            case "leave", ():
                await self._answer(LeaveRoom(self._chosen()))
            case "renew", ():
                await self._answer(RenewRoom(self._chosen()))
            case "follow", words:
                await self._answer(FollowRoom(self._chosen(), accept=words))
            case "verify", (name,):
                await self._answer(VerifyAccount(_account(name)))
            case "status", ():
                await self._answer(GetStatus())
            case "help", ():
                width = max(len(known.usage) for known in COMMANDS.values())
                for known in COMMANDS.values():
                    output.note(f"{known.usage:<{width}}  {known.help}")
            case _:
                raise LocalProtocolError(f"/{command} is in the table, and nothing does it")

    async def _join(self, room: str) -> None:
        await self._answer(ListMembers(room))  # raises where there is no such room
        before, self._room = self._view, room
        self._unshown.clear()  # stored they are; they would come in another view
        self._view = asyncio.create_task(self._show())
        before.cancel()
        await asyncio.wait({before})

    async def _answer(self, request: Request) -> None:
        result = await self._backend.call(request)
        output.put(*present.lines(result, is_json=self._is_json))

    def _chosen(self) -> str:
        if self._room is None:
            raise InvalidInput("no room is chosen", hint="/join ROOM, or /rooms for the list")
        return self._room

    # --- what is said --------------------------------------------------------------------------

    async def _show(self) -> None:
        room = self._room
        request = ReadRoom(room, last=HISTORY, follow=True)
        async with aclosing(self._backend.stream(request)) as stream:
            async for result in stream:
                if isinstance(result, Notice):
                    output.note(result.text)
                    continue
                if self._is_json:
                    output.put(*present.lines(result, is_json=True))
                else:
                    output.put(present.message(result, with_room=room is None))
                self._shown.append(result.message_id)
                self._unshown.discard(result.message_id)
                if not self._unshown:
                    self._all_shown.set()


def _account(typed: str) -> str:
    return typed.removeprefix("@")
