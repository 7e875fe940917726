"""Messages by their numbers, and what a search finds, in parts that a frame can hold."""

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from coterie.client import api
from coterie.client.conversation import Author, Row
from coterie.client.local import MAX_FRAME, Remote, serving
from coterie.client.pages import MAX_SIZE, _Here
from coterie.client.running import TIDY_AFTER_S
from coterie.client.search_query import parse
from coterie.client.store import INDEXED_BYTES, TimelineRow
from coterie.content import Ref
from coterie.errors import InvalidInput
from tests.asynchronous import asynchronous
from tests.client.house import Person, alone_in, error_of, house_in, pair_in, until
from tests.fakes import FakeClock


async def page_of(person: Person, request: api.GetPage) -> api.Page:
    page = await person.ask(request)
    assert isinstance(page, api.Page)
    return page


async def found(person: Person, request: api.Search) -> api.Found:
    answer = await person.ask(request)
    assert isinstance(answer, api.Found)
    return answer


async def talk(person: Person, *texts: str, room: str = "ops") -> None:
    """All of it is in the log."""
    for text in texts:
        await person.ask(api.SendText(room, text, wait=False))
    await person.say("that is all", room)


def keep(person: Person, *texts: str) -> None:
    """As if all of it had been said by alice: so much at once no server takes."""
    assert person.running is not None
    log, store = person.log, person.running.store
    author = Author("alice", b"alice's key".ljust(32))
    for number, text in enumerate(texts):
        message = Row(Ref(b"d" * 16, number.to_bytes(16, "big")), author, 0, text)
        room_id = person.rooms.room_id(log.group_id)
        store.add_to_timeline(TimelineRow(0, room_id, log.group_id, number, "", 0, message))


LONGEST = "\U0001f600" * 65_536


def texts_of(page: api.Page) -> list[str]:
    return [one.text for one in page.messages if one.kind == "text"]


# --- pages -------------------------------------------------------------------------------------


@asynchronous
async def test_pages_are_turned_both_ways_and_say_where_they_end(tmp_path: Path) -> None:
    async with alone_in(tmp_path) as (_, alice):
        await talk(alice, *map(str, range(9)))
        newest = await page_of(alice, api.GetPage("ops", 4))
        assert texts_of(newest) == ["6", "7", "8", "that is all"]
        assert (newest.has_older, newest.has_newer) == (True, False)
        first = newest.messages[0].number
        older = await page_of(alice, api.GetPage("ops", 4, before=first))
        assert texts_of(older) == ["2", "3", "4", "5"]
        assert (older.has_older, older.has_newer) == (True, True)
        newer = await page_of(alice, api.GetPage("ops", 4, after=older.messages[-1].number))
        assert newer == newest
        middle = older.messages[1].number
        around = await page_of(alice, api.GetPage("ops", 3, around=middle))
        assert texts_of(around) == ["2", "3", "4"]
        both = api.GetPage("ops", 3, around=middle, before=middle)
        assert isinstance(await error_of(alice.ask(both)), InvalidInput)


