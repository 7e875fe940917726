"""Making a commit: RFC 9420 section 12.4.1, with the Welcome of section 12.4.3."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from coterie.errors import LocalProtocolError
from coterie.mls import key_schedule, message_protection, tree_math, treekem, validation
from coterie.mls.commit import Commit, HpkeCiphertext, UpdatePath
from coterie.mls.extension import Extension
from coterie.mls.framing import (
    AuthenticatedContent,
    FramedContent,
    FramedContentAuthData,
    Sender,
    SenderType,
    WireFormat,
    encode_message,
)
from coterie.mls.group import Group
from coterie.mls.group_context import GroupContext
from coterie.mls.group_info import make_group_info
from coterie.mls.group_process import next_epoch, own_keys
from coterie.mls.key_package import NewLeaf
from coterie.mls.policy import Proposed
from coterie.mls.proposal_list import Applied, apply_proposals, resolve
from coterie.mls.proposals import Add, Proposal, ProposalOrRef, Reference
from coterie.mls.psk import combine_psks
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.transcript_hash import confirmed_transcript_hash
from coterie.mls.welcome import (
    EncryptedGroupSecrets,
    GroupInfo,
    GroupSecrets,
    Welcome,
    seal_group_info,
)
from coterie.secret import Secret


@dataclass(frozen=True, slots=True)
class PendingCommit:
    """A commit of our own: ``group`` is what comes of it if it wins. Merge it by using that, or drop it."""

    message: bytes  # MLSMessage
    welcome: bytes | None  # MLSMessage, where it adds anybody
    group: Group


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a commit is about, checked and applied to the tree; its path comes next."""

    items: tuple[ProposalOrRef, ...]  # as they travel
    proposed: tuple[Proposed, ...]
    applied: Applied
    psk_secret: Secret


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A commit with its confirmation tag, and the epoch that it begins."""

    content: AuthenticatedContent
    context: GroupContext
    begun: key_schedule.Epoch
    confirmation_tag: bytes


def commit(  # noqa: PLR0913  # what a committer can choose
    group: Group,
    proposals: Sequence[Proposal] = (),
    *,
    by_reference: Sequence[bytes] = (),
    force_path: bool = True,
    leaf: NewLeaf | None = None,
    authenticated_data: bytes = b"",
    group_info_extensions: Sequence[Extension] = (),
    is_public: bool = False,
    tree_in_welcome: bool = True,
    padding: int = 0,
    now: int | None = None,
) -> tuple[Group, PendingCommit]:
    """The group with its handshake ratchet advanced, and the commit with what follows from it.

    ``by_reference`` are references of standing proposals. A path is made unless ``force_path`` is off and the
    proposals need none. ``leaf`` is what our own says from now on, where that changes: another credential, other
    capabilities or extensions, another signature key; it needs the path. ``padding`` is in bytes, of a
    PrivateMessage. With ``now``, seconds since 1970, each added leaf must be within its lifetime.

    Raises RuleViolation where the RFC or the policy refuses the result, PskNotAvailable where a PSK is not here.
    """
    group.check_open()
    if leaf is not None and not force_path:
        raise LocalProtocolError("another leaf comes with a path")
    committer = Sender(SenderType.MEMBER, group.own_leaf_index)
    items = (*map(Reference, by_reference), *proposals)
    proposed = resolve(group, Commit(items, None), committer)
    if now is not None:
        validation.check_lifetimes(proposed, now)
    applied = apply_proposals(group, committer, proposed)
    group.policy.check_commit(group, group.own_leaf, proposed, applied.tree)
    psk_secret = combine_psks(group.suite, applied.psks, group.policy, group)
    return make_commit(
        group,
        Prepared(items, proposed, applied, psk_secret),
        with_path=force_path or validation.needs_path(proposed),
        leaf=leaf,
        authenticated_data=authenticated_data,
        group_info_extensions=group_info_extensions,
        is_public=is_public,
        tree_in_welcome=tree_in_welcome,
        padding=padding,
    )


def make_commit(  # noqa: PLR0913  # what ``commit`` was told
    group: Group,
    prepared: Prepared,
    *,
    with_path: bool = True,
    leaf: NewLeaf | None = None,
    authenticated_data: bytes = b"",
    group_info_extensions: Sequence[Extension] = (),
    is_public: bool = False,
    tree_in_welcome: bool = True,
    padding: int = 0,
) -> tuple[Group, PendingCommit]:
    """The second half of ``commit``, for who has looked at the proposals already."""
    suite, applied = group.suite, prepared.applied
    leaf = leaf or group.new_leaf()
    tree, extensions = applied.tree, applied.extensions
    private_keys = own_keys(group, applied)
    commit_secret, path, new_path = Secret(bytes(suite.nh)), None, None
    if with_path:
        new_path = treekem.new_path(suite, tree, group.own_leaf_index, leaf, group.group_id)
        validation.check_leaf_node(suite, new_path.leaf_node, extensions)
        group.policy.check_leaf(new_path.leaf_node, group.own_leaf)
        tree, commit_secret = new_path.tree, new_path.commit_secret
        validation.check_unique_keys(tree)
        validation.check_credentials_supported(tree)
        path = sealed_path(group.context, new_path, group.own_leaf_index, applied.added, extensions)
        gone = tree_math.direct_path(2 * group.own_leaf_index, tree.width)
        private_keys = {x: key for x, key in private_keys.items() if x not in gone}
        private_keys.update(new_path.private_keys)
    framed = FramedContent(
        group.group_id,
        group.epoch,
        Sender(SenderType.MEMBER, group.own_leaf_index),
        authenticated_data,
        Commit(prepared.items, path),
    )
    wire_format = WireFormat.PUBLIC_MESSAGE if is_public else WireFormat.PRIVATE_MESSAGE
    signed = message_protection.sign(
        suite, wire_format, framed, group.context, group.signature_private
    )
    init_secret = group.epoch_secrets.init_secret
    confirmed = confirm(
        group, signed, tree, extensions, init_secret, commit_secret, prepared.psk_secret
    )
    after = next_epoch(
        group,
        confirmed.context,
        tree,
        confirmed.begun,
        MappingProxyType(private_keys),
        confirmed.confirmation_tag,
        applied.reinit,
    )
    after = replace(after, signature_private=leaf.signature_private)
    welcome = None
    if applied.added:
        info = make_group_info(after, group_info_extensions, with_tree=tree_in_welcome)
        welcome = _welcome(after, applied, prepared.proposed, new_path, confirmed.begun, info)
    if is_public:
        public = message_protection.protect_public(
            suite, confirmed.content, group.context, group.epoch_secrets.membership_key
        )
        return group, PendingCommit(encode_message(public), welcome, after)
    secret_tree, private = message_protection.protect_private(
        suite, confirmed.content, group.epoch_secrets, group.secret_tree, padding
    )
    advanced = replace(group, secret_tree=secret_tree)
    return advanced, PendingCommit(encode_message(private), welcome, after)


def sealed_path(
    before: GroupContext,
    path: treekem.NewPath,
    leaf_index: int,
    added: Sequence[int],
    extensions: tuple[Extension, ...],
) -> UpdatePath:
    """The path secrets, sealed for those who are there and not for those who come."""
    # "with the old confirmed transcript hash" (section 12.4.1)
    provisional = before.following(
        path.tree.tree_hash(), before.confirmed_transcript_hash, extensions
    )
    return treekem.encrypt_path(path.tree.suite, path, leaf_index, added, provisional.encode())


def confirm(
    group: Group,
    signed: AuthenticatedContent,
    tree: RatchetTree,
    extensions: tuple[Extension, ...],
    init_secret: Secret,
    commit_secret: Secret,
    psk_secret: Secret,
) -> Confirmed:
    """From a signed commit on ``group`` to the next epoch's secrets, and back to the commit's tag."""
    suite = group.suite
    transcript = confirmed_transcript_hash(suite, group.interim_transcript_hash, signed)
    context = group.context.following(tree.tree_hash(), transcript, extensions)
    joiner = key_schedule.joiner_secret(suite, init_secret, commit_secret, context)
    begun = key_schedule.begin_epoch(suite, joiner, psk_secret, context)
    tag = suite.mac(begun.secrets.confirmation_key, transcript)
    content = replace(signed, auth=FramedContentAuthData(signed.auth.signature, tag))
    return Confirmed(content, context, begun, tag)


def _welcome(  # the parts of a Welcome
    after: Group,
    applied: Applied,
    proposals: Sequence[Proposed],
    path: treekem.NewPath | None,
    begun: key_schedule.Epoch,
    info: GroupInfo,
) -> bytes:
    suite = after.suite
    encrypted_info = seal_group_info(suite, begun.welcome_secret, info)
    packages = [p.proposal.key_package for p in proposals if isinstance(p.proposal, Add)]
    seal = suite.encrypt_with_label_to_many(b"Welcome", encrypted_info)
    sealed = []
    for index, package in zip(applied.added, packages, strict=True):
        path_secret = None
        if path is not None:
            path_secret = next(
                secret for node, secret in path.path_secrets if tree_math.is_below(2 * index, node)
            )
        secrets = GroupSecrets(begun.joiner_secret, path_secret, applied.psks)
        ciphertext = seal(package.init_key, secrets.encode())
        sealed.append(EncryptedGroupSecrets(package.reference(), HpkeCiphertext(*ciphertext)))
    return encode_message(Welcome(suite.number, tuple(sealed), encrypted_info))
