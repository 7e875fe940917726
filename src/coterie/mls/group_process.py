"""Taking a message of the group: RFC 9420 sections 6, 12.1 and 12.4.2.

The order is that of cost and of certainty: first everything that all members can check, the policy included, then the
path's public part, then the path's secret for us (``PathNotReadable``), last the confirmation tag.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from coterie.errors import LocalProtocolError, RemoteProtocolError, RuleViolation
from coterie.mls import key_schedule, message_protection, treekem, validation
from coterie.mls.codec import decode
from coterie.mls.commit import Commit, UpdatePath
from coterie.mls.extension import ExtensionType, find_extension
from coterie.mls.external_senders import read_external_senders
from coterie.mls.framing import (
    AuthenticatedContent,
    PrivateMessage,
    PublicMessage,
    Sender,
    SenderType,
    decode_message,
)
from coterie.mls.group import PAST_RESUMPTION_PSKS, Group, Standing
from coterie.mls.group_context import GroupContext
from coterie.mls.leaf_node import LeafNode, LeafNodeSource
from coterie.mls.policy import Proposed
from coterie.mls.proposal_list import Applied, apply_proposals, replaced_leaf, resolve
from coterie.mls.proposals import Add, Proposal, ReInit
from coterie.mls.psk import combine_psks
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.secret_tree import SecretTree
from coterie.mls.transcript_hash import confirmed_transcript_hash
from coterie.mls.treekem import PathNotReadable
from coterie.secret import Secret

__all__ = [
    "ApplicationReceived",
    "CommitReceived",
    "ProposalReceived",
    "Received",
    "apply_proposals",  # from proposal_list, for policies that try a list out
    "next_epoch",
    "own_keys",
    "process",
    "resolve",
    "standing_from",
]


@dataclass(frozen=True, slots=True)
class ApplicationReceived:
    """Application data of a member."""

    group: Group
    sender: int
    sender_leaf: LeafNode
    authenticated_data: bytes
    data: bytes = field(repr=False)
    generation: int


@dataclass(frozen=True, slots=True)
class ProposalReceived:
    """A proposal, which stands in ``group`` now. ``sender_leaf`` is there for members alone."""

    group: Group
    sender: Sender
    sender_leaf: LeafNode | None
    authenticated_data: bytes
    proposal: Proposal

    @property
    def new_member(self) -> LeafNode | None:
        """The leaf of a newcomer that proposes itself."""
        is_new = self.sender.sender_type is SenderType.NEW_MEMBER_PROPOSAL
        return (
            self.proposal.key_package.leaf_node
            if is_new and isinstance(self.proposal, Add)
            else None
        )


@dataclass(frozen=True, slots=True)
class CommitReceived:
    """A commit: ``group`` is the next epoch; for a member that it removes, the last one that it was in."""

    group: Group
    sender: Sender
    sender_leaf: LeafNode
    authenticated_data: bytes
    proposals: tuple[Proposed, ...]
    is_removed: bool = False


Received = ApplicationReceived | ProposalReceived | CommitReceived


def process(group: Group, encoded: bytes) -> Received:
    """What an MLSMessage does; ``group`` itself never changes.

    Raises RemoteProtocolError, mostly RuleViolation, where it is wrong for all, and PathNotReadable where only our
    secret of a commit's path does not open.
    """
    message = decode_message(encoded)
    if not isinstance(message, PublicMessage | PrivateMessage):
        raise RuleViolation("wire-format")
    where = message.content if isinstance(message, PublicMessage) else message
    if where.group_id != group.group_id:
        raise RuleViolation("group-id")
    if where.epoch != group.epoch:
        raise RuleViolation("epoch", f"{where.epoch}, the group is in {group.epoch}")
    # "If the Commit included a ReInit proposal, the client MUST NOT use the group to send messages anymore": who does
    # would lead those who follow past the end that the others keep to
    if group.reinit is not None:
        raise RuleViolation("group-reinitialised")
    generation = 0
    if isinstance(message, PublicMessage):
        content = message_protection.unprotect_public(
            group.suite, message, group.context, group.epoch_secrets.membership_key
        )
    else:
        sender = message_protection.open_sender_data(group.suite, message, group.epoch_secrets)
        # "MUST verify that the leaf index ... identifies a non-blank node" (section 6.3.2)
        if group.tree.leaf(sender.leaf_index) is None:
            raise RuleViolation("sender-blank", str(sender.leaf_index))
        secret_tree, content = message_protection.open_content(
            group.suite, message, sender, group.secret_tree
        )
        group, generation = replace(group, secret_tree=secret_tree), sender.generation
    sender_leaf, signature_key = _sender_of(group, content)
    message_protection.verify(group.suite, content, group.context, signature_key)
    return _take(group, content, sender_leaf, generation)


def _sender_of(group: Group, content: AuthenticatedContent) -> tuple[LeafNode | None, bytes]:
    """The sender's leaf, where it has one, and the key that must have signed."""
    sender, inside = content.content.sender, content.content.content
    match sender.sender_type:
        case SenderType.MEMBER:
            leaf = group.tree.leaf(sender.index)
            if leaf is None:
                raise RuleViolation("sender-blank")
            return leaf, leaf.signature_key
        case SenderType.EXTERNAL:
            found = find_extension(group.extensions, ExtensionType.EXTERNAL_SENDERS)
            senders = read_external_senders(found) if found is not None else ()
            if sender.index >= len(senders):
                raise RuleViolation("external-sender-unknown", str(sender.index))
            return None, senders[sender.index].signature_key
        case SenderType.NEW_MEMBER_PROPOSAL:
            if not isinstance(inside, Add):
                raise RuleViolation("new-member-proposal-type")
            return None, inside.key_package.leaf_node.signature_key
        case SenderType.NEW_MEMBER_COMMIT:
            if not isinstance(inside, Commit) or inside.path is None:
                raise RuleViolation("new-member-commit")
            return inside.path.leaf_node, inside.path.leaf_node.signature_key


