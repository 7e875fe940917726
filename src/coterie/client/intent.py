"""What a person wants to happen in a room, before it is encrypted: it outlives lost races and new epochs."""

from dataclasses import dataclass

import msgspec

from coterie.client.room_state import RoomState
from coterie.wire.frames import ListChange


class Newcomer(msgspec.Struct, frozen=True):
    """A device to add, with the key package that the directory gave for it."""

    name: str
    device: bytes
    key_package: bytes


class Say(msgspec.Struct, frozen=True, tag=True):
    """Content to send."""

    content: bytes


class Change(msgspec.Struct, frozen=True, tag=True):
    """A commit with a path: with nothing in it, it heals. What has come true meanwhile is left out."""

    adds: tuple[Newcomer, ...] = ()
    removes: tuple[str, ...] = ()  # account names
    room_state: RoomState | None = None  # as it should be
    seen: RoomState | None = None  # as it was when that was wanted: only what differs is changed


class Leave(msgspec.Struct, frozen=True, tag=True):
    """A proposal to remove oneself, for others to commit."""


class Succeed(msgspec.Struct, frozen=True, tag=True):
    """A successor: the room goes on in another group, which has its members already. Nothing goes before it."""

    group_id: bytes  # of the new group


Intent = Say | Change | Leave | Succeed


class Sealed(msgspec.Struct, frozen=True):
    """An intent, encrypted at one place of the log. A commit or successor that comes makes it worthless."""

    kind: int  # wire.frames.Kind
    after: int  # the seq up to which we had read, as in the authenticated data
    body: bytes
    welcome: bytes | None = None
    list_change: ListChange | None = None  # of the delivery list


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One row of the outbox. Its count is its place behind what has landed, so it is not kept here.

    A message or proposal keeps its id however often it is encrypted; a commit that lost is made anew under a new one.
    """

    ticket: bytes  # 16 bytes, for who waits for it; never sent
    intent: Intent
    message_id: bytes = b""  # 16 bytes, given when it is first sealed
    sealed: Sealed | None = None
