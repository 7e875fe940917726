"""Small things that would annoy who talks all day."""

import pytest
from msgspec import structs
from textual.events import MouseScrollUp

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
async def test_who_left_before_is_not_shown_like_one_whose_key_is_known() -> None:
    backend = Memory()
    backend.say("bye", "dave")
    async with looking(backend, "ops") as seen:
        await seen.until_shown("dave · not a member 10:12", "bye")


@asynchronous
async def test_rooms_of_one_name_are_told_apart_by_what_finds_them() -> None:
    backend = Memory(OPS, structs.replace(OPS, room_id="3a" * 32))
    backend.members["3a" * 32] = ()
    async with looking(backend, OPS.room_id) as seen:
        await seen.until_shown(f"# ops ~{OPS.room_id[:4]}", "# ops ~3a3a")
        await seen.type("/join ops")
        await seen.until_shown("several rooms are called ops")
        await seen.press("ctrl+u")
        await seen.type("/join ~3a3a")
        await seen.until(lambda: seen.app.session.opened.room_id == "3a" * 32)


@asynchronous
async def test_who_was_verified_elsewhere_is_so_on_the_screen() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("0 of 1 verified")
        backend._pin("bobb")
        backend.change_room(OPS.room_id, people=1)
        await seen.until_shown("✓ all verified")


@asynchronous
async def test_who_has_no_room_is_told_who_they_are_and_what_to_do() -> None:
    backend = Memory()
    backend.rooms.clear()
    async with looking(backend, size=(60, 18)) as seen:
        await seen.until_shown("You are alice on", "/create ROOM NAME …", "/msg NAME")
        backend.rooms[OPS.room_id] = OPS
        backend.change_room(OPS.room_id)
        await seen.until_shown("> message #ops")
        await seen.until_gone("You are alice on")


@asynchronous
async def test_what_cannot_be_done_with_a_message_is_not_offered() -> None:
    backend = Memory()
    backend.change_room(OPS.room_id, admin=False)
    backend.say("see https://a.example/")
    backend.say("mine", "alice")
    async with looking(backend, "ops") as seen:
        await seen.until_shown("mine")
        await seen.press("shift+tab")
        await seen.until_shown("r reply · e edit · d delete · + react")
        assert "open a link" not in seen.text
        await seen.press("up")
        await seen.until_shown("r reply · + react", "o open a link")
        assert "e edit" not in seen.text
        assert "d delete" not in seen.text


@asynchronous
async def test_the_mouse_selects_messages_opens_rooms_and_turns_the_wheel() -> None:
    backend = Memory()
    for number in range(1, 41):
        backend.say(f"number {number}.")
    async with looking(backend, "ops") as seen:
        await seen.until_shown("number 40.")
        line = next(n for n, text in enumerate(seen.lines) if "number 35." in text)
        await seen.pilot.click(offset=(40, line))
        await seen.until_shown("▌  number 35.", "r reply")
        await seen.press("r")
        await seen.until_shown("replying to bobb: number 35.")
        await seen.press("escape", "h", "i")
        assert seen.composed == "hi"
        seen.main.timeline.post_message(
            MouseScrollUp(seen.main.timeline, 5, 5, 0, -1, 0, False, False, False)
        )
        await seen.until_gone("number 40.")
        room = next(n for n, text in enumerate(seen.lines) if text.startswith("# war room"))
        await seen.pilot.click(offset=(4, room))
        await seen.until_shown("> message #war room")
        await seen.press("x")
        assert seen.composed == "x"


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
async def test_what_is_typed_ahead_goes_where_it_is_meant() -> None:
    """Of a switcher that opened too slowly for a fast typist, the room's name was sent as a message."""
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        seen.press_at_once("ctrl+k", *"war", "enter", *"hello", "enter", "ctrl+f", *"hel")
        await seen.until_shown("Search all rooms", "1 found")
        assert [(one.room, one.text) for one in backend.requests(api.SendText)] == [
            (WAR.room_id, "hello")
        ]
        assert seen.composed == ""


@asynchronous
async def test_an_emoji_is_drawn_once_its_name_is_typed_but_not_in_code() -> None:
    async with looking(Memory(), "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.paste("a\n:tada")
        await seen.press(":", "!")
        assert seen.composed == "a\n🎉!"
        for text in ("\n`:tada", "`\n10:30"):
            await seen.paste(text)
            await seen.press(":")
        assert seen.composed == "a\n🎉!\n`:tada:`\n10:30:"