def _take(
    group: Group, content: AuthenticatedContent, sender_leaf: LeafNode | None, generation: int
) -> Received:
    framed = content.content
    if isinstance(framed.content, bytes | Commit):
        # of an external sender, "The content_type of the message MUST be proposal" (section 6.1)
        if sender_leaf is None:
            raise RuleViolation("external-sender-content")
        if isinstance(framed.content, Commit):
            return _process_commit(group, content, framed.content, sender_leaf)
        return ApplicationReceived(
            group,
            framed.sender.index,
            sender_leaf,
            framed.authenticated_data,
            framed.content,
            generation,
        )
    proposed = Proposed(framed.content, framed.sender)
    group.check_proposal(proposed)
    reference = group.reference_of(content)
    standing = Standing(reference, replace(proposed, reference=reference), content.encode())
    if all(s.reference != reference for s in group.standing):
        group = replace(group, standing=(*group.standing, standing))
    return ProposalReceived(
        group,
        framed.sender,
        sender_leaf,
        framed.authenticated_data,
        framed.content,
    )


def _process_commit(
    group: Group, content: AuthenticatedContent, commit: Commit, sender_leaf: LeafNode
) -> CommitReceived:
    committer = content.content.sender
    if content.auth.confirmation_tag is None:
        raise LocalProtocolError("a commit cannot be decoded without its confirmation tag")
    if committer == Sender(SenderType.MEMBER, group.own_leaf_index):
        raise RuleViolation("own-commit", "merge the pending one")
    proposals = resolve(group, commit, committer)
    # "the path field MUST be populated" for these (section 12.4)
    if commit.path is None and validation.needs_path(proposals):
        raise RuleViolation("path-missing")
    applied = apply_proposals(group, committer, proposals)
    group.policy.check_commit(group, sender_leaf, proposals, applied.tree)
    tree, committer_leaf = applied.tree, committer.index
    if committer.sender_type is SenderType.NEW_MEMBER_COMMIT:
        tree, (committer_leaf,) = tree.with_leaves_added([sender_leaf])
        tree = tree.with_nodes([(2 * committer_leaf, None)])  # the path brings it in
    if commit.path is not None:
        tree = _merge_path(group, applied, tree, committer, committer_leaf, commit.path)
    confirmed = confirmed_transcript_hash(group.suite, group.interim_transcript_hash, content)
    context = group.context.following(tree.tree_hash(), confirmed, applied.extensions)
    init_secret = group.epoch_secrets.init_secret
    if applied.external_init is not None:
        init_secret = _external_init_secret(group, applied.external_init)

    # So far all members decide alike, those too that are removed. From here on it is about our own secrets.
    committed = CommitReceived(
        group, committer, sender_leaf, content.content.authenticated_data, proposals
    )
    if group.own_leaf_index in applied.removed:
        return replace(committed, is_removed=True)
    combined = combine_psks(group.suite, applied.psks, group.policy, group)
    try:
        private_keys: Mapping[int, Secret] = own_keys(group, applied)
        commit_secret = Secret(bytes(group.suite.nh))
        if commit.path is not None:
            provisional = replace(
                context, confirmed_transcript_hash=group.context.confirmed_transcript_hash
            )
            private_keys, commit_secret = treekem.open_path(
                tree,
                committer_leaf,
                commit.path,
                group.own_leaf_index,
                private_keys,
                applied.added,
                provisional.encode(),
            )
    except PathNotReadable as error:
        error.content = content
        raise
    joiner = key_schedule.joiner_secret(group.suite, init_secret, commit_secret, context)
    begun = key_schedule.begin_epoch(group.suite, joiner, combined, context)
    expected = group.suite.mac(begun.secrets.confirmation_key, context.confirmed_transcript_hash)
    if not hmac.compare_digest(expected, content.auth.confirmation_tag):
        raise RuleViolation("confirmation-tag")
    after = next_epoch(group, context, tree, begun, private_keys, expected, applied.reinit)
    return replace(committed, group=after)


