"""Searching on the screen."""

import asyncio
import datetime

import pytest
from msgspec import structs
from textual.widgets import Input

from coterie.client import api
from coterie.client.search_query import parse
from coterie.errors import InvalidInput, Unavailable
from coterie.tui.search_screen import PAGE, SearchScreen
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS, WAR, message
from tests.tui.dialog import LOOKS, NOTHING, SMALLEST, Shown, showing

SIZES = pytest.mark.parametrize("size", [SMALLEST, (100, 30), (300, 80)], ids=str)


def hit(text: str, found: str = "", *, number: int = 1) -> api.Hit:
    at = text.index(found)
    said = structs.replace(message(text), number=number)
    return api.Hit(said, text, ((at, at + len(found)),) if found else ())


class Index:
    """Knows some hits, newest first, and what it was asked; while ``is_open`` is not set it does not answer."""

    def __init__(self, *hits: api.Hit) -> None:
        self.hits = hits
        self.asked: list[api.Search] = []
        self.is_complete = True
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def search(self, request: api.Search) -> api.Found:
        self.asked.append(request)
        await self.is_open.wait()
        words = [term.text for term in parse(request.query, datetime.UTC).terms]
        found = [
            one
            for one in self.hits
            if all(word in one.message.text for word in words)
            and (request.before is None or one.message.number < request.before)
        ]
        hits = tuple(found[: request.limit])
        return api.Found(hits, len(found) > request.limit, self.is_complete)

    @property
    def queries(self) -> list[str]:
        return [request.query for request in self.asked]


def lit(seen: Shown) -> list[str]:
    """What is lit on the screen."""
    return [one.text for strip in seen.strips for one in strip if one.style and one.style.underline]


@SIZES
@asynchronous
async def test_hits_come_while_one_types_and_what_was_sought_is_lit(size: tuple[int, int]) -> None:
    index = Index(hit("we are shipping today", "shipping"))
    async with showing(SearchScreen(index.search, OPS), size=size) as seen:
        await seen.until_shown("Search all rooms", "from:name")
        await seen.type("sh")
        await seen.until_shown(
            "#ops (this room) · bobb · 24 November 2026", "we are shipping today", "1 found"
        )
        assert lit(seen) == ["shipping"]
        assert index.asked[-1] == api.Search("sh", None, limit=PAGE)


@asynchronous
async def test_what_was_not_looked_through_in_time_is_told_of() -> None:
    index = Index(hit("we are shipping today", "shipping"))
    index.is_complete = False
    async with showing(SearchScreen(index.search, OPS, "shipping")) as seen:
        await seen.until_shown("1 found · more may be found: not all was looked through in time")
        index.is_complete = True
        await seen.type("x")
        await seen.until_shown("nothing found")
        await seen.until(
            lambda: "more may" not in str(seen.app.screen.query_one(".state").render())
        )


@asynchronous
async def test_enter_gives_the_marked_message() -> None:
    index = Index(hit("one", number=2), hit("two", number=1))
    async with showing(SearchScreen(index.search, None, "o")) as seen:
        await seen.until_shown("2 found")
        await seen.press("down", "enter")
        await seen.until(lambda: seen.result == index.hits[1].message)


@asynchronous
async def test_escape_gives_none() -> None:
    async with showing(SearchScreen(Index().search, OPS)) as seen:
        await seen.press("escape")
        await seen.until(lambda: seen.result is None)


@asynchronous
async def test_of_what_is_typed_quickly_the_last_alone_is_sought_and_shown() -> None:
    index = Index(hit("today"), hit("tomorrow"))
    index.is_open.clear()
    async with showing(SearchScreen(index.search, OPS)) as seen:
        await seen.type("t")
        await seen.until(lambda: index.queries == ["t"])
        await seen.type("om")
        index.is_open.set()
        await seen.until_shown("1 found")
        assert index.queries == ["t", "tom"]
        assert "today" not in seen.text


