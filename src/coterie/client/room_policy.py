"""The rules of a room, as the policy that ``coterie.mls`` asks before it applies anything: PROTOCOL.md sections 2 to 4.

Every rule is a function of the group's state and the proposal alone, so that all members decide alike. Pins, dates
and device lists are the adder's business (``people``) and never looked at here.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from coterie import identity
from coterie.client import room_state
from coterie.client.position import EXTENSION_TYPE as POSITION_EXTENSION
from coterie.client.room_state import RoomState
from coterie.errors import RuleViolation
from coterie.identity import LeafIdentity
from coterie.mls import (
    Add,
    BasicCredential,
    Extension,
    Group,
    GroupContextExtensions,
    LeafNode,
    ProposalReceived,
    Proposed,
    RatchetTree,
    Remove,
    RequiredCapabilities,
)
from coterie.mls.commit import Commit
from coterie.mls.extension import ExtensionType, find_extension
from coterie.mls.framing import Sender, SenderType
from coterie.mls.proposal_list import apply_proposals, resolve
from coterie.mls.proposals import ProposalOrRef, Reference
from coterie.mls.psk import PreSharedKeyId
from coterie.secret import Secret

MAX_ADDS = 100  # in one commit: PROTOCOL.md section 2, "Races and starvation"
ROOM_ID_SIZE = 16  # bytes, random; that of direct messages has 32
KNOWN_EXTENSIONS = (identity.CERTIFICATE_EXTENSION, room_state.EXTENSION_TYPE, POSITION_EXTENSION)
REQUIRED = RequiredCapabilities(
    extension_types=(identity.CERTIFICATE_EXTENSION, room_state.EXTENSION_TYPE),
    credential_types=(1,),  # basic
)
_OF_A_ROOM = (ExtensionType.REQUIRED_CAPABILITIES, room_state.EXTENSION_TYPE)


def leaf_identity(leaf: LeafNode) -> LeafIdentity:
    """Who a leaf is: credential, certificate, leaf key and account key agree. Raises RuleViolation."""
    if not isinstance(leaf.credential, BasicCredential):
        raise RuleViolation("credential", "a room takes basic credentials")
    found = [
        e.extension_data
        for e in leaf.extensions
        if e.extension_type == identity.CERTIFICATE_EXTENSION
    ]
    if len(found) != 1:
        raise RuleViolation("certificate", "a leaf needs exactly one device certificate")
    return _check_leaf(leaf.credential.identity, leaf.signature_key, found[0])


@lru_cache(maxsize=16_384)  # certificates: a signature check each, 177 µs, and a room has thousands
def _check_leaf(credential: bytes, signature_key: bytes, certificate: bytes) -> LeafIdentity:
    return identity.check_leaf(credential, signature_key, certificate)


def room_state_of(group: Group) -> RoomState:
    """The room's state in the group's present epoch. Raises RuleViolation where it has none."""
    return _room_state(group.extensions)


def _room_state(extensions: Iterable[Extension]) -> RoomState:
    found = find_extension(extensions, room_state.EXTENSION_TYPE)
    if found is None:
        raise RuleViolation("room-state", "a group needs a room state")
    return room_state.decode(found)


def accounts_of(group: Group) -> set[tuple[str, bytes]]:
    """The members' accounts: name and account key."""
    found = (leaf_identity(member.leaf_node) for member in group.members())
    return {(leaf.name, leaf.account_key) for leaf in found}


def is_direct(state: RoomState) -> bool:
    """Whether a room of that state is the direct messages of two accounts: its rules take no other."""
    return len(state.room_id) != ROOM_ID_SIZE


def moderates(state: RoomState, account_key: bytes) -> bool:
    """Whether that account may delete what others have said: an admin may; of two who talk alone, neither."""
    return account_key in state.admins and not is_direct(state)


def direct_room_id(one: bytes, other: bytes) -> bytes:
    """32 bytes, alike for both: the id of the direct messages of two account keys."""
    return hashlib.sha256(b"coterie/1 direct" + b"".join(sorted((one, other)))).digest()


