"""The rules for proposals and their list: RFC 9420 sections 7.3, 12.1 and 12.2.

Each function raises RuleViolation with the rule's id. Nothing here decrypts or changes anything.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import assert_never

from coterie.errors import RuleViolation
from coterie.mls import tree_math
from coterie.mls.codec import decode
from coterie.mls.extension import (
    DEFAULT_PROPOSALS,
    Extension,
    ExtensionType,
    RequiredCapabilities,
    find_extension,
)
from coterie.mls.framing import Sender, SenderType
from coterie.mls.leaf_node import MLS10, LeafNode, LeafNodeSource
from coterie.mls.policy import Proposed
from coterie.mls.proposals import (
    Add,
    CustomProposal,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    ProposalType,
    ReInit,
    Remove,
    Update,
)
from coterie.mls.psk import MAX_PSKS, ResumptionPsk, ResumptionUsage
from coterie.mls.ratchet_tree import ParentNode, RatchetTree
from coterie.mls.signature_batch import first_invalid
from coterie.mls.suites import CipherSuite


@lru_cache(maxsize=8)  # every leaf is held to the same few
def _required(data: bytes) -> RequiredCapabilities:
    return decode(RequiredCapabilities.decode, data)


def _check_support(leaf: LeafNode, extensions: Sequence[Extension], index: str = "") -> None:
    """A leaf in a group with these extensions: sections 11.1 and 13.4."""
    data = find_extension(extensions, ExtensionType.REQUIRED_CAPABILITIES)
    # "the required extensions, proposals, and credential types MUST be listed in ... capabilities" (section 7.3)
    if data is not None and not _required(data).are_met_by(leaf.capabilities):
        raise RuleViolation("required-capabilities", index)
    # "The capabilities field MUST indicate support for each extension in the GroupContext" (section 13.4)
    if not leaf.capabilities.supports_extensions(e.extension_type for e in extensions):
        raise RuleViolation("group-extension-unsupported", index)


def check_leaf_node(suite: CipherSuite, leaf: LeafNode, extensions: Sequence[Extension]) -> None:
    """Section 7.3, but for the signature, the tree, the clock and the application."""
    leaf.check(suite)
    _check_support(leaf, extensions)


def check_tree(tree: RatchetTree, group_id: bytes, extensions: Sequence[Extension]) -> None:
    """A tree that was joined, but for its parent hashes: sections 7.3 and 12.4.3.1."""
    check_unique_keys(tree)
    check_credentials_supported(tree)
    _check_unmerged_leaves(tree)
    for node in tree.nodes[1::2]:
        if node is not None:
            tree.suite.check_encapsulation_key(node.encryption_key)
    for _, leaf in tree.leaves():
        check_leaf_node(tree.suite, leaf, extensions)
    signed = [leaf.signed_at(group_id, index) for index, leaf in tree.leaves()]
    if first_invalid(tree.suite, signed) is not None:
        raise RuleViolation("leaf-signature")


def _check_unmerged_leaves(tree: RatchetTree) -> None:
    unmerged = {
        x: frozenset(node.unmerged_leaves)
        for x, node in enumerate(tree.nodes)
        if isinstance(node, ParentNode)
    }
    for x, indices in unmerged.items():
        for index in indices:
            # "the entry represents a non-blank leaf node that is a descendant of the parent node"
            if tree.leaf(index) is None or not tree_math.is_below(2 * index, x):
                raise RuleViolation("unmerged-leaf", f"{index} at node {x}")
            # "every non-blank intermediate node between the leaf node and the parent node also has an entry": here the
            # next one below, whose own entry is looked at in its turn
            y = _child_towards(x, 2 * index)
            while y not in unmerged and tree_math.level(y) > 0:
                y = _child_towards(y, 2 * index)
            if y in unmerged and index not in unmerged[y]:
                raise RuleViolation("unmerged-leaf-between", f"{index} at node {y}")


def _child_towards(x: int, leaf_node: int) -> int:
    return tree_math.left(x) if leaf_node < x else tree_math.right(x)


def check_unique_keys(tree: RatchetTree) -> None:
    """Signature keys among members, encryption keys among all nodes."""
    if tree.census.has_signature_key_twice:
        raise RuleViolation("signature-key-twice")
    if tree.census.has_encryption_key_twice:
        raise RuleViolation("encryption-key-twice")


def check_credentials_supported(tree: RatchetTree) -> None:
    """Every type in use must be listed by every member: section 7.3."""
    if unsupported := tree.census.unsupported_credential_types():
        raise RuleViolation("credential-type-unsupported", f"{sorted(unsupported)} by some")


def check_proposal(  # noqa: PLR0912  # one case a proposal type
    suite: CipherSuite,
    tree: RatchetTree,
    extensions: Sequence[Extension],
    group_id: bytes,
    proposed: Proposed,
) -> None:
    """One proposal by itself: section 12.1, and who may make it: section 12.1.8."""
    proposal, sender = proposed.proposal, proposed.sender
    # "Messages from external senders containing proposal types other than the above MUST be rejected"
    if sender.sender_type is SenderType.EXTERNAL and isinstance(
        proposal, Update | ExternalInit | CustomProposal
    ):
        raise RuleViolation("external-proposal-type")
    match proposal:
        case Add(key_package):
            key_package.validate(suite)
            check_leaf_node(suite, key_package.leaf_node, extensions)
        case Update(leaf_node):
            if sender.sender_type is not SenderType.MEMBER:
                raise RuleViolation("update-sender")
            if leaf_node.source is not LeafNodeSource.UPDATE:
                raise RuleViolation("update-leaf-source")
            old = tree.leaf(sender.index)
            if old is not None and old.encryption_key == leaf_node.encryption_key:
                raise RuleViolation("update-key-unchanged")
            leaf_node.verify(suite, group_id, sender.index)
            check_leaf_node(suite, leaf_node, extensions)
        case Remove(removed):
            if tree.leaf(removed) is None:
                raise RuleViolation("remove-blank")
        case PreSharedKey(psk):
            if len(psk.psk_nonce) != suite.nh:
                raise RuleViolation("psk-nonce-length")
            if isinstance(psk, ResumptionPsk) and psk.usage is not ResumptionUsage.APPLICATION:
                raise RuleViolation("psk-usage")
        case ReInit(_, version, _, _):
            if version < MLS10:
                raise RuleViolation("reinit-version")
        case ExternalInit():
            if sender.sender_type is not SenderType.NEW_MEMBER_COMMIT:
                raise RuleViolation("external-init-sender")
        case GroupContextExtensions() | CustomProposal():
            pass  # who must support them is known with the whole list alone
        case _:
            assert_never(proposal)


def check_lifetimes(proposals: Sequence[Proposed], now: int) -> None:
    """For who sends them; ``now`` is in seconds since 1970."""
    for p in proposals:
        # "If the LeafNode appears in a message being sent by the client, ... then the client MUST verify that the
        # current time is within the range of the lifetime field" (section 7.3)
        if isinstance(p.proposal, Add):
            p.proposal.key_package.leaf_node.check_lifetime(now)


def check_supported_by_members(
    tree: RatchetTree,
    committer: Sender,
    added: Collection[int],
    proposals: Sequence[Proposed],
) -> None:
    """What only those who are members afterwards must support; ``tree`` is the one with the list applied."""
    extensions = [
        p.proposal.extensions for p in proposals if isinstance(p.proposal, GroupContextExtensions)
    ]
    custom = {p.proposal.proposal_type for p in proposals if isinstance(p.proposal, CustomProposal)}
    if not extensions and not custom:
        return
    for index, leaf in tree.leaves():
        # "if ... some members of the group do not support some of the required capabilities (including those
        # added in the same Commit, and excluding those removed)"; the committer's leaf comes with its path
        if extensions and Sender(SenderType.MEMBER, index) != committer:
            _check_support(leaf, extensions[0], f"leaf {index}")
        # "members being added or removed by the Commit do not need to support the proposal type"
        if index not in added and not leaf.capabilities.supports_proposals(custom):
            raise RuleViolation("proposal-unsupported", f"by leaf {index}")


def check_list(tree: RatchetTree, committer: Sender, proposals: Sequence[Proposed]) -> None:
    """The list as a whole: section 12.2."""
    if committer.sender_type is SenderType.NEW_MEMBER_COMMIT:
        _check_external_list(tree, proposals)
        return
    touched: set[int] = set()
    for p in proposals:
        match p.proposal:
            case Update() if p.sender == committer:
                raise RuleViolation("update-by-committer")
            case Remove(removed) if removed == committer.index:
                raise RuleViolation("remove-of-committer")
            case Update() | Remove():
                index = p.proposal.removed if isinstance(p.proposal, Remove) else p.sender.index
                if index in touched:
                    raise RuleViolation("leaf-touched-twice", str(index))
                touched.add(index)
            case ExternalInit():
                raise RuleViolation("external-init-in-commit")
            case _:
                pass
    added = [p.proposal.key_package.leaf_node for p in proposals if isinstance(p.proposal, Add)]
    if len({leaf.signature_key for leaf in added}) != len(added):
        raise RuleViolation("added-twice")
    _check_counts(proposals)


def _check_counts(proposals: Sequence[Proposed]) -> None:
    psks = [p.proposal.psk for p in proposals if isinstance(p.proposal, PreSharedKey)]
    if len(psks) > MAX_PSKS:
        raise RuleViolation("psk-count", str(len(psks)))
    if len(set(psks)) != len(psks):
        raise RuleViolation("psk-twice")
    if sum(isinstance(p.proposal, GroupContextExtensions) for p in proposals) > 1:
        raise RuleViolation("extensions-twice")
    if any(isinstance(p.proposal, ReInit) for p in proposals) and len(proposals) > 1:
        raise RuleViolation("reinit-with-others")


def _check_external_list(tree: RatchetTree, proposals: Sequence[Proposed]) -> None:
    """Of an external commit: everything by value, one ExternalInit, at most one Remove, and PSKs."""
    if any(p.reference is not None for p in proposals):
        raise RuleViolation("external-commit-reference")
    if sum(isinstance(p.proposal, ExternalInit) for p in proposals) != 1:
        raise RuleViolation("external-commit-init")
    removes = [p.proposal.removed for p in proposals if isinstance(p.proposal, Remove)]
    if len(removes) > 1 or any(tree.leaf(index) is None for index in removes):
        raise RuleViolation("external-commit-remove")
    # "No other proposals"
    if not all(isinstance(p.proposal, ExternalInit | Remove | PreSharedKey) for p in proposals):
        raise RuleViolation("external-commit-proposal")
    _check_counts(proposals)


def needs_path(proposals: Sequence[Proposed]) -> bool:
    """Whether a commit of these must have a path: section 12.4."""
    without = (ProposalType.ADD, ProposalType.PSK, ProposalType.REINIT)
    return not proposals or any(
        p.proposal.proposal_type in DEFAULT_PROPOSALS and p.proposal.proposal_type not in without
        for p in proposals
    )
