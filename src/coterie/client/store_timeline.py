"""What a client keeps of what was said, for people to read: rows, and pages of them by their numbers."""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from coterie.client.conversation import Author, Row, RowDeleted, RowEdited
from coterie.client.links import has_link
from coterie.client.store_rows import Rows, marks
from coterie.content import Ref, Unknown

NEVER = 2**63 - 1  # above every number
MOST_COUNTED = (
    5_000  # messages of a thread: whoever writes more of them would have each page count them all
)


class TimelineRow(msgspec.Struct, frozen=True):
    """One row as it is kept. ``number`` orders a client's whole history, and never comes again.

    A line of the system has an ``event``, and a ``message`` by nobody.
    """

    number: int
    room_id: bytes
    group_id: bytes
    seq: int
    event: str
    taken_ms: int  # our clock, when it was read
    message: Row

    @property
    def is_line(self) -> bool:
        """Whether it is the system's."""
        return bool(self.event)


class TimelinePage(msgspec.Struct, frozen=True):
    """Some rows, oldest first, and whether there are more on either side."""

    rows: list[TimelineRow]
    has_older: bool
    has_newer: bool


_OF_A_MESSAGE = (
    "sender, author_key, time, text, unknown, content, reply_to, thread, is_action, mentions_me,"
    " edited, deleted_by"
)
COLUMNS = f"number, room_id, group_id, seq, event, taken, ref, {_OF_A_MESSAGE}"
_SELECT = f"SELECT {COLUMNS} FROM timeline"  # noqa: S608  # names of columns


