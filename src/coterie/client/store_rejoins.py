"""What a client keeps of asking groups to let it in anew."""

from dataclasses import dataclass

import msgspec

from coterie.client.rejoin import Asked
from coterie.client.store_rows import Rows


@dataclass(frozen=True, slots=True)
class KeptRejoin:
    """What outlives a connection of asking to be let in."""

    asked: Asked | None  # the proposal that waits or stands
    attempts: int  # how many came to nothing
    ended: int | None  # when the device was in, or needed it no longer; None: it asks


_encode = msgspec.msgpack.Encoder().encode
_asked = msgspec.msgpack.Decoder(Asked)


class Rejoins(Rows):
    """By group."""

    def rejoin_count(self, group_id: bytes, message_id: bytes) -> int | None:
        """The count of a rejoin of ours: ``log.History``."""
        row = self._one(
            "SELECT count FROM rejoin_post WHERE group_id = ? AND message_id = ?",
            (group_id, message_id),
        )
        return int(row[0]) if row else None

    def rejoin(self, group_id: bytes) -> KeptRejoin | None:
        """What is kept of asking a group to let this device in; None where it never did."""
        row = self._one("SELECT asked, attempts, ended FROM rejoin WHERE group_id = ?", (group_id,))
        return KeptRejoin(_asked.decode(row[0]) if row[0] else None, *row[1:]) if row else None

    def save_rejoin(self, group_id: bytes, asked: Asked | None, attempts: int) -> None:
        """Writes both. A proposal's id and count are kept for good: its entry may be read much later."""
        encoded = _encode(asked) if asked else None
        self._db.execute(
            "INSERT OR REPLACE INTO rejoin (group_id, asked, attempts) VALUES (?, ?, ?)",
            (group_id, encoded, attempts),
        )
        if asked:
            self._db.execute(
                "INSERT OR REPLACE INTO rejoin_post (group_id, message_id, count) VALUES (?, ?, ?)",
                (group_id, asked.message_id, asked.count),
            )

    def end_rejoin(self, group_id: bytes, now: float) -> None:
        """The device is in the group, or need not ask."""
        self._db.execute(
            "UPDATE rejoin SET asked = NULL, attempts = attempts + 1, ended = ?"
            " WHERE group_id = ? AND ended IS NULL",
            (int(now), group_id),
        )

    def decline(self, group_id: bytes) -> None:
        """A group that is not asked to let us in: its room went on in another, or its person does not go there."""
        self._db.execute("INSERT OR IGNORE INTO declined (group_id) VALUES (?)", (group_id,))

    def undecline(self, group_id: bytes) -> None:
        """A Welcome let the device in."""
        self._db.execute("DELETE FROM declined WHERE group_id = ?", (group_id,))

    def has_declined(self, group_id: bytes) -> bool:
        """Whether ``decline`` was said of it."""
        return self._one("SELECT 1 FROM declined WHERE group_id = ?", (group_id,)) is not None
