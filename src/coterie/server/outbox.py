"""Connections that have something to send: at the end of the loop's turn all of them do, in one step."""

import asyncio
from typing import Protocol


class Sender(Protocol):
    """A connection."""

    def flush(self) -> None:
        """Sends what is ready, as one: one seal, one write. Must not raise: others come behind it."""


class Outbox:
    """What a batch of posts makes goes to many connections; a callback for each would cost as much as its seal."""

    def __init__(self) -> None:
        self._senders: list[Sender] = []

    def add(self, sender: Sender) -> None:
        """It is flushed once; nobody is added twice for one flush."""
        if not self._senders:
            asyncio.get_running_loop().call_soon(self._flush)
        self._senders.append(sender)

    def _flush(self) -> None:
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.flush()
