"""What a client keeps of a person's posts that were refused for good, until they are posted anew or discarded."""

from dataclasses import dataclass

from coterie.client.store_rows import Rows


@dataclass(frozen=True, slots=True)
class Failed:
    """One of them."""

    ticket: bytes
    content: bytes
    reason: str
    failed_ms: int  # our clock


class FailedPosts(Rows):
    """By room, in the order in which they failed."""

    def add_failed(self, room_id: bytes, failed: Failed) -> None:
        """As the last one."""
        self._db.execute(
            "INSERT INTO failed (ticket, room_id, content, reason, failed) VALUES (?, ?, ?, ?, ?)",
            (failed.ticket, room_id, failed.content, failed.reason, failed.failed_ms),
        )

    def failed(self, room_id: bytes) -> list[Failed]:
        """Those of a room."""
        found = self._all(
            "SELECT ticket, content, reason, failed FROM failed WHERE room_id = ? ORDER BY number",
            (room_id,),
        )
        return [Failed(*row) for row in found]

    def drop_failed(self, ticket: bytes) -> None:
        """It is posted anew, or discarded."""
        self._db.execute("DELETE FROM failed WHERE ticket = ?", (ticket,))
