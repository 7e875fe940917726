"""Who is typing in a room and who is there, as far as fleeting things tell; and when to say so oneself. Pure."""

import math
from collections.abc import Mapping
from typing import Literal, assert_never

from coterie.client.api import PresenceWord
from coterie.client.fleeting import Fleeting, Presence, Typing

UNKNOWN: Literal["unknown"] = "unknown"

SAY_TYPING_EVERY_S = 4.0  # while keys are pressed
TYPING_LASTS_S = 10.0  # one of them lost, and it still shows
SAY_PRESENCE_EVERY_S = 60.0  # and when it changes
PRESENCE_LASTS_S = 150.0  # one of them lost, and the next one late
MOST_PRESENT = 50  # devices of a room in which presence is said: in larger ones it would be noise
MOST_TOLD = 200  # devices that are told of one's presence each minute


class Around:
    """The others in one room, by account name. ``now`` is any steady clock, in seconds."""

    def __init__(self) -> None:
        self._typing: dict[str, float] = {}  # until when
        self._present: dict[str, tuple[PresenceWord, float]] = {}

    def heard(self, name: str, thing: Fleeting, now: float) -> None:
        """A fleeting thing of that account was opened."""
        match thing:
            case Typing(is_over=True):
                self.said(name)
            case Typing():
                if self._typing.get(name, now) <= now:
                    self.said(name)  # long ago: who begins anew is the last
                self._typing[name] = now + TYPING_LASTS_S
            case Presence(state):
                self._present[name] = state, now + PRESENCE_LASTS_S
            case _:
                assert_never(thing)

    def said(self, name: str) -> None:
        """A message of that account has come: it types no more."""
        self._typing.pop(name, None)

    def left(self, name: str) -> None:
        """The account is no member any more."""
        self._typing.pop(name, None)
        self._present.pop(name, None)

    def typing(self, now: float) -> list[str]:
        """Who is, in the order in which they began: a name does not jump when it is said again."""
        return [name for name, until in self._typing.items() if until > now]

    def presence(self, name: str, now: float) -> PresenceWord:
        """What is known of an account: nobody tells for ever, so without news it is unknown."""
        state, until = self._present.get(name, (UNKNOWN, math.inf))
        return state if until > now else UNKNOWN

    def present(self, now: float) -> dict[str, PresenceWord]:
        """Of whom something is known, and what."""
        return {name: state for name, (state, until) in self._present.items() if until > now}

    def changes_at(self, now: float) -> float:
        """When one of these answers will change by itself; infinity where none will."""
        untils = [*self._typing.values(), *(until for _, until in self._present.values())]
        return min((until for until in untils if until > now), default=math.inf)


class OwnTyping:
    """What to say of one's own typing in one room."""

    def __init__(self) -> None:
        self._said_at = -math.inf

    def typed(self, now: float) -> Typing | None:
        """A key was pressed in the composer: mostly it was said a moment ago."""
        if now - self._said_at < SAY_TYPING_EVERY_S:
            return None
        self._said_at = now
        return Typing()

    def emptied(self, now: float) -> Typing | None:
        """The composer is empty, and nothing was sent."""
        is_shown = now - self._said_at < TYPING_LASTS_S
        self._said_at = -math.inf
        return Typing(is_over=True) if is_shown else None

    def sent(self) -> None:
        """The message itself tells the others."""
        self._said_at = -math.inf


def within_earshot(sizes: Mapping[bytes, int]) -> list[bytes]:
    """Of rooms of so many devices, those in which one says that one is there: the smallest first."""
    told, rooms = 0, []
    for room_id in sorted(sizes, key=lambda room_id: (sizes[room_id], room_id)):
        told += sizes[room_id] - 1
        if sizes[room_id] > MOST_PRESENT or told > MOST_TOLD:
            break
        if sizes[room_id] > 1:
            rooms.append(room_id)
    return rooms
