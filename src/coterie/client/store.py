"""What a client keeps, one transaction a step: all of it lies in the encrypted database."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from coterie.client.conversation import Reacted, Row
from coterie.client.store_failed import Failed, FailedPosts
from coterie.client.store_key_packages import KeyPackages
from coterie.client.store_logs import Logs
from coterie.client.store_people import KnownAccount, People
from coterie.client.store_rejoins import KeptRejoin, Rejoins
from coterie.client.store_said import SaidStore
from coterie.client.store_schema import APPLICATION_ID, SCHEMA
from coterie.client.store_search import Searches
from coterie.client.store_successions import HeldWelcome, Successions
from coterie.client.store_timeline import TimelinePage, TimelineRow
from coterie.content import Ref

INDEXED_AT_ONCE = 1_000  # rows: about 50 ms in which nothing else goes on
INDEXED_BYTES = 100_000  # of their text, for the same time: a member may write 1,000 of 64 kB

__all__ = [
    "APPLICATION_ID",
    "SCHEMA",
    "Failed",
    "HeldWelcome",
    "KeptRejoin",
    "KnownAccount",
    "Store",
    "TimelinePage",
    "TimelineRow",
]


class Store(
    Logs,
    Rejoins,
    Successions,
    SaidStore,
    Searches,
    FailedPosts,
    People,
    KeyPackages,
):
    """One device's database. Synchronous: a step takes well under a millisecond."""

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside is written, or nothing of it."""
        return self._db.transaction()

    def history(self, room_id: bytes) -> "RoomHistory":
        """What is kept of one room."""
        return RoomHistory(self, room_id)

    def close(self) -> None:
        """Closes the database; what was deleted is gone from the write-ahead log too."""
        self._db.close()

    def tidy(self) -> None:
        """Deleted means deleted: empties the write-ahead log. Called every few seconds; new words are indexed then."""
        self.index_some()
        self._db.truncate_wal()

    def index_some(self) -> bool:
        """Has the search find more of what is new, for a moment. Whether there was something left to do."""
        return self.index_words(INDEXED_AT_ONCE, INDEXED_BYTES)

    def get(self, key: str) -> bytes | None:
        """A single value of the profile."""
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return row[0] if row else None

    def put(self, key: str, value: bytes) -> None:
        """Sets it."""
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


@dataclass(frozen=True, slots=True)
class RoomHistory:
    """``conversation.History`` of one room."""

    store: Store
    room_id: bytes

    def row(self, ref: Ref) -> Row | None:
        """The message under that reference, as it now is."""
        found = self.store.row_of(self.room_id, ref)
        return found.message if found else None

    def reactions(self, target: Ref) -> Sequence[Reacted]:
        """Those to a message, in the order in which they came."""
        number = self.store.number_of(self.room_id, target)
        return self.store.reactions_to((number,)).get(number, []) if number is not None else []
