"""Groups that come of another one: subgroups and reinitialised groups. RFC 9420 sections 11.2 and 11.3.

The new group is linked to the old by a resumption PSK, which only the old one's members have.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from coterie.errors import LocalProtocolError, RuleViolation
from coterie.mls.extension import Extension, Lifetime
from coterie.mls.framing import Sender, SenderType
from coterie.mls.group import Group
from coterie.mls.group_commit import PendingCommit, Prepared, make_commit
from coterie.mls.group_context import GroupContext
from coterie.mls.key_package import KeyPackage, NewLeaf
from coterie.mls.leaf_node import LeafNode
from coterie.mls.policy import Policy, Proposed
from coterie.mls.proposal_list import apply_proposals
from coterie.mls.proposals import Add, PreSharedKey, Proposal, ReInit
from coterie.mls.psk import PreSharedKeyId, ResumptionPsk, ResumptionUsage, combine_psks
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.suites import suite_of

SameClient = Callable[[LeafNode, LeafNode], bool]


def same_credential(one: LeafNode, other: LeafNode) -> bool:
    """Who counts as the same client where the application does not say otherwise."""
    return one.credential == other.credential


def branch(  # noqa: PLR0913  # all that makes one group differ from another
    parent: Group,
    group_id: bytes,
    key_packages: Sequence[KeyPackage],
    lifetime: Lifetime,
    *,
    leaf: NewLeaf | None = None,
    extensions: Sequence[Extension] = (),
    group_info_extensions: Sequence[Extension] = (),
    policy: Policy | None = None,
    keep_skipped: int = 0,
    same_client: SameClient = same_credential,
) -> PendingCommit:
    """A subgroup of ``parent``: ours and the clients of fresh key packages, which must be its members'.

    The Welcome is for them; they ``join`` it with ``parent``. Its group is in epoch 1. The message is for nobody.
    Raises RuleViolation("branch-members") for anybody else.
    """
    leaf = leaf or parent.new_leaf()
    begun = Group.create(
        parent.suite,
        group_id,
        leaf,
        lifetime,
        extensions=extensions,
        policy=policy or parent.policy,
        keep_skipped=keep_skipped,
    )
    pending = _linked(begun, parent, ResumptionUsage.BRANCH, key_packages, group_info_extensions)
    _check_branch(parent, parent.suite.number, pending.group.tree, same_client)
    return pending


def reinitialise(
    parent: Group,
    key_packages: Sequence[KeyPackage],
    lifetime: Lifetime,
    *,
    leaf: NewLeaf | None = None,
    group_info_extensions: Sequence[Extension] = (),
    policy: Policy | None = None,
    keep_skipped: int = 0,
    same_client: SameClient = same_credential,
) -> PendingCommit:
    """The group that a committed ReInit of ``parent`` asks for, with everybody who is in ``parent``.

    ``leaf`` is needed where the new suite signs otherwise than the old. The Welcome is for the others; they ``join``
    it with ``parent``. Raises LocalProtocolError where ``parent`` was not reinitialised, RuleViolation for a suite that
    is not supported or where somebody is left out.
    """
    asked = parent.reinit
    if asked is None:
        raise LocalProtocolError("no ReInit was committed in this group")
    begun = Group.create(
        suite_of(asked.cipher_suite),
        asked.group_id,
        leaf or parent.new_leaf(),
        lifetime,
        extensions=asked.extensions,
        policy=policy or parent.policy,
        keep_skipped=keep_skipped,
    )
    pending = _linked(begun, parent, ResumptionUsage.REINIT, key_packages, group_info_extensions)
    _check_reinit(parent, asked, pending.group.context, pending.group.tree, same_client)
    return pending


def _linked(
    begun: Group,
    parent: Group,
    usage: ResumptionUsage,
    key_packages: Sequence[KeyPackage],
    group_info_extensions: Sequence[Extension],
) -> PendingCommit:
    """The commit that makes epoch 1: everybody added, and the link mixed in."""
    me = Sender(SenderType.MEMBER, begun.own_leaf_index)
    adds = tuple(Add(key_package) for key_package in key_packages)
    proposed = tuple(Proposed(add, me) for add in adds)
    applied = apply_proposals(begun, me, proposed)
    begun.policy.check_commit(begun, begun.own_leaf, proposed, applied.tree)
    # The one place where such a PSK may be proposed; by ``validation`` it is refused in any other commit.
    link = ResumptionPsk.fresh(begun.suite, parent, usage=usage)
    items: tuple[Proposal, ...] = (PreSharedKey(link), *adds)
    combined = combine_psks(begun.suite, [link], begun.policy, parent)
    prepared = Prepared(items, proposed, replace(applied, psks=(link,)), combined)
    _, pending = make_commit(begun, prepared, group_info_extensions=group_info_extensions)
    return pending


def check_link(
    parent: Group | None,
    psk_ids: Sequence[PreSharedKeyId],
    context: GroupContext,
    tree: RatchetTree,
    same_client: SameClient,
) -> None:
    """What a Welcome into a group that comes of another must fulfil. Raises RuleViolation."""
    link = next((psk_id for psk_id in psk_ids if is_link(psk_id)), None)
    if not isinstance(link, ResumptionPsk):
        return
    # "If a PreSharedKeyID was used that has type resumption with usage reinit or branch, verify that the epoch
    # field in the GroupInfo is equal to 1"
    if context.epoch != 1:
        raise RuleViolation("welcome-psk-epoch", str(context.epoch))
    # without the old group nothing of what follows could be verified
    if parent is None or link.psk_group_id != parent.group_id:
        raise RuleViolation("linked-group-unknown")
    if link.usage is ResumptionUsage.BRANCH:
        _check_branch(parent, context.cipher_suite, tree, same_client)
        return
    # "verify that the last Commit to the referenced group contains a ReInit proposal"
    if parent.reinit is None or link.psk_epoch != parent.epoch:
        raise RuleViolation("reinit-not-committed")
    _check_reinit(parent, parent.reinit, context, tree, same_client)


def is_link(psk_id: PreSharedKeyId) -> bool:
    """Whether it ties a new group to an old one."""
    return isinstance(psk_id, ResumptionPsk) and psk_id.usage is not ResumptionUsage.APPLICATION


def _check_branch(parent: Group, suite: int, tree: RatchetTree, same_client: SameClient) -> None:
    # "verify that the version and cipher_suite of the new group match those of the old group"
    if suite != parent.suite.number:
        raise RuleViolation("branch-suite", str(suite))
    # "Each LeafNode in a new subgroup MUST match some LeafNode in the original group"
    if not _are_all_among(tree, parent.tree, same_client):
        raise RuleViolation("branch-members")


def _are_all_among(some: RatchetTree, among: RatchetTree, same_client: SameClient) -> bool:
    there = [leaf for _, leaf in among.leaves()]
    return all(any(same_client(leaf, other) for other in there) for _, leaf in some.leaves())


def _check_reinit(
    parent: Group,
    asked: ReInit,
    context: GroupContext,
    tree: RatchetTree,
    same_client: SameClient,
) -> None:
    # "the group_id, version, cipher_suite, and group_context.extensions fields of the GroupInfo match the ReInit"
    found = ReInit(context.group_id, context.version, context.cipher_suite, context.extensions)
    if found != asked:
        raise RuleViolation("reinit-mismatch")
    # "verify that all the members of the old group are also members of the new group"
    if not _are_all_among(parent.tree, tree, same_client):
        raise RuleViolation("reinit-members")
