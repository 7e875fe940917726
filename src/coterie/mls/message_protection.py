"""Signing, membership tags and encryption of messages: RFC 9420 sections 6.1 to 6.3."""

import hmac
import secrets
from dataclasses import dataclass

from coterie.errors import LocalProtocolError, RuleViolation
from coterie.mls.codec import (
    Reader,
    decode,
    encode_opaque,
    encode_uint8,
    encode_uint16,
    encode_uint32,
    encode_uint64,
)
from coterie.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    FramedContentAuthData,
    PrivateMessage,
    PublicMessage,
    Sender,
    SenderType,
    WireFormat,
    encode_content,
    read_content,
)
from coterie.mls.group_context import GroupContext
from coterie.mls.key_schedule import EpochSecrets
from coterie.mls.leaf_node import MLS10
from coterie.mls.secret_tree import (
    MessageKey,
    RatchetType,
    SecretTree,
    sender_data_key_and_nonce,
)
from coterie.mls.suites import CipherSuite
from coterie.secret import Secret

_REUSE_GUARD_SIZE = 4  # bytes


def _tbs(wire_format: WireFormat, content: FramedContent, context: GroupContext) -> bytes:
    """``FramedContentTBS``: external senders and new members' proposals leave out the group context."""
    encoded = encode_uint16(MLS10) + encode_uint16(wire_format) + content.encode()
    if content.sender.sender_type in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT):
        encoded += context.encode()
    return encoded


def sign(
    suite: CipherSuite,
    wire_format: WireFormat,
    content: FramedContent,
    context: GroupContext,
    private: Secret,
) -> AuthenticatedContent:
    """The content with its signature; a commit's confirmation_tag comes later, since it depends on this."""
    tbs = _tbs(wire_format, content, context)
    signature = suite.sign_with_label(private, b"FramedContentTBS", tbs)
    return AuthenticatedContent(wire_format, content, FramedContentAuthData(signature))


def verify(
    suite: CipherSuite, message: AuthenticatedContent, context: GroupContext, signature_key: bytes
) -> None:
    """Raises RuleViolation unless the signature holds."""
    tbs = _tbs(message.wire_format, message.content, context)
    if not suite.verify_with_label(signature_key, b"FramedContentTBS", tbs, message.auth.signature):
        raise RuleViolation("signature")


def membership_tag(
    suite: CipherSuite, message: AuthenticatedContent, context: GroupContext, key: Secret
) -> bytes:
    """``membership_tag``: section 6.2."""
    tbm = _tbs(message.wire_format, message.content, context) + message.auth.encode()
    return suite.mac(key, tbm)


def protect_public(
    suite: CipherSuite, message: AuthenticatedContent, context: GroupContext, key: Secret
) -> PublicMessage:
    """A PublicMessage, with a membership tag for members."""
    is_member = message.content.sender.sender_type is SenderType.MEMBER
    tag = membership_tag(suite, message, context, key) if is_member else None
    return PublicMessage(message.content, message.auth, tag)


def unprotect_public(
    suite: CipherSuite, message: PublicMessage, context: GroupContext, key: Secret
) -> AuthenticatedContent:
    """The content, its membership tag verified; the signature is not yet. Raises RuleViolation."""
    content = AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, message.content, message.auth)
    # "application data ... MUST be sent as PrivateMessage" (section 6.2 with 15.1)
    if message.content.content_type is ContentType.APPLICATION:
        raise RuleViolation("application-in-public")
    if message.content.sender.sender_type is SenderType.MEMBER and not hmac.compare_digest(
        membership_tag(suite, content, context, key), message.membership_tag or b""
    ):
        raise RuleViolation("membership-tag")
    return content


def _ratchet_of(content_type: ContentType) -> RatchetType:
    is_application = content_type is ContentType.APPLICATION
    return RatchetType.APPLICATION if is_application else RatchetType.HANDSHAKE


