"""The messages of a room as they come, for the command line and for bots: ``api.ReadRoom``."""

from collections.abc import AsyncGenerator

from coterie.client import api
from coterie.client.finding import CATCH_UP_S
from coterie.client.news import Lot, News
from coterie.client.pages import Pages
from coterie.client.running import Running

PAGE = 200  # rows read at once
_MISSED = "more messages changed than this reader could be told of"


async def read_room(
    running: Running, pages: Pages, request: api.ReadRoom, room_id: bytes | None, news: News
) -> AsyncGenerator[api.Read, None]:
    """Its results. What the reader was not given yet lies in the store; ``news`` only wakes it."""
    if request.catch_up:
        problem = await running.catch_up(CATCH_UP_S)
        news.forget_notice(problem)
        if problem:
            yield api.Notice(f"{problem}; this is what the device has")
    store, lot = running.store, news.take()
    rows = store.timeline(room_id, request.last)
    number = rows[-1].number if rows else store.timeline_end()
    for message in pages.messages(rows):
        yield message
    while True:
        while lot.notices:
            yield api.Notice(lot.notices.popleft())
        if not request.follow:
            return
        lot = news.take() if rows else await news.wait()
        # Both as they are at one moment: what changed did so before there was more.
        changed = _changed(pages, running, lot, room_id, number) if request.changes else []
        rows = store.timeline_after(room_id, number, PAGE)
        number = rows[-1].number if rows else number
        for result in (*changed, *pages.messages(rows)):
            yield result


def _changed(
    pages: Pages, running: Running, lot: Lot, room_id: bytes | None, number: int
) -> list[api.Read]:
    """What was given before, or lies before it, as it is now. What is about to change will come when it has."""
    rows = running.store.rows(sorted(one for one in lot.rows if one <= number))
    here = [row for row in rows if room_id is None or row.room_id == room_id]
    changed: list[api.Read] = [one for one in pages.messages(here) if one.state != "changing"]
    return [*changed, api.Notice(_MISSED)] if lot.has_missed else changed
