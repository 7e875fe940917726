"""Tells the connections of this process that logs and inboxes have grown. A push only saves a fetch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coterie.server.news import News
from coterie.wire import stream
from coterie.wire.frames import Entry, Event, InboxGrew, LogGrew


class Listener(Protocol):
    """A connection of a device that is logged in."""

    def log_grew(self, group_id: bytes, head: int, frame: bytes) -> None:
        """Sends the frame, or drops it where the device reads too slowly; it is told later to fetch."""

    def inbox_grew(self, frame: bytes) -> None:
        """Likewise."""

    def whispered(self, frame: bytes) -> None:
        """Sends the frame behind all others, or drops it where the device does not keep up; that is never told."""

    def revoked(self) -> None:
        """The device is none of its account's any more."""


MAX_PUSH = 256 * 2**10  # bytes of entries in one push; what is more is fetched


@dataclass(slots=True)
class _Subscription:
    device: bytes
    is_confirmed: bool = False
    missed: int = 0  # the head of what came before it was confirmed


class Bus:
    """Who listens to what."""

    def __init__(self) -> None:
        self._groups: dict[bytes, dict[Listener, _Subscription]] = {}
        self._devices: dict[bytes, set[Listener]] = {}

    def subscribe(self, group_id: bytes, device: bytes, listener: Listener) -> None:
        """What comes from now on is remembered; nothing is told before ``confirm``.

        So whether the device is on the list can be looked up meanwhile, and nothing is lost or told to a stranger.
        """
        self._groups.setdefault(group_id, {})[listener] = _Subscription(device)

    def confirm(self, group_id: bytes, listener: Listener) -> bool:
        """The device is on the list: the listener hears of entries until it is taken off. False: it was, meanwhile."""
        subscription = self._groups.get(group_id, {}).get(listener)
        if subscription is None:
            return False
        subscription.is_confirmed = True
        if subscription.missed:
            listener.log_grew(group_id, subscription.missed, log_has(group_id, subscription.missed))
        return True

    def unsubscribe(self, group_id: bytes, listener: Listener) -> None:
        """No more."""
        listeners = self._groups.get(group_id, {})
        listeners.pop(listener, None)
        if not listeners:
            self._groups.pop(group_id, None)

    def crowd(self, group_id: bytes, listener: Listener) -> int:
        """How many listen to the group, the listener too; 0 where it does not."""
        listeners = self._groups.get(group_id, {})
        own = listeners.get(listener)
        return len(listeners) if own is not None and own.is_confirmed else 0

    def hearers(self, group_id: bytes, listener: Listener) -> list[Listener]:
        """Who else listens to the group, other connections of that device aside."""
        listeners = self._groups[group_id]
        device = listeners[listener].device
        return [
            other
            for other, subscription in listeners.items()
            if subscription.is_confirmed and subscription.device != device
        ]

    def log_in(self, device: bytes, listener: Listener) -> None:
        """The listener is this device, and hears of its inbox and of its revocation."""
        self._devices.setdefault(device, set()).add(listener)

    def log_out(self, device: bytes, listener: Listener) -> None:
        """No more."""
        listeners = self._devices.get(device, set())
        listeners.discard(listener)
        if not listeners:
            self._devices.pop(device, None)

    def publish(self, news: News) -> None:
        """Everything that one batch made durable. A frame is formed once for all who hear it."""
        for device in news.revoked:
            for listener in tuple(self._devices.get(device, ())):
                listener.revoked()
        for (group_id, device), last in news.taken_off.items():
            self._take_off(group_id, device, last)
        for group_id, grown in news.entries.items():
            listeners = self._groups.get(group_id)
            if listeners:
                head, frame = grown[-1].seq, log_grew(group_id, grown)
                for listener, subscription in tuple(listeners.items()):
                    if subscription.is_confirmed:
                        listener.log_grew(group_id, head, frame)
                    else:
                        subscription.missed = head
        for device in news.inboxes:
            for listener in tuple(self._devices.get(device, ())):
                listener.inbox_grew(INBOX_GREW)

    def _take_off(self, group_id: bytes, device: bytes, last: int) -> None:
        """It hears that there is something up to ``last``, and nothing of what comes behind."""
        frame = log_has(group_id, last)
        for listener, subscription in tuple(self._groups.get(group_id, {}).items()):
            if subscription.device == device:
                self.unsubscribe(group_id, listener)
                if subscription.is_confirmed:
                    listener.log_grew(group_id, last, frame)


def log_grew(group_id: bytes, entries: Sequence[Entry]) -> bytes:
    """The frame for new entries; without them where they are too many bytes to push."""
    head = entries[-1].seq
    if sum(len(entry.body) for entry in entries) > MAX_PUSH:
        return log_has(group_id, head)
    return stream.encode_frame(Event(LogGrew(group_id, tuple(entries), head)))


def log_has(group_id: bytes, head: int) -> bytes:
    """The frame that says only up to where there is something to fetch."""
    return stream.encode_frame(Event(LogGrew(group_id, (), head)))


INBOX_GREW = stream.encode_frame(Event(InboxGrew()))
