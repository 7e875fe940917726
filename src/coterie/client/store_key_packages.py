"""The private halves of key packages, until a Welcome uses them."""

from coterie.client.store_rows import Rows
from coterie.secret import Secret


class KeyPackages(Rows):
    """By reference."""

    def add_key_package(
        self, reference: bytes, bundle: Secret, *, is_last_resort: bool, now: float
    ) -> None:
        """Keeps a key package's private half until a Welcome uses it or it is too old."""
        self._db.execute(
            "INSERT INTO key_package (reference, bundle, is_last_resort, made) VALUES (?, ?, ?, ?)",
            (reference, bundle.expose(), int(is_last_resort), int(now)),
        )

    def key_package(self, reference: bytes) -> tuple[Secret, bool] | None:
        """The private half, and whether it is one of last resort."""
        row = self._one(
            "SELECT bundle, is_last_resort FROM key_package WHERE reference = ?", (reference,)
        )
        return (Secret(row[0]), bool(row[1])) if row else None

    def drop_key_package(self, reference: bytes) -> None:
        """A one-time key package has been used."""
        self._db.execute("DELETE FROM key_package WHERE reference = ?", (reference,))

    def drop_old_key_packages(self, one_time_before: float, last_resort_before: float) -> None:
        """Deletes private halves made before those times; never the newest one of last resort."""
        self._db.execute(
            "DELETE FROM key_package WHERE is_last_resort = 0 AND made < ?", (int(one_time_before),)
        )
        self._db.execute(
            "DELETE FROM key_package WHERE is_last_resort = 1 AND made < ? AND made <"
            " (SELECT max(made) FROM key_package WHERE is_last_resort = 1)",
            (int(last_resort_before),),
        )

    def newest_last_resort(self) -> float | None:
        """When the newest key package of last resort was made."""
        row = self._one("SELECT max(made) FROM key_package WHERE is_last_resort = 1")
        return float(row[0]) if row and row[0] is not None else None
