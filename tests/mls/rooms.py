"""Members of one group in memory, who hear one another in order. Every step of theirs is saved as its changes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from coterie.errors import RuleViolation
from coterie.mls import (
    DEFAULT_SUITE,
    SUITES,
    Add,
    ApplicationReceived,
    BasicCredential,
    Capabilities,
    CipherSuite,
    CommitReceived,
    Extension,
    Group,
    KeyPackageBundle,
    Lifetime,
    NewLeaf,
    PendingCommit,
    Policy,
    Proposal,
    ProposalReceived,
    Remove,
    changes,
    commit,
    join,
    process,
    rows,
)
from coterie.secret import Secret

BOTH = pytest.mark.parametrize(
    "suite", [SUITES[1], SUITES[DEFAULT_SUITE]], ids=["suite-1", "default-suite"]
)
ONE = SUITES[1]  # for what does not depend on the suite
LIFETIME = Lifetime(0, 2**40)
KNOWN_EXTENSION, KNOWN_PROPOSAL = 0xF001, 0xF002  # that everybody's capabilities list

_SIGNATURE_KEYS: dict[bytes, Secret] = {}  # by public key, of all clients that tests make


@contextmanager
def refuses(rule: str) -> Iterator[None]:
    """The block must end in a RuleViolation of that rule."""
    with pytest.raises(RuleViolation) as caught:
        yield
    assert caught.value.rule == rule


def new_leaf(
    suite: CipherSuite,
    name: str,
    *,
    extensions: tuple[Extension, ...] = (),
    capabilities: Capabilities | None = None,
) -> NewLeaf:
    """A client's leaf with a fresh signature key."""
    private, public = suite.signature.generate()
    _SIGNATURE_KEYS[public] = private
    capabilities = capabilities or Capabilities(
        (1,), (suite.number,), (KNOWN_EXTENSION,), (KNOWN_PROPOSAL,), (1,)
    )
    return NewLeaf(private, public, BasicCredential(name.encode()), capabilities, extensions)


def private_of(signature_key: bytes) -> Secret:
    """The private signature key of a client made here."""
    return _SIGNATURE_KEYS[signature_key]


def signature_private(bundle: KeyPackageBundle) -> Secret:
    """The private signature key of who made the key package."""
    return private_of(bundle.key_package.leaf_node.signature_key)


def new_bundle(suite: CipherSuite, leaf: NewLeaf | str) -> KeyPackageBundle:
    """A key package for a leaf, or for a newcomer of that name."""
    leaf = new_leaf(suite, leaf) if isinstance(leaf, str) else leaf
    return KeyPackageBundle.create(suite, leaf, LIFETIME)


class Room:
    """``groups`` is what each member has; ``saved`` are the rows, kept by ``changes`` alone."""

    def __init__(
        self,
        suite: CipherSuite,
        *names: str,
        policy: Policy | None = None,
        keep_skipped: int = 0,
        **options: Any,
    ) -> None:
        self.suite, self.policy, self.keep_skipped = suite, policy, keep_skipped
        self.groups: dict[str, Group] = {}
        self.saved: dict[str, dict[bytes, bytes]] = {}
        creator, *others = names
        leaf = new_leaf(suite, creator)
        group = Group.create(
            suite,
            b"a group",
            leaf,
            LIFETIME,
            policy=policy,
            keep_skipped=keep_skipped,
            **options,
        )
        self.has(creator, group)
        if others:
            self.commit(creator, add=others)

    def __getitem__(self, name: str) -> Group:
        return self.groups[name]

    def has(self, name: str, group: Group) -> None:
        """From now on; what differs is written to the member's rows, which must then be those of the group."""
        differ = changes(self.groups.get(name), group)
        saved = self.saved.setdefault(name, {})
        saved.update(differ.put)
        for key in differ.delete:
            del saved[key]
        assert saved == rows(group)
        self.groups[name] = group

    def index(self, name: str) -> int:
        """The leaf index."""
        return self.groups[name].own_leaf_index

    def others(self, name: str) -> list[str]:
        """All but that member."""
        return [other for other in self.groups if other != name]

    def say(self, name: str, data: bytes) -> bytes:
        """Everybody else must read it. The message."""
        group, message = self.groups[name].protect(data)
        self.has(name, group)
        for other in self.others(name):
            received = process(self.groups[other], message)
            assert isinstance(received, ApplicationReceived)
            assert (received.data, received.sender) == (data, self.index(name))
            self.has(other, received.group)
        return message

    def propose(self, name: str, proposal: Proposal, **options: Any) -> bytes:
        """Everybody gets the proposal, its sender too. The reference."""
        group, message = self.groups[name].propose(proposal, **options)
        self.has(name, group)
        return self.hear_proposal(name, message)

    def hear_proposal(self, name: str, message: bytes) -> bytes:
        """Everybody gets what that member proposed. The reference."""
        self.has(name, self.groups[name].accept_own_proposal(message))
        for other in self.others(name):
            received = process(self.groups[other], message)
            assert isinstance(received, ProposalReceived)
            self.has(other, received.group)
        (reference,) = {group.standing[-1].reference for group in self.groups.values()}
        return reference

    def commit(
        self,
        name: str,
        *proposals: Proposal,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        **options: Any,
    ) -> PendingCommit:
        """Everybody follows, those added join, and all agree in the end."""
        bundles = {other: new_bundle(self.suite, other) for other in add}
        pending = self.make_commit(
            name,
            *proposals,
            *(Remove(self.index(other)) for other in remove),
            *(Add(bundle.key_package) for bundle in bundles.values()),
            **options,
        )
        self.hear_commit(name, pending)
        is_apart = options.get("tree_in_welcome") is False
        tree = self.groups[name].tree.encode() if is_apart else None
        for other, bundle in bundles.items():
            self.welcome(other, bundle, pending, ratchet_tree=tree)
        self.assert_agreed()
        return pending

    def make_commit(self, name: str, *proposals: Proposal, **options: Any) -> PendingCommit:
        """Made, and heard by nobody yet."""
        group, pending = commit(self.groups[name], proposals, **options)
        self.has(name, group)
        return pending

    def hear_commit(self, name: str, pending: PendingCommit) -> None:
        """All who were there; who is removed leaves."""
        for other in self.others(name):
            received = process(self.groups[other], pending.message)
            assert isinstance(received, CommitReceived)
            if received.is_removed:
                del self.groups[other], self.saved[other]
            else:
                self.has(other, received.group)
        self.has(name, pending.group)

    def welcome(
        self,
        name: str,
        bundle: KeyPackageBundle,
        pending: PendingCommit,
        ratchet_tree: bytes | None = None,
    ) -> None:
        """The newcomer joins by the commit's Welcome."""
        assert pending.welcome is not None
        joined = join(
            pending.welcome,
            bundle,
            signature_private(bundle),
            ratchet_tree=ratchet_tree,
            policy=self.policy,
            keep_skipped=self.keep_skipped,
        )
        self.has(name, joined.group)

    def assert_agreed(self) -> None:
        """All in one epoch, with one tree and one secret."""
        seen = {
            (g.context.encode(), g.epoch_authenticator.expose(), g.tree.encode())
            for g in self.groups.values()
        }
        assert len(seen) == 1
