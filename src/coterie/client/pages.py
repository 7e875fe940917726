"""Messages by their numbers, and those that a search finds: what lies in the store, in parts that a frame can hold."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo

import msgspec

from coterie.client import api
from coterie.client.excerpt import excerpt
from coterie.client.finding import Finding, message_ref, no_room
from coterie.client.running import Running
from coterie.client.search_query import Query, parse
from coterie.client.store import TimelineRow
from coterie.client.timeline import messages, pending_messages
from coterie.errors import InvalidInput

# One answer, encoded: half of what a frame between two processes holds, and any single message is a tenth of it.
MAX_SIZE = 2 * 2**20  # bytes
MAX_PENDING = (
    200  # messages of an outbox that are listed: the newest, which the person has just written
)
INDEX_S = 3.0  # what who searches waits for what is new: some 50,000 messages, or 20 of the longest
EXCERPT = 160  # characters around what was found: two lines of a screen

_encode = msgspec.msgpack.Encoder().encode


class Pages:
    """Asks nobody: all of it is here."""

    def __init__(self, running: Running, finding: Finding) -> None:
        self._running, self._finding = running, finding
        self._rooms, self._store = running.rooms, running.store

    def messages(self, rows: Sequence[TimelineRow]) -> list[api.Message]:
        """Those rows, of any rooms, as they are now."""
        return messages(rows, self._store, self._rooms.name, self._rooms.changing)

    def page(self, room_id: bytes, request: api.GetPage) -> api.Page:
        """As ``request`` says. Raises InvalidInput."""
        given = (request.before, request.after, request.around)
        if sum(number is not None for number in given) > 1:
            raise InvalidInput("a page is before, after or around a number")
        thread = None
        if request.thread is not None:
            thread = self._store.root_of(room_id, message_ref(request.thread))
        found = self._store.page(
            room_id,
            request.limit,
            before=request.before,
            after=request.after,
            around=request.around,
            thread=thread,
        )
        shown = self.messages(found.rows)
        begin, end = _within(shown, _wanted_most(shown, request))
        return api.Page(
            tuple(shown[begin:end]),
            found.has_older or begin > 0,
            found.has_newer or end < len(shown),
        )

    def pending(self, room_id: bytes) -> api.Pending:
        """What of a room is in no log yet."""
        account = self._running.account
        waiting = self._rooms.pending(room_id)
        shown = pending_messages(
            waiting[-MAX_PENDING:],
            self._store,
            room_id,
            self._rooms.name(room_id),
            account.name,
            account.device,
        )
        begin, _ = _within(shown, len(shown) - 1)
        return api.Pending(room_id.hex(), shown[begin:], len(waiting) - len(shown) + begin)

    async def search(self, request: api.Search) -> api.Found:
        """What answers a query, newest first; nothing where it asks for nothing. Raises InvalidInput."""
        query = parse(request.query, _Here())
        if query.is_empty:
            return api.Found((), has_more=False)
        room_ids = self._room_ids(request, query)
        is_complete = await self._index() if query.terms else True
        rows = self._store.search(query, room_ids, request.before, request.limit + 1)
        has_more = len(rows) > request.limit
        rows = rows[: request.limit]
        shown = self.messages(rows)
        _, end = _within(shown, 0)
        hits = []
        for one in shown[:end]:
            hits.append(_hit(one, query))
            await asyncio.sleep(0)  # to find the place takes 25 ms in the longest message
        return api.Found(tuple(hits), has_more or end < len(shown), is_complete)

    async def _index(self) -> bool:
        """Has the words of what is new found too, in turns with others; False where that would take too long."""
        clock = self._running.clock
        deadline = clock.monotonic() + INDEX_S
        while self._store.index_some():
            if clock.monotonic() >= deadline:
                return False
            await asyncio.sleep(0)
        return True

    def _room_ids(self, request: api.Search, query: Query) -> list[bytes] | None:
        """Those that are searched; None for all. Raises InvalidInput for a room that is not known."""
        if request.room is None and not query.rooms:
            return None
        asked = self._called([request.room]) if request.room is not None else None
        named = self._called(query.rooms) if query.rooms else None
        if asked is not None and named is not None:
            return sorted(asked & named)
        return sorted(asked if asked is not None else named or ())

    def _called(self, refs: Iterable[str]) -> set[bytes]:
        """All rooms that are called so: where two have one name, both are searched."""
        found: set[bytes] = set()
        for ref in refs:
            groups = self._finding.rooms_called(ref)
            if not groups:
                raise no_room(ref)
            found.update(self._rooms.room_id(group_id) for group_id in groups)
        return found


def _hit(message: api.Message, query: Query) -> api.Hit:
    found = excerpt(message.text, query, EXCERPT)
    return api.Hit(message, found.text, found.found, found.is_cut_before, found.is_cut_after)


def _wanted_most(shown: Sequence[api.Message], request: api.GetPage) -> int:
    """The place of the message that the person asked for, from which a page that is too large is filled."""
    if request.after is not None:
        return 0
    if request.around is not None:
        around = request.around
        behind = (place for place, one in enumerate(shown) if one.number >= around)
        return next(behind, len(shown) - 1)
    return len(shown) - 1


def _within(shown: Sequence[api.Message], place: int) -> tuple[int, int]:
    """Where the part around ``place`` begins and ends that keeps to MAX_SIZE; at least that one message."""
    if not shown:
        return 0, 0
    sizes = [len(_encode(message)) for message in shown]
    begin, end, left = place, place + 1, MAX_SIZE - sizes[place]
    while True:
        takes_older = begin > 0 and sizes[begin - 1] <= left
        if takes_older:
            begin -= 1
            left -= sizes[begin]
        takes_newer = end < len(shown) and sizes[end] <= left
        if takes_newer:
            left -= sizes[end]
            end += 1
        if not (takes_older or takes_newer):
            return begin, end


class _Here(tzinfo):
    """The days of this machine, summer time and all: Python has such a zone only for times without one."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return when.replace(tzinfo=None).astimezone().utcoffset() if when is not None else None

    def dst(self, when: datetime | None) -> timedelta | None:  # it is in the offset
        return None

    def tzname(self, when: datetime | None) -> str | None:
        return None
