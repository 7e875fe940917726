"""What a person sees and does on the full screen."""

import msgspec
import pytest

from coterie.client import api
from coterie.errors import InvalidInput, Unavailable
from coterie.tui.themes import THEMES
from tests.asynchronous import asynchronous
from tests.cli.fakes import ALICE, BOBB, OPS, WAR, FakeBackend, message
from tests.tui.look import TwoRooms, looking

SIZES = pytest.mark.parametrize("size", [(60, 18), (100, 30), (300, 80)], ids=str)


def sent(backend: FakeBackend) -> list[str]:
    return [request.text for request in backend.asked if isinstance(request, api.SendText)]


@SIZES
@asynchronous
async def test_the_room_its_people_and_what_was_said_are_seen(size: tuple[int, int]) -> None:
    backend = TwoRooms(message("shipping today"), message("* and more", seq=2))
    async with looking(backend, "ops", size=size) as seen:
        await seen.until_shown("#ops · 2 members · 0 of 1 verified", "Tuesday 24 November 2026")
        await seen.until_shown("bobb ! unverified 10:12", "shipping today", "• and more")
        await seen.until_shown("> message #ops", "^K switch")
        assert len(seen.lines) == size[1]
        assert ("Rooms" in seen.text) == (size[0] >= 72)


@asynchronous
async def test_enter_sends_and_ctrl_j_begins_a_new_line() -> None:
    backend = TwoRooms()
    async with looking(backend, "ops") as seen:
        await seen.type("one\ntwo")
        await seen.until_shown("alice 10:12", "one", "two")
        assert sent(backend) == ["one\ntwo"]
        assert seen.composed == ""


@asynchronous
async def test_what_was_not_stored_says_so_and_can_be_sent_again() -> None:
    backend = TwoRooms()
    backend.refuses["hello"] = InvalidInput("too loud", hint="whisper")
    async with looking(backend, "ops") as seen:
        await seen.type("hello")
        await seen.until_shown("✗ not sent: too loud (whisper), Ctrl+R tries again")
        backend.refuses.clear()
        await seen.press("ctrl+r")
        await seen.until_shown("alice 10:12")
        await seen.until_gone("not sent")
        assert sent(backend) == ["hello", "hello"]


@asynchronous
async def test_what_waits_for_the_server_is_shown_until_it_comes_back() -> None:
    backend = TwoRooms()
    backend.refuses["hello"] = Unavailable("nobody answers")
    async with looking(backend, "ops") as seen:
        await seen.type("hello")
        await seen.until_shown("… kept, and sent when the server can be reached: nobody answers")
        own = message("hello", sender="alice")
        backend.say(msgspec.structs.replace(own, device="aa" * 16))
        await seen.until_gone("… kept")
        assert seen.text.count("hello") == 1


@asynchronous
async def test_what_comes_in_another_room_is_counted_and_one_key_goes_there() -> None:
    backend = TwoRooms()
    async with looking(backend, "war room") as seen:
        await seen.until_shown("> message #war room")
        backend.say(message("look @alice"))
        await seen.until_shown("# ops 1 @")
        await seen.press("alt+a")
        await seen.until_shown("> message #ops", "look @alice", "─ new ─")
        await seen.until_gone("# ops 1 @")
        await seen.press("escape")
        await seen.until_gone("─ new ─")


