"""Tells the connections of this process that logs and inboxes have grown. A push only saves a fetch."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from coterie.wire import stream
from coterie.wire.frames import Entry, Event, InboxGrew, LogGrew


class Listener(Protocol):
    """A connection of a device that is logged in."""

    def push(self, group_id: bytes | None, frame: bytes) -> None:
        """Sends the frame, or drops it where the device reads too slowly; it fetches later."""


MAX_PUSH = 256 * 2**10  # bytes of entries in one push; what is more is fetched


class Bus:
    """Who listens to what."""

    def __init__(self) -> None:
        self._groups: dict[bytes, set[Listener]] = {}
        self._devices: dict[bytes, set[Listener]] = {}

    def subscribe(self, group_id: bytes, listener: Listener) -> None:
        """The listener hears of the group's entries from now on."""
        self._groups.setdefault(group_id, set()).add(listener)

    def unsubscribe(self, group_id: bytes, listener: Listener) -> None:
        """No more."""
        self._discard(self._groups, group_id, listener)

    def log_in(self, device: bytes, listener: Listener) -> None:
        """The listener is this device, and hears of its inbox."""
        self._devices.setdefault(device, set()).add(listener)

    def log_out(self, device: bytes, listener: Listener) -> None:
        """No more."""
        self._discard(self._devices, device, listener)

    def publish(self, entries: Mapping[bytes, Sequence[Entry]], inboxes: set[bytes]) -> None:
        """Everything that one batch made durable. A frame is formed once for all who hear it."""
        for group_id, grown in entries.items():
            listeners = self._groups.get(group_id)
            if listeners:
                frame = log_grew(group_id, grown)
                for listener in tuple(listeners):
                    listener.push(group_id, frame)
        for device in inboxes:
            for listener in tuple(self._devices.get(device, ())):
                listener.push(None, _INBOX_GREW)

    @staticmethod
    def _discard(table: dict[bytes, set[Listener]], key: bytes, listener: Listener) -> None:
        listeners = table.get(key)
        if listeners is not None:
            listeners.discard(listener)
            if not listeners:
                del table[key]


def log_grew(group_id: bytes, entries: Sequence[Entry]) -> bytes:
    """The frame for new entries; without them where they are too many bytes to push."""
    head = entries[-1].seq
    if sum(len(entry.body) for entry in entries) > MAX_PUSH:
        entries = ()
    return stream.encode_frame(Event(LogGrew(group_id, tuple(entries), head)))


_INBOX_GREW = stream.encode_frame(Event(InboxGrew()))
