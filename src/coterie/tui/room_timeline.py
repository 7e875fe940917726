"""What is seen of one room: days, messages, the line of what is new, and what is on its way. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from coterie.client.api import Message

OVERLAP = 50  # of the newest messages can be read from the store before they come by themselves
RUN = timedelta(minutes=5)  # what one person says within it stands under one head


class Sending(StrEnum):
    """Where something of ours is that the log does not have."""

    WAITING = "waiting"
    KEPT = "kept"  # until the server can be reached again
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Day:
    """Above the first message of a day, on the clock of who reads."""

    day: str


@dataclass(frozen=True, slots=True)
class New:
    """Above what was not seen yet."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message. ``has_head`` is False where the one above is of the same person and time; ``pin`` is a ``PinWord``."""

    message: Message
    has_head: bool
    pin: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """Ours, which is not in the log."""

    number: int
    text: str
    state: Sending = Sending.WAITING
    reason: str = ""


Item: TypeAlias = Day | New | Entry | Unsent


@lru_cache(maxsize=20_000)
def local_time(time: str) -> datetime:
    """On the clock of who reads. A sender's clock can say anything: what is no time here is the epoch."""
    try:
        return datetime.fromisoformat(time).astimezone()
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)


class RoomTimeline:
    """The messages that are loaded, oldest first."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.unsent: list[Unsent] = []
        self.is_wanted = False  # loaded, or about to be: what comes is kept
        self.is_loaded = False
        self.is_whole = False  # there is nothing older
        self.unread = 0
        self.mentions = 0
        self.first_unread: Message | None = None
        self._numbers = 0

    def add(self, message: Message, *, is_seen: bool, is_mention: bool) -> None:
        """It comes now. What the person does not see counts as new, but for what the system says."""
        if not is_seen and message.kind != "line":
            self.unread += 1
            self.mentions += is_mention
            if self.first_unread is None:
                self.first_unread = message
        if self.is_wanted and message not in self.messages[-OVERLAP:]:
            self.messages.append(message)

    def load(self, fetched: list[Message], asked: int) -> None:
        """The newest ``asked`` of the room, among which may be what came meanwhile."""
        known = set(fetched)
        self.messages = fetched + [one for one in self.messages if one not in known]
        self.is_loaded, self.is_whole = True, len(fetched) < asked

    def load_older(self, fetched: list[Message], asked: int) -> None:
        """The same, where the end of it is here already."""
        if self.messages and self.messages[0] in fetched:
            older = fetched[: fetched.index(self.messages[0])]
            self.messages = older + self.messages
        self.is_whole = len(fetched) < asked

    def seen(self) -> None:
        """All of it; the line stays until ``clear``."""
        self.unread = self.mentions = 0

    def clear(self) -> None:
        """No line of what is new any more."""
        self.first_unread = None

    # --- what is on its way --------------------------------------------------------------------

    def send(self, text: str) -> Unsent:
        """It is shown as waiting."""
        self._numbers += 1
        unsent = Unsent(self._numbers, text)
        self.unsent.append(unsent)
        return unsent

    def mark(self, unsent: Unsent, state: Sending, reason: str = "") -> None:
        """How it went, if it is still there."""
        for place, one in enumerate(self.unsent):
            if one.number == unsent.number:
                self.unsent[place] = replace(one, state=state, reason=reason)

    def settle(self, text: str) -> None:
        """It is in the log: the oldest with this text, since what is sent keeps its order."""
        for one in self.unsent:
            if one.text == text and one.state is not Sending.FAILED:
                self.unsent.remove(one)
                return

    def take_failed(self) -> list[Unsent]:
        """What is to be sent again; it is not shown any more."""
        failed = [one for one in self.unsent if one.state is Sending.FAILED]
        self.unsent = [one for one in self.unsent if one.state is not Sending.FAILED]
        return failed

    # --- what is shown -------------------------------------------------------------------------

    def items(self, pins: Mapping[str, str]) -> list[Item]:
        """From the top to the bottom."""
        items: list[Item] = []
        above: Message | None = None
        above_at = day = None
        for message in self.messages:
            time = local_time(message.time)
            if (today := time.date()) != day:
                day, above = today, None
                items.append(Day(f"{time:%A} {time.day} {time:%B %Y}"))
            if self.first_unread is not None and message == self.first_unread:
                above = None
                items.append(New())
            continues = (
                above is not None
                and above_at is not None
                and (above.kind, above.sender) == (message.kind, message.sender)
                and message.kind != "line"
                and timedelta(0) <= time - above_at < RUN
            )
            items.append(Entry(message, not continues, pins.get(message.sender, "")))
            above, above_at = message, time
        return [*items, *self.unsent]
