"""Which rooms a person means by a word. Pure: the same in requests and on the screen.

A room's name is its admins' to choose, who may be nobody's friends: none may stand for another room.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

SHOWN_DIGITS = 8  # of a room's id, where there is little room

_WHOLE_ID = re.compile("[0-9a-f]{32}|[0-9a-f]{64}")  # of a room, or of direct messages


@dataclass(frozen=True, slots=True)
class Known:
    """What a room can be meant by. ``name`` is the other's, of direct messages."""

    room_id: str
    name: str
    is_direct: bool
    is_left: bool  # by this device, or it was removed


def rooms_called(ref: str, rooms: Iterable[T], known: Callable[[T], Known]) -> list[T]:
    """All that are called so, by name or by the beginning of an id; of those of a name, the ones that one is in.

    With # it is the name of a room, with @ that of an account. A whole id is never a name.
    """
    told, wanted = [(room, known(room)) for room in rooms], ref.removeprefix("#")
    by_id = [(room, one) for room, one in told if wanted and one.room_id.startswith(wanted)]
    if _WHOLE_ID.fullmatch(wanted):
        return [room for room, one in by_id if one.room_id == wanted]
    named = [(room, one) for room, one in told if _is_called(one, ref)]
    named = [(room, one) for room, one in named if not one.is_left] or named
    found = named or by_id
    if len(wanted) >= SHOWN_DIGITS:  # a room may be called by what another's id begins with
        found = named + [pair for pair in by_id if pair not in named]
    return [room for room, _ in found]


def _is_called(room: Known, ref: str) -> bool:
    if ref[:1] in ("@", "#"):  # a room may be called @bobb too, and is #@bobb
        return (ref[0] == "@") == room.is_direct and ref[1:] == room.name
    return ref == room.name
