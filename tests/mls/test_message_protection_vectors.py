"""Published vectors of message protection: two members, the sender is leaf 1."""

from dataclasses import dataclass

import pytest

from coterie.errors import RuleViolation
from coterie.mls import message_protection
from coterie.mls.codec import decode
from coterie.mls.commit import Commit
from coterie.mls.framing import (
    AuthenticatedContent,
    Content,
    FramedContent,
    FramedContentAuthData,
    PrivateMessage,
    PublicMessage,
    Sender,
    SenderType,
    WireFormat,
    decode_message,
    encode_content,
    encode_message,
)
from coterie.mls.group_context import GroupContext
from coterie.mls.key_schedule import EpochSecrets
from coterie.mls.proposals import read_proposal
from coterie.mls.secret_tree import SecretTree
from coterie.mls.suites import SUITES, CipherSuite
from coterie.secret import Secret
from tests.mls.published import Vector, assert_complete, each, octets, vector

KINDS = pytest.mark.parametrize("kind", ["proposal", "commit", "application"])
HANDSHAKES = pytest.mark.parametrize("kind", ["proposal", "commit"])
SENDER = Sender(SenderType.MEMBER, 1)


@dataclass(frozen=True)
class Epoch:
    """What the vectors give of one."""

    suite: CipherSuite
    v: Vector

    @property
    def context(self) -> GroupContext:
        v = self.v
        return GroupContext(
            self.suite.number,
            v["group_id"],
            v["epoch"],
            v["tree_hash"],
            v["confirmed_transcript_hash"],
        )

    @property
    def secrets(self) -> EpochSecrets:
        known = {
            "sender_data_secret": Secret(self.v["sender_data_secret"]),
            "membership_key": Secret(self.v["membership_key"]),
        }
        unused = Secret(b"")
        return EpochSecrets(*(known.get(name, unused) for name in EpochSecrets.__slots__))

    @property
    def secret_tree(self) -> SecretTree:
        return SecretTree.begin(self.suite, Secret(self.v["encryption_secret"]), 2)

    def content(self, kind: str) -> Content:
        encoded: bytes = self.v[kind]
        if kind == "application":
            return encoded
        return decode(read_proposal if kind == "proposal" else Commit.decode, encoded)

    def sign(self, kind: str, wire_format: WireFormat) -> AuthenticatedContent:
        framed = FramedContent(
            self.v["group_id"], self.v["epoch"], SENDER, b"aad", self.content(kind)
        )
        signed = message_protection.sign(
            self.suite, wire_format, framed, self.context, Secret(self.v["signature_priv"])
        )
        tag = b"confirmation tag" if kind == "commit" else None
        auth = FramedContentAuthData(signed.auth.signature, tag)
        return AuthenticatedContent(wire_format, framed, auth)

    def unprotect(self, encoded: bytes) -> AuthenticatedContent:
        """As a receiver does it, the signature too."""
        message = decode_message(encoded)
        if isinstance(message, PublicMessage):
            content = message_protection.unprotect_public(
                self.suite, message, self.context, self.secrets.membership_key
            )
        else:
            assert isinstance(message, PrivateMessage)
            _, content, _ = message_protection.unprotect_private(
                self.suite, message, self.secrets, self.secret_tree
            )
        message_protection.verify(self.suite, content, self.context, self.v["signature_pub"])
        return content


def epoch(suite: int, number: int) -> Epoch:
    return Epoch(SUITES[suite], octets(vector("message-protection.json", suite, number)))


def test_all_entries_are_there() -> None:
    assert_complete("message-protection.json", 1)


@KINDS
@each(1)
def test_private_message_opens_and_so_does_our_own(suite: int, number: int, kind: str) -> None:
    e = epoch(suite, number)
    opened = e.unprotect(e.v[f"{kind}_priv"])
    assert encode_content(opened.content.content).endswith(e.v[kind])
    assert opened.content.sender == SENDER
    ours = e.sign(kind, WireFormat.PRIVATE_MESSAGE)
    for padding in (0, 100):
        _, message = message_protection.protect_private(
            e.suite, ours, e.secrets, e.secret_tree, padding
        )
        assert e.unprotect(encode_message(message)) == ours


@HANDSHAKES
@each(1)
def test_public_message_opens_and_so_does_our_own(suite: int, number: int, kind: str) -> None:
    e = epoch(suite, number)
    opened = e.unprotect(e.v[f"{kind}_pub"])
    assert encode_content(opened.content.content) == e.v[kind]
    ours = e.sign(kind, WireFormat.PUBLIC_MESSAGE)
    message = message_protection.protect_public(e.suite, ours, e.context, e.secrets.membership_key)
    assert e.unprotect(encode_message(message)) == ours


@each(1)
def test_application_data_as_public_message_is_refused(suite: int, number: int) -> None:
    e = epoch(suite, number)
    ours = e.sign("application", WireFormat.PUBLIC_MESSAGE)
    message = message_protection.protect_public(e.suite, ours, e.context, e.secrets.membership_key)
    with pytest.raises(RuleViolation, match="application-in-public"):
        e.unprotect(encode_message(message))
