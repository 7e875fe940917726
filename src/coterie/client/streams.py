"""The messages of a room as they come, for the command line and for bots: ``api.ReadRoom``."""

from collections.abc import AsyncGenerator

from coterie.client import api
from coterie.client.finding import CATCH_UP_S
from coterie.client.news import News
from coterie.client.running import Running
from coterie.client.timeline import messages

PAGE = 200  # rows read at once


async def read_room(
    running: Running, request: api.ReadRoom, room_id: bytes | None, news: News
) -> AsyncGenerator[api.Message | api.Notice, None]:
    """Its results. What the reader was not given yet lies in the store; ``news`` only wakes it."""
    if request.catch_up:
        problem = await running.catch_up(CATCH_UP_S)
        news.forget_notice(problem)
        if problem:
            yield api.Notice(f"{problem}; this is what the device has")
    store = running.store
    rows = store.timeline(room_id, request.last)
    number = rows[-1].number if rows else store.timeline_end()
    while True:
        for message in messages(rows, store, running.rooms.name):
            yield message
            number = message.number
        while news.notices:
            yield api.Notice(news.notices.popleft())
        if not request.follow:
            return
        news.wake.clear()
        rows = store.timeline_after(room_id, number, PAGE)
        if not rows and not news.notices:
            await news.wake.wait()
