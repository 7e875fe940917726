"""What the application is asked before anything is applied. The rooms' answer is in ``coterie.client``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coterie.mls.framing import Sender
from coterie.mls.leaf_node import LeafNode
from coterie.mls.proposals import Proposal
from coterie.mls.psk import PreSharedKeyId
from coterie.secret import Secret

if TYPE_CHECKING:
    from coterie.mls.group import Group
    from coterie.mls.ratchet_tree import RatchetTree


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with who made it; ``reference`` where it stood on its own before it was committed."""

    proposal: Proposal
    sender: Sender
    reference: bytes | None = None


class Policy(Protocol):
    """Each raises RuleViolation for what the application does not take.

    For all members to agree, an answer may depend on the arguments alone.
    """

    def check_leaf(self, leaf: LeafNode, replaced: LeafNode | None) -> None:
        """A leaf that comes into a tree: by Add, Update, a commit's path or a Welcome; or in place of another."""

    def check_proposal(self, group: "Group", proposed: Proposed) -> None:
        """A proposal, on receipt and again with its commit."""

    def check_commit(
        self,
        group: "Group",
        committer: LeafNode,
        proposals: Sequence[Proposed],
        tree: "RatchetTree",
    ) -> None:
        """A whole commit on ``group``; ``tree`` is what it makes of the tree, but for its path."""

    def psk(self, psk_id: PreSharedKeyId) -> Secret | None:
        """A pre-shared key that the application has."""


class TakeAll:
    """A policy for tests, for vectors, and for whoever does its checks elsewhere.

    ``psks`` are by their id, a resumption PSK's being its encoding. For X.509 credentials: ``x509.TakeCertified``.
    """

    def __init__(self, psks: Mapping[bytes, Secret] | None = None) -> None:
        self._psks = dict(psks or {})

    def check_leaf(self, leaf: LeafNode, replaced: LeafNode | None) -> None:
        """Takes any."""

    def check_proposal(self, group: "Group", proposed: Proposed) -> None:
        """Takes any."""

    def check_commit(
        self,
        group: "Group",
        committer: LeafNode,
        proposals: Sequence[Proposed],
        tree: "RatchetTree",
    ) -> None:
        """Takes any."""

    def psk(self, psk_id: PreSharedKeyId) -> Secret | None:
        """By the id's encoding, or an external one's own id."""
        return self._psks.get(getattr(psk_id, "psk_id", psk_id.encode()))
