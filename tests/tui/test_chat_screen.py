"""What a person sees and does on the main screen."""

from pathlib import Path

import pytest
from msgspec import structs

from coterie.client import api
from coterie.errors import Unavailable
from coterie.tui.settings import Read, Settings
from coterie.tui.settings_file import SettingsFile
from coterie.tui.themes import THEMES
from tests.asynchronous import asynchronous
from tests.cli.fakes import ALICE, BOBB, OPS, WAR
from tests.tui.look import looking
from tests.tui.memory import DIRECT, Memory

SIZES = pytest.mark.parametrize("size", [(60, 18), (100, 30), (300, 80)], ids=str)


def sent(backend: Memory) -> list[str]:
    return [request.text for request in backend.requests(api.SendText)]


@SIZES
@asynchronous
async def test_the_room_its_people_and_what_was_said_are_seen(size: tuple[int, int]) -> None:
    backend = Memory()
    backend.say("shipping today")
    backend.say("* and more")
    async with looking(backend, "ops", size=size) as seen:
        await seen.until_shown("#ops · 2 members · 0 of 1 verified", "Tuesday 24 November 2026")
        await seen.until_shown("bobb ! unverified 10:12", "shipping today", "• and more")
        await seen.until_shown("> message #ops", "^K switch")
        assert len(seen.lines) == size[1]
        assert ("Rooms" in seen.text) == (size[0] >= 72)


@asynchronous
async def test_direct_messages_stand_apart_with_who_is_there() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("Direct messages", "○ carol ✓")
        backend.around(DIRECT, carol="online")
        await seen.until_shown("● carol ✓")
        backend.say("hello", "carol", DIRECT)
        await seen.until_shown("● carol ✓ 1 @")
        await seen.press("alt+a")
        await seen.until_shown("@carol · ✓ verified", "> message @carol", "hello")
        await seen.until_gone("1 @")


@asynchronous
async def test_enter_sends_and_ctrl_j_begins_a_new_line() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("a", "ctrl+j", "b", "enter")
        await seen.until_shown("alice 10:12", "  a", "  b")
        assert sent(backend) == ["a\nb"]
        assert seen.composed == ""


@asynchronous
async def test_what_was_not_stored_says_so_and_can_be_sent_again_or_given_up() -> None:
    backend = Memory()
    backend.refuses["hello"] = "too loud"
    async with looking(backend, "ops") as seen:
        await seen.type("hello")
        await seen.until_shown("✗ not sent: too loud, Ctrl+R tries again, /discard gives it up")
        await seen.press("ctrl+r")
        await seen.until_gone("not sent")
        await seen.until_shown("alice 10:12", "hello")
        await seen.type("hello")
        await seen.until_shown("✗ not sent")
        await seen.type("/discard")
        await seen.until_gone("not sent")
        assert seen.text.count("hello") == 1
        await seen.type("/retry")
        await seen.until_shown("nothing failed here")


@asynchronous
async def test_what_waits_for_the_server_is_shown_until_it_comes_back() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        backend.connect("connecting", "the server does not answer")
        await seen.until_shown("the server does not answer")
        await seen.type("hello")
        await seen.until_shown("alice … waiting for the server", "hello")
        backend.connect("connected", "connected")
        await seen.until_gone("… waiting")
        assert seen.text.count("hello") == 1


@asynchronous
async def test_what_comes_in_another_room_is_counted_and_one_key_goes_there() -> None:
    backend = Memory()
    async with looking(backend, "war room") as seen:
        await seen.until_shown("> message #war room")
        backend.say("look @alice")
        await seen.until_shown("# ops 1 @")
        await seen.press("alt+a")
        await seen.until_shown("> message #ops", "look @alice", "─ new ─")
        await seen.until_gone("# ops 1 @")
        await seen.press("escape")
        await seen.until_gone("─ new ─")


