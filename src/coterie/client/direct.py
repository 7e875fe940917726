"""Direct messages: the room of two accounts, and in which of several groups it lives. PROTOCOL.md section 4.

Pure. What may be in such a room is ``room_policy``'s to judge, as in any other. Decision 0018 says why.
"""

import secrets
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Literal

from coterie.client.conversation import Row
from coterie.client.group_log import GroupLog, state
from coterie.client.intent import Change
from coterie.client.room_policy import direct_room_id, is_direct, leaf_identity
from coterie.client.room_state import RULES_VERSION, RoomState
from coterie.content import Text
from coterie.errors import InvalidInput
from coterie.mls.leaf_node import LeafNodeSource
from coterie.wire.limits import GROUP_ID_SIZE

NAME = "direct"  # of every such room, and shown to nobody: each side calls it by the other's name
_STEP_BITS = 64  # below its predecessor's, a renewed group's id is a random step lower

Refused = Literal["leave", "add", "remove", "admin", "name"]
_SENTENCES: MappingProxyType[Refused, tuple[str, str]] = MappingProxyType(
    {
        "leave": ("nobody leaves direct messages", "mute them to hear nothing more"),
        "add": ("direct messages are between two people", "make a room for more"),
        "remove": ("neither of two can be removed from direct messages", ""),
        "admin": ("both are admins of their direct messages", ""),
        "name": ("direct messages have the other's name", "a topic can be set"),
    }
)


def new_state(mine: bytes, other: bytes) -> RoomState:
    """The room of two account keys, alike on both sides."""
    admins = tuple(sorted((mine, other)))
    return RoomState(RULES_VERSION, direct_room_id(mine, other), NAME, "", admins)


def check_not_direct(room: RoomState, what: Refused) -> None:
    """Raises InvalidInput, as a sentence for people, for what a room of two has not."""
    if is_direct(room):
        sentence, hint = _SENTENCES[what]
        raise InvalidInput(sentence, hint=hint)


def partner(log: GroupLog) -> str:
    """The other's account name, empty where the room is not direct.

    Before he is added that is who waits to be; empty too where nobody does any more.
    """
    if not is_direct(state(log)):
        return ""
    mine = leaf_identity(log.group.own_leaf).account_key
    members = (leaf_identity(member.leaf_node) for member in log.group.members())
    present = (leaf.name for leaf in members if leaf.account_key != mine)
    return next(present, None) or next(_awaited(log), "")


def _awaited(log: GroupLog) -> Iterator[str]:
    for out in log.outbox:
        if isinstance(out.intent, Change):
            yield from (newcomer.name for newcomer in out.intent.adds)


# --- of several groups one -----------------------------------------------------------------------


def gives_way(log: GroupLog, group_id: bytes) -> bool:
    """Whether the room of ``log`` goes on in that group, into which one of the two lets this device.

    "The lower group id stays": both know both groups in the end, and each comes to the same. A group in which the
    other is not, and will not be, keeps nobody.
    """
    return group_id < log.group_id or not partner(log)


def was_answered(log: GroupLog) -> bool:
    """Whether the other account was ever there: who is added heals before the first message, by a leaf of a commit."""
    mine = leaf_identity(log.group.own_leaf).account_key
    return any(
        leaf.source is LeafNodeSource.COMMIT
        for leaf in (member.leaf_node for member in log.group.members())
        if leaf_identity(leaf).account_key != mine
    )


def id_below(group_id: bytes) -> bytes:
    """An id for a group that is to take the place of that one. Raises InvalidInput where there is none."""
    number = int.from_bytes(group_id, "big") - 1 - secrets.randbits(_STEP_BITS)
    if number < 0:
        raise InvalidInput("the other has made this group so that no other one can follow")
    return number.to_bytes(GROUP_ID_SIZE, "big")


def unheard(rows: Sequence[Row], log: GroupLog, at_once: int) -> list[tuple[bytes, Text]]:
    """What this device has to say again in another group, oldest first: each message's id, and as what it now is.

    Of ``rows``, what was said in the room, those of this device that the other account may not have read before it left
    the group of ``log``, or the one before it: it may have posted ``at_once`` messages without reading in between. Who
    has read them passes them over.
    """
    mine = leaf_identity(log.group.own_leaf).account_key
    own: list[Row] = []
    answers = 0
    for row in reversed(rows):
        answers += row.author.account_key != mine
        if answers > at_once:  # it had read this answer, and all before it, when it wrote its next
            break
        if row.ref.device == log.device and not row.is_deleted and row.unknown is None:
            own.append(row)
    return [(row.ref.message_id, _text(row)) for row in reversed(own)]


def _text(row: Row) -> Text:
    return Text(row.text, row.time_ms or 0, row.reply_to, row.thread, row.is_action)
