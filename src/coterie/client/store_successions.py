"""What a client keeps of rooms that go on in other groups: invitations that wait, and what was shown before."""

from dataclasses import dataclass

from coterie.client.store_rows import Rows


@dataclass(frozen=True, slots=True)
class HeldWelcome:
    """An invitation to a second group of a room that is known, until a successor names that group."""

    group_id: bytes
    room_id: bytes
    account_key: bytes  # of who signed it
    welcome: bytes
    is_by_admin: bool = True  # else of a room that this device is out of, where anybody's waits


class Successions(Rows):
    """By room."""

    def hold_welcome(self, held: HeldWelcome) -> None:
        """Keeps it, the newest of an account for a room; those of others stay as they are."""
        self._db.execute(
            "INSERT OR REPLACE INTO held_welcome (group_id, room_id, account_key, welcome, is_by_admin)"
            " VALUES (?, ?, ?, ?, ?)",
            (held.group_id, held.room_id, held.account_key, held.welcome, int(held.is_by_admin)),
        )

    def drop_oldest_held(self, room_id: bytes, kept: int) -> None:
        """Of those by no admin of the room the newest ``kept`` stay."""
        self._db.execute(
            "DELETE FROM held_welcome WHERE number IN (SELECT number FROM held_welcome"
            " WHERE room_id = ? AND NOT is_by_admin ORDER BY number DESC LIMIT -1 OFFSET ?)",
            (room_id, kept),
        )

    def held_welcomes(self, room_id: bytes) -> list[HeldWelcome]:
        """Those for a room."""
        found = self._all(
            "SELECT group_id, room_id, account_key, welcome, is_by_admin FROM held_welcome"
            " WHERE room_id = ? ORDER BY number",
            (room_id,),
        )
        return [
            HeldWelcome(group_id, room_id, account_key, welcome, bool(is_by_admin))
            for group_id, room_id, account_key, welcome, is_by_admin in found
        ]

    def size_of_held_welcomes(self) -> tuple[int, int]:
        """How many of admins, and their bytes."""
        row = self._one(
            "SELECT count(*), coalesce(sum(length(welcome)), 0) FROM held_welcome WHERE is_by_admin"
        )
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def is_held(self, group_id: bytes) -> bool:
        """Whether one for that group waits."""
        return self._one("SELECT 1 FROM held_welcome WHERE group_id = ?", (group_id,)) is not None

    def drop_held_welcome(self, held: HeldWelcome) -> None:
        """It is taken, or never will be."""
        self._db.execute(
            "DELETE FROM held_welcome WHERE room_id = ? AND account_key = ?",
            (held.room_id, held.account_key),
        )
