"""Messages of a hostile member: rightly signed, tagged and encrypted, and wrong inside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from coterie.mls import Group, NewLeaf, Proposal, commit, key_schedule, message_protection, treekem
from coterie.mls.commit import Commit, UpdatePath
from coterie.mls.framing import (
    AuthenticatedContent,
    Content,
    FramedContent,
    FramedContentAuthData,
    PublicMessage,
    Sender,
    SenderType,
    WireFormat,
    decode_message,
    encode_message,
)
from coterie.mls.proposals import ExternalInit, ProposalOrRef, Reference, Remove
from coterie.mls.transcript_hash import confirmed_transcript_hash
from coterie.secret import Secret

SOME_TAG = b"a confirmation tag that nobody gets to"


def forge(
    group: Group,
    content: Content,
    *,
    sender: Sender | None = None,
    key: Secret | None = None,
    is_public: bool = True,
    epoch: int | None = None,
    group_id: bytes | None = None,
    padding: bytes = b"",
) -> bytes:
    """An MLSMessage with any content, from any sender, by somebody who has a member's state."""
    sender = sender or Sender(SenderType.MEMBER, group.own_leaf_index)
    wire_format = WireFormat.PUBLIC_MESSAGE if is_public else WireFormat.PRIVATE_MESSAGE
    framed = FramedContent(
        group.group_id if group_id is None else group_id,
        group.epoch if epoch is None else epoch,
        sender,
        b"",
        content,
    )
    signed = message_protection.sign(
        group.suite, wire_format, framed, group.context, key or group.signature_private
    )
    if isinstance(content, Commit):
        auth = FramedContentAuthData(signed.auth.signature, SOME_TAG)
        signed = AuthenticatedContent(wire_format, framed, auth)
    return seal(group, signed, padding)


def seal(group: Group, signed: AuthenticatedContent, padding: bytes = b"") -> bytes:
    """What was signed, as its wire format wants it."""
    if signed.wire_format is WireFormat.PUBLIC_MESSAGE:
        return encode_message(
            message_protection.protect_public(
                group.suite, signed, group.context, group.epoch_secrets.membership_key
            )
        )
    padded = _Padded(signed.auth.signature, signed.auth.confirmation_tag, padding)
    _, private = message_protection.protect_private(
        group.suite, replace(signed, auth=padded), group.epoch_secrets, group.secret_tree
    )
    return encode_message(private)


@dataclass(frozen=True, slots=True)
class _Padded(FramedContentAuthData):
    """What comes behind the content, with padding of any bytes."""

    padding: bytes = b""

    def encode(self) -> bytes:
        return FramedContentAuthData(self.signature, self.confirmation_tag).encode() + self.padding


def made_commit(group: Group, *proposals: Proposal) -> Commit:
    """A valid commit with a path, for others to spoil."""
    _, pending = commit(group, proposals, is_public=True)
    return committed(pending.message)


def committed(message: bytes) -> Commit:
    """What is in a commit that travels in public."""
    public = decode_message(message)
    assert isinstance(public, PublicMessage)
    assert isinstance(public.content.content, Commit)
    return public.content.content


def with_proposals(group: Group, *proposals: ProposalOrRef) -> bytes:
    """A commit of any proposals, whose path would do for none."""
    return forge(group, replace(made_commit(group), proposals=proposals))


def with_path(
    group: Group, change: Callable[[UpdatePath], UpdatePath], *proposals: Proposal
) -> bytes:
    """A commit whose path was changed before it was signed."""
    valid = made_commit(group, *proposals)
    assert valid.path is not None
    return forge(group, replace(valid, path=change(valid.path)))


def external_commit(
    group: Group,
    leaf: NewLeaf,
    proposals: Sequence[ProposalOrRef] = (),
    *,
    removed: Sequence[int] = (),
    change: Callable[[Commit], Commit] = lambda commit: commit,
) -> bytes:
    """A newcomer's commit, valid unless changed: RFC 9420 section 12.4.3.2. ``group`` is a member's, to look up."""
    suite = group.suite
    _, external_pub = key_schedule.external_key_pair(suite, group.epoch_secrets.external_secret)
    kem_output, init_secret = suite.hpke.setup_and_export(
        external_pub, key_schedule.EXTERNAL_INIT_LABEL, suite.nh
    )
    tree = group.tree.with_leaves_removed(removed)
    template = group.own_leaf
    tree, (index,) = tree.with_leaves_added([template])
    path = treekem.new_path(suite, tree, index, leaf, group.group_id)
    context = group.context
    provisional = context.following(
        path.tree.tree_hash(), context.confirmed_transcript_hash, context.extensions
    )
    items = (ExternalInit(kem_output), *map(Remove, removed), *proposals)
    made = change(Commit(items, treekem.encrypt_path(suite, path, index, (), provisional.encode())))
    framed = FramedContent(
        group.group_id, group.epoch, Sender(SenderType.NEW_MEMBER_COMMIT), b"", made
    )
    signed = message_protection.sign(
        suite, WireFormat.PUBLIC_MESSAGE, framed, context, leaf.signature_private
    )
    after = context.following(
        path.tree.tree_hash(),
        confirmed_transcript_hash(suite, group.interim_transcript_hash, signed),
        context.extensions,
    )
    joiner = key_schedule.joiner_secret(suite, init_secret, path.commit_secret, after)
    begun = key_schedule.begin_epoch(suite, joiner, Secret(bytes(suite.nh)), after)
    tag = suite.mac(begun.secrets.confirmation_key, after.confirmed_transcript_hash)
    auth = FramedContentAuthData(signed.auth.signature, tag)
    return seal(group, replace(signed, auth=auth))


def references(group: Group) -> tuple[Reference, ...]:
    """All that stands, by reference."""
    return tuple(Reference(s.reference) for s in group.standing)