@asynchronous
async def test_a_draft_stays_with_its_room() -> None:
    async with looking(TwoRooms(), "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("d", "r", "a", "f", "t", "ctrl+k", "w", "a", "r", "enter")
        await seen.until_shown("> message #war room")
        assert seen.composed == ""
        await seen.press("alt+up")
        await seen.until(lambda: seen.composed == "draft")


@asynchronous
async def test_tab_completes_names_and_commands() -> None:
    async with looking(TwoRooms(), "ops") as seen:
        await seen.until_shown("0 of 1 verified")
        await seen.press("at", "b")
        await seen.until_shown("Tab: @bobb")
        await seen.press("tab")
        assert seen.composed == "@bobb "


@asynchronous
async def test_a_room_that_cannot_be_written_to_says_why_above_its_messages() -> None:
    backend = TwoRooms()
    async with looking(backend, "war room") as seen:
        await seen.until_shown("⚠ a member saw another log than this device, Ctrl+P")
        await seen.press("ctrl+p", "a", "c", "k", "enter")
        await seen.until_shown("Two logs", "y go on · n wait")
        await seen.press("y")
        await seen.until_gone("Two logs")
        await seen.until(lambda: api.Acknowledge(room=WAR.room_id) in backend.asked)


@asynchronous
async def test_a_person_is_verified_by_the_number_that_was_seen() -> None:
    backend = TwoRooms()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("0 of 1 verified")
        await seen.type("/verify @bobb")
        await seen.until_shown("Verify bobb", "01234 56789 01234 56789")
        await seen.press("y")
        await seen.until(lambda: backend.pins["bobb"] == "compared")


@asynchronous
async def test_leaving_asks_first_and_no_means_no() -> None:
    backend = TwoRooms()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("0 of 1 verified")
        await seen.type("/leave")
        await seen.until_shown("Leave #ops?")
        await seen.press("escape")
        await seen.until_gone("Leave #ops?")
        assert not any(isinstance(request, api.LeaveRoom) for request in backend.asked)


@asynchronous
async def test_help_lists_keys_and_commands_and_escape_leaves_it() -> None:
    async with looking(TwoRooms(), "ops", size=(100, 60)) as seen:
        await seen.press("f1")
        await seen.until_shown("Ctrl+K", "/create ROOM")
        await seen.press("escape")
        await seen.until_gone("/create ROOM")


@asynchronous
async def test_a_command_that_fails_says_so_and_comes_back_to_be_mended() -> None:
    async with looking(TwoRooms(), "ops") as seen:
        await seen.type("/dance")
        await seen.until_shown("no such command: /dance — /help lists the commands")
        assert seen.composed == "/dance"
        await seen.press("alt+down")
        await seen.until_gone("no such command")


@asynchronous
async def test_history_is_loaded_as_one_reads_back_and_nothing_jumps() -> None:
    backend = TwoRooms(*(message(f"number {seq}.", seq=seq) for seq in range(1, 501)))
    async with looking(backend, "ops") as seen:
        await seen.until_shown("number 500.")
        assert "number 300." not in seen.app.session.timeline.messages[0].text
        await seen.press("ctrl+home")
        await seen.until(lambda: len(seen.app.session.timeline.messages) == 400)
        await seen.until_shown("number 301.")
        await seen.press("ctrl+home")
        await seen.until(lambda: seen.app.session.timeline.is_whole)
        await seen.press("ctrl+home")
        await seen.until_shown("number 1.")


@asynchronous
async def test_the_screen_ends_with_the_client_and_says_why() -> None:
    backend = TwoRooms()
    async with looking(backend, "ops") as seen:
        backend.stream_error = Unavailable("the process has ended")
        backend.say(message("last words"))
        await seen.until(lambda: seen.app.return_value is not None)
        assert str(seen.app.return_value) == "the process has ended"


@asynchronous
async def test_markup_in_the_name_of_a_room_is_shown_and_not_obeyed() -> None:
    backend, name = TwoRooms(), "[red]x[/][@click=app.quit]"
    hostile = msgspec.structs.replace(OPS, name=name, topic="[b]\x1b[2J", reason="[i]no[/i]")
    backend.rooms = (hostile,)
    async with looking(backend, name) as seen:
        await seen.until_shown(f"#{name} · 2 members", "[b]�[2J", "⚠ [i]no[/i]", f"message #{name}")
        await seen.press("ctrl+k")
        await seen.until_shown("Go to", f"#{name}  2 members · [i]no[/i]")
        await seen.press("escape")
        await seen.type("/members")
        await seen.until_shown(f"Members of #{name}")
        await seen.press("escape")
        await seen.type("/leave")
        await seen.until_shown(f"Leave #{name}?")


@asynchronous
async def test_a_changed_key_stops_sending_until_the_person_says_go_on() -> None:
    backend = TwoRooms()
    reason = "the key of bobb changed: acknowledge it to go on"
    backend.rooms = (msgspec.structs.replace(OPS, state="key-changed", reason=reason),)
    backend.members = (ALICE, msgspec.structs.replace(BOBB, pin="changed"))
    async with looking(backend, "ops") as seen:
        await seen.until_shown("⚠ key changed", reason)
        await seen.press("ctrl+p", "a", "c", "k", "enter")
        await seen.until_shown("Key changed", "bobb came with another key", "y go on · n wait")
        await seen.press("n")
        await seen.until_gone("y go on")
        assert api.Acknowledge(name="bobb") not in backend.asked
        await seen.press("ctrl+p", "a", "c", "k", "enter")
        await seen.until_shown("y go on")
        await seen.press("y")
        await seen.until(lambda: api.Acknowledge(name="bobb") in backend.asked)


@asynchronous
async def test_every_theme_shows_the_same() -> None:
    async with looking(TwoRooms(message("hello")), "ops") as seen:
        await seen.press("ctrl+p", "l", "i", "g", "h", "t", "enter")
        await seen.until(lambda: seen.app.theme == "light")
        for theme in THEMES:
            seen.app.theme = theme
            await seen.pilot.pause()
            await seen.until_shown("bobb ! unverified 10:12", "hello")


@asynchronous
async def test_no_color_takes_all_colour_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with looking(TwoRooms(message("hello")), "ops") as seen:
        assert seen.app.no_color
        await seen.until_shown("bobb ! unverified 10:12")
