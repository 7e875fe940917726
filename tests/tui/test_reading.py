"""Reading back and on, threads, and jumps."""

from functools import partial

import pytest

from coterie.client import api
from coterie.tui.sidebar import WIDTH
from coterie.tui.window import MOST, PAGE
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS, WAR
from tests.tui.look import Seen, looking
from tests.tui.memory import Memory


def long_room(count: int) -> Memory:
    backend = Memory()
    for number in range(1, count + 1):
        backend.say(f"number {number}.")
    return backend


def loaded(seen: Seen) -> list[api.Message]:
    return seen.app.session.opened.view.window.messages


def ends_with(seen: Seen, number: int) -> bool:
    return loaded(seen)[-1].number == number


def timeline_lines(seen: Seen) -> list[str]:
    return [line[WIDTH:-1] for line in seen.lines[1:20]]  # without the scrollbar


@asynchronous
async def test_history_is_loaded_as_one_reads_back_and_nothing_jumps() -> None:
    async with looking(long_room(500), "ops") as seen:
        await seen.until_shown("number 500.")
        assert len(loaded(seen)) == PAGE
        seen.main.timeline.scroll_to(y=10, animate=False)
        await seen.until(lambda: len(loaded(seen)) == 2 * PAGE)
        await seen.until_shown("number 410.")
        before = seen.lines[5:15]
        seen.app.session.opened.view.new_after = None
        seen.main.update()
        assert seen.lines[5:15] == before


@asynchronous
async def test_a_long_room_is_read_to_both_ends_and_its_window_stays_small() -> None:
    count = MOST + 2 * PAGE
    async with looking(long_room(count), "ops") as seen:
        await seen.until_shown(f"number {count}.")
        await seen.press("ctrl+home")
        await seen.until_shown("number 1.")
        assert len(loaded(seen)) == PAGE
        for end in range(2 * PAGE, count + 1, PAGE):
            seen.main.timeline.scroll_end(animate=False)
            await seen.until(partial(ends_with, seen, end))
            assert len(loaded(seen)) <= MOST
        assert loaded(seen)[0].number > 1
        await seen.press("ctrl+home", "ctrl+end")
        await seen.until_shown(f"number {count}.")


@asynchronous
async def test_what_comes_while_one_reads_back_moves_nothing() -> None:
    backend = long_room(300)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("number 300.")
        await seen.press("pageup", "pageup")
        before = timeline_lines(seen)
        backend.say("later")
        await seen.until(lambda: loaded(seen)[-1].text == "later")
        await seen.pilot.pause()
        assert timeline_lines(seen) == before
        assert backend.rooms[OPS.room_id].unread == 1, "it was not seen"
        await seen.press("ctrl+end")
        await seen.until_shown("later")
        await seen.until(lambda: backend.rooms[OPS.room_id].unread == 0)


@asynchronous
async def test_the_first_of_many_new_messages_is_one_key_away() -> None:
    backend = long_room(500)
    backend.change_room(OPS.room_id, read_to=50)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("number 500.")
        await seen.press("shift+pageup")
        await seen.until_shown("─ new ─", "number 51.")


@asynchronous
async def test_a_reply_leads_to_what_it_answers_and_back() -> None:
    backend = long_room(600)
    first = backend.messages[7]
    quote = api.Quote(first.ref, 7, "bobb", first.text)
    backend.say("an answer", reply_to=quote)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("↪ bobb: number 7.")
        await seen.press("shift+tab", "enter")
        await seen.until_shown("▌  number 7.", "number 8.")
        await seen.press("backspace")
        await seen.until_shown("▌  an answer")
        await seen.press("up", "enter")
        await seen.until_shown("it answers nothing")


@asynchronous
async def test_a_found_message_is_shown_among_those_around_it() -> None:
    backend = long_room(600)
    async with looking(backend, "war room") as seen:
        await seen.until_shown("> message #war room")
        await seen.press("ctrl+f")
        await seen.paste_into_dialog("number 123.")
        await seen.until_shown("1 found", "number 123.")
        await seen.press("enter")
        await seen.until_shown("> message #ops", "▌  number 123.", "number 124.")


@asynchronous
async def test_a_thread_takes_the_place_of_the_room_until_escape() -> None:
    backend = Memory()
    root = backend.say("who ships?")
    backend.say("other things")
    backend.say("I do", thread=root.ref)
    backend.change(root, replies=1)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("↳ 1 reply", "↳ in the thread of bobb: who ships?", "other things")
        await seen.press("ctrl+t")
        await seen.until_shown(
            "Thread in #ops", "who ships?", "I do", "> message the thread in #ops"
        )
        assert "other things" not in seen.text
        await seen.type("me too")
        await seen.until_shown("me too")
        assert backend.requests(api.SendText)[-1].thread == root.ref
        backend.say("and this", thread=root.ref)
        await seen.until_shown("and this")
        await seen.press("escape")
        await seen.until_shown("↳ 2 replies", "other things", "> message #ops")


@asynchronous
async def test_one_more_message_in_a_long_room_draws_one(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = long_room(400)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("number 400.")
        await seen.press("ctrl+home", "ctrl+end")
        drawn = []
        draw = seen.main.timeline._draw

        def counting(item: object, look: object) -> object:
            drawn.append(item)
            return draw(item, look)  # type: ignore[arg-type]  # whatever it is given

        monkeypatch.setattr(seen.main.timeline, "_draw", counting)
        backend.say("one more")
        await seen.until_shown("one more")
        assert len(drawn) == 1
        backend.change(backend.messages[390], text="otherwise")
        await seen.until_shown("otherwise")
        assert len(drawn) == 2


@asynchronous
async def test_commands_name_a_message_by_its_number() -> None:
    backend = long_room(300)
    async with looking(backend, "ops") as seen:
        await seen.until_shown("number 300.")
        await seen.type("/reply 12 yes, it's so")
        await seen.until_shown("↪ bobb: number 12.", "yes, it's so")
        await seen.type("/edit yes")
        await seen.until_shown("yes  (edited)")
        await seen.type("/delete 999")
        await seen.until_shown("there is no message 999 in #ops")
        await seen.press("ctrl+u")
        await seen.type("/unread #299")
        await seen.until_shown("─ new ─")
        assert api.MarkRead(OPS.room_id, 298) in backend.asked
        assert backend.rooms[WAR.room_id].unread == 0
