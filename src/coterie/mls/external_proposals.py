"""Proposals by somebody who is not a member: RFC 9420 section 12.1.8.

They are PublicMessages, for the epoch named: it can be read off any message of the group. A member takes them by
``process``, as it does its fellows'; then they stand, and any member can commit them by reference.
"""

from coterie.errors import LocalProtocolError
from coterie.mls import message_protection
from coterie.mls.framing import (
    FramedContent,
    PublicMessage,
    Sender,
    SenderType,
    WireFormat,
    encode_message,
)
from coterie.mls.group_context import GroupContext
from coterie.mls.key_package import KeyPackage
from coterie.mls.proposals import Add, CustomProposal, ExternalInit, Proposal, Update
from coterie.mls.suites import CipherSuite, suite_of
from coterie.secret import Secret


def propose_own_add(
    group_id: bytes,
    epoch: int,
    key_package: KeyPackage,
    signature_private: Secret,
    *,
    authenticated_data: bytes = b"",
) -> bytes:
    """A newcomer's Add of itself (``new_member_proposal``), as an MLSMessage.

    ``signature_private`` is that of the key package's leaf. Who is in already answers with a Welcome.
    """
    suite = suite_of(key_package.cipher_suite)
    framed = FramedContent(
        group_id,
        epoch,
        Sender(SenderType.NEW_MEMBER_PROPOSAL),
        authenticated_data,
        Add(key_package),
    )
    return _signed(suite, framed, signature_private)


def propose_from_outside(
    suite: CipherSuite,
    group_id: bytes,
    epoch: int,
    sender_index: int,
    proposal: Proposal,
    signature_private: Secret,
    *,
    authenticated_data: bytes = b"",
) -> bytes:
    """A proposal by the sender at that place in the group's ``external_senders``, as an MLSMessage.

    Add, Remove, PreSharedKey, ReInit and GroupContextExtensions may be; others raise LocalProtocolError.
    """
    # "only the following types may be sent by an external sender" (section 12.1.8)
    if isinstance(proposal, Update | ExternalInit | CustomProposal):
        raise LocalProtocolError(f"an external sender proposes no {type(proposal).__name__}")
    framed = FramedContent(
        group_id, epoch, Sender(SenderType.EXTERNAL, sender_index), authenticated_data, proposal
    )
    return _signed(suite, framed, signature_private)


def _signed(suite: CipherSuite, framed: FramedContent, private: Secret) -> bytes:
    unsigned_context = GroupContext(suite.number, framed.group_id, framed.epoch, b"", b"")
    signed = message_protection.sign(
        suite, WireFormat.PUBLIC_MESSAGE, framed, unsigned_context, private
    )
    return encode_message(PublicMessage(signed.content, signed.auth))
