"""A message is selected, and something is done with it."""

import threading
import webbrowser

import pytest

from coterie.client import api
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS
from tests.tui.look import Seen, looking
from tests.tui.memory import Memory
from tests.tui.sight import DEADLINE_S


def told(backend: Memory) -> tuple[api.Message, api.Message]:
    """What bobb said, and what alice answered."""
    first = backend.say("shipping today?")
    return first, backend.say("yes", "alice")


async def select(seen: Seen, *keys: str) -> None:
    """The last message, and then these keys."""
    await seen.until_shown("yes")
    await seen.press("shift+tab", *keys)


@pytest.mark.parametrize("size", [(60, 18), (100, 30)], ids=str)
@asynchronous
async def test_the_selected_message_is_marked_and_the_keys_are_told(size: tuple[int, int]) -> None:
    backend = Memory()
    told(backend)
    async with looking(backend, "ops", size=size) as seen:
        await select(seen)
        await seen.until_shown("▌alice", "▌  yes", "r reply", "Esc back")
        await seen.press("up")
        await seen.until_shown("▌  shipping today?")
        await seen.press("down", "escape")
        await seen.until_gone("▌")
        await seen.press("h", "i")
        assert seen.composed == "hi"


@asynchronous
async def test_a_reply_says_what_it_answers_before_and_after_it_is_sent() -> None:
    backend = Memory()
    first, _ = told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "up", "r")
        await seen.until_shown("replying to bobb: shipping today? · Esc ends it")
        await seen.type("at noon")
        await seen.until_shown("↪ bobb: shipping today?", "at noon")
        await seen.until_gone("replying to")
        assert backend.requests(api.SendText)[-1].reply_to == first.ref
        await seen.press("shift+tab", "r")
        await seen.until_shown("replying to alice: at noon")
        await seen.press("escape")
        await seen.until_gone("replying to")
        await seen.type("no answer")
        await seen.until(lambda: backend.requests(api.SendText)[-1].reply_to is None)


@asynchronous
async def test_the_last_own_message_is_edited_with_the_arrow_and_the_draft_comes_back() -> None:
    backend = Memory()
    _, own = told(backend)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("yes")
        await seen.press("up")
        await seen.until_shown("editing: yes · Esc ends it")
        assert seen.composed == "yes"
        await seen.press("!", "enter")
        await seen.until_shown("yes!  (edited)")
        assert backend.requests(api.EditMessage)[0].message == own.ref
        assert (seen.composed, backend.drafts) == ("", {})
        await seen.press("d", "shift+tab", "e")
        await seen.until(lambda: seen.composed == "yes!")
        await seen.press("escape")
        await seen.until(lambda: seen.composed == "d")


@asynchronous
async def test_only_ones_own_can_be_edited() -> None:
    backend = Memory()
    told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "up", "e")
        await seen.until_shown("only bobb can edit this")


@asynchronous
async def test_deleting_asks_and_leaves_the_place() -> None:
    backend = Memory()
    told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "d")
        await seen.until_shown("Delete what you said, for all?")
        await seen.press("n")
        await seen.until_gone("Delete what")
        assert not backend.requests(api.DeleteMessage)
        await seen.press("shift+tab", "up", "d")
        await seen.until_shown("Delete what bobb said, for all?")
        await seen.press("y")
        await seen.until_shown("[deleted by alice]")
        await seen.until_gone("▌")
        await seen.press("r", "shift+tab", "up", "r")
        assert seen.composed == "r", "a letter again, since what was to be done was done"
        await seen.until_shown("there is nothing of it to do that with")


@asynchronous
async def test_who_is_no_admin_deletes_nothing_of_others() -> None:
    backend = Memory()
    backend.change_room(OPS.room_id, admin=False)
    told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "up", "d")
        await seen.until_shown("only bobb or an admin of the room can delete this")


@asynchronous
async def test_reactions_are_counted_in_one_line_and_ones_own_are_in_brackets() -> None:
    backend = Memory()
    first, own = told(backend)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("yes")
        backend.react(first, "👍", "bobb")
        await seen.until_shown("  👍 1")
        await seen.type("/react 👍")
        await seen.until_shown("  [👍 2]")
        await seen.type(f"/react :tada: {own.number}")
        await seen.until_shown("  [🎉 1]")
        await seen.type("/react 👍")
        await seen.until_shown("  👍 1")
        await seen.press("shift+tab", "+")
        await seen.until_shown("thumbs_up")
        await seen.press("escape")
        await seen.until_gone("▌")