class RoomPolicy:
    """The rules of every room. It has no state: all that it looks at is given."""

    def check_leaf(self, leaf: LeafNode, replaced: LeafNode | None) -> None:
        """Every leaf is an account's certified device; a leaf never changes its account or device."""
        found = leaf_identity(leaf)
        if replaced is not None:
            identity.check_replacement(leaf_identity(replaced), found)

    def check_proposal(self, group: Group, proposed: Proposed) -> None:
        """Judged by its proposer's role in the epoch before."""
        proposal, sender = proposed.proposal, proposed.sender
        if sender.sender_type is SenderType.NEW_MEMBER_PROPOSAL:
            if not isinstance(proposal, Add) or _replaced_by(group, proposal) is None:
                raise RuleViolation("rejoin", "only a member's own device may add itself anew")
            return
        if sender.sender_type is not SenderType.MEMBER:
            raise RuleViolation("proposal-sender", "a room takes proposals of members")
        proposer = group.tree.leaf(sender.index)
        if proposer is None:
            raise RuleViolation("proposal-sender", "a blank leaf")
        account = leaf_identity(proposer)
        is_admin = account.account_key in room_state_of(group).admins
        if proposed.reference is not None and not _is_leave(proposed):
            raise RuleViolation("proposal-by-reference", "only leaving and rejoining are")
        match proposal:
            case Add():
                self._check_add(group, proposal, is_admin=is_admin)
            case Remove():  # whom one may remove depends on what else the commit does: ``check_commit``
                if _is_leave(proposed) and is_direct(room_state_of(group)):
                    _check_stays(group, account)
            case GroupContextExtensions():
                _check_extensions(group, proposal.extensions, is_admin=is_admin)
            case _:
                kind = type(proposal).__name__
                raise RuleViolation("proposal-type", f"a room takes no {kind}")

    def check_commit(
        self,
        group: Group,
        committer: LeafNode,
        proposals: Sequence[Proposed],
        tree: RatchetTree,
    ) -> None:
        """What no proposal shows by itself: numbers, rejoins with their Removes, who is left, and who is admin then."""
        adds = [p for p in proposals if isinstance(p.proposal, Add)]
        if len(adds) > MAX_ADDS:
            raise RuleViolation("too-many-adds", f"{len(adds)}, limit {MAX_ADDS}")
        self._check_removes(group, committer, proposals)
        extensions = group.extensions
        for p in proposals:
            if isinstance(p.proposal, GroupContextExtensions):
                extensions = p.proposal.extensions
        state = _room_state(extensions)
        check_members(tree, state)
        if is_direct(state) and not _account_keys(group.tree) <= _account_keys(tree):
            raise RuleViolation("direct-room", "neither of the two can be removed")

    def psk(self, psk_id: PreSharedKeyId) -> Secret | None:
        """A room has none."""
        return None

    def _check_add(self, group: Group, proposal: Add, *, is_admin: bool) -> None:
        added = leaf_identity(proposal.key_package.leaf_node)
        if is_admin or room_state_of(group).settings.members_may_add:
            return
        if added.account_key not in _account_keys(group.tree):
            raise RuleViolation("add-by-non-admin", f"of {added.name}")

    def _check_removes(
        self, group: Group, committer: LeafNode, proposals: Sequence[Proposed]
    ) -> None:
        """A rejoin comes with the Remove of the leaf it replaces; any other Remove is an admin's, or of one's own."""
        rejoining = {
            replaced
            for p in proposals
            if isinstance(p.proposal, Add)
            and p.sender.sender_type is SenderType.NEW_MEMBER_PROPOSAL
            if (replaced := _replaced_by(group, p.proposal)) is not None
        }
        removed = {p.proposal.removed for p in proposals if isinstance(p.proposal, Remove)}
        if not rejoining <= removed:
            raise RuleViolation("rejoin", "without the Remove of the leaf that it replaces")
        account = leaf_identity(committer)
        if account.account_key in room_state_of(group).admins:
            return
        for p in proposals:
            if (
                not isinstance(p.proposal, Remove)
                or _is_leave(p)
                or p.proposal.removed in rejoining
            ):
                continue
            leaf = group.tree.leaf(p.proposal.removed)
            if leaf is None or leaf_identity(leaf).account_key != account.account_key:
                raise RuleViolation("remove-by-non-admin")


ROOM_POLICY = RoomPolicy()


def check_members(tree: RatchetTree, state: RoomState) -> None:
    """Who may be together in a room of that state. Raises RuleViolation."""
    leaves = [leaf_identity(leaf) for _, leaf in tree.leaves()]
    identity.check_together(leaves)
    if not {leaf.account_key for leaf in leaves} & set(state.admins):
        raise RuleViolation("no-admin", "an admin counts only with a leaf")
    if is_direct(state):
        _check_direct(leaves, state)


def _check_direct(leaves: Sequence[LeafIdentity], state: RoomState) -> None:
    """ "A direct message is a room of two admins whose id is SHA-256(…)": at first too, where one of them is alone."""
    if len(state.admins) != 2 or state.room_id != direct_room_id(*state.admins):  # noqa: PLR2004
        raise RuleViolation("direct-room", "the id is not that of two admins' direct messages")
    accounts = {(leaf.name, leaf.account_key) for leaf in leaves}
    # A key with two names is two accounts: people see names.
    if {key for _, key in accounts} - set(state.admins) or len(accounts) > 2:  # noqa: PLR2004
        raise RuleViolation("direct-room", "a third account")


def _check_stays(group: Group, account: LeafIdentity) -> None:
    """Nobody leaves direct messages: the two could never come together in that room again. Decision 0018."""
    leaves = (leaf_identity(member.leaf_node).account_key for member in group.members())
    if sum(key == account.account_key for key in leaves) == 1:
        raise RuleViolation("direct-room", "neither of the two leaves")


def _account_keys(tree: RatchetTree) -> set[bytes]:
    return {leaf_identity(leaf).account_key for _, leaf in tree.leaves()}