def protect_private(
    suite: CipherSuite,
    message: AuthenticatedContent,
    epoch: EpochSecrets,
    tree: SecretTree,
    padding: int = 0,
) -> tuple[SecretTree, PrivateMessage]:
    """A PrivateMessage with ``padding`` zero bytes, and the secret tree without its key."""
    content = message.content
    # "the sender MUST verify Sender.sender_type is member" (section 6.3.2)
    if content.sender.sender_type is not SenderType.MEMBER:
        raise LocalProtocolError("only members send PrivateMessages")
    leaf = content.sender.index
    tree, generation, message_key = tree.next_key(leaf, _ratchet_of(content.content_type))
    sender_data = SenderData(leaf, generation, secrets.token_bytes(_REUSE_GUARD_SIZE))
    plaintext = encode_content(content.content) + message.auth.encode() + bytes(padding)
    ciphertext = suite.seal(
        message_key.key,
        _guarded(message_key, sender_data.reuse_guard),
        _content_aad(content),
        plaintext,
    )
    key = sender_data_key_and_nonce(suite, epoch.sender_data_secret, ciphertext)
    return tree, PrivateMessage(
        content.group_id,
        content.epoch,
        content.content_type,
        content.authenticated_data,
        suite.seal(key.key, key.nonce, _sender_data_aad(content), sender_data.encode()),
        ciphertext,
    )


@dataclass(frozen=True, slots=True)
class SenderData:
    """``struct SenderData``: who sent a PrivateMessage, and which of its keys it is under."""

    leaf_index: int
    generation: int
    reuse_guard: bytes

    def encode(self) -> bytes:
        """12 bytes."""
        return encode_uint32(self.leaf_index) + encode_uint32(self.generation) + self.reuse_guard

    @classmethod
    def decode(cls, reader: Reader) -> "SenderData":
        """Takes it from the wire."""
        return cls(reader.uint32(), reader.uint32(), reader.fixed(_REUSE_GUARD_SIZE))


def open_sender_data(
    suite: CipherSuite, message: PrivateMessage, epoch: EpochSecrets
) -> SenderData:
    """Any member of the epoch could have written it: only the signature says who did. Section 6.3.2.

    Raises RemoteProtocolError.
    """
    key = sender_data_key_and_nonce(suite, epoch.sender_data_secret, message.ciphertext)
    opened = suite.open(
        key.key, key.nonce, _sender_data_aad(message), message.encrypted_sender_data
    )
    return decode(SenderData.decode, opened)


def unprotect_private(
    suite: CipherSuite, message: PrivateMessage, epoch: EpochSecrets, tree: SecretTree
) -> tuple[SecretTree, AuthenticatedContent, int]:
    """The secret tree without the key, the content with its signature not yet verified, and the generation.

    Raises RemoteProtocolError.
    """
    sender_data = open_sender_data(suite, message, epoch)
    tree, content = open_content(suite, message, sender_data, tree)
    return tree, content, sender_data.generation


def open_content(
    suite: CipherSuite, message: PrivateMessage, sender_data: SenderData, tree: SecretTree
) -> tuple[SecretTree, AuthenticatedContent]:
    """The second half of ``unprotect_private``, for who looks at the sender first. Raises RemoteProtocolError."""
    tree, message_key = tree.key_of(
        sender_data.leaf_index, _ratchet_of(message.content_type), sender_data.generation
    )
    plaintext = suite.open(
        message_key.key,
        _guarded(message_key, sender_data.reuse_guard),
        _content_aad(message),
        message.ciphertext,
    )

    def read(reader: Reader) -> AuthenticatedContent:
        content = FramedContent(
            message.group_id,
            message.epoch,
            Sender(SenderType.MEMBER, sender_data.leaf_index),
            message.authenticated_data,
            read_content(reader, message.content_type),
        )
        auth = FramedContentAuthData.decode(reader, message.content_type)
        # "A receiver MUST verify that there are no non-zero bytes in the padding field" (section 6.3.1)
        if reader.rest().strip(b"\0"):
            raise RuleViolation("padding")
        return AuthenticatedContent(WireFormat.PRIVATE_MESSAGE, content, auth)

    return tree, decode(read, plaintext)


def _sender_data_aad(message: PrivateMessage | FramedContent) -> bytes:
    """``struct SenderDataAAD``."""
    return (
        encode_opaque(message.group_id)
        + encode_uint64(message.epoch)
        + encode_uint8(message.content_type)
    )


def _content_aad(message: PrivateMessage | FramedContent) -> bytes:
    """``struct PrivateContentAAD``."""
    return _sender_data_aad(message) + encode_opaque(message.authenticated_data)


def _guarded(key: MessageKey, guard: bytes) -> bytes:
    """The nonce with the reuse guard in its first four bytes: section 6.3.1."""
    size = _REUSE_GUARD_SIZE
    first = int.from_bytes(key.nonce[:size], "big") ^ int.from_bytes(guard, "big")
    return first.to_bytes(size, "big") + key.nonce[size:]
