"""What a person sees of rooms, and what is the person's own of them: how far they are read, what rings, a draft."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import assert_never

from coterie import content
from coterie.client.attention import Attention
from coterie.client.conversation import Author
from coterie.client.device import Enrolled
from coterie.client.happening import Dropped, Event, Happening, Landed, Line, Said
from coterie.client.intent import Outgoing, Say
from coterie.client.recording import Changed, Recorder
from coterie.client.store import Failed, Store
from coterie.wire.limits import MESSAGE_ID_SIZE


class Viewed:
    """Of all rooms."""

    def __init__(self, store: Store, account: Enrolled) -> None:
        self._store = store
        self._recorder = Recorder(store, Author(account.name, account.account_public_key))
        self.on_changed: Callable[[Changed], object] = lambda changed: None

    def mark_read(self, room_id: bytes, to: int | None = None) -> None:
        """The person has seen the room up to that row (None: all of it), or wants it unread behind it."""
        with self._store.transaction():
            is_news = self._recorder.read(room_id, to)
        if is_news:
            self.on_changed(Changed(room_id))

    def has_looked(self, room_id: bytes) -> bool:
        """Whether the person has ever been in the room: anybody may let an account into one of his."""
        return self._store.view(room_id).reading.read_to > 0

    def set_attention(self, room_id: bytes, attention: Attention) -> None:
        """How much of the room rings."""
        with self._store.transaction():
            self._store.save_attention(room_id, attention)
        self.on_changed(Changed(room_id))

    def set_draft(self, room_id: bytes, text: str) -> None:
        """What was begun there and not sent; empty for none."""
        with self._store.transaction():
            self._store.save_draft(room_id, text)
        self.on_changed(Changed(room_id))

    # --- within the transaction of a step ------------------------------------------------------

    def _record(
        self, room_id: bytes, group_id: bytes, happenings: Iterable[Happening], now: float
    ) -> set[int]:
        """The numbers of the rows that are new, or seen otherwise."""
        rows: set[int] = set()
        for happening in happenings:
            match happening:
                case Said():
                    rows |= self._recorder.said(room_id, group_id, happening, now)
                case Line():
                    rows |= self._recorder.line(room_id, group_id, happening, now)
                case Landed() | Dropped():
                    pass
                case _:
                    assert_never(happening)
        return rows

    def _keep_failed(
        self,
        room_id: bytes,
        outbox: Iterable[Outgoing],
        happenings: Iterable[Happening],
        unheard: Collection[Dropped],
        now: float,
    ) -> set[int]:
        """What a person said and nobody was told of is kept. The rows that no longer change by what was dropped."""
        dropped = [happening for happening in happenings if isinstance(happening, Dropped)]
        if not dropped:
            return set()
        said = {out.ticket: out.intent.content for out in outbox if isinstance(out.intent, Say)}
        for post in unheard:
            if post.ticket in said:
                kept = Failed(post.ticket, said[post.ticket], post.reason, int(now * 1000))
                self._store.add_failed(room_id, kept)
        meant: set[int] = set()
        for post in dropped:
            if post.ticket in said:
                meant |= self._recorder.meant(room_id, content.decode(said[post.ticket]))
        return meant


def not_sent(seq: int, unheard: Iterable[Dropped]) -> list[Line]:
    """A line for each reason why something was dropped while nobody waited for it."""
    return [
        Line(
            seq,
            bytes(MESSAGE_ID_SIZE),
            Event.DROPPED,
            f"not sent: {reason}" if count == 1 else f"{count} posts were not sent: {reason}",
        )
        for reason, count in Counter(post.reason for post in unheard).items()
    ]
