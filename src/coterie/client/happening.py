"""What reading a log makes happen: what is shown to people, and what waits for it is told."""

from dataclasses import dataclass
from enum import StrEnum


class Event(StrEnum):
    """The system's lines. The sentence beside it is for people, this is for scripts and tests."""

    CREATED = "created"
    JOINED = "joined"
    ADDED = "added"
    REMOVED = "removed"
    DEVICE = "device"  # a device of a member added, removed or replaced
    CHANGED = "changed"  # name, topic, admins or settings
    LEAVING = "leaving"
    DEAD = "dead"  # an entry that does not count
    LIE = "lie"  # a device claims what cannot be
    FORK = "fork"  # two logs
    ALTERED = "altered"  # our own entry came back otherwise than we sent it
    STUCK = "stuck"
    UNSTUCK = "unstuck"
    OLDER_COPY = "older-copy"
    REJOINING = "rejoining"  # this device asks to be let in anew
    REJOINED = "rejoined"
    SUCCESSOR = "successor"  # an admin made a new group for the room
    MOVED = "moved"  # this device is in that group, or does not go there, and why
    KEY_CHANGED = "key-changed"  # a member came with another key than the pinned one
    VERIFIED = "verified"  # this device's person has compared the other's safety number
    DROPPED = "dropped"  # something of ours cannot be posted any more
    LOST = "lost"  # the server has less than it had
    FOUND = "found"  # it has it again
    UNLISTED = "unlisted"  # the server does not count this device among the room's
    RULE_BROKEN = "rule-broken"  # the server answered against the rules


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody's content, at its place. ``is_moderator``: by ``moderates``, in the entry's own epoch."""

    seq: int
    message_id: bytes
    sender: str
    account_key: bytes
    device: bytes
    content: bytes
    is_moderator: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the system, at its place."""

    seq: int
    message_id: bytes
    event: Event
    text: str


@dataclass(frozen=True, slots=True)
class Landed:
    """A post of ours is in the log and counts; or it had nothing left to do (``seq`` 0)."""

    ticket: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something of ours will never be posted; the sentence says why."""

    ticket: bytes
    reason: str


Happening = Said | Line | Landed | Dropped
