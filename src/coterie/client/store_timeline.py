"""What a client keeps of what was said, for people to read."""

from dataclasses import dataclass

from coterie.client.store_rows import Rows


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One line of a room as it is kept. ``number`` orders a client's whole history."""

    number: int
    room_id: bytes
    group_id: bytes
    seq: int
    message_id: bytes
    sender: str
    device: bytes
    time_ms: int
    kind: str
    text: str
    content: bytes | None


_TIMELINE = (
    "SELECT number, room_id, group_id, seq, message_id, sender, device, time, kind, text, content"
    " FROM timeline"
)
_NEWEST = "ORDER BY number DESC LIMIT ?"


class Timeline(Rows):
    """Of all rooms."""

    def add_to_timeline(self, row: TimelineRow) -> int:
        """The number that the row got; ``row.number`` is not looked at."""
        self._db.execute(
            "INSERT INTO timeline (room_id, group_id, seq, message_id, sender, device, time, kind, text, content)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.room_id,
                row.group_id,
                row.seq,
                row.message_id,
                row.sender,
                row.device,
                row.time_ms,
                row.kind,
                row.text,
                row.content,
            ),
        )
        found = self._one("SELECT last_insert_rowid()")
        return int(found[0]) if found else 0

    def timeline(
        self, room_id: bytes | None, last: int, before: int | None = None
    ) -> list[TimelineRow]:
        """The newest ``last`` rows of a room (of all rooms), oldest first; those under number ``before``."""
        end = before if before is not None else 2**63 - 1
        if room_id is None:
            rows = self._all(f"{_TIMELINE} WHERE number < ? {_NEWEST}", (end, last))
        else:
            rows = self._all(
                f"{_TIMELINE} WHERE room_id = ? AND number < ? {_NEWEST}", (room_id, end, last)
            )
        return [TimelineRow(*row) for row in rows][::-1]

    def timeline_after(self, room_id: bytes | None, number: int, most: int) -> list[TimelineRow]:
        """The first ``most`` rows of a room (of all rooms) above ``number``, oldest first."""
        first = "ORDER BY number LIMIT ?"
        if room_id is None:
            rows = self._all(f"{_TIMELINE} WHERE number > ? {first}", (number, most))
        else:
            rows = self._all(
                f"{_TIMELINE} WHERE room_id = ? AND number > ? {first}", (room_id, number, most)
            )
        return [TimelineRow(*row) for row in rows]

    def timeline_end(self) -> int:
        """The number of the newest row of all; 0 where there is none."""
        row = self._one("SELECT max(number) FROM timeline")
        return int(row[0] or 0) if row else 0