@asynchronous
async def test_what_comes_while_one_looks_elsewhere_stays_unread_below_a_line() -> None:
    backend = Memory()
    backend.say("old")
    async with looking(backend, "ops") as seen:
        await seen.until(lambda: backend.rooms[OPS.room_id].unread == 0)
        seen.app.app_focus = False
        backend.say("anybody here?")
        await seen.until_shown("# ops 1", "─ new ─", "anybody here?")
        seen.app.app_focus = True
        await seen.until(lambda: backend.rooms[OPS.room_id].unread == 0)
        await seen.until_shown("─ new ─")
        presence = [request.state for request in backend.requests(api.SayPresence)]
        assert presence == ["online", "away", "online"]


@asynchronous
async def test_a_draft_stays_with_its_room_and_is_kept_by_the_client() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("d", "r", "a", "f", "t", "ctrl+k", "w", "a", "r", "enter")
        await seen.until_shown("> message #war room", "# ops ✎")
        assert seen.composed == ""
        await seen.press("alt+up")
        await seen.until(lambda: seen.composed == "draft")
        await seen.press("s", "ctrl+q")
        await seen.until(lambda: backend.drafts == {OPS.room_id: "drafts"})
    async with looking(backend, "ops") as seen:
        await seen.until(lambda: seen.composed == "drafts")
        await seen.press("enter")
        await seen.until_shown("alice 10:12")
        await seen.until(lambda: not backend.drafts[OPS.room_id])


@asynchronous
async def test_many_pasted_lines_are_one_text_and_send_nothing() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.paste("one\r\ntwo\rthree\n")
        await seen.until(lambda: seen.composed == "one\ntwo\nthree\n")
        assert sent(backend) == []
        await seen.press("enter")
        await seen.until(lambda: sent(backend) == ["one\ntwo\nthree\n"])


@asynchronous
async def test_what_was_entered_before_comes_back_with_a_key() -> None:
    async with looking(Memory(), "ops") as seen:
        await seen.type("first")
        await seen.type("second")
        await seen.press("n", "e", "w", "alt+p")
        assert seen.composed == "second"
        await seen.press("alt+p", "alt+p")
        assert seen.composed == "first"
        await seen.press("alt+n", "alt+n")
        assert seen.composed == "new"


@asynchronous
async def test_tab_completes_names_and_commands() -> None:
    async with looking(Memory(), "ops") as seen:
        await seen.until_shown("0 of 1 verified")
        await seen.press("at", "b")
        await seen.until_shown("Tab: @bobb")
        await seen.press("tab")
        assert seen.composed == "@bobb "


@asynchronous
async def test_others_are_told_that_one_types_unless_it_is_a_command() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        backend.around(OPS, "bobb", "carol", "dave")
        await seen.until_shown("bobb, carol and 1 more are typing…")
        await seen.press("slash", "h", "backspace", "backspace", "h", "i")
        await seen.until(lambda: len(backend.requests(api.SayTyping)) == 2)
        assert [one.is_over for one in backend.requests(api.SayTyping)] == [True, False]


@asynchronous
async def test_a_room_that_cannot_be_written_to_says_why_and_what_to_do() -> None:
    backend = Memory()
    async with looking(backend, "war room") as seen:
        await seen.until_shown("⚠ a member saw another log than this device", "F2 goes")
        await seen.press("f2")
        await seen.until_shown("Two logs", "y go on · n wait")
        await seen.press("y")
        await seen.until_gone("Two logs")
        await seen.until(lambda: api.Acknowledge(room=WAR.room_id) in backend.asked)


@asynchronous
async def test_a_changed_key_stops_sending_until_the_person_says_go_on() -> None:
    backend = Memory()
    reason = "the key of bobb changed: acknowledge it to go on"
    backend.change_room(OPS.room_id, state="key-changed", reason=reason)
    backend.members[OPS.room_id] = (ALICE, api.Member("bobb", False, BOBB.devices, "changed"))
    async with looking(backend, "ops") as seen:
        await seen.until_shown("⚠ key changed", "⚠ the key of bobb changed", "F2 shows")
        await seen.press("f2")
        await seen.until_shown("Key changed", "bobb came with another key", "y go on · n wait")
        await seen.press("n")
        await seen.until_gone("y go on")
        assert api.Acknowledge(name="bobb") not in backend.asked
        await seen.press("ctrl+p", "a", "c", "k", "enter")
        await seen.until_shown("y go on")
        await seen.press("y")
        await seen.until(lambda: api.Acknowledge(name="bobb") in backend.asked)