def check_joined(group: Group) -> None:
    """A group that a Welcome brought, as a whole. Raises RuleViolation."""
    check_members(group.tree, room_state_of(group))
    if find_extension(group.extensions, ExtensionType.REQUIRED_CAPABILITIES) != REQUIRED.encode():
        raise RuleViolation("required-capabilities", "not those of a room")
    if {e.extension_type for e in group.extensions} != set(_OF_A_ROOM):
        raise RuleViolation("extensions", "not those of a room")


def check_standing(received: ProposalReceived) -> None:
    """A proposal that came on its own: rooms know leaving and rejoining. Raises RuleViolation."""
    if received.new_member is None and not (
        isinstance(received.proposal, Remove) and received.proposal.removed == received.sender.index
    ):
        raise RuleViolation("proposal-by-reference", "only leaving and rejoining are")


@dataclass(frozen=True, slots=True)
class Committable:
    """What a committer takes of the standing proposals: their references, and the Removes that go with rejoins."""

    references: tuple[bytes, ...] = ()
    removes: tuple[Remove, ...] = ()


def committable(group: Group, *, taken: Collection[int] = (), adds: int = 0) -> Committable:
    """What a commit can take of what stands, beside ``adds`` Adds and what it does to the leaves ``taken``.

    In the order of the log, without our own removal, what would leave no admin, a leaf twice, and what fails: a
    proposal that breaks a rule only by what it makes of the tree must not keep us from committing the others.
    """
    candidates = _candidates(group, taken, MAX_ADDS - adds)
    if not candidates or _holds(group, candidates):
        return _committable(candidates)
    alone = [candidate for candidate in candidates if _holds(group, [candidate])]
    return _committable(alone if _holds(group, alone) else alone[:1])


_Candidate = tuple[bytes, Remove | None]  # a reference, and for a rejoin the Remove with it


def _committable(candidates: Sequence[_Candidate]) -> Committable:
    return Committable(
        tuple(reference for reference, _ in candidates),
        tuple(remove for _, remove in candidates if remove is not None),
    )


def _candidates(group: Group, taken: Collection[int], max_adds: int) -> list[_Candidate]:
    admins = set(room_state_of(group).admins)
    left = {m.leaf_index: leaf_identity(m.leaf_node).account_key for m in group.members()}
    left = {index: account for index, account in left.items() if index not in taken}
    touched = {*taken, group.own_leaf_index}
    found: list[_Candidate] = []
    for standing in group.standing:
        proposal = standing.proposal
        if isinstance(proposal, Remove) and proposal.removed not in touched:
            index = proposal.removed
            if not admins & {account for leaf, account in left.items() if leaf != index}:
                continue
            del left[index]
            found.append((standing.reference, None))
        elif isinstance(proposal, Add) and len(found) < max_adds:
            replaced = _replaced_by(group, proposal)
            if replaced is None or replaced in touched:
                continue
            index = replaced
            found.append((standing.reference, Remove(index)))
        else:
            continue
        touched.add(index)
    return found


def _holds(group: Group, candidates: Sequence[_Candidate]) -> bool:
    """Whether a commit of these alone would count, as far as that shows before it is made."""
    chosen = _committable(candidates)
    items: tuple[ProposalOrRef, ...] = (*map(Reference, chosen.references), *chosen.removes)
    me = Sender(SenderType.MEMBER, group.own_leaf_index)
    try:
        proposed = resolve(group, Commit(items, None), me)
        applied = apply_proposals(group, me, proposed)
        group.policy.check_commit(group, group.own_leaf, proposed, applied.tree)
    except RuleViolation:
        return False
    return True


def _is_leave(proposed: Proposed) -> bool:
    """A member's Remove of its own leaf."""
    return (
        isinstance(proposed.proposal, Remove)
        and proposed.sender.sender_type is SenderType.MEMBER
        and proposed.sender.index == proposed.proposal.removed
    )


def _replaced_by(group: Group, proposal: Add) -> int | None:
    """The leaf whose device adds itself anew: the same account, device and signature key."""
    added = leaf_identity(proposal.key_package.leaf_node)
    for member in group.members():
        found = leaf_identity(member.leaf_node)
        if (found.name, found.account_key, found.device, found.device_key) == (
            added.name,
            added.account_key,
            added.device,
            added.device_key,
        ):
            return member.leaf_index
    return None


def _check_extensions(group: Group, extensions: Sequence[Extension], *, is_admin: bool) -> None:
    """ "GroupContextExtensions replaces all extensions, so it repeats required_capabilities, and only the room state
    may differ. No commit changes a room id." (PROTOCOL.md section 4)
    """
    if not is_admin:
        raise RuleViolation("room-state-by-non-admin")
    before, after = _room_state(group.extensions), _room_state(extensions)
    if after.room_id != before.room_id:
        raise RuleViolation("room-id-changed")
    others = [
        sorted(
            (e.extension_type, e.extension_data)
            for e in some
            if e.extension_type != room_state.EXTENSION_TYPE
        )
        for some in (group.extensions, extensions)
    ]
    if others[0] != others[1]:
        raise RuleViolation("extensions-changed", "only the room state may differ")
