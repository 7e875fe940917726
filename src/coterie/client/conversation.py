"""What a room's content makes of its timeline: the log's order in, rows and changes of rows out.

Pure. A device that reads the same entries makes the same rows, whenever it reads them: nothing here knows a clock, a
setting or a pin. ``History`` answers what is kept of a room; what comes out is for the caller to write, in the
transaction of the entry's step.

An edit, deletion or reaction whose message is not here does nothing and is not kept for later: in the log a message
stands before all that refers to it, so it will not come. It was said before this device was in the room, or by nobody.
"""

from collections.abc import Sequence
from typing import Protocol, assert_never

import msgspec

from coterie.client.mentions import is_mentioned
from coterie.content import Content, Delete, Edit, Reaction, Ref, Text, Unknown

MAX_REACTIONS = 1_000  # kept of one message: a large room's applause, and no more to count and draw
MAX_REACTIONS_EACH = 20  # of one account to one message


class Author(msgspec.Struct, frozen=True):
    """Who said it. The key decides, for a name may come again with another one."""

    name: str
    account_key: bytes


class Arrived(msgspec.Struct, frozen=True):
    """An application message of the log that counts. ``is_moderator``: of the room, in the entry's own epoch."""

    ref: Ref
    author: Author
    is_moderator: bool
    content: Content


class Row(msgspec.Struct, frozen=True):
    """One message as it now is. A deleted one keeps its place, its author and who deleted it, and nothing else."""

    ref: Ref
    author: Author
    time_ms: int | None  # the author's clock; None for a kind that this version does not know
    text: str = ""
    unknown: Unknown | None = None  # such a kind, whole: a later version may read it
    reply_to: Ref | None = None
    thread: Ref | None = None  # the message that its thread hangs from
    is_action: bool = False
    mentions_me: bool = False
    edited_ms: int | None = None  # the author's clock at the last edit
    deleted_by: str = ""  # the account's name

    @property
    def is_deleted(self) -> bool:
        """Whether only its place is left."""
        return bool(self.deleted_by)


class Reacted(msgspec.Struct, frozen=True):
    """An emoji of one account under a message."""

    target: Ref
    author: Author
    emoji: str


class RowAdded(msgspec.Struct, frozen=True):
    """At the end of the room."""

    row: Row


class RowEdited(msgspec.Struct, frozen=True):
    """In its place. What is kept of ``before`` elsewhere (the search index) goes."""

    before: Row
    after: Row


class RowDeleted(msgspec.Struct, frozen=True):
    """In its place. Text, content and search entry of ``before`` go, with all reactions to it."""

    before: Row
    after: Row


class ReactionAdded(msgspec.Struct, frozen=True):
    """As the last of its message."""

    reaction: Reacted


class ReactionRemoved(msgspec.Struct, frozen=True):
    """One that was there."""

    reaction: Reacted


Change = RowAdded | RowEdited | RowDeleted | ReactionAdded | ReactionRemoved


class History(Protocol):
    """What is kept of one room."""

    def row(self, ref: Ref) -> Row | None:
        """The message under that reference, as it now is. There is one: ``take`` shows no second one."""

    def reactions(self, target: Ref) -> Sequence[Reacted]:
        """Those to a message, in the order in which they came."""


def take(arrived: Arrived, history: History, me: str) -> Change | None:
    """What it changes; None where nothing: what it refers to is not here, is not the sender's, or is so already.

    ``me`` is this account's name, for ``Row.mentions_me``.
    """
    match arrived.content:
        case Text() | Unknown() if history.row(arrived.ref):
            # Its sender did not know that it was read here, and posted it again; or it is another one under that name,
            # which nobody could delete, for who means it means the first.
            return None
        case Text():
            return RowAdded(_text_row(arrived, arrived.content, history, me))
        case Unknown():
            return RowAdded(Row(arrived.ref, arrived.author, None, unknown=arrived.content))
        case Edit():
            return _edit(arrived, arrived.content, history.row(arrived.content.target), me)
        case Delete(target):
            return _delete(arrived, history.row(target))
        case Reaction():
            return _react(arrived, arrived.content, history)
        case _:
            assert_never(arrived.content)


def _text_row(arrived: Arrived, said: Text, history: History, me: str) -> Row:
    thread = said.thread
    if thread is not None:
        root = history.row(thread)
        if root and root.thread:  # a thread in a thread is that thread
            thread = root.thread
    if thread == arrived.ref:  # made up: it would hang from itself, and show nowhere
        thread = None
    return Row(
        arrived.ref,
        arrived.author,
        said.time,
        said.text,
        reply_to=said.reply_to,
        thread=thread,
        is_action=said.is_action,
        mentions_me=_mentions(said.text, arrived.author, me),
    )


def _edit(arrived: Arrived, edit: Edit, before: Row | None, me: str) -> Change | None:
    if before is None or before.is_deleted or before.unknown is not None:
        return None
    # An admin may delete, and never put words into a mouth.
    if arrived.author.account_key != before.author.account_key:
        return None
    mentions_me = _mentions(edit.text, before.author, me)
    after = msgspec.structs.replace(
        before, text=edit.text, edited_ms=edit.time, mentions_me=mentions_me
    )
    return RowEdited(before, after)


def _delete(arrived: Arrived, before: Row | None) -> Change | None:
    if before is None or before.is_deleted:
        return None
    if arrived.author.account_key != before.author.account_key and not arrived.is_moderator:
        return None
    left = Row(
        before.ref,
        before.author,
        before.time_ms,
        thread=before.thread,
        deleted_by=arrived.author.name,
    )
    return RowDeleted(before, left)


def _react(arrived: Arrived, said: Reaction, history: History) -> Change | None:
    row = history.row(said.target)
    if row is None or row.is_deleted:
        return None
    key = arrived.author.account_key
    present = history.reactions(said.target)
    own = [reaction for reaction in present if reaction.author.account_key == key]
    same = next((reaction for reaction in own if reaction.emoji == said.emoji), None)
    if said.is_removed:
        return ReactionRemoved(same) if same else None
    if same or len(own) >= MAX_REACTIONS_EACH or len(present) >= MAX_REACTIONS:
        return None
    return ReactionAdded(Reacted(said.target, arrived.author, said.emoji))


def _mentions(text: str, author: Author, me: str) -> bool:
    return author.name != me and is_mentioned(text, me)
