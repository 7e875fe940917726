"""A room as a store would keep it, in memory: what ``conversation`` gives is written here."""

from collections.abc import Iterable
from typing import assert_never

from coterie.client.conversation import (
    Arrived,
    Author,
    Change,
    Reacted,
    ReactionAdded,
    ReactionRemoved,
    Row,
    RowAdded,
    RowDeleted,
    RowEdited,
    take,
)
from coterie.client.reading import Reading, counts
from coterie.content import Content, Ref

ALICE, BOBB, CAROL = (Author(name, name.encode().ljust(32)) for name in ("alice", "bobb", "carol"))
ME = "carol"


def ref(number: int, author: Author = ALICE) -> Ref:
    """The reference of somebody's n-th message."""
    return Ref(author.name.encode().ljust(16), number.to_bytes(16, "big"))


def counted_anew(read_to: int, behind: Iterable[Row], me: Author) -> Reading:
    """What there is to read in the rows behind ``read_to``."""
    counted = [row for row in behind if counts(row, me.account_key)]
    return Reading(read_to, len(counted), sum(row.mentions_me for row in counted))


class Kept:
    """``conversation.History``: rows by their number, from 1."""

    def __init__(self, *, admins: tuple[Author, ...] = ()) -> None:
        self.rows: dict[int, Row] = {}
        self.reacted: list[Reacted] = []
        self._admins = admins

    def number(self, wanted: Ref) -> int | None:
        """Of the first row under that reference."""
        return next((number for number, row in self.rows.items() if row.ref == wanted), None)

    def row(self, wanted: Ref) -> Row | None:
        """The first row under that reference."""
        number = self.number(wanted)
        return self.rows[number] if number else None

    def reactions(self, target: Ref) -> list[Reacted]:
        """In the order in which they came."""
        return [reaction for reaction in self.reacted if reaction.target == target]

    def shown(self, target: Ref) -> list[tuple[str, str]]:
        """Its reactions: emoji and name."""
        return [(reaction.emoji, reaction.author.name) for reaction in self.reactions(target)]

    def take(self, author: Author, content: Content, own_ref: Ref) -> tuple[int, Change] | None:
        """What somebody's content changed, written; and in which row."""
        arrived = Arrived(own_ref, author, author in self._admins, content)
        change = take(arrived, self, ME)
        if change is None:
            return None
        match change:
            case RowAdded(row):
                number = len(self.rows) + 1
                self.rows[number] = row
                return number, change
            case RowEdited(before, after):
                number = self._numbered(before.ref)
                self.rows[number] = after
            case RowDeleted(before, after):
                number = self._numbered(before.ref)
                self.rows[number] = after
                self.reacted = [r for r in self.reacted if r.target != before.ref]
            case ReactionAdded(reaction):
                number = self._numbered(reaction.target)
                self.reacted.append(reaction)
            case ReactionRemoved(reaction):
                number = self._numbered(reaction.target)
                self.reacted.remove(reaction)
            case _:
                assert_never(change)
        return number, change

    def _numbered(self, target: Ref) -> int:
        number = self.number(target)
        assert number is not None
        return number
