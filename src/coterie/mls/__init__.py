"""MLS (RFC 9420), usable alone: of Coterie it imports nothing but ``errors`` and ``secret``."""

from coterie.mls.credential import BasicCredential, Credential
from coterie.mls.extension import Capabilities, Extension, Lifetime, RequiredCapabilities
from coterie.mls.group import Group, Member, Standing
from coterie.mls.group_commit import PendingCommit, commit
from coterie.mls.group_join import Joined, join, references
from coterie.mls.group_process import (
    ApplicationReceived,
    CommitReceived,
    ProposalReceived,
    Received,
    process,
)
from coterie.mls.key_package import KeyPackage, KeyPackageBundle, NewLeaf
from coterie.mls.leaf_node import LeafNode
from coterie.mls.policy import Policy, Proposed, TakeAll
from coterie.mls.proposals import Add, GroupContextExtensions, Proposal, Remove, Update
from coterie.mls.psk import PskNotAvailable
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.storage import Changes, changes, load, rows
from coterie.mls.suites import DEFAULT_SUITE, SUITES, CipherSuite, suite_of
from coterie.mls.treekem import PathNotReadable

__all__ = [
    "DEFAULT_SUITE",
    "SUITES",
    "Add",
    "ApplicationReceived",
    "BasicCredential",
    "Capabilities",
    "Changes",
    "CipherSuite",
    "CommitReceived",
    "Credential",
    "Extension",
    "Group",
    "GroupContextExtensions",
    "Joined",
    "KeyPackage",
    "KeyPackageBundle",
    "LeafNode",
    "Lifetime",
    "Member",
    "NewLeaf",
    "PathNotReadable",
    "PendingCommit",
    "Policy",
    "Proposal",
    "ProposalReceived",
    "Proposed",
    "PskNotAvailable",
    "RatchetTree",
    "Received",
    "Remove",
    "RequiredCapabilities",
    "Standing",
    "TakeAll",
    "Update",
    "changes",
    "commit",
    "join",
    "load",
    "process",
    "references",
    "rows",
    "suite_of",
]
