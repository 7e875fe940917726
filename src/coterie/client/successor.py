"""A successor: an admin says that a room goes on in another group. PROTOCOL.md section 2, "Successor".

Without I/O. What a reader checks is checked against its own last state of the old group, and of nothing else.
"""

from dataclasses import dataclass

from msgspec import structs

from coterie.client.position import Position
from coterie.client.room_policy import accounts_of, is_direct, leaf_identity, room_state_of
from coterie.client.room_state import RoomState
from coterie.errors import RuleViolation
from coterie.mls import Group, LeafNode
from coterie.wire.frames import Entry
from coterie.wire.limits import GROUP_ID_SIZE

LABEL = b"coterie/1 successor"
_CHAIN_SIZE = 32
_SIGNATURE_SIZE = 64  # Ed25519
BODY_SIZE = GROUP_ID_SIZE + 8 + _CHAIN_SIZE + _SIGNATURE_SIZE


@dataclass(frozen=True, slots=True)
class Successor:
    """A successor that verified: where the room goes on, and who says so."""

    group_id: bytes  # of the new group
    leaf: LeafNode  # of the admin's device
    where: Position  # how far that device had read the old log

    @property
    def by(self) -> str:
        """The admin's account."""
        return leaf_identity(self.leaf).name

    @property
    def account_key(self) -> bytes:
        """That account's, 32 bytes."""
        return leaf_identity(self.leaf).account_key


def encode(group: Group, new_group_id: bytes, where: Position) -> bytes:
    """The body of our own successor in the log of ``group``, signed by this device; ``where`` holds its message_id."""
    signed = _signed(group.group_id, new_group_id, where)
    signature = group.suite.signature.sign(group.signature_private, signed)
    return new_group_id + where.seq.to_bytes(8, "big") + where.chain + signature


def verify(group: Group, entry: Entry) -> Successor:
    """What an entry of kind successor says in the log of ``group``. Raises RuleViolation where it does not count."""
    if is_direct(room_state_of(group)):  # there the id of a group says whether it stays
        raise RuleViolation("direct-room", "it has no successors")
    body = entry.body
    if len(body) != BODY_SIZE:
        raise RuleViolation("successor-form", f"{len(body)} bytes, must be {BODY_SIZE}")
    new_group_id, rest = body[:GROUP_ID_SIZE], body[GROUP_ID_SIZE:]
    seq, chain = int.from_bytes(rest[:8], "big"), rest[8 : 8 + _CHAIN_SIZE]
    where = Position(entry.message_id, seq, chain)
    if new_group_id == group.group_id:
        raise RuleViolation("successor-group", "the room is in that group")
    signed = _signed(group.group_id, new_group_id, where)
    # The stamp is the server's word and an id can be two members': whose key it is says who signed.
    signers = [
        leaf
        for _, leaf in group.tree.leaves()
        if leaf_identity(leaf).device == entry.device
        and group.suite.signature.verify(leaf.signature_key, signed, rest[-_SIGNATURE_SIZE:])
    ]
    if not signers:
        raise RuleViolation("successor-signature", "not by that device of a member, for this log")
    if leaf_identity(signers[0]).account_key not in room_state_of(group).admins:
        raise RuleViolation("successor-by-non-admin", f"of {leaf_identity(signers[0]).name}")
    return Successor(new_group_id, signers[0], where)


def _signed(group_id: bytes, new_group_id: bytes, where: Position) -> bytes:
    """Fixed lengths all through, so no two successors sign the same bytes."""
    position = where.seq.to_bytes(8, "big") + where.chain
    return LABEL + group_id + new_group_id + position + where.message_id


def is_admin(group: Group, account: tuple[str, bytes]) -> bool:
    """Whether that account, name and key, is an admin with a leaf."""
    return account in accounts_of(group) and account[1] in room_state_of(group).admins


def differences(old: Group, new: Group) -> tuple[str, ...]:
    """ "It refuses a group with accounts, admins or settings that its own last state lacks": those, each in a word.

    ``carol`` is in it, ``admin:carol`` is an admin there, ``setting:members-may-add`` is another. Fewer are right: the
    author of the bad entry is left out, and who could not be reached. Name and topic may be others, as any admin may
    set them, and change nothing about who can read. Raises RuleViolation where it is another room's.
    """
    before, after = room_state_of(old), room_state_of(new)
    if after.room_id != before.room_id:
        raise RuleViolation("successor-room", "it is another room's")
    names = {key: name for name, key in accounts_of(old) | accounts_of(new)}
    strange = sorted(name for name, _ in accounts_of(new) - accounts_of(old))
    # Only an admin who was neither in the one nor is in the other has no name; no name looks like a key.
    added = set(after.admins) - set(before.admins)
    strange += sorted(f"admin:{names.get(key, key.hex())}" for key in added)
    strange += [
        f"setting:{name.replace('_', '-')}"
        for name in type(after.settings).__struct_fields__
        if getattr(after.settings, name) != getattr(before.settings, name)
    ]
    return tuple(strange)


def described(old: Group, strange: tuple[str, ...]) -> str:
    """Those words, as a sentence says them."""
    known = {name for name, _ in accounts_of(old)}
    told = []
    for word in strange:
        kind, _, name = word.rpartition(":")
        match kind:
            case "admin":
                told.append(f"{name} as an admin")
            case "setting":
                told.append(f"another setting of {name}")
            case _ if name in known:
                told.append(f"{name} with another key")
            case _:
                told.append(f"{name}, who is not in it")
    return "; ".join(told)


def state_without(old: Group, left_out: str) -> RoomState:
    """The state with which the room goes on: as it was, without the account ``left_out`` among its admins."""
    state = room_state_of(old)
    keys = {key for name, key in accounts_of(old) if name == left_out}
    admins = tuple(key for key in state.admins if key not in keys)
    return structs.replace(state, admins=admins)
