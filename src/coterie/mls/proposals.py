"""Proposals: RFC 9420 section 12.1."""

from dataclasses import dataclass
from enum import IntEnum

from coterie.errors import RemoteProtocolError
from coterie.mls.codec import Reader, encode_opaque, encode_uint8, encode_uint16, encode_uint32
from coterie.mls.extension import Extension, encode_extensions, read_extensions
from coterie.mls.key_package import KeyPackage
from coterie.mls.leaf_node import LeafNode
from coterie.mls.psk import PreSharedKeyId, read_psk_id

_PRIVATE_USE = 0xF000  # and above: section 17.4


class ProposalType(IntEnum):
    """Section 17.4. Any other number is a custom proposal."""

    ADD = 1
    UPDATE = 2
    REMOVE = 3
    PSK = 4
    REINIT = 5
    EXTERNAL_INIT = 6
    GROUP_CONTEXT_EXTENSIONS = 7


@dataclass(frozen=True, slots=True)
class Add:
    """Add the client of this key package: section 12.1.1."""

    key_package: KeyPackage
    proposal_type = ProposalType.ADD

    def encode(self) -> bytes:
        """The wire form, with the type."""
        return encode_uint16(self.proposal_type) + self.key_package.encode()


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the sender's leaf: section 12.1.2."""

    leaf_node: LeafNode
    proposal_type = ProposalType.UPDATE

    def encode(self) -> bytes:
        """The wire form, with the type."""
        return encode_uint16(self.proposal_type) + self.leaf_node.encode()


@dataclass(frozen=True, slots=True)
class Remove:
    """Blank the leaf ``removed``: section 12.1.3."""

    removed: int
    proposal_type = ProposalType.REMOVE

    def encode(self) -> bytes:
        """The wire form, with the type."""
        return encode_uint16(self.proposal_type) + encode_uint32(self.removed)


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """Mix in a PSK: section 12.1.4."""

    psk: PreSharedKeyId
    proposal_type = ProposalType.PSK

    def encode(self) -> bytes:
        """The wire form, with the type."""
        return encode_uint16(self.proposal_type) + self.psk.encode()


@dataclass(frozen=True, slots=True)
class ReInit:
    """Go on in a new group with other parameters: section 12.1.5."""

    group_id: bytes
    version: int
    cipher_suite: int
    extensions: tuple[Extension, ...]
    proposal_type = ProposalType.REINIT

    def encode(self) -> bytes:
        """The wire form, with the type."""
        return (
            encode_uint16(self.proposal_type)
            + encode_opaque(self.group_id)
            + encode_uint16(self.version)
            + encode_uint16(self.cipher_suite)
            + encode_extensions(self.extensions)
        )


@dataclass(frozen=True, slots=True)
class ExternalInit:
    """The init secret of an external commit: section 12.1.6."""

    kem_output: bytes
    proposal_type = ProposalType.EXTERNAL_INIT

    def encode(self) -> bytes:
        """The wire form, with the type."""
        return encode_uint16(self.proposal_type) + encode_opaque(self.kem_output)


@dataclass(frozen=True, slots=True)
class GroupContextExtensions:
    """Replace all extensions of the group context: section 12.1.7."""

    extensions: tuple[Extension, ...]
    proposal_type = ProposalType.GROUP_CONTEXT_EXTENSIONS

    def encode(self) -> bytes:
        """The wire form, with the type."""
        return encode_uint16(self.proposal_type) + encode_extensions(self.extensions)


@dataclass(frozen=True, slots=True)
class CustomProposal:
    """A proposal of the application's: an ``opaque``, so that it can be carried without being known."""

    proposal_type: int
    data: bytes

    def encode(self) -> bytes:
        """The wire form, with the type."""
        return encode_uint16(self.proposal_type) + encode_opaque(self.data)


Proposal = (
    Add
    | Update
    | Remove
    | PreSharedKey
    | ReInit
    | ExternalInit
    | GroupContextExtensions
    | CustomProposal
)


def read_proposal(reader: Reader) -> Proposal:
    """Takes one from the wire. Types that nobody has assigned raise RemoteProtocolError."""
    number = reader.uint16()
    match number:
        case ProposalType.ADD:
            return Add(KeyPackage.decode(reader))
        case ProposalType.UPDATE:
            return Update(LeafNode.decode(reader))
        case ProposalType.REMOVE:
            return Remove(reader.uint32())
        case ProposalType.PSK:
            return PreSharedKey(read_psk_id(reader))
        case ProposalType.REINIT:
            return ReInit(
                reader.opaque(), reader.uint16(), reader.uint16(), read_extensions(reader)
            )
        case ProposalType.EXTERNAL_INIT:
            return ExternalInit(reader.opaque())
        case ProposalType.GROUP_CONTEXT_EXTENSIONS:
            return GroupContextExtensions(read_extensions(reader))
        case _:
            if number >= _PRIVATE_USE:
                return CustomProposal(number, reader.opaque())
            raise RemoteProtocolError(f"proposal type {number}")


@dataclass(frozen=True, slots=True)
class Reference:
    """``ProposalRef``: section 5.2."""

    hash: bytes

    def encode(self) -> bytes:
        """``ProposalOrRef``."""
        return encode_uint8(2) + encode_opaque(self.hash)


ProposalOrRef = Proposal | Reference


def encode_proposal_or_ref(item: ProposalOrRef) -> bytes:
    """``struct ProposalOrRef``: section 12.4."""
    return item.encode() if isinstance(item, Reference) else encode_uint8(1) + item.encode()


def read_proposal_or_ref(reader: Reader) -> ProposalOrRef:
    """Takes one from the wire."""
    kind = reader.uint8()
    if kind == 1:
        return read_proposal(reader)
    if kind == 2:  # noqa: PLR2004  # enum ProposalOrRefType
        return Reference(reader.opaque())
    raise RemoteProtocolError(f"ProposalOrRefType {kind}")
