"""Makes the corpus from the published vectors: ``python -m fuzz.make_corpus``. It is never committed."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from tests.mls.published import published
from tests.mls.test_codec_vectors import MESSAGES, PROPOSALS

from coterie.mls.codec import decode, encode_uint16, encode_vector
from coterie.mls.commit import Commit
from coterie.mls.credential import BasicCredential
from coterie.mls.extension import RequiredCapabilities
from coterie.mls.external_senders import ExternalSender
from coterie.mls.framing import (
    AuthenticatedContent,
    Content,
    FramedContent,
    PublicMessage,
    WireFormat,
    content_type_of,
    decode_message,
    encode_content,
)
from coterie.mls.key_schedule import EpochSecrets
from coterie.mls.message_protection import SenderData
from coterie.mls.proposals import Proposal, encode_proposal_or_ref, read_proposal
from coterie.mls.ratchet_tree import RatchetTree, encode_node
from coterie.mls.secret_tree import MessageKey, Ratchet
from coterie.mls.welcome import GroupSecrets
from coterie.secret import Secret
from fuzz.decoders import DECODERS, ONE, name_of
from fuzz.members import AS_CHANGES, AS_CONTENT, AS_IT_IS

CORPUS = Path(__file__).parent / "corpus"
EACH = 100  # inputs of a target, evenly over their sizes: with few it gets on fastest
N_CHANGES = 16  # valid contents that a hostile member changes, at least

Corpus = dict[str, set[bytes]]


def parts(value: Any) -> Iterator[Any]:
    """The value and all that is in it."""
    yield value
    if isinstance(value, tuple | list):
        for item in value:
            yield from parts(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from parts(getattr(value, field.name))


def add_parts(corpus: Corpus, value: Any) -> None:
    """Each part as an input of its own decoder."""
    for part in parts(value):
        name = name_of(type(part))
        if isinstance(part, Proposal):
            corpus["proposal"].add(part.encode())
            corpus["proposal-or-ref"].add(encode_proposal_or_ref(part))
        elif name in DECODERS:
            corpus[name].add(part.encode())
        if name in ("leaf-node", "parent-node"):
            corpus["node"].add(encode_node(part))
        if name.endswith("-credential"):
            corpus["credential"].add(part.encode())
        if name in ("external-psk", "resumption-psk"):
            corpus["pre-shared-key-id"].add(part.encode())
        if isinstance(part, FramedContent):
            corpus["process"].add(as_content(part.content))
        if isinstance(part, PublicMessage):
            signed = AuthenticatedContent(WireFormat.PUBLIC_MESSAGE, part.content, part.auth)
            corpus["authenticated-content"].add(signed.encode())


def as_content(content: Content) -> bytes:
    """For the target ``process``: content that a hostile member signs."""
    return bytes([AS_CONTENT, content_type_of(content) - 1, 0]) + encode_content(content)


def examples() -> Iterator[Any]:
    """Of structures that never travel, or that the vectors lack."""
    some = Secret(bytes(range(32)))
    yield EpochSecrets(*(some for _ in fields(EpochSecrets)))
    yield Ratchet(some, 3, ((1, MessageKey(some, bytes(12))), (2, MessageKey(some, bytes(12)))))
    yield SenderData(1, 2, b"abcd")
    yield RequiredCapabilities((6, 7), (8,), (1, 2))
    yield ExternalSender(bytes(32), BasicCredential(b"a server"))


def make() -> Corpus:
    """From every kind of structure that the vectors have."""
    corpus: Corpus = defaultdict(set)
    for example in examples():
        add_parts(corpus, example)
        if isinstance(example, ExternalSender):
            corpus["external-senders"].add(encode_vector([example.encode()]))
    for entry in published("messages.json"):
        for name in MESSAGES:
            message = bytes.fromhex(entry[name])
            corpus["message"].add(message)
            corpus["process"].add(bytes([AS_IT_IS]) + message)
            add_parts(corpus, decode_message(message))
        for name, (proposal_type, _) in PROPOSALS.items():
            proposal = decode(
                read_proposal, encode_uint16(proposal_type) + bytes.fromhex(entry[name])
            )
            corpus["process"].add(as_content(proposal))
            add_parts(corpus, proposal)
        corpus["join"].add(bytes([AS_IT_IS]) + bytes.fromhex(entry["mls_welcome"]))
        add_parts(corpus, decode(Commit.decode, bytes.fromhex(entry["commit"])))
        add_parts(corpus, decode(GroupSecrets.decode, bytes.fromhex(entry["group_secrets"])))
    for entry in published("tree-validation.json"):
        tree = RatchetTree.decode(ONE, bytes.fromhex(entry["tree"]))
        corpus["ratchet-tree"].add(tree.encode())
        add_parts(corpus, tree.nodes)
    for number in range(N_CHANGES):
        corpus["process"] |= {bytes([AS_CHANGES, number, flags]) for flags in range(4)}
    corpus["join"] |= {bytes([how, 0, 9, 0, 1]) for how in (AS_CONTENT, AS_CHANGES)}
    return corpus


def main() -> None:
    """Writes it, each input under its hash, as libFuzzer does."""
    for name, inputs in make().items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        by_size = sorted(inputs, key=len)
        for data in by_size[:: -(-len(by_size) // EACH)]:
            (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
