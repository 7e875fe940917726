"""Message framing as structures: RFC 9420 section 6."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from coterie.errors import RemoteProtocolError
from coterie.mls.codec import (
    Reader,
    decode,
    encode_opaque,
    encode_uint8,
    encode_uint16,
    encode_uint32,
    encode_uint64,
)
from coterie.mls.commit import Commit
from coterie.mls.key_package import KeyPackage
from coterie.mls.leaf_node import MLS10
from coterie.mls.proposals import Proposal, read_proposal
from coterie.mls.welcome import GroupInfo, Welcome

E = TypeVar("E", bound=IntEnum)


class ContentType(IntEnum):
    """``enum ContentType``."""

    APPLICATION = 1
    PROPOSAL = 2
    COMMIT = 3


class WireFormat(IntEnum):
    """Section 17.2."""

    PUBLIC_MESSAGE = 1
    PRIVATE_MESSAGE = 2
    WELCOME = 3
    GROUP_INFO = 4
    KEY_PACKAGE = 5


class SenderType(IntEnum):
    """``enum SenderType``."""

    MEMBER = 1
    EXTERNAL = 2
    NEW_MEMBER_PROPOSAL = 3
    NEW_MEMBER_COMMIT = 4


@dataclass(frozen=True, slots=True)
class Sender:
    """``struct Sender``: ``index`` is a member's leaf or a place in external_senders."""

    sender_type: SenderType
    index: int = 0

    def encode(self) -> bytes:
        """The wire form."""
        if self.sender_type in (SenderType.MEMBER, SenderType.EXTERNAL):
            return encode_uint8(self.sender_type) + encode_uint32(self.index)
        return encode_uint8(self.sender_type)

    @classmethod
    def decode(cls, reader: Reader) -> "Sender":
        """Takes it from the wire."""
        sender_type = _known(SenderType, reader.uint8())
        if sender_type in (SenderType.MEMBER, SenderType.EXTERNAL):
            return cls(sender_type, reader.uint32())
        return cls(sender_type)


Content = bytes | Proposal | Commit


def content_type_of(content: Content) -> ContentType:
    """Which of the three it is."""
    if isinstance(content, bytes):
        return ContentType.APPLICATION
    return ContentType.COMMIT if isinstance(content, Commit) else ContentType.PROPOSAL


def encode_content(content: Content) -> bytes:
    """Without its type."""
    return encode_opaque(content) if isinstance(content, bytes) else content.encode()


def read_content(reader: Reader, content_type: ContentType) -> Content:
    """Takes it from the wire."""
    match content_type:
        case ContentType.APPLICATION:
            return reader.opaque()
        case ContentType.PROPOSAL:
            return read_proposal(reader)
        case ContentType.COMMIT:
            return Commit.decode(reader)


@dataclass(frozen=True, slots=True)
class FramedContent:
    """``struct FramedContent``. The content does not print: it is what people say."""

    group_id: bytes
    epoch: int
    sender: Sender
    authenticated_data: bytes
    content: Content = field(repr=False)

    @property
    def content_type(self) -> ContentType:
        """Which of the three it holds."""
        return content_type_of(self.content)

    def encode(self) -> bytes:
        """The wire form."""
        return (
            encode_opaque(self.group_id)
            + encode_uint64(self.epoch)
            + self.sender.encode()
            + encode_opaque(self.authenticated_data)
            + encode_uint8(self.content_type)
            + encode_content(self.content)
        )

    @classmethod
    def decode(cls, reader: Reader) -> "FramedContent":
        """Takes it from the wire."""
        group_id, epoch = reader.opaque(), reader.uint64()
        sender, authenticated_data = Sender.decode(reader), reader.opaque()
        content_type = _known(ContentType, reader.uint8())
        return cls(group_id, epoch, sender, authenticated_data, read_content(reader, content_type))


@dataclass(frozen=True, slots=True)
class FramedContentAuthData:
    """``struct FramedContentAuthData``: a commit has a confirmation_tag too."""

    signature: bytes
    confirmation_tag: bytes | None = None

    def encode(self) -> bytes:
        """The wire form."""
        tag = b"" if self.confirmation_tag is None else encode_opaque(self.confirmation_tag)
        return encode_opaque(self.signature) + tag

    @classmethod
    def decode(cls, reader: Reader, content_type: ContentType) -> "FramedContentAuthData":
        """Takes it from the wire."""
        signature = reader.opaque()
        return cls(signature, reader.opaque() if content_type is ContentType.COMMIT else None)