class Timeline(Rows):
    """Of all rooms."""

    # --- writing -------------------------------------------------------------------------------

    def add_to_timeline(self, row: TimelineRow) -> int:
        """The number that the row got; ``row.number`` is not looked at."""
        message = row.message
        is_found = not row.is_line and message.unknown is None  # by a search: what people wrote
        self._db.execute(
            "INSERT INTO timeline (room_id, group_id, seq, event, taken, ref, is_found,"  # noqa: S608  # likewise
            f" has_link, {_OF_A_MESSAGE}) VALUES ({marks(20)})",
            (
                row.room_id,
                row.group_id,
                row.seq,
                row.event,
                row.taken_ms,
                joined(message.ref),
                int(is_found),
                int(is_found and has_link(message.text)),
                *_values(message),
            ),
        )
        found = self._one("SELECT last_insert_rowid()")
        return int(found[0]) if found else 0

    def change_row(self, number: int, change: RowEdited | RowDeleted) -> None:
        """The row is otherwise now: of what it was before nothing is left in the database once that is tidied."""
        before, after = change.before, change.after
        is_indexed = before.unknown is None and self._is_indexed(number)
        if is_indexed:
            self._db.execute(
                "INSERT INTO word (word, rowid, words) VALUES ('delete', ?, ?)",
                (number, before.text),
            )
        settings = ", ".join(f"{name} = ?" for name in _OF_A_MESSAGE.split(", "))
        self._db.execute(
            f"UPDATE timeline SET is_found = ?, has_link = ?, {settings} WHERE number = ?",  # noqa: S608  # likewise
            (int(not after.is_deleted), int(has_link(after.text)), *_values(after), number),
        )
        if isinstance(change, RowDeleted):
            self._db.execute("DELETE FROM reaction WHERE target = ?", (number,))
            self._db.execute("DELETE FROM reworded WHERE number = ?", (number,))
        elif is_indexed:
            self._db.execute("INSERT INTO reworded (number) VALUES (?)", (number,))

    def index_words(self, most: int, most_bytes: int = NEVER) -> bool:
        """Has the search find the words of up to ``most`` rows that are new since the last time, or have others.

        No more of them than have ``most_bytes`` together, but one at least. Not in the step that adds or edits a row:
        to write an index for one message takes a quarter of that step, for the longest a fifth of a second.
        Whether there was something left to do.
        """
        begin = self._indexed_to()
        # Those with other words have the lower numbers.
        end = self._one(
            "SELECT max(number) FROM (SELECT number, sum(size) OVER (ORDER BY number) - size AS lower FROM"
            " (SELECT number, octet_length(text) AS size FROM reworded JOIN timeline USING (number)"
            " UNION ALL SELECT number, octet_length(text) FROM timeline WHERE number > ? ORDER BY number LIMIT ?))"
            " WHERE lower < ?",
            (begin, most, most_bytes),
        )
        if end is None or end[0] is None:
            return False
        insert = (
            "INSERT INTO word (rowid, words) SELECT number, text FROM timeline WHERE is_found AND"
        )
        with self._db.transaction():
            others = "number IN (SELECT number FROM reworded WHERE number <= ?)"
            self._db.execute(f"{insert} {others}", end)
            self._db.execute(f"{insert} number > ? AND number <= ? ORDER BY number", (begin, *end))
            self._db.execute("DELETE FROM reworded WHERE number <= ?", end)
            self._db.execute("UPDATE indexed SET number = max(number, ?)", end)
        return True

    def _is_indexed(self, number: int) -> bool:
        if number > self._indexed_to():
            return False
        return self._one("SELECT 1 FROM reworded WHERE number = ?", (number,)) is None

    def _indexed_to(self) -> int:
        row = self._one("SELECT number FROM indexed")
        return row[0] if row else 0

    # --- single rows ---------------------------------------------------------------------------

    def number_of(self, room_id: bytes, ref: Ref) -> int | None:
        """Of the row under that reference."""
        found = self._one(
            "SELECT number FROM timeline WHERE room_id = ? AND ref = ?", (room_id, joined(ref))
        )
        return found[0] if found else None

    def row_of(self, room_id: bytes, ref: Ref) -> TimelineRow | None:
        """The row under that reference."""
        return self.rows_of(room_id, (ref,)).get(ref)

    def rows_of(self, room_id: bytes, refs: Collection[Ref]) -> dict[Ref, TimelineRow]:
        """Those under these references, as far as there are any."""
        found = self._timeline(
            f"WHERE room_id = ? AND ref IN ({marks(len(refs))})",
            (room_id, *map(joined, refs)),
        )
        return {row.message.ref: row for row in found}

    def rows(self, numbers: Collection[int]) -> list[TimelineRow]:
        """Those that there are, ascending."""
        return self._timeline(f"WHERE number IN ({marks(len(numbers))}) ORDER BY number", numbers)

    def root_of(self, room_id: bytes, ref: Ref) -> Ref:
        """The message that its thread hangs from, which may be itself."""
        found = self.row_of(room_id, ref)
        return found.message.thread if found and found.message.thread else ref

    def answers_to(self, room_id: bytes, ref: Ref, most: int) -> list[int]:
        """The numbers of up to ``most`` rows that show what stands under that reference: its replies."""
        found = self._all(
            "SELECT number FROM timeline WHERE room_id = ? AND reply_to = ? LIMIT ?",
            (room_id, joined(ref), most),
        )
        return [number for (number,) in found]

    def thread_sizes(self, room_id: bytes, roots: Collection[Ref]) -> dict[Ref, int]:
        """How many messages hang from each of them, deleted ones left out; those without any are missing.

        Of a thread that is longer than MOST_COUNTED, those among its first ones.
        """
        if not roots:
            return {}
        found = self._all(
            f"WITH root (name) AS (VALUES {', '.join(['(?)'] * len(roots))}) SELECT name,"  # noqa: S608  # likewise
            " (SELECT count(*) FILTER (WHERE deleted_by = '') FROM (SELECT deleted_by FROM timeline"
            " WHERE room_id = ? AND thread = name ORDER BY number LIMIT ?)) FROM root",
            (*map(joined, roots), room_id, MOST_COUNTED),
        )
        return {parted(ref): size for ref, size in found if size}

    # --- pages ---------------------------------------------------------------------------------

    def timeline(
        self, room_id: bytes | None, last: int, before: int | None = None
    ) -> list[TimelineRow]:
        """The newest ``last`` rows of a room (of all rooms), oldest first; those under number ``before``."""
        return self._below(_Within(room_id), NEVER if before is None else before, last)

    def timeline_after(self, room_id: bytes | None, number: int, most: int) -> list[TimelineRow]:
        """The first ``most`` rows of a room (of all rooms) above ``number``, oldest first."""
        return self._above(_Within(room_id), number, most)

    def page(
        self,
        room_id: bytes | None,
        limit: int,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        thread: Ref | None = None,
    ) -> TimelinePage:
        """Up to ``limit`` rows before, after or around a number (at most one of them is given), else the newest.

        Of a ``thread`` of the room, by the reference of its root: that row, and those that hang from it.
        """
        within = _Within(room_id)
        if room_id is not None and thread is not None:
            within = _Within(room_id, joined(thread), self.number_of(room_id, thread))
        at, older, newer = NEVER, limit, 0  # from there so many under it, and so many from it on
        if before is not None:
            at = before
        elif after is not None:
            at, older, newer = after + 1, 0, limit
        elif around is not None:
            at, older, newer = around, limit // 2, limit - limit // 2
        below, above = self._below(within, at, older + 1), self._above(within, at - 1, newer + 1)
        rows = [*below[max(0, len(below) - older) :], *above[:newer]]
        return TimelinePage(rows, len(below) > older, len(above) > newer)

    def newest(self, room_id: bytes) -> int:
        """The number of a room's newest row; 0 where there is none."""
        row = self._one("SELECT max(number) FROM timeline WHERE room_id = ?", (room_id,))
        return int(row[0] or 0) if row else 0

    def timeline_end(self) -> int:
        """The number of the newest row of all; 0 where there is none."""
        row = self._one("SELECT max(number) FROM timeline")
        return int(row[0] or 0) if row else 0

    def _below(self, within: "_Within", end: int, most: int) -> list[TimelineRow]:
        return self._some(within, "number < ?", "number DESC", end, most)[::-1]

    def _above(self, within: "_Within", begin: int, most: int) -> list[TimelineRow]:
        return self._some(within, "number > ?", "number", begin, most)

    def _some(
        self, within: "_Within", where: str, order: str, number: int, most: int
    ) -> list[TimelineRow]:
        parts = [f"{_SELECT} WHERE {condition} AND {where}" for condition in within.conditions]
        params = [value for given in within.params for value in (*given, number)]
        found = self._all(f"{' UNION ALL '.join(parts)} ORDER BY {order} LIMIT ?", (*params, most))
        return [row_of(row) for row in found]

    def _timeline(self, rest: str, params: Iterable[Any]) -> list[TimelineRow]:
        return [row_of(row) for row in self._all(f"{_SELECT} {rest}", params)]


