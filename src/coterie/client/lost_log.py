"""A log of which the server has less than this device: nothing is read there but successors. PROTOCOL.md section 2.

The server is asked again when there is a reason to, and an admin's successor is posted with *its* count and head.
"""

import asyncio
from collections.abc import Sequence

from coterie.client.connection import Connection
from coterie.client.intent import Outgoing, Sealed, Succeed
from coterie.client.patience import Patience
from coterie.client.rooms import Rooms
from coterie.client.seams import Clock, wait
from coterie.errors import Refused, RemoteProtocolError
from coterie.logs import get_logger, short
from coterie.wire.frames import (
    Accepted,
    Ahead,
    Behind,
    ChangeList,
    Code,
    CreateGroup,
    Done,
    Entry,
    Kind,
    ListChange,
    OutOfOrder,
    Post,
    Stale,
)

log = get_logger()

ASK_AGAIN_S = 2.0  # while a successor must be near; doubled each time
MOST_ASK_AGAIN_S = 600.0


class LostLog:
    """Made anew for each connection."""

    def __init__(self, rooms: Rooms, group_id: bytes, connection: Connection, clock: Clock) -> None:
        self._rooms = rooms
        self._group_id = group_id
        self._connection = connection
        self._clock = clock
        self._patience = Patience(ASK_AGAIN_S, MOST_ASK_AGAIN_S)
        self._count: int | None = None  # of our posts, as the server last said
        self._head = 0
        self._has_posted = False
        self._not_before = 0.0  # monotonic: no post before it; 0 where none is put off

    def shown(self, head: int, successors: Sequence[Entry]) -> None:
        """What the server has of it."""
        self._head = head
        self._rooms.diverged(self._group_id, successors)

    @property
    def is_due(self) -> bool:
        """Whether there is a successor to post, or one to ask for."""
        is_known = bool(self._rooms.log(self._group_id).successor)
        is_invited = self._rooms.has_held_welcome(self._group_id)
        return self._announced() is not None or (is_invited and not is_known)

    async def make_again(self) -> None:
        """A group that was lost altogether is made again, for the successor to be read there."""
        if self._announced() is None:
            return
        try:
            await self._connection.call(CreateGroup(self._group_id), Done)
        except Refused as error:
            if error.code != Code.EXISTS:
                raise
            self._rooms.unlisted(self._group_id)

    async def go_on(self, wake: asyncio.Event) -> None:
        """Posts a successor where there is one, and returns when the server should be asked again."""
        wake.clear()
        posts = self._rooms.seal(self._group_id)
        if posts:
            if self._has_posted:  # and it does not show it
                now = self._clock.monotonic()
                self._not_before = self._not_before or now + self._patience.next_s()
                await wait(self._clock, wake, max(0.0, self._not_before - now))
                if self._clock.monotonic() < self._not_before:
                    return  # whoever woke us waits for what the server says
            self._has_posted, self._not_before = True, 0.0
            await self._put_list_right()
            count, out, sealed = posts[0]
            await self._post(count, out, sealed)
            return
        wait_s = self._patience.next_s() if self._rooms.has_held_welcome(self._group_id) else None
        await wait(self._clock, wake, wait_s)

    async def _post(self, count: int, out: Outgoing, sealed: Sealed) -> None:
        count = count if self._count is None else self._count + 1
        kind = Kind(sealed.kind)
        post = Post(self._group_id, kind, out.message_id, count, self._head, sealed.body)
        match await self._connection.request(post):
            case Accepted():
                self._count = None
            case Behind(known) | OutOfOrder(known):
                self._has_posted = self._count is not None  # told once already: then it waits
                self._count = known
            case Stale(head) | Ahead(head):
                self._head = head
            case other:
                raise RemoteProtocolError(f"{type(other).__name__} in answer to Post")

    async def _put_list_right(self) -> None:
        """Who came in with what was lost is not on the list, and could not read the successor."""
        new_group_id = self._announced()
        if new_group_id is None:
            return
        change = ListChange(add=self._rooms.other_devices(new_group_id))
        try:
            await self._connection.request(ChangeList(self._group_id, self._head, change))
        except Refused as error:  # the others go on all the same
            log.info("list-not-right", group=short(self._group_id), code=error.code)

    def _announced(self) -> bytes | None:
        outbox = self._rooms.log(self._group_id).outbox
        return next((o.intent.group_id for o in outbox if isinstance(o.intent, Succeed)), None)