@asynchronous
async def test_a_person_is_verified_by_the_number_that_was_seen() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("0 of 1 verified")
        await seen.type("/verify @bobb")
        await seen.until_shown("Verify bobb", "01234 56789")
        await seen.press("y")
        await seen.until_shown("✓ all verified")


@asynchronous
async def test_leaving_asks_first_and_no_means_no() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("0 of 1 verified")
        await seen.type("/leave")
        await seen.until_shown("Leave #ops?")
        await seen.press("escape")
        await seen.until_gone("Leave #ops?")
        assert not backend.requests(api.LeaveRoom)


@asynchronous
async def test_help_lists_keys_and_commands_and_escape_leaves_it() -> None:
    async with looking(Memory(), "ops", size=(100, 90)) as seen:
        await seen.press("f1")
        await seen.until_shown("Ctrl+K", "/create ROOM")
        await seen.press("escape")
        await seen.until_gone("/create ROOM")


@asynchronous
async def test_a_command_that_fails_says_so_and_comes_back_to_be_mended() -> None:
    async with looking(Memory(), "ops") as seen:
        await seen.type("/dance")
        await seen.until_shown("no such command: /dance — /help lists the commands")
        assert seen.composed == "/dance"
        await seen.press("alt+down")
        await seen.until_gone("no such command")


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ('/topic it\'s "late"', api.ChangeRoom(OPS.room_id, topic='it\'s "late"')),
        ("/rename war  room", api.ChangeRoom(OPS.room_id, name="war  room")),
        ("/mute mentions", api.SetAttention(OPS.room_id, "mentions")),
        ("/me waves", api.SendText(OPS.room_id, "waves", wait=False, is_action=True)),
        ("/msg carol hello", api.SendText(DIRECT.room_id, "hello", wait=False)),
        ("/create new bobb", api.CreateRoom("new", ("bobb",))),
        ("/invite @carol dave", api.AddMembers(OPS.room_id, ("carol", "dave"))),
        ("/renew", api.RenewRoom(OPS.room_id)),
        ("/follow", api.FollowRoom(OPS.room_id)),
    ],
)
@asynchronous
async def test_commands_are_requests(line: str, request_: api.Request) -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.paste(line)
        await seen.press("enter")
        await seen.until(lambda: request_ in backend.asked)


@asynchronous
async def test_the_screen_ends_with_the_client_and_says_why() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        backend.end(Unavailable("the process has ended"))
        await seen.until(lambda: seen.app.return_value is not None)
        assert str(seen.app.return_value) == "the process has ended"


@asynchronous
async def test_an_unknown_room_is_told_and_the_others_are_listed() -> None:
    async with looking(Memory(), "nowhere") as seen:
        await seen.until_shown("there is no room nowhere", "# ops", "> Ctrl+K goes to a room")


@asynchronous
async def test_a_room_that_comes_only_later_is_opened_then() -> None:
    backend = Memory(WAR)
    backend.connection = api.Connection("catching-up", "catching up…")
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> Ctrl+K goes to a room", "# war room")
        backend.rooms[OPS.room_id] = OPS
        backend.change_room(OPS.room_id)
        await seen.until_shown("> message #ops")


@asynchronous
async def test_who_has_no_room_yet_sees_the_first_one_when_it_comes() -> None:
    backend = Memory()
    backend.rooms.clear()
    async with looking(backend) as seen:
        await seen.until_shown("no room yet: /create ROOM makes one")
        backend.rooms[OPS.room_id] = OPS
        backend.change_room(OPS.room_id)
        await seen.until_shown("> message #ops")


@asynchronous
async def test_a_notice_stands_above_the_composer_until_it_is_over_or_taken_away() -> None:
    backend = Memory()
    async with looking(backend, "ops") as seen:
        backend.notice("an invitation does not open")
        await seen.until_shown("an invitation does not open")
        await seen.press("escape")
        await seen.until_gone("an invitation")
        backend.notice("the connection was dropped: nonsense")
        await seen.until_shown("the connection was dropped")
        backend.notice("connected again")
        await seen.until_gone("the connection was dropped")


