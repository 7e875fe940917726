"""What is searched for in what was said: FTS5 knows the words, the timeline's indices the rest."""

from collections.abc import Sequence
from typing import Any

from coterie.client.search_query import Query
from coterie.client.store_rows import marks
from coterie.client.store_timeline import COLUMNS, NEVER, Timeline, TimelineRow, row_of

_Condition = tuple[str, Sequence[Any]]  # and what stands for its question marks


class Searches(Timeline):
    """Of all rooms."""

    def search(
        self,
        query: Query,
        room_ids: Sequence[bytes] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[TimelineRow]:
        """Up to ``limit`` messages for which all of ``query`` holds, newest first: those under number ``before``.

        ``query.rooms`` is not looked at: ``room_ids`` says which they are, None all. Words are found where
        ``index_words`` has been.
        """
        # From the newest on, by FTS5 where there are words. The rest is judged by an index that holds all of it, so
        # that what is passed over is never read: a word that everybody says, of a sender who never says it.
        if query.terms:
            source, place = (
                "word CROSS JOIN timeline INDEXED BY timeline_facts ON number = word.rowid",
                "word.rowid",
            )
            given: list[_Condition] = [("word MATCH ?", (query.match,))]
        else:
            source, place = "timeline INDEXED BY timeline_facts", "number"
            given = []
        given += _conditions(query, room_ids)
        given += [("instr(text, ?)", (literal,)) for literal in query.literals]
        given.append((f"{place} < ?", (NEVER if before is None else before,)))
        where = " AND ".join(condition for condition, _ in given)
        params = [value for _, values in given for value in values]
        sql = f"SELECT {COLUMNS} FROM {source} WHERE {where} ORDER BY {place} DESC LIMIT ?"  # noqa: S608  # of this file's own words
        return [row_of(row) for row in self._all(sql, (*params, limit))]


def _conditions(query: Query, room_ids: Sequence[bytes] | None) -> list[_Condition]:
    """All but words and literals, by columns of ``timeline_facts``."""
    given: list[_Condition] = [("is_found", ())]
    if query.has_link:
        given.append(("has_link", ()))
    if query.senders:
        given.append((f"sender IN ({marks(len(query.senders))})", query.senders))
    if room_ids is not None:
        given.append((f"room_id IN ({marks(len(room_ids))})", room_ids))
    if query.from_ms is not None:
        given.append(("time >= ?", (query.from_ms,)))
    if query.before_ms is not None:
        given.append(("time < ?", (query.before_ms,)))
    return given
