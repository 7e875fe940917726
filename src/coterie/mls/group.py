"""A group as one member sees it: an immutable value. RFC 9420 sections 8, 11 and 12.

Every step gives a new ``Group``; the caller saves what changed, or drops it. Making commits is in ``group_commit``,
taking messages in ``group_process``, joining in ``group_join``, rows in ``storage``.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from coterie.errors import LocalProtocolError
from coterie.mls import key_schedule, message_protection, validation
from coterie.mls.extension import Extension, Lifetime
from coterie.mls.framing import (
    AuthenticatedContent,
    Content,
    FramedContent,
    Sender,
    SenderType,
    WireFormat,
    encode_message,
)
from coterie.mls.group_context import GroupContext
from coterie.mls.key_package import NewLeaf
from coterie.mls.key_schedule import EpochSecrets
from coterie.mls.leaf_node import LeafNode, LeafNodeSource
from coterie.mls.policy import Policy, Proposed, TakeAll
from coterie.mls.proposals import Proposal, ReInit, Remove, Update
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.secret_tree import SecretTree
from coterie.mls.suites import CipherSuite
from coterie.mls.transcript_hash import interim_transcript_hash
from coterie.secret import Secret

PAST_RESUMPTION_PSKS = (
    4  # epochs whose resumption_psk is kept; rooms use none, other applications the last
)


@dataclass(frozen=True, slots=True)
class Member:
    """One leaf that is not blank."""

    leaf_index: int
    leaf_node: LeafNode


@dataclass(frozen=True, slots=True)
class Standing:
    """A proposal that was received, or read back, and waits for a commit."""

    reference: bytes  # ProposalRef
    proposed: Proposed
    message: bytes  # the AuthenticatedContent, for the rows

    @property
    def proposal(self) -> Proposal:
        """What is proposed."""
        return self.proposed.proposal


@dataclass(frozen=True, slots=True, repr=False)
class Group:
    """The state of one member in one epoch."""

    suite: CipherSuite
    context: GroupContext
    tree: RatchetTree
    epoch_secrets: EpochSecrets
    secret_tree: SecretTree
    confirmation_tag: bytes
    own_leaf_index: int
    signature_private: Secret
    private_keys: Mapping[int, Secret]  # by node: our leaf's, and of our direct path what we know
    standing: tuple[Standing, ...] = ()
    update_keys: Mapping[bytes, Secret] = field(default_factory=lambda: MappingProxyType({}))
    resumption_psks: Mapping[int, Secret] = field(default_factory=lambda: MappingProxyType({}))
    own_proposals: tuple[tuple[bytes, Standing], ...] = ()  # sent, and not yet read back
    reinit: ReInit | None = None  # what the last commit said, which ended the group
    policy: Policy = field(default_factory=TakeAll)

    def __repr__(self) -> str:
        return f"<Group {self.group_id.hex()[:8]}, epoch {self.epoch}, leaf {self.own_leaf_index}>"

    # --- reading -------------------------------------------------------------------------------

    @property
    def group_id(self) -> bytes:
        """As its creator chose it."""
        return self.context.group_id

    @property
    def epoch(self) -> int:
        """0 for a new group."""
        return self.context.epoch

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """Of the group context."""
        return self.context.extensions

    @property
    def epoch_authenticator(self) -> Secret:
        """Alike for all members of the epoch: section 8.7."""
        return self.epoch_secrets.epoch_authenticator

    @property
    def own_leaf(self) -> LeafNode:
        """Our own leaf; a member that was removed has none."""
        leaf = self.tree.leaf(self.own_leaf_index)
        if leaf is None:
            raise LocalProtocolError("this member was removed")
        return leaf

    @property
    def leaving(self) -> tuple[int, ...]:
        """Leaves that have proposed their own removal."""
        return tuple(
            s.proposal.removed
            for s in self.standing
            if isinstance(s.proposal, Remove)
            and s.proposed.sender == Sender(SenderType.MEMBER, s.proposal.removed)
        )

    @property
    def interim_transcript_hash(self) -> bytes:
        """What the next commit's transcript hash begins with."""
        return interim_transcript_hash(
            self.suite, self.context.confirmed_transcript_hash, self.confirmation_tag
        )

    def members(self) -> Iterator[Member]:
        """By leaf index."""
        return (Member(index, leaf) for index, leaf in self.tree.leaves())

    def resumption_psk(self, epoch: int) -> Secret | None:
        """Of this epoch, or of one of the last few: section 8.6."""
        if epoch == self.epoch:
            return self.epoch_secrets.resumption_psk
        return self.resumption_psks.get(epoch)

    def export(self, label: bytes, context: bytes, length: int) -> Secret:
        """``MLS-Exporter``: section 8.5."""
        return key_schedule.export(
            self.suite, self.epoch_secrets.exporter_secret, label, context, length
        )

    def new_leaf(self) -> NewLeaf:
        """What our next leaf keeps of this one."""
        leaf = self.own_leaf
        return NewLeaf(
            self.signature_private,
            leaf.signature_key,
            leaf.credential,
            leaf.capabilities,
            leaf.extensions,
        )

    # --- beginning -----------------------------------------------------------------------------

    @classmethod
    def create(  # all that makes one group differ from another
        cls,
        suite: CipherSuite,
        group_id: bytes,
        leaf: NewLeaf,
        lifetime: Lifetime,
        *,
        extensions: Sequence[Extension] = (),
        policy: Policy | None = None,
        keep_skipped: int = 0,
    ) -> "Group":
        """A group of one, in epoch 0: section 11. Raises RuleViolation where the policy refuses it."""
        policy = policy or TakeAll()
        encryption_private, encryption_key = suite.hpke.generate_key_pair()
        leaf_node = LeafNode(
            encryption_key,
            leaf.signature_key,
            leaf.credential,
            leaf.capabilities,
            LeafNodeSource.KEY_PACKAGE,
            leaf.extensions,
            lifetime=lifetime,
        ).signed(suite, leaf.signature_private)
        tree = RatchetTree(suite, [leaf_node])
        validation.check_leaf_node(suite, leaf_node, extensions)
        policy.check_leaf(leaf_node, None)
        context = GroupContext(suite.number, group_id, 0, tree.tree_hash(), b"", tuple(extensions))
        # "epoch_secret: a fresh random value of size KDF.Nh" (section 11): a random joiner_secret makes it one
        joiner = Secret(secrets.token_bytes(suite.nh))
        begun = key_schedule.begin_epoch(suite, joiner, Secret(bytes(suite.nh)), context)
        return cls(
            suite,
            context,
            tree,
            begun.secrets,
            SecretTree.begin(suite, begun.encryption_secret, tree.width, keep_skipped),
            suite.mac(begun.secrets.confirmation_key, b""),
            0,
            leaf.signature_private,
            MappingProxyType({0: encryption_private}),
            policy=policy,
        )

    # --- sending -------------------------------------------------------------------------------

    def protect(
        self, data: bytes, *, authenticated_data: bytes = b"", padding: int = 0
    ) -> tuple["Group", bytes]:
        """Application data as an MLSMessage that holds a PrivateMessage."""
        content = self._sign(data, authenticated_data, WireFormat.PRIVATE_MESSAGE)
        return self._send_private(content, padding)

    def propose(
        self, proposal: Proposal, *, authenticated_data: bytes = b"", is_public: bool = False
    ) -> tuple["Group", bytes]:
        """A proposal as an MLSMessage. It stands once it is read back: ``accept_own_proposal``."""
        proposed = Proposed(proposal, Sender(SenderType.MEMBER, self.own_leaf_index))
        self.check_proposal(proposed)
        wire_format = WireFormat.PUBLIC_MESSAGE if is_public else WireFormat.PRIVATE_MESSAGE
        content = self._sign(proposal, authenticated_data, wire_format)
        reference = self.reference_of(content)
        if is_public:
            public = message_protection.protect_public(
                self.suite, content, self.context, self.epoch_secrets.membership_key
            )
            after, message = self, encode_message(public)
        else:
            after, message = self._send_private(content)
        own = Standing(reference, replace(proposed, reference=reference), content.encode())
        return replace(after, own_proposals=(*after.own_proposals, (message, own))), message

    def propose_update(
        self,
        leaf: NewLeaf | None = None,
        *,
        authenticated_data: bytes = b"",
        is_public: bool = False,
    ) -> tuple["Group", bytes]:
        """An Update of our own leaf to a fresh key, whose private part waits here for the commit: section 12.1.2.

        ``leaf`` is what it says from now on, where that changes; for another signature key ``commit`` oneself, since
        which of two to sign with would hang on what others commit: LocalProtocolError.
        """
        leaf = leaf or self.new_leaf()
        if leaf.signature_key != self.own_leaf.signature_key:
            raise LocalProtocolError("an Update keeps the signature key; a commit can change it")
        private, public = self.suite.hpke.generate_key_pair()
        leaf_node = LeafNode(
            public,
            leaf.signature_key,
            leaf.credential,
            leaf.capabilities,
            LeafNodeSource.UPDATE,
            leaf.extensions,
        ).signed(self.suite, self.signature_private, self.group_id, self.own_leaf_index)
        after, message = self.propose(
            Update(leaf_node), authenticated_data=authenticated_data, is_public=is_public
        )
        keys = MappingProxyType({**self.update_keys, public: private})
        return replace(after, update_keys=keys), message

    def accept_own_proposal(self, message: bytes) -> "Group":
        """Our own proposal has come back: now it stands."""
        own = next((s for sent, s in self.own_proposals if sent == message), None)
        if own is None:
            raise LocalProtocolError("no proposal of ours")
        rest = tuple(pair for pair in self.own_proposals if pair[1] is not own)
        return replace(self, own_proposals=rest, standing=(*self.standing, own))

    def check_open(self) -> None:
        """Raises LocalProtocolError for a group that was reinitialised."""
        # "If the Commit included a ReInit proposal, the client MUST NOT use the group to send messages anymore"
        if self.reinit is not None:
            raise LocalProtocolError(
                "this group was reinitialised: go on in the one that follows it"
            )

    def check_proposal(self, proposed: Proposed) -> None:
        """Raises RuleViolation where the RFC or the policy refuses it."""
        validation.check_proposal(
            self.suite, self.tree, self.context.extensions, self.group_id, proposed
        )
        self.policy.check_proposal(self, proposed)

    def reference_of(self, content: AuthenticatedContent) -> bytes:
        """``ProposalRef``: section 5.2."""
        return self.suite.ref_hash(b"MLS 1.0 Proposal Reference", content.encode())

    def _sign(
        self, content: Content, authenticated_data: bytes, wire_format: WireFormat
    ) -> AuthenticatedContent:
        self.check_open()
        framed = FramedContent(
            self.group_id,
            self.epoch,
            Sender(SenderType.MEMBER, self.own_leaf_index),
            authenticated_data,
            content,
        )
        return message_protection.sign(
            self.suite, wire_format, framed, self.context, self.signature_private
        )

    def _send_private(
        self, content: AuthenticatedContent, padding: int = 0
    ) -> tuple["Group", bytes]:
        secret_tree, message = message_protection.protect_private(
            self.suite, content, self.epoch_secrets, self.secret_tree, padding
        )
        return replace(self, secret_tree=secret_tree), encode_message(message)