class _Within(msgspec.Struct, frozen=True):
    """Where a page is taken from: all rooms, one, or a thread, whose root may not be here."""

    room_id: bytes | None
    thread: bytes | None = None
    root: int | None = None

    @property
    def conditions(self) -> tuple[str, ...]:
        """Of rows that are read in their order each, and merged."""
        if self.room_id is None:
            return ("TRUE",)
        if self.thread is None:
            return ("room_id = ?",)
        return ("room_id = ? AND thread = ?", "number = ?")

    @property
    def params(self) -> tuple[tuple[Any, ...], ...]:
        """Of each condition."""
        if self.room_id is None:
            return ((),)
        if self.thread is None:
            return ((self.room_id,),)
        return (self.room_id, self.thread), (self.root,)


def row_of(columns: tuple[Any, ...]) -> TimelineRow:
    """``COLUMNS`` as a row."""
    number, room_id, group_id, seq, event, taken_ms, ref, *message = columns
    sender, key, time_ms, text, word, content, reply_to, thread, *rest = message
    is_action, mentions_me, edited_ms, deleted_by = rest
    return TimelineRow(
        number,
        room_id,
        group_id,
        seq,
        event,
        taken_ms,
        Row(
            parted(ref),
            Author(sender, key),
            time_ms,
            text,
            Unknown(word, content) if word is not None else None,
            parted(reply_to) if reply_to else None,
            parted(thread) if thread else None,
            bool(is_action),
            bool(mentions_me),
            edited_ms,
            deleted_by,
        ),
    )


def _values(message: Row) -> tuple[Any, ...]:
    """``_OF_A_MESSAGE``."""
    return (
        message.author.name,
        message.author.account_key,
        message.time_ms,
        message.text,
        message.unknown.kind if message.unknown else None,
        message.unknown.encoded if message.unknown else None,
        joined(message.reply_to) if message.reply_to else None,
        joined(message.thread) if message.thread else None,
        int(message.is_action),
        int(message.mentions_me),
        message.edited_ms,
        message.deleted_by,
    )


def joined(ref: Ref) -> bytes:
    """As one column keeps it: 32 bytes, or 16 of a line, which no device said."""
    return ref.device + ref.message_id


def parted(ref: bytes) -> Ref:
    return Ref(ref[:-16], ref[-16:])
