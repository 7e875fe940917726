"""What a batch has changed, for those who are connected. Told once it is durable."""

from dataclasses import dataclass, field

from coterie.wire.frames import Entry


@dataclass(slots=True)
class News:
    """A job adds to it last, when nothing of it can fail any more: so a job that raises leaves nothing here either."""

    entries: dict[bytes, list[Entry]] = field(default_factory=dict)  # by group, in order
    inboxes: set[bytes] = field(default_factory=set)  # devices that have something new
    taken_off: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    """(group, device): the seq up to which it may still read"""
    revoked: set[bytes] = field(default_factory=set)  # devices

    def __bool__(self) -> bool:
        return bool(self.entries or self.inboxes or self.taken_off or self.revoked)
