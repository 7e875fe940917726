"""Posts what is sealed in one group, and judges the server's answers against the log that it then shows.

PROTOCOL.md section 2, "Posting". An answer alone moves nothing: a post leaves the outbox when its entry is read.
"""

import asyncio
from collections.abc import Callable
from types import MappingProxyType

from coterie.client import narrate
from coterie.client.connection import Connection
from coterie.client.happening import Event
from coterie.client.intent import Outgoing, Sealed
from coterie.client.log import GroupLog, Halt
from coterie.client.patience import Patience
from coterie.client.rooms import Rooms
from coterie.client.seams import Clock
from coterie.errors import Refused, RemoteProtocolError, Unavailable
from coterie.logs import get_logger, short
from coterie.wire.frames import (
    Accepted,
    Ahead,
    Behind,
    Code,
    Kind,
    OutOfOrder,
    Post,
    ReplyBody,
    Stale,
    WelcomeFor,
)

log = get_logger()

POSTS_IN_FLIGHT = 32  # of one group; the server takes 64 of a connection
SETBACK_S = 1.0  # after an answer that should not have come, or should pass; doubled each time
MOST_SETBACK_S = 300.0  # what a person waits at most once the server takes posts again
KEPT = "it is kept on this device, and goes out when the server takes it"

_FOR_GOOD = frozenset({Code.TOO_LARGE, Code.MALFORMED, Code.NOT_KEEPER, Code.NOT_FOUND})
_WAIT_S = MappingProxyType(  # at least; the others pass as soon as they may
    {Code.NOT_MEMBER: 30.0, Code.FULL: 15.0}
)

_Key = tuple[
    bytes, int
]  # of a post: its message_id and ``after``, which is another once it is sealed anew