@asynchronous
async def test_enter_before_the_answer_goes_nowhere() -> None:
    index = Index(hit("today"))
    async with showing(SearchScreen(index.search, OPS, "t")) as seen:
        await seen.until_shown("1 found")
        index.is_open.clear()
        await seen.type("x")
        await seen.press("enter")
        index.is_open.set()
        await seen.until_shown("nothing found")
        assert seen.result is NOTHING


@asynchronous
async def test_tab_narrows_to_the_open_room_and_back() -> None:
    index = Index(structs.replace(hit("today"), message=message("today")))
    async with showing(SearchScreen(index.search, WAR, "today")) as seen:
        await seen.until_shown("Search all rooms", "Tab this room", "#ops · bobb")
        await seen.press("tab")
        await seen.until_shown("Search #war room", "Tab all rooms")
        await seen.until(lambda: [one.room for one in index.asked] == [None, WAR.room_id])


@asynchronous
async def test_without_an_open_room_all_are_searched_and_tab_does_nothing() -> None:
    index = Index(hit("today"))
    async with showing(SearchScreen(index.search, None, "today")) as seen:
        await seen.until_shown("Search all rooms", "1 found")
        assert "Tab" not in seen.text
        await seen.press("tab")
        assert [one.room for one in index.asked] == [None]


@asynchronous
async def test_more_come_by_scrolling_and_what_is_marked_stays() -> None:
    index = Index(*(hit(f"line {number}", number=number) for number in range(120, 0, -1)))
    async with showing(SearchScreen(index.search, OPS, "line")) as seen:
        await seen.until_shown(f"{PAGE} found, and there are more")
        await seen.press(*["pagedown"] * 5)
        await seen.until_shown("100 found, and there are more")
        assert [one.before for one in index.asked] == [None, 71]
        await seen.press("enter")
        await seen.until(lambda: seen.result in [one.message for one in index.hits[30:60]])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidInput("from: stands before a name"), "from: stands before a name"),
        (InvalidInput("1 is no day", hint="write 2026-11-24"), "1 is no day — write 2026-11-24"),
        (Unavailable("the process has ended"), "the process has ended"),
    ],
)
@asynchronous
async def test_what_is_wrong_is_said_and_the_search_goes_on(error: Exception, said: str) -> None:
    index = Index(hit("today"))

    async def search(request: api.Search) -> api.Found:
        if request.query.endswith(":"):
            raise error
        return await index.search(request)

    async with showing(SearchScreen(search, OPS, "from:")) as seen:
        await seen.until_shown(said)
        typed = seen.app.screen.query_one(Input)
        typed.value = ""
        await seen.until_shown("in this order")
        typed.value = "today"
        await seen.until_shown("1 found")


@asynchronous
async def test_rooms_have_the_names_of_the_list() -> None:
    renamed = structs.replace(OPS, name="operations")
    index = Index(hit("today"))
    async with showing(SearchScreen(index.search, None, "today", [renamed])) as seen:
        await seen.until_shown("#operations · bobb")


@asynchronous
async def test_words_of_others_draw_nothing() -> None:
    said = hit("a\x1b[2J\u202e\nb [red]word[/red]", "word")
    index = Index(structs.replace(said, is_cut_before=True, is_cut_after=True))
    async with showing(SearchScreen(index.search, OPS, "word")) as seen:
        await seen.until_shown("…a\ufffd[2J\ufffd b [red]word[/red]…")
        assert lit(seen) == ["word"]


@LOOKS
@asynchronous
async def test_what_was_sought_is_lit_in_all_colours_and_without(look: str) -> None:
    index = Index(hit("we are shipping", "shipping"))
    async with showing(SearchScreen(index.search, OPS, "ship"), size=SMALLEST, look=look) as seen:
        await seen.until_shown("1 found", "we are shipping")
        assert lit(seen) == ["shipping"]


@asynchronous
async def test_a_clock_beyond_all_years_fails_nothing() -> None:
    """East of Greenwich the program ended where such a message was found, and anybody in a room could write one."""
    found = hit("today")
    late = structs.replace(found.message, time="9999-12-31T23:59:59.000Z")
    index = Index(structs.replace(found, message=late))
    async with showing(SearchScreen(index.search, None, "today")) as seen:
        await seen.until_shown("1 found", "bobb")
