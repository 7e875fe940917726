"""What a client keeps of rooms that is this device's own: how far its person has read, what rings, a draft."""

import msgspec

from coterie.client.attention import Attention
from coterie.client.reading import Reading
from coterie.client.store_rows import Rows


class RoomView(msgspec.Struct, frozen=True):
    """A room as this device's person has left it."""

    reading: Reading
    attention: Attention
    has_draft: bool


class RoomViews(Rows):
    """By room; one of which nothing is kept is as new."""

    def view(self, room_id: bytes) -> RoomView:
        """All but the draft's text."""
        row = self._one(
            "SELECT read_to, unread, mentions, attention, draft <> '' FROM room WHERE room_id = ?",
            (room_id,),
        )
        if row is None:
            return RoomView(Reading(0), Attention.ALL, has_draft=False)
        return RoomView(Reading(*row[:3]), Attention(row[3]), bool(row[4]))

    def read_on(self, room_id: bytes, to: int, me: bytes) -> Reading:
        """The reading of who has seen the rows up to that number, counted anew. ``me`` is this account's key."""
        row = self._one(
            "SELECT count(*), coalesce(sum(mentions_me), 0) FROM timeline"
            " WHERE room_id = ? AND number > ? AND event = '' AND author_key <> ? AND deleted_by = ''",
            (room_id, to, me),
        )
        return Reading(to, *row) if row else Reading(to)

    def save_reading(self, room_id: bytes, reading: Reading) -> None:
        """Writes it."""
        self._db.execute(
            "INSERT INTO room (room_id, read_to, unread, mentions) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (room_id) DO UPDATE SET"
            " read_to = excluded.read_to, unread = excluded.unread, mentions = excluded.mentions",
            (room_id, reading.read_to, reading.unread, reading.mentions),
        )

    def save_attention(self, room_id: bytes, attention: Attention) -> None:
        """Writes it."""
        self._touch(room_id)
        self._db.execute(
            "UPDATE room SET attention = ? WHERE room_id = ?", (str(attention), room_id)
        )

    def draft(self, room_id: bytes) -> str:
        """What was begun and not sent; empty for none."""
        row = self._one("SELECT draft FROM room WHERE room_id = ?", (room_id,))
        return row[0] if row else ""

    def save_draft(self, room_id: bytes, text: str) -> None:
        """Writes it."""
        self._touch(room_id)
        self._db.execute("UPDATE room SET draft = ? WHERE room_id = ?", (text, room_id))

    def _touch(self, room_id: bytes) -> None:
        self._db.execute("INSERT OR IGNORE INTO room (room_id) VALUES (?)", (room_id,))
