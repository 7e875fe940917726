"""One message, all its way."""

from dataclasses import dataclass

from coterie.demo.database import Stored


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message, from who typed it to who read it."""

    sender: str
    reader: str
    text: str
    up: tuple[bytes, ...]  # what the wire carried from the sender's client, until it was read
    entry: Stored
    down: tuple[bytes, ...]  # and to the reader's
