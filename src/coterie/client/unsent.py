"""What a person said that is in no log yet: it waits in the outbox, or was refused for good and is kept as failed."""

from collections.abc import Iterable
from dataclasses import dataclass

from coterie import content
from coterie.client.intent import Outgoing, Say
from coterie.client.store import Failed
from coterie.content import Content, Delete, Edit, Reaction, Ref


@dataclass(frozen=True, slots=True)
class Pending:
    """One post."""

    ticket: bytes
    content: Content
    message_id: bytes = b""  # once it was sealed
    reason: str = ""  # why it failed; empty while it waits
    failed_ms: int | None = None  # our clock


def pending(failed: Iterable[Failed], outbox: Iterable[Outgoing]) -> list[Pending]:
    """All of a room, oldest first: what waits was said after what failed."""
    return [
        *(
            Pending(post.ticket, content.decode(post.content), b"", post.reason, post.failed_ms)
            for post in failed
        ),
        *(
            Pending(out.ticket, content.decode(out.intent.content), out.message_id)
            for out in outbox
            if isinstance(out.intent, Say)
        ),
    ]


def changing(outbox: Iterable[Outgoing]) -> frozenset[Ref]:
    """The messages to which something waits that will change them."""
    return frozenset(
        post.content.target
        for post in pending((), outbox)
        if isinstance(post.content, Edit | Delete | Reaction)
    )
