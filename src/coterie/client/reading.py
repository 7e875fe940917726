"""How far a person has read a room, and what is behind that. Pure.

It is this device's own: in the log it would tell the whole room, which is nobody's business. What one sends is read
when it is *sent*, by who sends it; when it lands, others' messages that nobody saw may stand before it.
"""

from typing import assert_never

import msgspec

from coterie.client.conversation import (
    Change,
    ReactionAdded,
    ReactionRemoved,
    Row,
    RowAdded,
    RowDeleted,
    RowEdited,
)


class Reading(msgspec.Struct, frozen=True):
    """``read_to`` is the number of the last row that was seen; the counts are of those behind it."""

    read_to: int
    unread: int = 0
    mentions: int = 0  # of the unread

    def after(self, number: int, change: Change, me: bytes) -> "Reading":
        """When the row of that number changes: as counting anew would have it. ``me`` is this account's key."""
        if number <= self.read_to:
            return self
        match change:
            case RowAdded(row):
                return self._with(row, me, 1)
            case RowEdited(before, after) | RowDeleted(before, after):
                return self._with(before, me, -1)._with(after, me, 1)
            case ReactionAdded() | ReactionRemoved():
                return self
            case _:
                assert_never(change)

    def _with(self, row: Row, me: bytes, times: int) -> "Reading":
        if not counts(row, me):
            return self
        return msgspec.structs.replace(
            self, unread=self.unread + times, mentions=self.mentions + times * row.mentions_me
        )


def counts(row: Row, me: bytes) -> bool:
    """Whether it is something to read: others' messages that are still there. Lines of the system are none."""
    return row.author.account_key != me and not row.is_deleted
