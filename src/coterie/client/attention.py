"""What a room asks of a person: its place in the list, and what rings. Pure."""

from enum import StrEnum
from typing import Protocol

import msgspec


class Attention(StrEnum):
    """How much of it the person wants to hear of in one room: ``/mute`` and its like."""

    ALL = "all"
    MENTIONS = "mentions"
    NOTHING = "nothing"


class Counts(Protocol):
    """What is new in a room: a ``Reading``, or a room as screens are told of it, which load no more for it."""

    @property
    def unread(self) -> int:
        """Messages."""

    @property
    def mentions(self) -> int:
        """Those of them that address this person."""


class Standing(msgspec.Struct, frozen=True):
    """A room in the list."""

    name: str
    reading: Counts
    newest: int  # the number of its newest row: those of a client's whole history are in one order
    attention: Attention = Attention.ALL
    is_direct: bool = False  # with one person: all that is said is said to us

    @property
    def mentions(self) -> int:
        """What is shown as addressed to this person."""
        if self.attention is Attention.NOTHING:
            return 0
        return self.reading.unread if self.is_direct else self.reading.mentions


def in_order(rooms: list[Standing]) -> list[Standing]:
    """As people look for them: where they are addressed, where there is something to read, and the newest first."""

    def place(room: Standing) -> tuple[bool, bool, int, str]:
        has_news = room.reading.unread > 0 and room.attention is Attention.ALL
        return not room.mentions, not has_news, -room.newest, room.name

    return sorted(rooms, key=place)


def rings(attention: Attention, *, is_mention: bool, is_direct: bool, do_not_disturb: bool) -> bool:
    """Whether a message that counts as unread is worth a bell, in a room that is not on the screen."""
    if do_not_disturb or attention is Attention.NOTHING:
        return False
    return attention is Attention.ALL or is_mention or is_direct
