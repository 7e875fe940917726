"""What a client keeps, one transaction a step: all of it lies in the encrypted database."""

from contextlib import AbstractContextManager

from coterie.client.store_key_packages import KeyPackages
from coterie.client.store_logs import Logs
from coterie.client.store_people import KnownAccount, People
from coterie.client.store_rejoins import KeptRejoin, Rejoins
from coterie.client.store_schema import APPLICATION_ID, SCHEMA
from coterie.client.store_successions import HeldWelcome, Successions
from coterie.client.store_timeline import Timeline, TimelineRow

__all__ = [
    "APPLICATION_ID",
    "SCHEMA",
    "HeldWelcome",
    "KeptRejoin",
    "KnownAccount",
    "Store",
    "TimelineRow",
]


class Store(Logs, Rejoins, Successions, Timeline, People, KeyPackages):
    """One device's database. Synchronous: a step takes well under a millisecond."""

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside is written, or nothing of it."""
        return self._db.transaction()

    def close(self) -> None:
        """Closes the database; what was deleted is gone from the write-ahead log too."""
        self._db.close()

    def tidy(self) -> None:
        """Deleted means deleted: empties the write-ahead log. Called when idle."""
        self._db.truncate_wal()

    def get(self, key: str) -> bytes | None:
        """A single value of the profile."""
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return row[0] if row else None

    def put(self, key: str, value: bytes) -> None:
        """Sets it."""
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
