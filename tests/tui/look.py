"""The program on a screen in memory, and what a person sees there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from msgspec import structs
from textual.pilot import Pilot

from coterie.client import api
from coterie.errors import CoterieError, InvalidInput
from coterie.tui.app import ChatApp
from coterie.tui.composer import Composer
from tests.cli.fakes import ALICE, BOBB, OPS, WAR, FakeBackend

DEADLINE_S = 5.0


class TwoRooms(FakeBackend):
    """Knows its rooms by their ids, and what was said in each."""

    def __init__(self, *timeline: api.Message | api.Notice) -> None:
        super().__init__(*timeline)
        self.members = (ALICE, BOBB)

    async def call(self, request: api.Request) -> api.Result:
        """With its rooms and members as they are now."""
        answer = await super().call(request)
        match answer:
            case api.Status():
                return structs.replace(answer, rooms=self.rooms)
            case api.Members():
                return api.Members(self.members)
            case _:
                return answer

    @staticmethod
    def _check(room: str) -> None:
        if room not in (OPS.room_id, WAR.room_id):
            raise InvalidInput(f"there is no room {room}")

    async def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Message | api.Notice, None]:
        """Of one room, what was said there."""
        async with aclosing(super().stream(request)) as stream:
            async for one in stream:
                if request.room in (None, getattr(one, "room_id", None)):
                    yield one


@dataclass
class Seen:
    """A running program."""

    app: ChatApp
    pilot: Pilot[CoterieError | None]

    @property
    def lines(self) -> list[str]:
        """The screen, line by line."""
        size = self.app.size
        strips = self.app.screen._compositor.render_strips(size)
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)

    async def until(self, is_so: Callable[[], Any]) -> None:
        """Waits for something to be seen."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not is_so():
                    await self.pilot.pause(0.01)
        except TimeoutError:
            raise AssertionError(f"not seen:\n{self.text}") from None

    async def until_shown(self, *texts: str) -> None:
        """Waits for these on the screen."""
        await self.until(lambda: all(text in self.text for text in texts))

    async def until_gone(self, text: str) -> None:
        """Waits for this to leave the screen."""
        await self.until(lambda: text not in self.text)

    async def type(self, text: str) -> None:
        """As keys, and Enter."""
        await self.pilot.press(*(_KEYS.get(letter, letter) for letter in text), "enter")

    async def press(self, *keys: str) -> None:
        """Keys by their names."""
        await self.pilot.press(*keys)

    @property
    def composed(self) -> str:
        """What stands in the composer."""
        return self.app.screen_stack[1].query_one(Composer).text


_KEYS = {" ": "space", "/": "slash", "@": "at", "\n": "ctrl+j", "*": "asterisk"}


@asynccontextmanager
async def looking(
    backend: FakeBackend,
    room: str | None = None,
    *,
    size: tuple[int, int] = (100, 30),
    theme: str = "dark",
) -> AsyncIterator[Seen]:
    """The program, once it has listed the rooms."""
    app = ChatApp(backend, room, theme)
    async with app.run_test(size=size) as pilot:
        seen = Seen(app, pilot)
        await seen.until_shown("connected")
        yield seen