class Poster:
    """Made anew for each connection. ``wake`` is called when there is something to judge."""

    def __init__(
        self,
        rooms: Rooms,
        group_id: bytes,
        connection: Connection,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._rooms = rooms
        self._group_id = group_id
        self._connection = connection
        self._clock = clock
        self._wake = wake
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._answers: list[tuple[_Key, int, ReplyBody]] = []  # with what had landed when we asked
        self._not_before = 0.0  # monotonic: no post before it
        self._patience = Patience(SETBACK_S, MOST_SETBACK_S)
        self._landed = 0  # as many of ours were in the log when it was last looked at
        self._failure: Exception | None = None
        self.head = 0  # up to which an answer says that there is something to read
        self.must_fetch = False  # an answer says so without a number

    @property
    def _log(self) -> GroupLog:
        return self._rooms.log(self._group_id)

    @property
    def wait_s(self) -> float:
        """How long nothing is posted; 0 where something may be."""
        return max(0.0, self._not_before - self._clock.monotonic())

    def start(self) -> None:
        """Posts what can be. The log has been read to its head, and the answers were judged."""
        if self.wait_s:
            return
        for count, out, sealed in self._rooms.seal(self._group_id)[:POSTS_IN_FLIGHT]:
            key = (out.message_id, sealed.after)
            if key not in self._tasks:
                self._tasks[key] = asyncio.create_task(
                    self._post(key, count, out, sealed), name="coterie-post"
                )

    async def stop(self) -> None:
        """No more answers are taken. What was posted is told by the log."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- one post ------------------------------------------------------------------------------

    async def _post(self, key: _Key, count: int, out: Outgoing, sealed: Sealed) -> None:
        try:
            await self._post_one(key, count, out, sealed)
        except (
            Unavailable
        ) as error:  # too fast, or no answer; where the connection ends, all is kept
            self._set_back(error.wait_s)
        except Exception as error:  # a task ends here: ``judge`` raises it
            self._failure = error
        finally:
            del self._tasks[key]
            self._wake()

    async def _post_one(self, key: _Key, count: int, out: Outgoing, sealed: Sealed) -> None:
        welcome = None
        if sealed.welcome is not None and sealed.list_change is not None:
            welcome = WelcomeFor(sealed.welcome, sealed.list_change.add)
        post = Post(
            self._group_id,
            Kind(sealed.kind),
            out.message_id,
            count,
            sealed.after,
            sealed.body,
            sealed.list_change,
            welcome,
        )
        landed, epoch, began = self._log.landed, self._log.group.epoch, self._clock.monotonic()
        try:
            reply = await self._connection.request(post)
        except Refused as error:
            self._refused(out, error)
            return
        duration = self._clock.monotonic() - began
        log.debug(
            "posted",
            group=short(self._group_id),
            kind=post.kind.name,
            size=len(sealed.body),
            epoch=epoch,
            answer=type(reply).__name__,
            seq=getattr(reply, "seq", None),
            duration_ms=round(duration * 1000, 1),
        )
        match reply:
            case Accepted(_, head) | Stale(head):
                self.head = max(self.head, head)
            case Behind() | OutOfOrder() | Ahead():
                self.must_fetch = True
            case other:
                raise RemoteProtocolError(f"{type(other).__name__} in answer to Post")
        self._answers.append((key, landed, reply))

    def _refused(self, out: Outgoing, error: Refused) -> None:
        code = Code(error.code)
        self._set_back(_WAIT_S.get(code, 0.0))
        if code in _FOR_GOOD:
            self._rooms.drop(self._group_id, out.message_id, str(error))
            return
        if code is Code.NOT_MEMBER:
            self.must_fetch = True  # it may be that we were removed
            text = (
                "the server does not take this device's posts here: an admin can put its list right"
            )
            self._rooms.tell_once(self._group_id, Event.UNLISTED, text)
        self._rooms.delayed(out.ticket, Unavailable(str(error), hint=KEPT))

    # --- judging -------------------------------------------------------------------------------

    def judge(self) -> None:
        """What the server said of our posts, against the log, which was read to its head since.

        Raises what made a post fail otherwise. A lie ends in a line or a halt, and in a pause.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if self._log.landed != self._landed:
            self._landed = self._log.landed
            self._patience.reset()
        answers, self._answers = self._answers, []
        for key, landed, answer in answers:
            if self._log.can_send:
                self._judge(key, landed, answer)
            elif not isinstance(answer, Accepted):
                self._set_back()  # a successor of ours, which others have overtaken

    def _judge(self, key: _Key, landed: int, answer: ReplyBody) -> None:
        where, (message_id, after) = self._log, key
        is_waiting = any(
            out.message_id == message_id and out.sealed is not None and out.sealed.after == after
            for out in where.outbox
        )
        match answer:
            case Accepted() if is_waiting:
                self._broken("the server took a message of this device, and does not show it")
            case Stale() if where.base <= after:
                self._broken(
                    "the server refused a message as written before a commit that it does not show"
                )
            case Behind(count) if is_waiting and count <= where.landed:
                self._set_back()  # an entry of ours was read since: a rejoin, that took the number
            case Behind() if is_waiting:
                text = (
                    "this profile is an older copy: its next post's number was used; nothing is sent here "
                    "until the room has let it in anew"
                )
                self._rooms.halt(self._group_id, Halt.OLDER_COPY, Event.OLDER_COPY, text)
            case OutOfOrder(count) if is_waiting and count < landed:
                self._rooms.lost(self._group_id, f"{landed - count} of this device's posts")
                self._set_back()  # where it has them after all
            case OutOfOrder():
                self._set_back()  # one before it was refused, or the server lies: it is posted again
            case Ahead(head) if is_waiting and head < after:
                self._rooms.lost(self._group_id, narrate.entries(after - head))
                self._set_back()
            case Ahead() if is_waiting:
                self._broken("the server refused a message as ahead of a log that it shows")
            case _:
                pass

    def _broken(self, text: str) -> None:
        self._rooms.tell_once(self._group_id, Event.RULE_BROKEN, text)
        self._set_back()

    def _set_back(self, at_least_s: float = 0.0) -> None:
        """Posts later. What is answered during a pause belongs to what began it."""
        delay_s = at_least_s if self.wait_s else max(at_least_s, self._patience.next_s())
        self._not_before = max(self._not_before, self._clock.monotonic() + delay_s)
