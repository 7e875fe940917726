"""One group that this device is outside of, over one connection: watched, and asked to let it in anew.

PROTOCOL.md section 2, "Stuck". What a proposal is and when it lapses is ``rejoin``'s; here it is kept, and posted.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from coterie.client.connection import Connection
from coterie.client.device import Enrolled
from coterie.client.fetching import fetch
from coterie.client.key_packages import KeyPackages
from coterie.client.log import Halt
from coterie.client.patience import Patience
from coterie.client.rejoin import Asked, Rejoin
from coterie.client.rooms import Rooms
from coterie.client.seams import Clock, sleep
from coterie.client.store import Store
from coterie.errors import CoterieError, Refused, RemoteProtocolError, Unavailable
from coterie.logs import get_logger, short
from coterie.wire import chain
from coterie.wire.frames import (
    Accepted,
    Behind,
    Code,
    Kind,
    LogGrew,
    OutOfOrder,
    Post,
    Stale,
    Subscribe,
    Subscribed,
)
from coterie.wire.limits import MESSAGE_ID_SIZE

log = get_logger()

LOOKED_AT = 100  # of the newest entries, on a new connection: they tell the epoch
RETRY_AFTER_S = 10.0  # what failed or was refused; doubled each time
MOST_RETRY_S = 3600.0
QUIET_AFTER_S = 86_400.0  # since an older copy was let in: what comes then is another accident

_FOR_GOOD = frozenset({Code.TOO_LARGE, Code.MALFORMED})


class Rejoiner:
    """Made anew for each connection. ``look`` looks into the inbox: the Welcome may lie there."""

    def __init__(
        self,
        store: Store,
        account: Enrolled,
        rooms: Rooms,
        key_packages: KeyPackages,
        group_id: bytes,
        connection: Connection,
        clock: Clock,
        look: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._account = account
        self._rooms = rooms
        self._key_packages = key_packages
        self._connection = connection
        self._clock = clock
        self._look = look
        self.is_asking = True  # something is: looking, or a proposal that is to be posted now
        self._rejoin = self._kept(group_id)
        self._count = 0  # posts of this device that the server has
        self._head = 0  # up to which there is something to read, as far as we were told
        self._must_fetch = False
        self._not_before = 0.0  # monotonic: nothing is posted before it
        self._patience = Patience(RETRY_AFTER_S, MOST_RETRY_S)
        self._wake = asyncio.Event()

    def _kept(self, group_id: bytes) -> Rejoin:
        """From an earlier connection. Where two copies of a profile push each other out, it goes on ever later."""
        fresh, kept = Rejoin(group_id, self._account.device), self._store.rejoin(group_id)
        if kept is None:
            return fresh
        if kept.ended is not None:
            is_copy = group_id in self._rooms and self._rooms.log(group_id).halt is Halt.OLDER_COPY
            if not is_copy or self._clock.now() - kept.ended > QUIET_AFTER_S:
                return fresh
        return replace(fresh, asked=kept.asked, attempts=kept.attempts)

    @property
    def _group_id(self) -> bytes:
        return self._rejoin.group_id

    @property
    def _is_outside(self) -> bool:
        return self._rooms.is_outside(self._group_id)

    def wake(self) -> None:
        """The device may be in."""
        self._wake.set()

    def pushed(self, grew: LogGrew) -> None:
        """Entries came unasked; what is missing is fetched."""
        for entry in grew.entries:
            if self._rejoin.cursor and entry.seq == self._rejoin.cursor + 1:
                self._set(self._rejoin.read(entry))
        self._head = max(self._head, grew.head)
        self._must_fetch |= grew.head == 0  # "something came"
        self._wake.set()

    async def run(self) -> None:
        """Until the device is in, or the connection ends. What fails is begun anew, later and later."""
        while self._is_outside:
            try:
                await self._follow()
            except CoterieError as error:
                log.debug("rejoin-failed", group=short(self._group_id), error=type(error).__name__)
            except Exception:  # what asks ends here, and is begun anew
                log.exception("rejoin-failed", group=short(self._group_id))
            if not self._connection.is_open:
                return
            if self._is_outside:
                self._set_asking(False)
                await sleep(self._clock, self._patience.next_s())
                self._set_asking(True)
        self._set_asking(False)
        with self._store.transaction():
            self._store.end_rejoin(self._group_id, self._clock.now())

    async def _follow(self) -> None:
        await self._begin()
        await self._read_to_head()
        self._settle()
        while self._is_outside:
            self._wake.clear()
            await self._read_to_head()
            if self._wait_s() == 0.0:
                await self._go_on()
            if not self._wake.is_set():
                self._set_asking(False)
                await self._wait()
                self._set_asking(True)

    def _set_asking(self, is_asking: bool) -> None:
        self.is_asking = is_asking
        if not is_asking:
            self._rooms.on_step()

    async def _begin(self) -> None:
        """Subscribes, from the beginning of the log: we compare nothing. The newest entries are read."""
        request = Subscribe(self._group_id, 0, chain.first(self._group_id))
        seen = await self._connection.call(request, Subscribed)
        self._count, self._head = seen.count, seen.head
        begin = max(0, seen.head - LOOKED_AT)
        kept = replace(self._rejoin, cursor=begin, heard=()).accepted(
            0
        )  # it is posted again, since an answer alone moves nothing
        if kept.asked is not None and kept.asked.after < begin:
            kept = kept.refused()  # what became of it is older than what we look at
        self._set(kept)
        self._must_fetch = True

    async def _read_to_head(self) -> None:
        while self._must_fetch or self._rejoin.cursor < self._head:
            self._must_fetch, self._head = False, 0
            cursor = self._rejoin.cursor
            reply = await fetch(self._connection, self._group_id, cursor)
            for entry in reply.entries:
                if entry.seq == self._rejoin.cursor + 1:  # else it was pushed meanwhile
                    self._set(self._rejoin.read(entry))
            self._head = max(self._head, reply.head)

    # --- asking --------------------------------------------------------------------------------

    async def _go_on(self) -> None:
        """Posts what was asked and is not known to stand; asks where nothing is, and the others' epoch is known."""
        asked = self._rejoin.asked
        if asked is None and self._rejoin.epoch is not None:
            await self._look()
            if not self._is_outside:
                return
            asked = self._ask()
        if asked is not None and not asked.seq:
            await self._post(asked)

    def _ask(self) -> Asked | None:
        """A new proposal, and the private keys for its Welcome, kept before a byte of it leaves."""
        message_id = secrets.token_bytes(MESSAGE_ID_SIZE)
        bundle = self._key_packages.new_bundle(self._clock.now())
        asked_for = self._rejoin.ask(
            message_id, self._count + 1, bundle.key_package, self._account.device_key
        )

        def keep() -> None:
            self._key_packages.keep(bundle, self._clock.now())
            self._store.save_rejoin(self._group_id, asked_for.asked, asked_for.attempts)

        before = self._store.rejoin(self._group_id)
        is_first = before is None or before.ended is not None
        self._rooms.ask_anew(self._group_id, keep, is_first=is_first)
        self._rejoin = asked_for
        log.info("rejoin-asked", group=short(self._group_id), attempts=asked_for.attempts)
        return asked_for.asked

    async def _post(self, asked: Asked) -> None:
        post = Post(
            self._group_id, Kind.PROPOSAL, asked.message_id, asked.count, asked.after, asked.body
        )
        try:
            reply = await self._connection.request(post)
        except Unavailable as error:  # too fast, or another device of this account has asked
            self._set_back(error.wait_s)
            return
        except Refused as error:
            if error.code in _FOR_GOOD:
                self._set(self._rejoin.refused())
            self._set_back()
            return
        match reply:
            case Accepted(message_id, seq):
                if self._rejoin.asked is not None and self._rejoin.asked.message_id == message_id:
                    self._count = asked.count
                    self._patience.reset()
                    self._set(self._rejoin.accepted(seq))
            case Stale(head):
                self._head = max(self._head, head)
                self._set_back()
            case Behind(count) | OutOfOrder(count):
                self._count = count
                self._set(self._rejoin.counted(count))
                self._set_back()
            case other:  # also where the server has lost entries
                raise RemoteProtocolError(f"{type(other).__name__} in answer to a rejoin")

    def _set(self, rejoin: Rejoin) -> None:
        """Kept where it outlives the connection."""
        before, self._rejoin = self._rejoin, rejoin
        if (before.asked, before.attempts) == (rejoin.asked, rejoin.attempts):
            return
        with self._store.transaction():
            self._store.save_rejoin(self._group_id, rejoin.asked, rejoin.attempts)
        if before.asked is not None and rejoin.asked is None:
            self._settle()

    def _settle(self) -> None:
        until = self._clock.monotonic() + self._rejoin.settle_s
        self._not_before = max(self._not_before, until)

    def _set_back(self, at_least_s: float = 0.0) -> None:
        delay_s = max(at_least_s, self._patience.next_s())
        self._not_before = max(self._not_before, self._clock.monotonic() + delay_s)

    def _wait_s(self) -> float:
        return max(0.0, self._not_before - self._clock.monotonic())

    async def _wait(self) -> None:
        """Until something came, or what is to be posted may be."""
        asked = self._rejoin.asked
        is_idle = asked.seq > 0 if asked is not None else self._rejoin.epoch is None
        timer = None if is_idle else self._clock.call_later(self._wait_s(), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