def _merge_path(
    group: Group,
    applied: Applied,
    tree: RatchetTree,
    committer: Sender,
    committer_leaf: int,
    path: UpdatePath,
) -> RatchetTree:
    leaf, replaced = path.leaf_node, replaced_leaf(group, committer, applied)
    if leaf.source is not LeafNodeSource.COMMIT:
        raise RuleViolation("path-leaf-source")
    # "MUST meet the same criteria as would the LeafNode in an Update for the removed leaf" (section 12.2)
    if replaced is not None and replaced.encryption_key == leaf.encryption_key:
        raise RuleViolation("path-leaf-key-unchanged")
    leaf.verify(group.suite, group.group_id, committer_leaf)
    validation.check_leaf_node(group.suite, leaf, applied.extensions)
    group.policy.check_leaf(leaf, replaced)
    tree = treekem.merge_path(tree, committer_leaf, path, applied.added)
    validation.check_unique_keys(tree)
    validation.check_credentials_supported(tree)
    return tree


def own_keys(group: Group, applied: Applied) -> dict[int, Secret]:
    """Our private keys that are still of use: nodes blanked by the proposals lose theirs.

    Raises PathNotReadable where an Update of ours was taken whose key we don't have.
    """
    before, after = group.tree.nodes, applied.tree.nodes
    keys = {
        x: key
        for x, key in group.private_keys.items()
        if x < len(after)
        and (node := after[x]) is not None
        and (old := before[x]) is not None
        and node.encryption_key == old.encryption_key
    }
    for index, leaf in applied.updated:
        if index == group.own_leaf_index:
            updated = group.update_keys.get(leaf.encryption_key)
            if updated is None:
                raise PathNotReadable("an Update of this member whose private key is not here")
            keys[2 * index] = updated
    return keys


def next_epoch(  # a new epoch is all of these
    group: Group,
    context: GroupContext,
    tree: RatchetTree,
    begun: key_schedule.Epoch,
    private_keys: Mapping[int, Secret],
    confirmation_tag: bytes,
    reinit: ReInit | None = None,
) -> Group:
    """The group in its next epoch; nothing of the old one is kept but a few resumption PSKs."""
    psks = {**group.resumption_psks, group.epoch: group.epoch_secrets.resumption_psk}
    kept = dict(sorted(psks.items())[-PAST_RESUMPTION_PSKS:])
    return Group(
        group.suite,
        context,
        tree,
        begun.secrets,
        SecretTree.begin(
            group.suite, begun.encryption_secret, tree.width, group.secret_tree.keep_skipped
        ),
        confirmation_tag,
        group.own_leaf_index,
        group.signature_private,
        private_keys,
        resumption_psks=kept,
        reinit=reinit,
        policy=group.policy,
    )


def _external_init_secret(group: Group, kem_output: bytes) -> Secret:
    private, _ = key_schedule.external_key_pair(group.suite, group.epoch_secrets.external_secret)
    try:
        return group.suite.hpke.receive_and_export(
            private, kem_output, key_schedule.EXTERNAL_INIT_LABEL, group.suite.nh
        )
    except RemoteProtocolError as error:  # all members have this private key
        raise RuleViolation("external-init-kem-output") from error


def standing_from(group: Group, encoded: bytes) -> Standing:
    """A standing proposal from the ``message`` that was saved of it."""
    content = decode(AuthenticatedContent.decode, encoded)
    reference = group.reference_of(content)
    inside = content.content.content
    if isinstance(inside, bytes | Commit):
        raise RemoteProtocolError("no proposal was saved")
    return Standing(reference, Proposed(inside, content.content.sender, reference), encoded)
