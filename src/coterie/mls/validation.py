"""The rules for proposals and their list: RFC 9420 sections 7.3, 12.1 and 12.2.

Each function raises RuleViolation with the rule's id. Nothing here decrypts or changes anything.
"""

from collections.abc import Sequence

from coterie.errors import RuleViolation
from coterie.mls.codec import decode
from coterie.mls.extension import (
    DEFAULT_PROPOSALS,
    GREASE,
    Extension,
    ExtensionType,
    RequiredCapabilities,
    find_extension,
)
from coterie.mls.framing import Sender, SenderType
from coterie.mls.leaf_node import LeafNode, LeafNodeSource
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
from coterie.mls.psk import ResumptionPsk, ResumptionUsage
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.suites import CipherSuite


def required_capabilities(extensions: Sequence[Extension]) -> RequiredCapabilities | None:
    """The group's ``required_capabilities``, if it has any."""
    data = find_extension(extensions, ExtensionType.REQUIRED_CAPABILITIES)
    return None if data is None else decode(RequiredCapabilities.decode, data)


def check_leaf_node(suite: CipherSuite, leaf: LeafNode, extensions: Sequence[Extension]) -> None:
    """Section 7.3, but for the signature, the tree, the clock and the application."""
    capabilities = leaf.capabilities
    required = required_capabilities(extensions)
    if required is not None and not required.are_met_by(capabilities):
        raise RuleViolation("leaf-required-capabilities")
    # "Verify that the credential type is supported by all members": by itself first (section 7.2)
    if leaf.credential.credential_type not in capabilities.credentials:
        raise RuleViolation("leaf-credential-type")
    # "the extensions in the LeafNode are supported by checking that the ID for each extension ... is listed"
    if not all(capabilities.supports_extension(e.extension_type) for e in leaf.extensions):
        raise RuleViolation("leaf-extension-unlisted")
    # "the GroupContext extensions ... MUST be listed by all members" (section 13.4)
    if not all(capabilities.supports_extension(e.extension_type) for e in extensions):
        raise RuleViolation("leaf-group-extension")
    suite.check_encapsulation_key(leaf.encryption_key)


def check_tree(tree: RatchetTree, group_id: bytes, extensions: Sequence[Extension]) -> None:
    """All leaves of a tree that was joined, and what must be unlike between them: sections 7.3 and 12.4.3.1."""
    for index, leaf in tree.leaves():
        leaf.verify(tree.suite, group_id, index)
        check_leaf_node(tree.suite, leaf, extensions)
    check_unique_keys(tree)
    check_credentials_supported(tree)
    for x in range(1, len(tree.nodes), 2):
        node = tree.nodes[x]
        if node is None:
            continue
        tree.suite.check_encapsulation_key(node.encryption_key)
        for index in getattr(node, "unmerged_leaves", ()):
            # "each entry in unmerged_leaves ... is a non-blank descendant leaf", and unmerged in between too
            if tree.leaf(index) is None or not _is_unmerged_below(tree, x, index):
                raise RuleViolation("unmerged-leaf", f"{index} at node {x}")


def _is_unmerged_below(tree: RatchetTree, x: int, index: int) -> bool:
    from coterie.mls import tree_math  # noqa: PLC0415

    if not tree_math.is_below(2 * index, x):
        return False
    for ancestor in tree_math.direct_path(2 * index, tree.width):
        if ancestor == x:
            return True
        node = tree.nodes[ancestor]
        if node is not None and index not in getattr(node, "unmerged_leaves", ()):
            return False
    return False


def check_unique_keys(tree: RatchetTree) -> None:
    """Signature keys among members, encryption keys among all nodes."""
    signature_keys = [leaf.signature_key for _, leaf in tree.leaves()]
    if len(set(signature_keys)) != len(signature_keys):
        raise RuleViolation("signature-key-twice")
    encryption_keys = [node.encryption_key for node in tree.nodes if node is not None]
    if len(set(encryption_keys)) != len(encryption_keys):
        raise RuleViolation("encryption-key-twice")


def check_credentials_supported(tree: RatchetTree) -> None:
    """Every type in use must be listed by every member: section 7.3."""
    in_use = {leaf.credential.credential_type for _, leaf in tree.leaves()}
    for index, leaf in tree.leaves():
        if not in_use <= set(leaf.capabilities.credentials):
            raise RuleViolation("credential-type-unsupported", f"by leaf {index}")


def check_proposal(  # noqa: PLR0912  # one case a proposal type
    suite: CipherSuite,
    tree: RatchetTree,
    extensions: Sequence[Extension],
    group_id: bytes,
    proposed: Proposed,
) -> None:
    """One proposal by itself: section 12.1, and who may make it: section 12.1.8."""
    proposal, sender = proposed.proposal, proposed.sender
    if sender.sender_type is SenderType.MEMBER and tree.leaf(sender.index) is None:
        raise RuleViolation("sender-blank")
    if sender.sender_type is SenderType.NEW_MEMBER_PROPOSAL and not isinstance(proposal, Add):
        raise RuleViolation("new-member-proposal-type")
    if sender.sender_type is SenderType.EXTERNAL and isinstance(proposal, Update | ExternalInit):
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
            if version < 1:
                raise RuleViolation("reinit-version")
        case GroupContextExtensions(new):
            for index, leaf in tree.leaves():
                required = required_capabilities(new)
                if required is not None and not required.are_met_by(leaf.capabilities):
                    raise RuleViolation("extensions-required-capabilities", f"leaf {index}")
                if not all(leaf.capabilities.supports_extension(e.extension_type) for e in new):
                    raise RuleViolation("extensions-unsupported", f"leaf {index}")
        case CustomProposal(proposal_type, _):
            if proposal_type in GREASE:
                return
            if not all(
                leaf.capabilities.supports_proposal(proposal_type) for _, leaf in tree.leaves()
            ):
                raise RuleViolation("proposal-unsupported", str(proposal_type))
        case ExternalInit():
            if sender.sender_type is not SenderType.NEW_MEMBER_COMMIT:
                raise RuleViolation("external-init-sender")


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
    allowed = {ProposalType.EXTERNAL_INIT, ProposalType.REMOVE, ProposalType.PSK}
    allowed_custom = {
        p.proposal.proposal_type for p in proposals if isinstance(p.proposal, CustomProposal)
    }
    if not {p.proposal.proposal_type for p in proposals} <= allowed | allowed_custom:
        raise RuleViolation("external-commit-proposal")
    _check_counts(proposals)


def needs_path(proposals: Sequence[Proposed]) -> bool:
    """Whether a commit of these must have a path: section 12.4."""
    without = (ProposalType.ADD, ProposalType.PSK, ProposalType.REINIT)
    return not proposals or any(
        p.proposal.proposal_type in DEFAULT_PROPOSALS and p.proposal.proposal_type not in without
        for p in proposals
    )
