"""A commit's proposals, looked up, judged and applied to the tree: RFC 9420 sections 12.2 and 12.3."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coterie.errors import RuleViolation
from coterie.mls import validation
from coterie.mls.commit import Commit
from coterie.mls.extension import Extension
from coterie.mls.framing import Sender, SenderType
from coterie.mls.key_package import verify_ahead
from coterie.mls.leaf_node import LeafNode
from coterie.mls.policy import Proposed
from coterie.mls.proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Reference,
    ReInit,
    Remove,
    Update,
)
from coterie.mls.psk import PreSharedKeyId
from coterie.mls.ratchet_tree import RatchetTree

if TYPE_CHECKING:
    from coterie.mls.group import Group


@dataclass(frozen=True, slots=True)
class Applied:
    """A proposal list, applied."""

    tree: RatchetTree
    extensions: tuple[Extension, ...]
    added: tuple[int, ...]
    updated: tuple[tuple[int, LeafNode], ...]
    removed: tuple[int, ...]
    psks: tuple[PreSharedKeyId, ...]
    external_init: bytes | None
    reinit: ReInit | None


def resolve(group: "Group", commit: Commit, committer: Sender) -> tuple[Proposed, ...]:
    """The commit's proposals with their senders. Raises RuleViolation for a reference that nobody knows."""
    standing = {s.reference: s.proposed for s in group.standing}
    found = []
    for item in commit.proposals:
        if isinstance(item, Reference):
            proposed = standing.get(item.hash)
            if proposed is None:
                raise RuleViolation("unknown-proposal")
            found.append(proposed)
        else:
            found.append(Proposed(item, committer))
    return tuple(found)


def apply_proposals(group: "Group", committer: Sender, proposals: Sequence[Proposed]) -> Applied:
    """Checks each proposal and the list, then applies it. Raises RuleViolation."""
    validation.check_list(group.tree, committer, proposals)
    extensions = group.extensions
    for p in proposals:
        if isinstance(p.proposal, GroupContextExtensions):
            # "The new extensions MUST be used when evaluating other proposals in this list"
            extensions = p.proposal.extensions
    verify_ahead(
        group.suite, (p.proposal.key_package for p in proposals if isinstance(p.proposal, Add))
    )
    for p in proposals:
        validation.check_proposal(group.suite, group.tree, extensions, group.group_id, p)
        group.policy.check_proposal(group, p)

    # "in the following order": Updates, Removes, Adds
    updated = tuple(
        (p.sender.index, p.proposal.leaf_node) for p in proposals if isinstance(p.proposal, Update)
    )
    for index, leaf in updated:
        group.policy.check_leaf(leaf, group.tree.leaf(index))
    removed = tuple(p.proposal.removed for p in proposals if isinstance(p.proposal, Remove))
    new = [p.proposal.key_package.leaf_node for p in proposals if isinstance(p.proposal, Add)]
    for leaf in new:
        group.policy.check_leaf(leaf, None)
    tree = group.tree.with_leaves_updated(updated).with_leaves_removed(removed)
    tree, added = tree.with_leaves_added(new)
    if added or updated:
        validation.check_unique_keys(tree)
        validation.check_credentials_supported(tree)
    validation.check_supported_by_members(tree, committer, added, proposals)

    psks = tuple(p.proposal.psk for p in proposals if isinstance(p.proposal, PreSharedKey))
    external_init = next(
        (p.proposal.kem_output for p in proposals if isinstance(p.proposal, ExternalInit)), None
    )
    reinit = next((p.proposal for p in proposals if isinstance(p.proposal, ReInit)), None)
    return Applied(tree, extensions, added, updated, removed, psks, external_init, reinit)


def replaced_leaf(group: "Group", committer: Sender, applied: Applied) -> LeafNode | None:
    """The leaf that the leaf of the commit's path stands for: the committer's, or of a newcomer the removed one."""
    if committer.sender_type is SenderType.MEMBER:
        return group.tree.leaf(committer.index)
    return next((group.tree.leaf(index) for index in applied.removed), None)