@pytest.mark.parametrize("way", ["newest", "before", "after", "around"])
@asynchronous
async def test_a_page_of_the_longest_messages_fits_a_frame_and_says_what_it_left_out(
    tmp_path: Path, way: str
) -> None:
    """Pages of a thousand such messages would be 260 MB: the other process was told of a broken frame."""
    async with alone_in(tmp_path) as (_, alice):
        keep(alice, *(LONGEST for _ in range(12)))
        whole = await page_of(alice, api.GetPage("ops", 1_000))
        assert whole.has_older
        numbers = range(1, whole.messages[-1].number + 1)
        middle = numbers[len(numbers) // 2]
        asked = {
            "newest": api.GetPage("ops", 1_000),
            "before": api.GetPage("ops", 1_000, before=numbers[-1]),
            "after": api.GetPage("ops", 1_000, after=0),
            "around": api.GetPage("ops", 1_000, around=middle),
        }
        page = await page_of(alice, asked[way])
        assert len(msgspec.msgpack.encode(page)) < MAX_SIZE + 1_000 < MAX_FRAME
        given = [one.number for one in page.messages]
        assert given == list(range(given[0], given[-1] + 1))
        assert page.has_older == (given[0] > numbers[0])
        assert page.has_newer == (given[-1] < numbers[-1])
        wanted = {"newest": numbers[-1], "before": numbers[-2], "after": 1, "around": middle}
        assert wanted[way] in given
        if way == "around":
            assert given[0] < middle < given[-1]


@asynchronous
async def test_what_waits_is_cut_to_a_frame_too_and_counted(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        house.is_down = True
        async with alice.online():
            await alice.create()
            for _ in range(12):
                await alice.ask(api.SendText("ops", LONGEST, wait=False))
            await alice.ask(api.SendText("ops", "the last", wait=False))
            pending = await alice.ask(api.GetPending("ops"))
            assert isinstance(pending, api.Pending)
            assert len(msgspec.msgpack.encode(pending)) < MAX_SIZE + 1_000
            assert pending.messages[-1].text == "the last"
            assert pending.more == 13 - len(pending.messages) > 0


@asynchronous
async def test_another_process_turns_pages_too(tmp_path: Path) -> None:
    async with alone_in(tmp_path) as (_, alice):
        keep(alice, *(LONGEST for _ in range(10)))
        assert alice.service is not None
        async with serving(alice.service, tmp_path / "socket"):
            remote = Remote(tmp_path / "socket")
            numbers: list[int] = []
            before = None
            while True:
                page = await remote.call(api.GetPage("ops", 1_000, before=before))
                assert isinstance(page, api.Page)
                numbers = [*(one.number for one in page.messages), *numbers]
                if not page.has_older:
                    break
                before = page.messages[0].number
            assert numbers == list(range(1, numbers[-1] + 1))
            async with aclosing(remote.stream(api.Watch())) as stream:
                first = [await anext(stream), await anext(stream)]
                assert [type(one) for one in first] == [api.Connection, api.Room]


# --- searches ----------------------------------------------------------------------------------


@asynchronous
async def test_a_search_finds_by_word_sender_room_day_and_link(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await alice.create(room="war")
        await talk(alice, "the launch is on monday", "see https://example.org/launch")
        await talk(alice, "no launch", room="war")
        await bobb.say("launched!")
        await until(lambda: any(alice.rooms.log(g).cursor == bobb.log.cursor for g in alice.rooms))
        today = datetime.fromtimestamp(house.clock.now())  # as the person's clock
        yesterday = today - timedelta(days=1)
        for query, room, texts in (
            ("launch", None, ["launched!", "no launch", "see https://example.org/launch"]),
            ("launch from:bobb", None, ["launched!"]),
            ("launch in:war", None, ["no launch"]),
            ("launch in:#war", "ops", []),
            ("launch has:link", "ops", ["see https://example.org/launch"]),
            ('"launch is"', None, ["the launch is on monday"]),
            (f"monday after:{yesterday:%Y-%m-%d}", None, ["the launch is on monday"]),
            (f"monday before:{today:%Y-%m-%d}", None, []),
            ("  ", None, []),
        ):
            hits = (await found(alice, api.Search(query, room, limit=3))).hits
            assert [hit.message.text for hit in hits][: len(texts)] == texts, query
            assert len(hits) == len(texts) or query == "launch"
        why = await error_of(alice.ask(api.Search("launch in:nowhere")))
        assert str(why) == "there is no room nowhere"


def test_a_day_begins_at_midnight_here_in_summer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        for day, hour in (("2026-01-15", 23), ("2026-07-15", 22)):
            begins = parse(f"before:{day}", _Here()).before_ms
            assert begins is not None
            assert datetime.fromtimestamp(begins / 1000, UTC).hour == hour
    finally:
        monkeypatch.undo()
        time.tzset()


@asynchronous
async def test_a_search_goes_on_where_it_ended_and_shows_what_it_found(tmp_path: Path) -> None:
    async with alone_in(tmp_path) as (_, alice):
        await talk(alice, *(f"launch {number}" for number in range(5)))
        first = await found(alice, api.Search("launch", limit=3))
        assert first.has_more
        second = await found(
            alice, api.Search("launch", limit=3, before=first.hits[-1].message.number)
        )
        assert not second.has_more
        texts = [hit.message.text for hit in (*first.hits, *second.hits)]
        assert texts == [f"launch {number}" for number in range(5)][::-1]
        hit = first.hits[0]
        assert [hit.excerpt[begin:end] for begin, end in hit.found] == ["launch"]


@asynchronous
async def test_a_search_that_finds_the_longest_messages_fits_a_frame(tmp_path: Path) -> None:
    async with alone_in(tmp_path) as (_, alice):
        keep(alice, *("launch " + LONGEST[7:] for _ in range(18)))
        answer = await found(alice, api.Search("launch", limit=200))
        assert len(msgspec.msgpack.encode(answer)) < MAX_FRAME
        assert answer.has_more


# --- what is new -------------------------------------------------------------------------------

LONG = [f"needle{number} ".ljust(INDEXED_BYTES, "x") for number in range(6)]


class Racing(FakeClock):
    """Each look at it takes a second."""

    def monotonic(self) -> float:
        self._passed += 1.0
        return self._passed


@asynchronous
async def test_a_search_of_much_that_is_new_leaves_others_their_turns(tmp_path: Path) -> None:
    """Who searched after somebody had written many long messages saw a screen that stood still for minutes."""
    async with pair_in(tmp_path) as (_, alice, _bobb):
        keep(alice, *LONG)
        searching = asyncio.create_task(found(alice, api.Search("needle*")))
        turns = 0
        while not searching.done():
            await asyncio.sleep(0)
            turns += 1
        answer = await searching
        assert (len(answer.hits), answer.is_complete) == (6, True)
        assert turns >= 6 + 6  # for what is new, and for what is found


@asynchronous
async def test_a_search_that_could_not_look_through_all_says_so_until_it_can(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, _bobb):
        keep(alice, *LONG)
        assert alice.running is not None
        alice.running.clock = Racing()
        answer = await found(alice, api.Search("needle*"))
        assert not answer.is_complete
        assert 0 < len(answer.hits) < 6
        await house.clock.advance(6 * TIDY_AFTER_S)
        answer = await found(alice, api.Search("needle*"))
        assert (len(answer.hits), answer.is_complete) == (6, True)
