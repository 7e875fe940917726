"""Writes what was said into the timeline, in the transaction of the step that read it. Decision 0016."""

from dataclasses import dataclass
from typing import assert_never

from coterie import content
from coterie.client.conversation import (
    Arrived,
    Author,
    Change,
    ReactionAdded,
    ReactionRemoved,
    Row,
    RowAdded,
    RowDeleted,
    RowEdited,
    take,
)
from coterie.client.happening import Line, Said
from coterie.client.news import MAX_ROWS
from coterie.client.store import Store, TimelineRow
from coterie.content import Content, Delete, Edit, Reaction, Ref, Text, Unknown

NOBODY = Author("", b"")  # says the system's lines


@dataclass(frozen=True, slots=True)
class Changed:
    """What people see of a room may be otherwise now: its line in the list, and what is named here."""

    room_id: bytes
    rows: tuple[int, ...] = ()  # their numbers, ascending
    pending: bool = False  # what is in no log yet


class Recorder:
    """Of one account. What it gives are the numbers of the rows that are new, or seen otherwise."""

    def __init__(self, store: Store, me: Author) -> None:
        self._store = store
        self._me = me

    def line(self, room_id: bytes, group_id: bytes, line: Line, now: float) -> set[int]:
        """At the end of the room."""
        message = Row(Ref(b"", line.message_id), NOBODY, None, line.text)
        row = TimelineRow(0, room_id, group_id, line.seq, str(line.event), _ms(now), message)
        return {self._store.add_to_timeline(row)}

    def said(self, room_id: bytes, group_id: bytes, said: Said, now: float) -> set[int]:
        """What it changes."""
        arrived = Arrived(
            Ref(said.device, said.message_id),
            Author(said.sender, said.account_key),
            said.is_moderator,
            content.decode(said.content),
        )
        change = take(arrived, self._store.history(room_id), self._me.name)
        touched = self.meant(room_id, arrived.content) if said.is_own else set()
        if change is None:
            return touched
        match change:
            case RowAdded(row):
                added = TimelineRow(0, room_id, group_id, said.seq, "", _ms(now), row)
                number = self._store.add_to_timeline(added)
            case RowEdited(before) | RowDeleted(before):
                number = self._number(room_id, before.ref)
                self._store.change_row(number, change)
            case ReactionAdded(reaction):
                number = self._number(room_id, reaction.target)
                self._store.add_reaction(number, reaction)
            case ReactionRemoved(reaction):
                number = self._number(room_id, reaction.target)
                self._store.remove_reaction(number, reaction)
            case _:
                assert_never(change)
        self._count(room_id, number, change)
        return {number, *touched, *self._beside(room_id, change)}

    def meant(self, room_id: bytes, said: Content) -> set[int]:
        """The row that an edit, deletion or reaction is to: it is shown as changing while that is on its way."""
        match said:
            case Edit(target) | Delete(target) | Reaction(target):
                number = self._store.number_of(room_id, target)
                return set() if number is None else {number}
            case Text() | Unknown():
                return set()
            case _:
                assert_never(said)

    def read(self, room_id: bytes, to: int | None = None) -> bool:
        """The person has seen the rows up to that number (None: all); whether that is news."""
        newest = self._store.newest(room_id)
        before = self._store.view(room_id).reading
        reading = self._store.read_on(
            room_id, newest if to is None else max(0, min(to, newest)), self._me.account_key
        )
        if reading == before:
            return False
        self._store.save_reading(room_id, reading)
        return True

    def _count(self, room_id: bytes, number: int, change: Change) -> None:
        before = self._store.view(room_id).reading
        after = before.after(number, change, self._me.account_key)
        if after != before:
            self._store.save_reading(room_id, after)

    def _beside(self, room_id: bytes, change: Change) -> set[int]:
        """Rows that show something of the one that changed: the root of its thread counts it, replies quote it."""
        match change:
            case RowAdded(row):
                answers: list[int] = []
            case RowEdited(_, row) | RowDeleted(_, row):
                # Where there are more, a reader asks for its pages anew whatever else is here.
                answers = self._store.answers_to(room_id, row.ref, MAX_ROWS + 1)
            case ReactionAdded() | ReactionRemoved():
                return set()
            case _:
                assert_never(change)
        root = self._store.number_of(room_id, row.thread) if row.thread else None
        return {*answers} if root is None else {root, *answers}

    def _number(self, room_id: bytes, ref: Ref) -> int:
        """Of a row that was found a moment ago."""
        number = self._store.number_of(room_id, ref)
        assert number is not None  # noqa: S101
        return number


def _ms(now: float) -> int:
    return int(now * 1000)
