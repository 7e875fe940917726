"""Published vectors of the codec: deserialization (lengths) and messages (every structure)."""

from collections.abc import Callable

import pytest

from coterie.mls.codec import Reader, decode, encode_length, encode_uint16
from coterie.mls.commit import Commit
from coterie.mls.framing import (
    ContentType,
    PrivateMessage,
    PublicMessage,
    decode_message,
    encode_message,
)
from coterie.mls.key_package import KeyPackage
from coterie.mls.proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ProposalType,
    ReInit,
    Remove,
    Update,
    read_proposal,
)
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.suites import SUITES
from coterie.mls.welcome import GroupInfo, GroupSecrets, Welcome
from tests.mls.published import published

PROPOSALS: dict[str, tuple[ProposalType, type[Proposal]]] = {
    "add_proposal": (ProposalType.ADD, Add),
    "update_proposal": (ProposalType.UPDATE, Update),
    "remove_proposal": (ProposalType.REMOVE, Remove),
    "pre_shared_key_proposal": (ProposalType.PSK, PreSharedKey),
    "re_init_proposal": (ProposalType.REINIT, ReInit),
    "external_init_proposal": (ProposalType.EXTERNAL_INIT, ExternalInit),
    "group_context_extensions_proposal": (
        ProposalType.GROUP_CONTEXT_EXTENSIONS,
        GroupContextExtensions,
    ),
}
MESSAGES = {
    "mls_welcome": Welcome,
    "mls_group_info": GroupInfo,
    "mls_key_package": KeyPackage,
    "public_message_application": PublicMessage,
    "public_message_proposal": PublicMessage,
    "public_message_commit": PublicMessage,
    "private_message": PrivateMessage,
}
OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "ratchet_tree": lambda encoded: RatchetTree.decode(SUITES[1], encoded).encode(),
    "group_secrets": lambda encoded: decode(GroupSecrets.decode, encoded).encode(),
    "commit": lambda encoded: decode(Commit.decode, encoded).encode(),
}


def test_all_entries_are_there() -> None:
    assert len(published("deserialization.json")) == 14
    found = published("messages.json")
    assert len(found) == 300
    assert set(found[0]) == {*PROPOSALS, *MESSAGES, *OTHERS}


@pytest.mark.parametrize("number", range(14))
def test_length_header_is_read_and_written(number: int) -> None:
    v = published("deserialization.json")[number]
    header = bytes.fromhex(v["vlbytes_header"])
    reader = Reader(header)
    assert (reader.length(), reader.is_at_end) == (v["length"], True)
    assert encode_length(v["length"]) == header


@pytest.mark.parametrize("number", range(300))
def test_every_structure_decodes_and_encodes_to_the_same_bytes(number: int) -> None:
    v = published("messages.json")[number]
    for name, kind in MESSAGES.items():
        message = decode_message(bytes.fromhex(v[name]))
        assert isinstance(message, kind)
        assert encode_message(message).hex() == v[name]
        if isinstance(message, PublicMessage):
            expected = ContentType[name.removeprefix("public_message_").upper()]
            assert message.content.content_type is expected
    for name, (number_of_type, kind_of_proposal) in PROPOSALS.items():
        with_type = encode_uint16(number_of_type) + bytes.fromhex(v[name])  # the vectors have none
        proposal = decode(read_proposal, with_type)
        assert isinstance(proposal, kind_of_proposal)
        assert proposal.encode() == with_type
    for name, again in OTHERS.items():
        assert again(bytes.fromhex(v[name])).hex() == v[name]
