"""MLS (RFC 9420), usable alone: of Coterie it imports nothing but ``errors`` and ``secret``.

A ``Group`` is a value: each step gives a new one, to be saved by ``changes``, or dropped. Nothing here does I/O or
knows the time. What others broke raises RemoteProtocolError, mostly RuleViolation with the rule's id
(docs/reference/mls-validation.md), and leaves the group as it was; what the caller did wrong, LocalProtocolError.

| to | call | RFC 9420 |
| --- | --- | --- |
| publish that one can be added | ``KeyPackageBundle.create`` | 10 |
| begin a group | ``Group.create``, ``branch``, ``reinitialise`` | 11 |
| come into one | ``join``, ``external_commit``, ``propose_own_add`` | 12.4.3, 12.1.8 |
| let in whoever gets it | ``export_group_info`` | 12.4.3.2 |
| say something | ``Group.protect`` | 15 |
| change the group | ``commit``, ``Group.propose``, ``Group.propose_update``, ``propose_from_outside`` | 12 |
| take a message | ``process`` | 6, 12 |
| keep it | ``rows``, ``changes``, ``load`` | |

How to use it is docs/how-to/use-mls.md, which section is in which file docs/reference/mls-rfc-map.md.
"""

from coterie.errors import LocalProtocolError, RemoteProtocolError, RuleViolation, StorageError
from coterie.mls.credential import BasicCredential, Credential, UnknownCredential, X509Credential
from coterie.mls.extension import (
    Capabilities,
    Extension,
    ExtensionType,
    Lifetime,
    RequiredCapabilities,
)
from coterie.mls.external_proposals import propose_from_outside, propose_own_add
from coterie.mls.external_senders import ExternalSender, external_senders
from coterie.mls.framing import Sender, SenderType, decode_message, encode_message
from coterie.mls.grease import grease_extension, greased
from coterie.mls.group import Group, Member, Standing
from coterie.mls.group_commit import PendingCommit, commit
from coterie.mls.group_external import external_commit
from coterie.mls.group_info import export_group_info
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
from coterie.mls.linked_group import branch, reinitialise
from coterie.mls.padding import padme
from coterie.mls.policy import Policy, Proposed, TakeAll
from coterie.mls.proposals import (
    Add,
    CustomProposal,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
)
from coterie.mls.psk import (
    ExternalPsk,
    PreSharedKeyId,
    PskNotAvailable,
    ResumptionPsk,
    ResumptionUsage,
)
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.storage import Changes, changes, load, rows
from coterie.mls.suite_choice import best_suite
from coterie.mls.suites import DEFAULT_SUITE, SUITES, CipherSuite, suite_of
from coterie.mls.treekem import PathNotReadable
from coterie.secret import Secret

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
    "CustomProposal",
    "Extension",
    "ExtensionType",
    "ExternalPsk",
    "ExternalSender",
    "Group",
    "GroupContextExtensions",
    "Joined",
    "KeyPackage",
    "KeyPackageBundle",
    "LeafNode",
    "Lifetime",
    "LocalProtocolError",
    "Member",
    "NewLeaf",
    "PathNotReadable",
    "PendingCommit",
    "Policy",
    "PreSharedKey",
    "PreSharedKeyId",
    "Proposal",
    "ProposalReceived",
    "Proposed",
    "PskNotAvailable",
    "RatchetTree",
    "ReInit",
    "Received",
    "RemoteProtocolError",
    "Remove",
    "RequiredCapabilities",
    "ResumptionPsk",
    "ResumptionUsage",
    "RuleViolation",
    "Secret",
    "Sender",
    "SenderType",
    "Standing",
    "StorageError",
    "TakeAll",
    "UnknownCredential",
    "Update",
    "X509Credential",
    "best_suite",
    "branch",
    "changes",
    "commit",
    "decode_message",
    "encode_message",
    "export_group_info",
    "external_commit",
    "external_senders",
    "grease_extension",
    "greased",
    "join",
    "load",
    "padme",
    "process",
    "propose_from_outside",
    "propose_own_add",
    "references",
    "reinitialise",
    "rows",
    "suite_of",
]
