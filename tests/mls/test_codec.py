"""The presentation language: what is written is read, in one form alone, and nothing else raises nothing else."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.mls.codec import (
    MAX_LENGTH,
    Reader,
    decode,
    encode_length,
    encode_opaque,
    encode_optional,
    encode_uint8,
    encode_uint16,
    encode_uint32,
    encode_uint64,
    encode_vector,
    read_uint16,
    read_uint32,
)
from coterie.mls.commit import Commit
from coterie.mls.credential import read_credential
from coterie.mls.extension import (
    Capabilities,
    Extension,
    RequiredCapabilities,
    encode_extensions,
    read_extensions,
)
from coterie.mls.external_senders import read_external_senders
from coterie.mls.framing import AuthenticatedContent, decode_message
from coterie.mls.group_context import GroupContext
from coterie.mls.key_package import KeyPackage
from coterie.mls.leaf_node import LeafNode
from coterie.mls.proposals import read_proposal
from coterie.mls.psk import read_psk_id
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.welcome import GroupInfo, GroupSecrets, Welcome
from tests.mls.rooms import ONE, refuses

READERS: dict[str, Callable[[bytes], object]] = {
    "message": decode_message,
    "authenticated content": lambda b: decode(AuthenticatedContent.decode, b),
    "commit": lambda b: decode(Commit.decode, b),
    "credential": lambda b: decode(read_credential, b),
    "capabilities": lambda b: decode(Capabilities.decode, b),
    "required capabilities": lambda b: decode(RequiredCapabilities.decode, b),
    "extensions": lambda b: decode(read_extensions, b),
    "external senders": read_external_senders,
    "group context": lambda b: decode(GroupContext.decode, b),
    "key package": lambda b: decode(KeyPackage.decode, b),
    "leaf": lambda b: decode(LeafNode.decode, b),
    "proposal": lambda b: decode(read_proposal, b),
    "psk id": lambda b: decode(read_psk_id, b),
    "tree": lambda b: RatchetTree.decode(ONE, b),
    "group info": lambda b: decode(GroupInfo.decode, b),
    "group secrets": lambda b: decode(GroupSecrets.decode, b),
    "welcome": lambda b: decode(Welcome.decode, b),
}


@given(st.integers(0, MAX_LENGTH))
def test_a_length_comes_back_and_takes_the_fewest_bytes(length: int) -> None:
    encoded = encode_length(length)
    assert decode(Reader.length, encoded) == length
    assert len(encoded) == (1 if length < 64 else 2 if length < 16384 else 4)


@pytest.mark.parametrize("length", [0, 63, 64, 16383, 16384, MAX_LENGTH])
def test_lengths_at_the_edges_come_back(length: int) -> None:
    assert decode(Reader.length, encode_length(length)) == length


@given(st.integers(0, 16383), st.sampled_from([2, 4]))
def test_a_length_in_a_longer_form_than_it_needs_is_refused(length: int, size: int) -> None:
    prefix = {2: 0x4000, 4: 0x8000_0000}[size]
    long_form = (length | prefix).to_bytes(size, "big")
    if len(encode_length(length)) == size:
        assert decode(Reader.length, long_form) == length
    else:
        with pytest.raises(RemoteProtocolError, match="shortest form"):
            decode(Reader.length, long_form)


@pytest.mark.parametrize("first", [0xC0, 0xFF])
def test_a_length_with_the_reserved_prefix_is_refused(first: int) -> None:
    with pytest.raises(RemoteProtocolError, match="prefix 11"):
        decode(Reader.length, bytes([first]) * 8)


def test_a_vector_too_long_to_be_written_is_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        encode_length(MAX_LENGTH + 1)


@given(
    st.integers(0, 2**8 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
)
def test_numbers_come_back(a: int, b: int, c: int, d: int) -> None:
    reader = Reader(encode_uint8(a) + encode_uint16(b) + encode_uint32(c) + encode_uint64(d))
    assert (reader.uint8(), reader.uint16(), reader.uint32(), reader.uint64()) == (a, b, c, d)
    assert reader.is_at_end


@given(st.lists(st.binary(max_size=70)), st.none() | st.binary())
def test_vectors_and_optionals_come_back(items: list[bytes], maybe: bytes | None) -> None:
    encoded = encode_vector(map(encode_opaque, items))
    encoded += encode_optional(None if maybe is None else encode_opaque(maybe))
    reader = Reader(encoded)
    assert reader.vector(Reader.opaque) == tuple(items)
    assert reader.optional(Reader.opaque) == maybe
    assert reader.is_at_end


def test_a_presence_byte_is_0_or_1() -> None:
    with pytest.raises(RemoteProtocolError, match="presence byte 2"):
        decode(lambda reader: reader.optional(Reader.opaque), b"\2\0")


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="3 bytes too many"):
        decode(Reader.uint8, b"\0abc")


@pytest.mark.parametrize("claimed", [5, 64, 2**20, MAX_LENGTH])
def test_a_length_beyond_what_is_there_is_refused_before_anything_is_made(claimed: int) -> None:
    encoded = encode_length(claimed) + b"four"
    with pytest.raises(RemoteProtocolError, match="4 left"):
        decode(Reader.opaque, encoded)
    with pytest.raises(RemoteProtocolError, match="4 left"):
        decode(lambda reader: reader.vector(read_uint16), encoded)


def test_a_vector_ends_where_it_says() -> None:
    """An item must not take bytes from behind its vector."""
    encoded = encode_opaque(b"\0\0\0") + b"\0\0\0\0"
    with pytest.raises(RemoteProtocolError):
        Reader(encoded).vector(read_uint32)


def test_an_extension_comes_once() -> None:
    twice = encode_extensions([Extension(9, b"a"), Extension(9, b"b")])
    with refuses("extension-twice"):
        decode(read_extensions, twice)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, deadline=None)
@given(encoded=st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_the_one_form_of_what_they_mean(
    name: str, encoded: bytes
) -> None:
    try:
        value = READERS[name](encoded)
    except RemoteProtocolError:
        return
    if hasattr(value, "encode"):
        assert value.encode() in encoded  # without the header, for a message
