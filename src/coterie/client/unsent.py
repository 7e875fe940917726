"""What a person said that is in no log yet: it waits in the outbox, or was refused for good and is kept as failed."""

from collections.abc import Sequence
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


class Outbox:
    """The posts of one room's outbox, each decoded once: with each step it is another tuple, of mostly the same."""

    def __init__(self) -> None:
        self._outbox: tuple[Outgoing, ...] = ()
        self._posts: list[Pending] = []
        self._changing: frozenset[Ref] = frozenset()

    def pending(self, failed: Sequence[Failed], outbox: tuple[Outgoing, ...]) -> list[Pending]:
        """All of the room, oldest first: what waits was said after what failed."""
        self._look(outbox)
        return [
            *(
                Pending(post.ticket, content.decode(post.content), b"", post.reason, post.failed_ms)
                for post in failed
            ),
            *self._posts,
        ]

    def changing(self, outbox: tuple[Outgoing, ...]) -> frozenset[Ref]:
        """The messages to which something waits that will change them."""
        self._look(outbox)
        return self._changing

    def _look(self, outbox: tuple[Outgoing, ...]) -> None:
        if outbox is self._outbox:
            return
        said = [out for out in self._outbox if isinstance(out.intent, Say)]
        # By identity: what is in a tuple that we hold is in no other's place.
        known = {id(out): post for out, post in zip(said, self._posts, strict=True)}
        self._posts = [
            known.get(id(out))
            or Pending(out.ticket, content.decode(intent.content), out.message_id)
            for out in outbox
            if isinstance(intent := out.intent, Say)
        ]
        self._outbox = outbox
        self._changing = frozenset(
            post.content.target
            for post in self._posts
            if isinstance(post.content, Edit | Delete | Reaction)
        )
