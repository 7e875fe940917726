"""Requests that wait for their answers: ids, places, and what becomes of them when the connection ends."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from coterie.errors import CoterieError, RemoteProtocolError
from coterie.wire import limits
from coterie.wire.frames import ReplyBody


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request. It keeps its place until its answer comes, also where its caller has gone."""

    name: str  # of its type
    reply: "asyncio.Future[ReplyBody]"
    sent_at: float
    is_own: bool  # the connection's, not a caller's: takes no place, since a sign of life must not wait in the line


class InFlight:
    """All requests of one connection that wait, by their ids."""

    def __init__(self) -> None:
        self._next_id = 1
        self._waiting: dict[int, Waiting] = {}
        self._places = asyncio.Semaphore(limits.MAX_IN_FLIGHT)

    async def take_place(self) -> None:
        """Waits until the server would take one more."""
        await self._places.acquire()

    def give_back_place(self) -> None:
        """Of a request that was not made after all."""
        self._places.release()

    def next_id(self) -> int:
        """The id that ``add`` will give."""
        return self._next_id

    def add(self, name: str, sent_at: float, *, is_own: bool) -> Waiting:
        """The next request."""
        waiting = Waiting(name, asyncio.get_running_loop().create_future(), sent_at, is_own)
        self._waiting[self._next_id] = waiting
        self._next_id += 1
        return waiting

    def answer(self, number: int, body: ReplyBody) -> Waiting:
        """The request that ``body`` answers. Raises RemoteProtocolError where none of that id waits."""
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            raise RemoteProtocolError(f"an answer to request {number}, which waits for none")
        if not waiting.is_own:
            self._places.release()
        if not waiting.reply.done():  # else the caller has gone
            waiting.reply.set_result(body)
        return waiting

    def fail(self, error: Callable[[], CoterieError]) -> None:
        """Ends all of them, each with an error of its own: a raised one carries its traceback."""
        for waiting in self._waiting.values():
            if not waiting.reply.done():
                waiting.reply.set_exception(error())
                waiting.reply.exception()  # where nobody waits, that is no news
            if not waiting.is_own:
                self._places.release()  # who waits for a place learns of the end
        self._waiting.clear()
