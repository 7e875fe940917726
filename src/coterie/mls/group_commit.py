"""Making a commit: RFC 9420 section 12.4.1, with the Welcome of section 12.4.3."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from coterie.mls import key_schedule, message_protection, tree_math, treekem, validation
from coterie.mls.commit import Commit, HpkeCiphertext
from coterie.mls.extension import Extension, ExtensionType
from coterie.mls.framing import (
    FramedContent,
    FramedContentAuthData,
    Sender,
    SenderType,
    WireFormat,
    encode_message,
)
from coterie.mls.group import Group
from coterie.mls.group_process import combine_psks, next_epoch, own_keys
from coterie.mls.policy import Proposed
from coterie.mls.proposal_list import Applied, apply_proposals, resolve
from coterie.mls.proposals import Add, Proposal, Reference
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


def commit(  # what a committer can choose
    group: Group,
    proposals: Sequence[Proposal] = (),
    *,
    by_reference: Sequence[bytes] = (),
    force_path: bool = True,
    authenticated_data: bytes = b"",
    group_info_extensions: Sequence[Extension] = (),
    is_public: bool = False,
    tree_in_welcome: bool = True,
) -> tuple[Group, PendingCommit]:
    """The group with its handshake ratchet advanced, and the commit with what follows from it.

    ``by_reference`` are references of standing proposals. A path is made unless ``force_path`` is off and the
    proposals need none. Raises RuleViolation where the RFC or the policy refuses the result, PskNotAvailable where
    a PSK is not here.
    """
    group.check_open()
    suite = group.suite
    committer = Sender(SenderType.MEMBER, group.own_leaf_index)
    items = (*map(Reference, by_reference), *proposals)
    proposed = resolve(group, Commit(items, None), committer)
    applied = apply_proposals(group, committer, proposed)
    group.policy.check_commit(group, group.own_leaf, proposed, applied.tree)

    tree, extensions = applied.tree, applied.extensions
    private_keys = own_keys(group, applied)
    commit_secret, path, new_path = Secret(bytes(suite.nh)), None, None
    if force_path or validation.needs_path(proposed):
        new_path = treekem.new_path(
            suite, tree, group.own_leaf_index, group.new_leaf(), group.group_id
        )
        validation.check_leaf_node(suite, new_path.leaf_node, extensions)
        group.policy.check_leaf(new_path.leaf_node, group.own_leaf)
        tree, commit_secret = new_path.tree, new_path.commit_secret
        # "with the old confirmed transcript hash" (section 12.4.1)
        provisional = group.context.following(
            tree.tree_hash(), group.context.confirmed_transcript_hash, extensions
        )
        path = treekem.encrypt_path(
            suite, new_path, group.own_leaf_index, applied.added, provisional.encode()
        )
        gone = tree_math.direct_path(2 * group.own_leaf_index, tree.width)
        private_keys = {x: key for x, key in private_keys.items() if x not in gone}
        private_keys.update(new_path.private_keys)
    framed = FramedContent(
        group.group_id, group.epoch, committer, authenticated_data, Commit(items, path)
    )
    wire_format = WireFormat.PUBLIC_MESSAGE if is_public else WireFormat.PRIVATE_MESSAGE
    content = message_protection.sign(
        suite, wire_format, framed, group.context, group.signature_private
    )
    confirmed = confirmed_transcript_hash(suite, group.interim_transcript_hash, content)
    context = group.context.following(tree.tree_hash(), confirmed, extensions)
    joiner = key_schedule.joiner_secret(
        suite, group.epoch_secrets.init_secret, commit_secret, context
    )
    begun = key_schedule.begin_epoch(suite, joiner, combine_psks(group, applied.psks), context)
    tag = suite.mac(begun.secrets.confirmation_key, context.confirmed_transcript_hash)
    content = replace(content, auth=FramedContentAuthData(content.auth.signature, tag))
    after = next_epoch(
        group, context, tree, begun, MappingProxyType(private_keys), tag, applied.reinit
    )
    welcome = None
    if applied.added:
        said = list(group_info_extensions)
        if tree_in_welcome:
            said.append(Extension(ExtensionType.RATCHET_TREE, tree.encode()))
        info = GroupInfo(context, tuple(said), tag, group.own_leaf_index).signed(
            suite, group.signature_private
        )
        welcome = _welcome(after, applied, proposed, new_path, begun, info)
    if is_public:
        public = message_protection.protect_public(
            suite, content, group.context, group.epoch_secrets.membership_key
        )
        return group, PendingCommit(encode_message(public), welcome, after)
    secret_tree, private = message_protection.protect_private(
        suite, content, group.epoch_secrets, group.secret_tree
    )
    advanced = replace(group, secret_tree=secret_tree)
    return advanced, PendingCommit(encode_message(private), welcome, after)


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
    sealed = []
    for index, package in zip(applied.added, packages, strict=True):
        path_secret = None
        if path is not None:
            path_secret = next(
                secret for node, secret in path.path_secrets if tree_math.is_below(2 * index, node)
            )
        secrets = GroupSecrets(begun.joiner_secret, path_secret, applied.psks)
        ciphertext = suite.encrypt_with_label(
            package.init_key, b"Welcome", encrypted_info, secrets.encode()
        )
        sealed.append(EncryptedGroupSecrets(package.reference(), HpkeCiphertext(*ciphertext)))
    return encode_message(Welcome(suite.number, tuple(sealed), encrypted_info))
