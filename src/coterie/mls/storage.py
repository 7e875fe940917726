"""A group as rows, and what differs between two: PROTOCOL.md section 5 is why.

A message changes one ratchet's row, a commit its path and the epoch's rows, never a whole tree. What was consumed is in
no row. Rows hold keys: keep them encrypted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from coterie.errors import StorageError
from coterie.mls.codec import (
    Reader,
    decode,
    encode_opaque,
    encode_uint8,
    encode_uint32,
    encode_uint64,
)
from coterie.mls.framing import AuthenticatedContent
from coterie.mls.group import Group, Standing
from coterie.mls.group_context import GroupContext
from coterie.mls.group_process import standing_from
from coterie.mls.key_schedule import EpochSecrets
from coterie.mls.leaf_node import LeafNode
from coterie.mls.policy import Policy
from coterie.mls.ratchet_tree import Node, ParentNode, RatchetTree, encode_node, read_node
from coterie.mls.secret_tree import Ratchet, SecretTree, encode_row
from coterie.mls.suites import suite_of
from coterie.secret import Secret

VERSION = 1  # of the rows
_HEAD, _SECRETS, _NODE, _KEY, _SECRET_TREE, _STANDING, _OWN, _UPDATE, _PSK = (
    b"h", b"e", b"t", b"k", b"s", b"p", b"o", b"u", b"r",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows to write and keys of rows to delete."""

    put: Mapping[bytes, bytes]
    delete: tuple[bytes, ...]


_Row = EpochSecrets | Standing | tuple[bytes, Standing] | Node | Secret | Ratchet


def _parts(group: Group) -> Iterator[tuple[bytes, _Row]]:
    """Every row's key with the object behind it, unencoded: unchanged ones are told by identity."""
    for x, node in enumerate(group.tree.nodes):
        if node is not None:
            yield _NODE + encode_uint32(x), node
    for x, key in group.private_keys.items():
        yield _KEY + encode_uint32(x), key
    for row, value in group.secret_tree.rows():
        yield _SECRET_TREE + row, value
    for standing in group.standing:
        yield _STANDING + standing.reference, standing
    for message, standing in group.own_proposals:
        yield _OWN + standing.reference, (message, standing)
    for public, key in group.update_keys.items():
        yield _UPDATE + public, key
    for epoch, key in group.resumption_psks.items():
        yield _PSK + encode_uint64(epoch), key
    yield _SECRETS, group.epoch_secrets


def _encode(value: _Row) -> bytes:
    match value:
        case EpochSecrets():
            return value.encode()
        case Standing(_, _, message):
            return message
        case (message, standing):
            return encode_opaque(message) + standing.message
        case LeafNode() | ParentNode():
            return encode_node(value)
        case Secret() | Ratchet():
            return encode_row(value)
        case _:
            assert_never(value)


def _head(group: Group) -> bytes:
    """The small row that every step may change."""
    order = b"".join(encode_opaque(s.reference) for s in group.standing)
    return (
        encode_uint8(VERSION)
        + encode_opaque(group.context.encode())
        + encode_opaque(group.confirmation_tag)
        + encode_uint32(group.own_leaf_index)
        + encode_opaque(group.signature_private.expose())
        + encode_uint32(group.tree.width)
        + encode_uint32(group.secret_tree.n_leaves)
        + encode_uint32(group.secret_tree.keep_skipped)
        + encode_opaque(order)
    )


def rows(group: Group) -> dict[bytes, bytes]:
    """All rows of a group."""
    return {_HEAD: _head(group)} | {key: _encode(value) for key, value in _parts(group)}


def changes(old: Group | None, new: Group) -> Changes:
    """What to write and delete to get from the rows of ``old`` to those of ``new``."""
    if old is None:
        return Changes(rows(new), ())
    before = dict(_parts(old))
    after = dict(_parts(new))
    put = {key: _encode(value) for key, value in after.items() if before.get(key) is not value}
    head = _head(new)
    if head != _head(old):
        put[_HEAD] = head
    return Changes(put, tuple(key for key in before if key not in after))


def load(saved: Mapping[bytes, bytes], policy: Policy) -> Group:
    """The group that ``saved`` are the rows of. Raises StorageError."""
    by_kind: dict[bytes, dict[bytes, bytes]] = {}
    for key, value in saved.items():
        by_kind.setdefault(key[:1], {})[key[1:]] = value
    try:
        head = Reader(by_kind[_HEAD][b""])
        version = head.uint8()
    except KeyError as error:
        raise StorageError("a group's rows are incomplete") from error
    if version != VERSION:
        raise StorageError(f"a group's rows are of version {version}, known is {VERSION}")
    context = decode(GroupContext.decode, head.opaque())
    confirmation_tag, own_leaf_index = head.opaque(), head.uint32()
    signature_private = Secret(head.opaque())
    width, n_leaves, keep_skipped = head.uint32(), head.uint32(), head.uint32()
    suite = suite_of(context.cipher_suite)
    nodes: list[Node | None] = [None] * (2 * width - 1)
    for key, value in by_kind.get(_NODE, {}).items():
        nodes[int.from_bytes(key, "big")] = decode(read_node, value)
    group = Group(
        suite,
        context,
        RatchetTree(suite, nodes),
        decode(EpochSecrets.decode, by_kind[_SECRETS][b""]),
        SecretTree.load(suite, n_leaves, by_kind.get(_SECRET_TREE, {}), keep_skipped),
        confirmation_tag,
        own_leaf_index,
        signature_private,
        {int.from_bytes(k, "big"): Secret(v) for k, v in by_kind.get(_KEY, {}).items()},
        update_keys={k: Secret(v) for k, v in by_kind.get(_UPDATE, {}).items()},
        resumption_psks={
            int.from_bytes(k, "big"): Secret(v) for k, v in by_kind.get(_PSK, {}).items()
        },
        policy=policy,
    )
    order = decode(_read_all, head.opaque())
    standing = by_kind.get(_STANDING, {})
    own = []
    for value in by_kind.get(_OWN, {}).values():
        reader = Reader(value)
        message = reader.opaque()
        content = AuthenticatedContent.decode(reader)
        own.append((message, standing_from(group, content.encode())))
    return replace(
        group,
        standing=tuple(standing_from(group, standing[reference]) for reference in order),
        own_proposals=tuple(own),
    )


def _read_all(reader: Reader) -> tuple[bytes, ...]:
    found = []
    while not reader.is_at_end:
        found.append(reader.opaque())
    return tuple(found)