@asynchronous
async def test_copying_happens_on_that_key_alone_and_never_with_controls() -> None:
    backend = Memory()
    backend.say("a\x1b]52;c;ZXZpbA==\x07b yes")
    async with looking(backend, "ops") as seen:
        await select(seen)
        assert seen.app.clipboard == ""
        await seen.press("y")
        await seen.until_shown("copied")
        assert seen.app.clipboard == "a�]52;c;ZXZpbA==�b yes"


@asynchronous
async def test_a_quote_goes_into_the_composer() -> None:
    backend = Memory()
    backend.say("one\nyes")
    async with looking(backend, "ops") as seen:
        await select(seen, "greater_than_sign")
        await seen.until(lambda: seen.composed == "> one\n> yes\n")


@asynchronous
async def test_without_a_browser_a_link_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    backend = Memory()
    backend.say("no link")
    backend.say("yes https://a.example/x, and https://b.example/")
    async with looking(backend, "ops") as seen:
        await select(seen, "o")
        await seen.until_shown("Open", "https://b.example/")
        await seen.press("enter")
        await seen.until(lambda: seen.app.clipboard == "https://a.example/x")
        await seen.press("shift+tab", "up", "o")
        await seen.until_shown("there is no link in it")


@asynchronous
async def test_from_a_message_on_the_room_is_left_unread() -> None:
    backend = Memory()
    first, _ = told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "up", "u")
        await seen.until_shown("─ new ─", "# ops 1")
        assert backend.requests(api.MarkRead)[-1] == api.MarkRead(OPS.room_id, first.number - 1)
        await seen.press("alt+down", "alt+up")
        await seen.until_gone("# ops 1")


@asynchronous
async def test_info_says_all_about_a_message() -> None:
    backend = Memory()
    told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "i")
        await seen.until_shown("aa" * 16)
        await seen.press("escape")


@asynchronous
async def test_what_is_written_for_a_message_is_there_after_a_look_elsewhere() -> None:
    backend = Memory()
    first, own = told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "up", "r", "a", "t")
        await seen.press("alt+down")
        await seen.until_shown("> message #war room")
        await seen.until_gone("replying to")
        await seen.press("alt+up")
        await seen.until_shown("replying to bobb: shipping today?")
        assert seen.composed == "at"
        await seen.press("enter")
        await seen.until(lambda: len(backend.requests(api.SendText)) == 1)
        assert backend.requests(api.SendText)[0].reply_to == first.ref
        await seen.until_gone("replying to")

        await seen.press("d", "shift+tab", "up", "e", "!", "alt+down")
        await seen.until_shown("> message #war room")
        await seen.press("alt+up")
        await seen.until_shown("editing: yes")
        assert seen.composed == "yes!"
        await seen.press("enter")
        await seen.until(lambda: backend.messages[own.number].text == "yes!")
        assert seen.composed == "d"


@asynchronous
async def test_what_is_begun_in_a_thread_is_there_after_a_look_elsewhere() -> None:
    backend = Memory()
    told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "up", "t")
        await seen.until_shown("> message the thread in #ops")
        await seen.press("h", "i", "escape")
        await seen.until_shown("> message #ops")
        await seen.press("shift+tab", "up", "t")
        await seen.until_shown("Thread in #ops")
        assert seen.composed == "hi"


@asynchronous
async def test_a_text_goes_where_it_was_written_whatever_is_opened_at_once() -> None:
    backend = Memory()
    told(backend)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("yes")
        await seen.paste("for ops")
        composer, screen = seen.main.composer, seen.main
        composer._enter()  # both before the loop does anything else
        screen.action_next_room()
        await seen.until_shown("> message #war room")
        assert [one.room for one in backend.requests(api.SendText)] == [OPS.room_id]


@asynchronous
async def test_the_palette_does_the_same_with_the_selected_message() -> None:
    backend = Memory()
    told(backend)
    async with looking(backend, "ops") as seen:
        await select(seen, "up", "ctrl+p", "r", "e", "p", "l", "y", "enter")
        await seen.until_shown("replying to bobb")


@asynchronous
async def test_a_browser_that_is_slow_to_start_holds_up_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The screen stood still for up to five seconds, which Python waits for one."""
    opened, is_seen = [], threading.Event()

    def slow(address: str) -> bool:
        opened.append((address, is_seen.wait(DEADLINE_S)))
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", slow)
    backend = Memory()
    backend.say("yes, http://host/path.")
    async with looking(backend, "ops") as seen:
        await select(seen, "o")
        backend.say("meanwhile")
        await seen.until_shown("meanwhile")
        is_seen.set()
        await seen.until(lambda: opened)
    assert opened == [("http://host/path", True)]
