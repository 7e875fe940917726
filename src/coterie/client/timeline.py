"""What is kept of a room for people to read, as other processes see it: rows in, ``api.Message`` out.

A page costs a handful of queries, whatever is in it.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, assert_never

from coterie.client.api import Message, Quote, Reactions
from coterie.client.conversation import Author, Reacted
from coterie.client.store_said import SaidStore
from coterie.client.store_timeline import TimelineRow, joined
from coterie.content import Content, Delete, Edit, Reaction, Ref, Text, Unknown

if TYPE_CHECKING:  # a screen reads what was said before groups are loaded
    from coterie.client.unsent import Pending

TEXT, LINE = "text", "line"
UNKNOWN = "unknown"  # bytes that are no content at all
QUOTED = 200  # characters of a message that a reply shows


def messages(
    rows: Sequence[TimelineRow],
    store: SaidStore,
    name: Callable[[bytes], str],
    changing: Callable[[bytes], AbstractSet[Ref]] = lambda room_id: frozenset(),
) -> list[Message]:
    """Each row as it is now. ``name`` gives a room's, ``changing`` what ``Rooms.changing`` does."""
    reactions = store.reactions_to([row.number for row in rows])
    keys = store.present_keys({row.message.author.name for row in rows})
    rooms = {
        room_id: _Room(
            [row.message.ref for row in rows if row.room_id == room_id],
            [row.message.reply_to for row in rows if row.room_id == room_id],
            store,
            room_id,
            name(room_id),
            changing(room_id),
            keys,
        )
        for room_id in dict.fromkeys(row.room_id for row in rows)
    }
    return [rooms[row.room_id].message(row, reactions.get(row.number, ())) for row in rows]


class _Room:
    """What some rows of one room show of others."""

    def __init__(
        self,
        refs: Collection[Ref],
        answered: Collection[Ref | None],
        store: SaidStore,
        room_id: bytes,
        name: str,
        changing: AbstractSet[Ref] = frozenset(),
        present_keys: Mapping[str, Collection[bytes]] = MappingProxyType({}),
    ) -> None:
        self._name = name
        self._changing = changing
        self._present_keys = present_keys
        self._replies = store.thread_sizes(room_id, refs)
        self._shown = store.rows_of(room_id, {ref for ref in answered if ref})

    def message(self, row: TimelineRow, reactions: Iterable[Reacted]) -> Message:
        """The row with what belongs to it."""
        said = row.message
        return Message(
            self._name,
            row.room_id.hex(),
            row.seq,
            said.ref.message_id.hex(),
            said.author.name,
            said.ref.device.hex(),
            iso(row.taken_ms if said.time_ms is None else said.time_ms),
            _kind(row),
            said.text,
            row.event,
            row.number,
            self.quote(said.reply_to),
            hex_of(said.thread) if said.thread else "",
            self._replies.get(said.ref, 0),
            said.is_action,
            said.mentions_me,
            "" if said.edited_ms is None else iso(said.edited_ms),
            said.deleted_by,
            _reactions(reactions),
            "changing" if said.ref in self._changing else "",
            has_earlier_key=self._is_earlier(said.author),
        )

    def _is_earlier(self, author: Author) -> bool:
        keys = self._present_keys.get(author.name)
        return keys is not None and author.account_key not in keys

    def quote(self, ref: Ref | None) -> Quote | None:
        """What a reply answers."""
        if ref is None:
            return None
        found = self._shown.get(ref)
        if found is None:
            return Quote(hex_of(ref))
        said = found.message
        text = re.sub(r"\s", " ", said.text[:QUOTED])
        return Quote(hex_of(ref), found.number, said.author.name, text, said.is_deleted)


def pending_messages(
    posts: "Sequence[Pending]",
    store: SaidStore,
    room_id: bytes,
    room: str,
    account: str,
    device: bytes,
) -> tuple[Message, ...]:
    """As ``api.Pending`` has them."""
    answered = [_answered(post.content) for post in posts]
    shown = _Room((), answered, store, room_id, room)
    return tuple(
        Message(
            room,
            room_id.hex(),
            0,
            post.message_id.hex(),
            account,
            device.hex(),
            "" if isinstance(post.content, Unknown) else iso(post.content.time),
            _pending_kind(post.content),
            _pending_text(post.content),
            reply_to=shown.quote(target),
            thread=_thread(post.content),
            is_action=isinstance(post.content, Text) and post.content.is_action,
            state="failed" if post.reason else "sending",
            reason=post.reason,
            ticket=post.ticket.hex(),
        )
        for post, target in zip(posts, answered, strict=True)
    )


def _kind(row: TimelineRow) -> str:
    """A member chooses the word of a kind: it must not be taken for a text, or for a line of the system."""
    if row.is_line:
        return LINE
    unknown = row.message.unknown
    if unknown is None:
        return TEXT
    is_ours = unknown.kind in ("", TEXT, LINE) or unknown.kind.startswith(f"{LINE}/")
    return UNKNOWN if is_ours else unknown.kind


def _reactions(reactions: Iterable[Reacted]) -> tuple[Reactions, ...]:
    names: dict[str, list[str]] = {}
    for reaction in reactions:
        names.setdefault(reaction.emoji, []).append(reaction.author.name)
    return tuple(Reactions(emoji, tuple(by)) for emoji, by in names.items())


def _answered(said: Content) -> Ref | None:
    match said:
        case Text():
            return said.reply_to
        case Edit(target) | Delete(target) | Reaction(target):
            return target
        case Unknown():
            return None
        case _:
            assert_never(said)


def _thread(said: Content) -> str:
    return hex_of(said.thread) if isinstance(said, Text) and said.thread else ""


def _pending_kind(said: Content) -> str:
    return UNKNOWN if isinstance(said, Unknown) else str(said.__struct_config__.tag)


def _pending_text(said: Content) -> str:
    match said:
        case Text(text) | Edit(_, text):
            return text
        case Reaction(_, emoji):
            return emoji
        case Delete() | Unknown():
            return ""
        case _:
            assert_never(said)


def hex_of(ref: Ref) -> str:
    """``api.MessageRef``."""
    return joined(ref).hex()


def iso(time_ms: int) -> str:
    """In UTC. A sender's clock says anything: what is no date is the nearest one."""
    seconds = min(max(time_ms / 1000, 0), 253_402_300_799)  # the end of the year 9999
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
