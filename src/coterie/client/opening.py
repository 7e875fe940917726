"""One entry, opened in the group's state and judged by it: PROTOCOL.md section 2, "Dead entries" and "Stuck".

All that every member can check is checked first. Only then may a commit be one that does not open for this device.
"""

from coterie.client import position
from coterie.client.position import Position
from coterie.client.room_policy import check_standing, leaf_identity
from coterie.errors import RuleViolation
from coterie.mls import (
    ApplicationReceived,
    CommitReceived,
    Group,
    LeafNode,
    PathNotReadable,
    ProposalReceived,
    Received,
    process,
)
from coterie.mls.framing import (
    AuthenticatedContent,
    PrivateMessage,
    WireFormat,
    decode_message,
)
from coterie.wire.frames import Entry, Kind

_KINDS = {
    ApplicationReceived: Kind.MESSAGE,
    ProposalReceived: Kind.PROPOSAL,
    CommitReceived: Kind.COMMIT,
}


def open_entry(group: Group, entry: Entry) -> tuple[Received, Position | None]:
    """What the entry does, and how far its sender had read; a rejoin does not say.

    Raises RemoteProtocolError where it is dead, PathNotReadable where this device is stuck.
    """
    try:
        received = process(group, entry.body)
    except PathNotReadable as stuck:
        if stuck.content is not None:
            _check_unreadable(group, entry, stuck.content)
        raise
    kind = _KINDS[type(received)]
    if isinstance(received, ProposalReceived):
        check_standing(received)
        if received.new_member is not None:
            _check_rejoin(entry, received, received.new_member)
            return received, None
    if kind is not Kind.MESSAGE:  # those are private always
        _check_private(isinstance(decode_message(entry.body), PrivateMessage))
    return received, _check(entry, kind, received.authenticated_data, received.sender_leaf)


def _check(
    entry: Entry, kind: Kind, authenticated_data: bytes, sender: LeafNode | None
) -> Position:
    """What the server stamped, against what the sender signed."""
    _check_kind(entry, kind)
    where = position.decode(authenticated_data)
    if where.message_id != entry.message_id:
        raise RuleViolation("message-id", "not the one inside")
    if sender is None or leaf_identity(sender).device != entry.device:
        raise RuleViolation("sender-device", "not the leaf's")
    return where


def _check_kind(entry: Entry, kind: Kind) -> None:
    if entry.kind != kind:
        raise RuleViolation("kind", f"{kind.name.lower()} under {entry.kind.name.lower()}")


def _check_rejoin(entry: Entry, received: ProposalReceived, leaf: LeafNode) -> None:
    """It is in no epoch's chain, so it carries its id alone."""
    _check_kind(entry, Kind.PROPOSAL)
    if received.authenticated_data != entry.message_id:
        raise RuleViolation("message-id", "not the one inside")
    if leaf_identity(leaf).device != entry.device:
        raise RuleViolation("sender-device", "not the one in the key package")


def _check_unreadable(group: Group, entry: Entry, commit: AuthenticatedContent) -> None:
    """The stamps of a commit whose path does not open here: a wrong one makes it dead for all, and nobody stuck."""
    _check_private(commit.wire_format is WireFormat.PRIVATE_MESSAGE)
    sender = group.tree.leaf(commit.content.sender.index)
    _check(entry, Kind.COMMIT, commit.content.authenticated_data, sender)


def _check_private(is_private: bool) -> None:
    """ "a PublicMessage, the one exception to PrivateMessage" is the rejoin: nobody else shows the server anything."""
    if not is_private:
        raise RuleViolation("wire-format", "only a rejoin is a PublicMessage")
