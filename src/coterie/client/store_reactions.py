"""What a client keeps of reactions, by the number of the row to which they are."""

from collections.abc import Collection

from coterie.client.conversation import Author, Reacted
from coterie.client.store_rows import Rows, marks
from coterie.client.store_timeline import parted


class Reactions(Rows):
    """Of all rows."""

    def add_reaction(self, target: int, reaction: Reacted) -> None:
        """As the last of its message."""
        self._db.execute(
            "INSERT INTO reaction (target, name, account_key, emoji) VALUES (?, ?, ?, ?)",
            (target, reaction.author.name, reaction.author.account_key, reaction.emoji),
        )

    def remove_reaction(self, target: int, reaction: Reacted) -> None:
        """One that is there."""
        self._db.execute(
            "DELETE FROM reaction WHERE target = ? AND account_key = ? AND emoji = ?",
            (target, reaction.author.account_key, reaction.emoji),
        )

    def reactions_to(self, targets: Collection[int]) -> dict[int, list[Reacted]]:
        """Those to each row that has any, in the order in which they came."""
        found: dict[int, list[Reacted]] = {}
        for target, ref, name, key, emoji in self._all(
            "SELECT target, ref, name, account_key, emoji FROM reaction JOIN timeline"  # noqa: S608  # question marks
            f" ON timeline.number = target WHERE target IN ({marks(len(targets))})"
            " ORDER BY reaction.number",
            targets,
        ):
            found.setdefault(target, []).append(Reacted(parted(ref), Author(name, key), emoji))
        return found
