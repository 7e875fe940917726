"""What a client keeps of people's keys, as far as it is to be read before groups are loaded."""

from collections.abc import Collection

from coterie.client.store_rows import Rows, marks


class AccountKeys(Rows):
    """Of the other accounts that this device has met."""

    def present_keys(self, names: Collection[str]) -> dict[str, tuple[bytes, ...]]:
        """The pinned key of each, and the one that it came with since where nobody has acknowledged that."""
        rows = self._all(
            "SELECT name, account_key, changed_key FROM pin"  # noqa: S608  # question marks
            f" WHERE name IN ({marks(len(names))})",
            names,
        )
        return {name: tuple(key for key in keys if key is not None) for name, *keys in rows}
