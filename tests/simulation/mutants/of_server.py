"""Sabotages of the server."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from msgspec import structs
from sqlalchemy import select

from coterie.errors import CoterieError
from coterie.server import delivery, posting, schema
from coterie.server.bus import Bus
from coterie.server.directory import Directory
from coterie.server.news import News
from coterie.server.peer import Peer
from coterie.server.posting import Logs
from coterie.server.session import Session
from coterie.server.store import Batch
from coterie.server.writer import Writer
from coterie.wire import chain
from coterie.wire import frames as f
from tests.simulation.mutants import Sabotage, drills, mutant

Judge = Callable[..., Any]


@mutant()
def answers_before_the_flush() -> tuple[Sabotage, ...]:
    """A post is answered once it is written, and flushed later"""

    async def flush(self: Any, batch: list[Any]) -> None:
        try:
            made = self._store.apply([job for job, _ in batch], self._clock.now())
        except CoterieError as error:
            made = Batch([error] * len(batch), News())
        for (_, done), result in zip(batch, made.results, strict=True):
            done(result)
        await self._threads.run(self._store.flush)
        if made.news:
            self._publish(made.news)

    return ((Writer, "_flush", flush),)


@mutant()
def pushes_before_the_flush() -> tuple[Sabotage, ...]:
    """Entries are told to the others while they can still be lost"""
    real = Writer._flush

    async def flush(self: Any, batch: list[Any]) -> None:
        store, publish = self._store, self._publish
        apply, told = store.apply, []

        def applied(jobs: Any, now: float) -> Any:
            made = apply(jobs, now)
            told.append(made.news)
            if made.news:
                publish(made.news)
            return made

        store.apply, self._publish = applied, lambda news: None
        try:
            await real(self, batch)
        finally:
            del store.apply
            self._publish = publish

    return ((Writer, "_flush", flush),)


def _judging(change: Callable[..., f.Post]) -> tuple[Sabotage, ...]:
    real = delivery.judge

    def judge(post: f.Post, group: Any, members: Any, device: bytes, *others: Any) -> Any:
        poster = members.get(device)
        if group is not None and poster is not None:
            post = change(post, group, poster)
        return real(post, group, members, device, *others)

    return ((posting, "judge", judge),)


@mutant()
def skips_the_compare_and_set() -> tuple[Sabotage, ...]:
    """A post is taken although a commit lies beyond what its poster had read"""
    return _judging(
        lambda post, group, poster: structs.replace(
            post, after=min(max(post.after, group.last_handshake), group.head)
        )
    )


@mutant()
def forgets_the_list_change() -> tuple[Sabotage, ...]:
    """A commit is stored, and the change of the list that came with it is not"""
    return ((Logs, "_change", lambda self, group, change, seq, *, by_keeper: None),)


@mutant()
def forgets_who_left() -> tuple[Sabotage, ...]:
    """Who is taken off the list is told of what comes after"""
    return ((Bus, "_take_off", lambda self, group_id, device, last: None),)


@mutant()
def deletes_what_it_gives() -> tuple[Sabotage, ...]:
    """An inbox is emptied by the answer, and not by the next request"""
    real = Session._fetch_inbox

    async def fetch_inbox(self: Any, after: int) -> f.ReplyBody:
        inbox = await real(self, after)
        if isinstance(inbox, f.Inbox) and inbox.items:
            newest = inbox.items[-1].number
            await self._do(lambda t: t.inboxes.delete_taken(self.device, newest))
        return inbox

    return ((Session, "_fetch_inbox", fetch_inbox),)


@mutant(drill=drills.comes_and_goes)
def gives_a_key_package_twice() -> tuple[Sabotage, ...]:
    """A one-time key package is kept when it is handed out"""

    def take(self: Any, device: bytes) -> f.DeviceKeyPackage | None:
        c = schema.key_package.c
        query = select(c.key_package, c.is_last_resort).where(c.device == device)
        first = query.order_by(c.is_last_resort, c.id).limit(1)
        found = self._connection.execute(first).first()
        return None if found is None else f.DeviceKeyPackage(device, found[0], bool(found[1]))

    return ((Directory, "_take", take),)


@mutant()
def hashes_in_another_order() -> tuple[Sabotage, ...]:
    """The server's chain is another one than the clients'"""

    def following(before: bytes, entry: f.Entry) -> bytes:
        swapped = structs.replace(entry, message_id=entry.device, device=entry.message_id)
        return chain.following(before, swapped)

    return ((delivery, "chain", SimpleNamespace(following=following, first=chain.first)),)


@mutant()
def does_not_tell_what_was_missed() -> tuple[Sabotage, ...]:
    """A slow reader is not told later that something came"""
    return ((Peer, "_tell_missed", lambda self: self._missed.clear()),)
