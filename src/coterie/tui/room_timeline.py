"""What is seen of one room or thread: days, messages, the line of what is new, and what is on its way. Pure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

import msgspec

from coterie.client.api import Message
from coterie.tui.window import Window
from coterie.tui.words import account, beginning

RUN = timedelta(minutes=5)  # what one person says within it stands under one head
MAX_BEGINNING = 200  # characters of what began a thread that are looked at for its line
EARLIER = "earlier"  # in place of the pin, which is of a key that this message is not from
GONE = "gone"  # in place of the pin of who is not in the room any more, of whom it knows none
LANDING = 100  # of the newest messages may be told before they leave the outbox


class Day(msgspec.Struct, frozen=True):
    """Above the first message of a day, on the clock of who reads."""

    day: str


class New(msgspec.Struct, frozen=True):
    """Above what was not seen yet."""


class Entry(msgspec.Struct, frozen=True):
    """A message. ``has_head`` is False where the one above is of the same person and time.

    ``pin`` is a ``PinWord``, ``EARLIER`` or ``GONE``, for the head alone: what has none is not drawn anew where a pin
    is told.
    """

    message: Message
    has_head: bool
    pin: str
    in_thread: bool = False  # where the thread alone is shown: nobody needs to be told
    thread_of: str = ""  # which one it is in, in words; empty where nothing is known of it


class Unsent(msgspec.Struct, frozen=True):
    """Ours, which is in no log."""

    message: Message
    is_connected: bool


Item: TypeAlias = Day | New | Entry | Unsent
_NEW = New()


@lru_cache(maxsize=20_000)
def local_time(time: str) -> datetime:
    """On the clock of who reads. A sender's clock can say anything: what is no time here is the epoch."""
    try:
        return datetime.fromisoformat(time).astimezone()
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)


@lru_cache(maxsize=1_000)
def _day(day: date) -> Day:
    return Day(f"{day:%A} {day.day} {day:%B %Y}")


class RoomTimeline:
    """Of the room with that id; or of the thread in it that hangs from ``thread``, the reference of a message.

    Items that are as they were are the same objects, so that who draws them sees at once what changed.
    """

    def __init__(self, room_id: str = "", thread: str = "") -> None:
        self.room_id, self.thread = room_id, thread
        self.window = Window()
        self.pending: tuple[Message, ...] = ()
        self.new_after: int | None = None  # the line stands behind the message with this number
        self._items: list[Item] = []
        self._built = 0  # messages that are in the items
        self._built_of: tuple[object, ...] = ()
        self._last_day: date | None = None
        self._has_line = True  # it is in the items, or nowhere
        self._roots: dict[str, Message] = {}  # messages that threads hang from
        self._unsent: list[Unsent] = []

    def belongs(self, message: Message) -> bool:
        """Whether it is seen here."""
        if message.room_id != self.room_id:
            return False
        return not self.thread or self.thread in (message.thread, message.ref)

    def last_own(self, account: str) -> Message | None:
        """What ``account`` would edit: its last message that can be."""
        own = (one for one in reversed(self.window.messages) if one.sender == account)
        return next((one for one in own if one.kind == "text" and not one.deleted_by), None)

    def items(
        self, account: str, pins: Mapping[str, str], *, is_connected: bool = True
    ) -> list[Item]:
        """From the top to the bottom. ``account`` is who reads."""
        built_of = (self.window.revision, account, dict(pins), self.new_after)
        before: dict[int, Entry] = {}
        if built_of != self._built_of:
            before = {item.message.number: item for item in self._items if isinstance(item, Entry)}
            self._begin()
            self._built_of = built_of
        for message in self.window.messages[self._built :]:
            is_gone = bool(pins) and message.sender != account
            pin = pins.get(message.sender, GONE if is_gone else "")
            if message.has_earlier_key:
                pin = EARLIER
            self._add(message, account, pin, before)
        self._built = len(self.window.messages)
        return [*self._items, *self._on_its_way(is_connected=is_connected)]

    def _begin(self) -> None:
        self._items, self._built, self._last_day, self._roots = [], 0, None, {}
        messages = self.window.messages
        is_cut = self.window.has_older and bool(messages)
        # the line is not in sight where what is new begins before the window
        self._has_line = self.new_after is None or (is_cut and messages[0].number > self.new_after)

    def _add(self, message: Message, account: str, pin: str, before: Mapping[int, Entry]) -> None:
        time = local_time(message.time)
        last = self._items[-1] if self._items else None
        if time.date() != self._last_day:
            last, self._last_day = None, time.date()
            self._items.append(_day(self._last_day))
        if not self._has_line and self._is_new(message, account):
            last, self._has_line = None, True
            self._items.append(_NEW)
        above = last.message if isinstance(last, Entry) else None
        continues = (
            above is not None
            and message.kind != "line"
            and (above.kind, above.sender) == (message.kind, message.sender)
            and above.has_earlier_key == message.has_earlier_key  # two people, it may be
            and not (above.is_action or message.is_action)  # those have no head
            and timedelta(0) <= time - local_time(above.time) < RUN
        )
        entry = Entry(
            message,
            not continues,
            "" if continues else pin,
            in_thread=bool(self.thread),
            thread_of=self._thread_of(message, above),
        )
        if message.replies:
            self._roots[message.ref] = message
        kept = before.get(message.number)
        self._items.append(kept if kept == entry else entry)

    def _thread_of(self, message: Message, above: Message | None) -> str:
        """In words; empty where what it hangs from is not here."""
        if not message.thread or self.thread:
            return ""
        if above is not None and message.thread in (above.thread, above.ref):
            return "the thread above"
        root = self._roots.get(message.thread)
        if root is None:
            return ""
        said = "[message deleted]" if root.deleted_by else beginning(root.text, MAX_BEGINNING)
        return f"the thread of {account(root.sender)}: {said}"

    def _is_new(self, message: Message, account: str) -> bool:
        """What the system says is no news, nor is what one said oneself."""
        is_news = message.kind != "line" and message.sender != account
        return is_news and self.new_after is not None and message.number > self.new_after

    def _on_its_way(self, *, is_connected: bool) -> list[Unsent]:
        """Texts, and what else failed. What has landed meanwhile is not shown twice."""
        landed = {one.ref for one in self.window.messages[-LANDING:]} if self.pending else set()
        unsent = [
            Unsent(one, is_connected)
            for one in self.pending
            if (one.kind == "text" or one.state == "failed")
            and one.ref not in landed
            and self.thread in ("", one.thread)
        ]
        if unsent != self._unsent:
            self._unsent = unsent
        return self._unsent