@dataclass(frozen=True, slots=True)
class AuthenticatedContent:
    """``struct AuthenticatedContent``: what was signed, and how it travels."""

    wire_format: WireFormat
    content: FramedContent
    auth: FramedContentAuthData

    def encode(self) -> bytes:
        """The wire form."""
        return encode_uint16(self.wire_format) + self.content.encode() + self.auth.encode()

    @classmethod
    def decode(cls, reader: Reader) -> "AuthenticatedContent":
        """Takes it from the wire."""
        wire_format = _known(WireFormat, reader.uint16())
        content = FramedContent.decode(reader)
        return cls(wire_format, content, FramedContentAuthData.decode(reader, content.content_type))


@dataclass(frozen=True, slots=True)
class PublicMessage:
    """``struct PublicMessage``: signed, and readable by everybody."""

    content: FramedContent
    auth: FramedContentAuthData
    membership_tag: bytes | None = None  # of members alone

    def encode(self) -> bytes:
        """The wire form."""
        tag = b"" if self.membership_tag is None else encode_opaque(self.membership_tag)
        return self.content.encode() + self.auth.encode() + tag

    @classmethod
    def decode(cls, reader: Reader) -> "PublicMessage":
        """Takes it from the wire."""
        content = FramedContent.decode(reader)
        auth = FramedContentAuthData.decode(reader, content.content_type)
        is_member = content.sender.sender_type is SenderType.MEMBER
        return cls(content, auth, reader.opaque() if is_member else None)


@dataclass(frozen=True, slots=True)
class PrivateMessage:
    """``struct PrivateMessage``."""

    group_id: bytes
    epoch: int
    content_type: ContentType
    authenticated_data: bytes
    encrypted_sender_data: bytes
    ciphertext: bytes

    def encode(self) -> bytes:
        """The wire form."""
        return (
            encode_opaque(self.group_id)
            + encode_uint64(self.epoch)
            + encode_uint8(self.content_type)
            + encode_opaque(self.authenticated_data)
            + encode_opaque(self.encrypted_sender_data)
            + encode_opaque(self.ciphertext)
        )

    @classmethod
    def decode(cls, reader: Reader) -> "PrivateMessage":
        """Takes it from the wire."""
        return cls(
            reader.opaque(),
            reader.uint64(),
            _known(ContentType, reader.uint8()),
            reader.opaque(),
            reader.opaque(),
            reader.opaque(),
        )


MlsMessageBody = PublicMessage | PrivateMessage | Welcome | GroupInfo | KeyPackage

_BODIES: dict[WireFormat, Callable[[Reader], MlsMessageBody]] = {
    WireFormat.PUBLIC_MESSAGE: PublicMessage.decode,
    WireFormat.PRIVATE_MESSAGE: PrivateMessage.decode,
    WireFormat.WELCOME: Welcome.decode,
    WireFormat.GROUP_INFO: GroupInfo.decode,
    WireFormat.KEY_PACKAGE: KeyPackage.decode,
}
_FORMATS: dict[type, WireFormat] = {
    PublicMessage: WireFormat.PUBLIC_MESSAGE,
    PrivateMessage: WireFormat.PRIVATE_MESSAGE,
    Welcome: WireFormat.WELCOME,
    GroupInfo: WireFormat.GROUP_INFO,
    KeyPackage: WireFormat.KEY_PACKAGE,
}


def encode_message(body: MlsMessageBody) -> bytes:
    """``struct MLSMessage``."""
    return encode_uint16(MLS10) + encode_uint16(_FORMATS[type(body)]) + body.encode()


def decode_message(encoded: bytes) -> MlsMessageBody:
    """What the MLSMessage holds. Raises RemoteProtocolError."""

    def read(reader: Reader) -> MlsMessageBody:
        version = reader.uint16()
        if version != MLS10:
            raise RemoteProtocolError(f"protocol version {version}")
        body = _BODIES[_known(WireFormat, reader.uint16())](reader)
        # "it MUST verify that the version field of the KeyPackage has the same value" (section 10)
        if isinstance(body, KeyPackage) and body.version != version:
            raise RemoteProtocolError(f"key package of version {body.version} in one of {version}")
        return body

    return decode(read, encoded)


def _known(enum: type[E], number: int) -> E:
    try:
        return enum(number)
    except ValueError:
        raise RemoteProtocolError(f"{enum.__name__} {number}") from None
