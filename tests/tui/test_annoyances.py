"""Small things that would annoy who talks all day."""

import pytest
from msgspec import structs

from coterie.client import api
from coterie.errors import CoterieError, Unavailable
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS, WAR
from tests.tui.look import Seen, looking
from tests.tui.memory import Memory


class Away(Memory):
    """Does nothing about a topic but keep it, or not even that."""

    def __init__(self, *, is_kept: bool) -> None:
        super().__init__()
        self.is_kept = is_kept

    async def call(self, request: api.Request) -> api.Result:
        if isinstance(request, api.ChangeRoom):
            error: CoterieError = Unavailable("nothing listens there")
            error.is_kept = self.is_kept
            raise error
        return await super().call(request)


def places(seen: Seen, *names: str) -> list[int]:
    """The lines on which rooms stand in the list."""
    return [
        next(n for n, line in enumerate(seen.lines) if line.startswith(f"# {name}"))
        for name in names
    ]


@asynchronous
async def test_rooms_keep_their_places_while_one_goes_from_room_to_room() -> None:
    backend = Memory()
    first, second = (structs.replace(OPS, room_id=f"3{n}" * 32, name=f"r{n}") for n in (1, 2))
    for room in (first, second):
        backend.rooms[room.room_id] = room
        backend.members[room.room_id] = ()
    for room in (first, second, WAR):
        backend.say("@alice look", room=room)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops", "# r1 1 @", "# r2 1 @")
        names = ("r1", "r2", "war room", "ops")
        before = places(seen, *names)
        for _ in range(4):
            await seen.press("alt+up")
            await seen.pilot.pause()
        await seen.until_gone("1 @")
        assert places(seen, *names) == before
        opened = {room.name for room in backend.rooms.values() if room.read_to == room.newest}
        assert {"r1", "r2", "war room"} <= opened
        backend.say("@alice again", room=second)
        await seen.press("x")
        await seen.until(lambda: places(seen, "r2") < places(seen, "r1"))


@asynchronous
async def test_who_was_verified_elsewhere_is_so_on_the_screen() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("0 of 1 verified")
        backend._pin("bobb")
        backend.change_room(OPS.room_id, people=1)
        await seen.until_shown("✓ all verified")


@pytest.mark.parametrize("is_kept", [True, False])
@asynchronous
async def test_what_is_kept_to_be_done_later_is_not_put_back(*, is_kept: bool) -> None:
    async with looking(Away(is_kept=is_kept), "ops") as seen:
        await seen.type("/topic tea")
        await seen.until_shown("nothing listens there")
        assert seen.composed == ("" if is_kept else "/topic tea")


@asynchronous
async def test_what_went_wrong_stands_there_no_longer_than_it_is_so() -> None:
    backend = Away(is_kept=True)
    async with looking(backend, "ops") as seen:
        backend.connect("connecting", "connecting…")
        await seen.type("/topic tea")
        await seen.until_shown("nothing listens there")
        backend.connect("connected", "connected")
        await seen.until_gone("nothing listens there")
        await seen.type("/dance")
        await seen.until_shown("no such command")
        await seen.press("x")
        await seen.until_gone("no such command")


@asynchronous
async def test_an_emoji_is_drawn_once_its_name_is_typed_but_not_in_code() -> None:
    async with looking(Memory(), "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("a", "ctrl+j", *":tada:", "!")
        assert seen.composed == "a\n🎉!"
        await seen.press("ctrl+j", *"`:tada:", "`")
        assert seen.composed == "a\n🎉!\n`:tada:`"
        await seen.press("ctrl+j", *"10:30:")
        assert seen.composed.endswith("10:30:")
