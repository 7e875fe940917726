"""Coterie's full screen on 5,000 messages in memory: ``python chat.py PIPE``. Each line from the pipe is said by bobb.

It has no server, no database and no keys, so that what is measured is the screen alone.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

from msgspec import structs

from coterie.client import api
from coterie.tui.app import ChatApp

MESSAGES = 5_000
START = datetime(2026, 11, 1, tzinfo=UTC)
DEVICE = "ab" * 16


class Prepared:
    """``api.Backend`` for one room."""

    def __init__(self) -> None:
        self._messages = [self._message(number) for number in range(1, MESSAGES + 1)]
        self._new: asyncio.Queue[str] = asyncio.Queue()
        self._room = api.Room(
            room_id="0a" * 16,
            name="ops",
            topic="",
            members=2,
            admin=True,
            group="0a" * 16,
            epoch=1,
            cursor=MESSAGES,
            chain="00" * 32,
            waiting=0,
            state="open",
            newest=MESSAGES,
            read_to=MESSAGES,
        )

    def read(self, pipe: int) -> None:
        """Takes what the measuring process says."""
        for line in os.read(pipe, 65_536).decode().splitlines():
            self._new.put_nowait(line)

    async def call(self, request: api.Request) -> api.Result:
        """What the screen asks for as it starts and goes on; all else is done."""
        match request:
            case api.GetStatus():
                where = ("127.0.0.1:1", "00", "connected", "alice", "00", "00", "", "")
                return api.Status(*where, rooms=(self._room,))
            case api.ListRooms():
                return api.Rooms((self._room,))
            case api.ListMembers():
                bobb = api.Member("bobb", admin=False, devices=(DEVICE,), pin="compared")
                return api.Members((api.Member("alice", admin=True, devices=(), pin="self"), bobb))
            case api.GetDraft():
                return api.Draft("")
            case api.GetPage():
                return self._page(request)
            case api.MarkRead() | api.SetAttention():
                return self._room
            case _:
                return api.Done()

    async def stream(self, request: api.Watch | api.ReadRoom) -> AsyncGenerator[api.Update, None]:
        """How all is, and then what is said."""
        yield api.Connection("connected", "connected")
        yield self._room
        while True:
            text = await self._new.get()
            message = self._message(len(self._messages) + 1, text)
            self._messages.append(message)
            self._room = structs.replace(self._room, newest=message.number)
            yield message
            yield self._room

    def _page(self, request: api.GetPage) -> api.Page:
        """Numbers are places here."""
        end = len(self._messages)
        if request.before is not None:
            end = request.before - 1
        elif request.after is not None:
            end = min(end, request.after + request.limit)
        elif request.around is not None:
            end = min(end, request.around + request.limit // 2)
        first = request.after if request.after is not None else max(0, end - request.limit)
        return api.Page(tuple(self._messages[first:end]), first > 0, end < len(self._messages))

    def _message(self, number: int, text: str = "") -> api.Message:
        return api.Message(
            room="ops",
            room_id="0a" * 16,
            seq=number,
            message_id=f"{number:032x}",
            sender="bobb",
            device=DEVICE,
            time=(START + timedelta(minutes=7 * number)).isoformat().replace("+00:00", "Z"),
            kind="text",
            text=text or f"message {number} about a heron by the lake",
            number=number,
        )


async def main(pipe: int) -> None:
    backend = Prepared()
    asyncio.get_running_loop().add_reader(pipe, backend.read, pipe)
    await ChatApp(backend, "ops", theme="dark").run_async()  # type: ignore[arg-type]


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