@asynchronous
async def test_whatever_was_missed_is_asked_for_anew() -> None:
    backend = Memory()
    first = backend.say("one")
    async with looking(backend, "ops") as seen:
        await seen.until_shown("one")
        backend.messages[first.number] = structs.replace(first, text="two")  # not told of
        backend.miss()
        await seen.until_shown("two")
        await seen.until_gone("one")


@asynchronous
async def test_words_of_others_are_shown_and_not_obeyed_wherever_they_stand() -> None:
    backend, name = Memory(), "[red]x[/red][@click=app.quit]"
    hostile = {"name": name, "topic": "[b]\x1b[2J", "reason": "[i]no[/i]"}
    backend.change_room(OPS.room_id, **hostile)
    backend.members[OPS.room_id] = (ALICE, api.Member("[b]m", False, ("bb" * 16,), "believed"))
    first = backend.say("[red]said[/red]", sender="[b]s")
    backend.react(first, "[b]", "\x07")
    async with looking(backend, name) as seen:
        await seen.until_shown(f"#{name} · 2 members", "[b]�[2J", "⚠ [i]no[/i]", f"message #{name}")
        await seen.until_shown("[b]s", "[red]said[/red]", "[b] 1")
        backend.around(OPS, "[b]t\n\x1b]0;x\x07")
        await seen.until_shown("[b]t �]0;x� is typing…")
        await seen.press("shift+tab", "r")
        await seen.until_shown("replying to [b]s: [red]said[/red]")
        await seen.press("escape", "ctrl+k")
        await seen.until_shown("Go to", f"#{name}")
        await seen.press("escape")
        for command, shown in (("/members", "[b]m"), ("/leave", f"Leave #{name}?")):
            await seen.type(command)
            await seen.until_shown(shown)
            await seen.press("escape")


@asynchronous
async def test_the_settings_are_heeded() -> None:
    backend = Memory()
    backend.say("hello")
    settings = Settings(
        theme="light", density="compact", clock="12h", say_typing=False, say_presence=False,
        keys={"switch": "ctrl+g", "send": "f5"},
    )  # fmt: skip
    async with looking(backend, "ops", settings=settings) as seen:
        await seen.until_shown("bobb ! unverified 10:12 AM  hello")
        await seen.press("ctrl+g")
        await seen.until_shown("Go to")
        await seen.press("escape", "h", "i", "f5")
        await seen.until(lambda: sent(backend) == ["hi"])
        assert not backend.requests(api.SayTyping)
        assert not backend.requests(api.SayPresence)
        assert seen.app.theme == "light"
        await seen.paste("/settings")
        await seen.press("f5")
        await seen.until_shown("Settings")


@asynchronous
async def test_every_theme_shows_the_same_and_the_chosen_one_stays(tmp_path: Path) -> None:
    backend = Memory()
    backend.say("hello")
    file = SettingsFile(tmp_path / "chat.toml", Read())
    async with looking(backend, "ops", file=file) as seen:
        await seen.until_shown("hello")
        await seen.press("ctrl+p", "l", "i", "g", "h", "t", "enter")
        await seen.until(lambda: seen.app.theme == "light")
        assert SettingsFile.read(file.path).settings.theme == "light", "after a restart, too"
        for theme in THEMES:
            seen.app.theme = theme
            await seen.pilot.pause()
            await seen.until_shown("bobb ! unverified 10:12", "hello")


@asynchronous
async def test_no_color_takes_all_colour_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    backend = Memory()
    backend.say("hello")
    async with looking(backend, "ops") as seen:
        assert seen.app.no_color
        await seen.until_shown("bobb ! unverified 10:12")


@asynchronous
async def test_a_room_that_is_gone_when_it_is_picked_is_told_so() -> None:
    """The program ended: of two groups for one pair of people one is forgotten."""
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("ctrl+k")
        await seen.until_shown("Go to", "@carol")
        del backend.rooms[DIRECT.room_id]
        await seen.app.session.refresh()
        await seen.paste_into_dialog("carol")
        await seen.press("enter")
        await seen.until_shown("that room is not there any more")
