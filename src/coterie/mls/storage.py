"""A group as rows, and what differs between two: PROTOCOL.md section 5 is why.

A message changes one ratchet's row, a commit its path and the epoch's rows, never a whole tree. What was consumed is in
no row. Rows hold keys: keep them encrypted.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TypeVar

from coterie.errors import RemoteProtocolError, StorageError
from coterie.mls.codec import (
    Reader,
    decode,
    encode_opaque,
    encode_uint8,
    encode_uint32,
    encode_uint64,
)
from coterie.mls.group import Group, Standing
from coterie.mls.group_context import GroupContext
from coterie.mls.group_process import standing_from
from coterie.mls.key_schedule import EpochSecrets
from coterie.mls.policy import Policy
from coterie.mls.proposals import ReInit, read_proposal
from coterie.mls.ratchet_tree import Node, RatchetTree, encode_node, read_node
from coterie.mls.secret_tree import Ratchet, RatchetId, RatchetType, SecretTree
from coterie.mls.suites import suite_of
from coterie.secret import Secret

VERSION = 1  # of the rows

_HEAD, _SECRETS = b"h", b"e"  # one row each
_NODE, _PRIVATE_KEY = b"t", b"k"  # by node index: of the ratchet tree, and our keys in it
_NODE_SECRET, _RATCHET = b"n", b"a"  # of the secret tree: by node index, by leaf index and type
_STANDING, _OWN = b"p", b"o"  # proposals: by place and reference, by reference
_UPDATE, _PSK = b"u", b"r"  # by public key, by epoch
_REINIT = b"i"  # at most one

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows to write and keys of rows to delete."""

    put: Mapping[bytes, bytes] = field(repr=False)
    delete: tuple[bytes, ...]


class _Difference:
    """Collects it kind by kind. Unchanged objects are told by identity, so nothing is encoded to be compared."""

    def __init__(self, old: Group | None, new: Group) -> None:
        self._old, self._new = old, new
        self.put: dict[bytes, bytes] = {}
        self.delete: list[bytes] = []

    def add(
        self,
        kind: bytes,
        part: Callable[[Group], Mapping[K, V]],
        key: Callable[[K], bytes],
        encode: Callable[[V], bytes],
    ) -> None:
        """Rows of one kind."""
        old: Mapping[K, V] = part(self._old) if self._old is not None else {}
        new = part(self._new)
        if old is new:
            return
        for k, value in new.items():
            if old.get(k) is not value:
                self.put[kind + key(k)] = encode(value)
        self.delete += (kind + key(k) for k in old if k not in new)

    def add_nodes(self) -> None:
        """Rows of the tree, which is too large to be made a mapping of at every commit."""
        old = self._old.tree.nodes if self._old is not None else ()
        for x, (before, node) in enumerate(zip_longest(old, self._new.tree.nodes)):
            if before is node:
                continue
            key = _NODE + encode_uint32(x)
            if node is None:
                self.delete.append(key)
            else:
                self.put[key] = encode_node(node)


def rows(group: Group) -> dict[bytes, bytes]:
    """All rows of a group."""
    return dict(changes(None, group).put)


def changes(old: Group | None, new: Group) -> Changes:
    """What to write and delete to get from the rows of ``old`` to those of ``new``."""
    differ = _Difference(old, new)
    head = _head(new)
    if old is None or head != _head(old):
        differ.put[_HEAD] = head
    if old is None or old.epoch_secrets is not new.epoch_secrets:
        differ.put[_SECRETS] = new.epoch_secrets.encode()
    if old is None or old.tree is not new.tree:
        differ.add_nodes()
    differ.add(_PRIVATE_KEY, lambda g: g.private_keys, encode_uint32, Secret.expose)
    differ.add(_NODE_SECRET, lambda g: g.secret_tree.node_secrets, encode_uint32, Secret.expose)
    differ.add(_RATCHET, lambda g: g.secret_tree.ratchets, _ratchet_key, Ratchet.encode)
    if old is None or old.standing is not new.standing:
        differ.add(_STANDING, _places, _place_key, _encode_standing)
    if old is None or old.own_proposals is not new.own_proposals:
        differ.add(_OWN, _sent, bytes, _encode_own)
    differ.add(_UPDATE, lambda g: g.update_keys, bytes, Secret.expose)
    differ.add(_PSK, lambda g: g.resumption_psks, encode_uint64, Secret.expose)
    differ.add(_REINIT, _reinit, bytes, ReInit.encode)
    return Changes(differ.put, tuple(differ.delete))


def _head(group: Group) -> bytes:
    """The row that says what the others are of."""
    return (
        encode_uint8(VERSION)
        + encode_opaque(group.context.encode())
        + encode_opaque(group.confirmation_tag)
        + encode_uint32(group.own_leaf_index)
        + encode_opaque(group.signature_private.expose())
        + encode_uint32(group.tree.width)
        + encode_uint32(group.secret_tree.n_leaves)
        + encode_uint32(group.secret_tree.keep_skipped)
    )


def _ratchet_key(ratchet_id: RatchetId) -> bytes:
    leaf, which = ratchet_id
    return encode_uint32(leaf) + encode_uint8(which)


def _places(group: Group) -> dict[tuple[int, bytes], Standing]:
    """Proposals only come behind one another, until a new epoch forgets them: a place is for good."""
    return {(place, s.reference): s for place, s in enumerate(group.standing)}


def _place_key(place: tuple[int, bytes]) -> bytes:
    return encode_uint32(place[0]) + place[1]


def _encode_standing(standing: Standing) -> bytes:
    return standing.message


def _sent(group: Group) -> dict[bytes, tuple[bytes, Standing]]:
    return {sent[1].reference: sent for sent in group.own_proposals}


def _encode_own(sent: tuple[bytes, Standing]) -> bytes:
    message, standing = sent
    return encode_opaque(message) + standing.message


def _reinit(group: Group) -> dict[bytes, ReInit]:
    return {} if group.reinit is None else {b"": group.reinit}


def load(saved: Mapping[bytes, bytes], policy: Policy) -> Group:
    """The group that ``saved`` are the rows of. Raises StorageError."""
    try:
        version = saved[_HEAD][0]
        if version == VERSION:
            return _load(saved, policy)
    except (RemoteProtocolError, KeyError, IndexError, ValueError) as error:
        raise StorageError("a group's rows are damaged or incomplete") from error
    raise StorageError(f"a group's rows are of version {version}, known is {VERSION}")


def _load(saved: Mapping[bytes, bytes], policy: Policy) -> Group:
    by_kind: dict[bytes, dict[bytes, bytes]] = {}
    for key, value in saved.items():
        by_kind.setdefault(key[:1], {})[key[1:]] = value

    def secrets_of(kind: bytes) -> dict[int, Secret]:
        return {
            int.from_bytes(key, "big"): Secret(value)
            for key, value in by_kind.get(kind, {}).items()
        }

    head = Reader(saved[_HEAD])
    head.uint8()  # the version
    context = decode(GroupContext.decode, head.opaque())
    confirmation_tag, own_leaf_index = head.opaque(), head.uint32()
    signature_private = Secret(head.opaque())
    width, n_leaves, keep_skipped = head.uint32(), head.uint32(), head.uint32()
    suite = suite_of(context.cipher_suite)
    nodes: list[Node | None] = [None] * (2 * width - 1)
    for key, value in by_kind.get(_NODE, {}).items():
        nodes[int.from_bytes(key, "big")] = decode(read_node, value)
    ratchets = {
        (int.from_bytes(key[:4], "big"), RatchetType(key[4])): decode(Ratchet.decode, value)
        for key, value in by_kind.get(_RATCHET, {}).items()
    }
    group = Group(
        suite,
        context,
        RatchetTree(suite, nodes),
        decode(EpochSecrets.decode, saved[_SECRETS]),
        SecretTree(suite, n_leaves, secrets_of(_NODE_SECRET), ratchets, keep_skipped),
        confirmation_tag,
        own_leaf_index,
        signature_private,
        secrets_of(_PRIVATE_KEY),
        update_keys={key: Secret(value) for key, value in by_kind.get(_UPDATE, {}).items()},
        resumption_psks=secrets_of(_PSK),
        policy=policy,
    )
    standing = [
        standing_from(group, value) for _, value in sorted(by_kind.get(_STANDING, {}).items())
    ]
    reinit = decode(read_proposal, saved[_REINIT]) if _REINIT in saved else None
    if reinit is not None and not isinstance(reinit, ReInit):
        raise RemoteProtocolError("no ReInit was saved")
    own = [decode(_read_own, value) for value in by_kind.get(_OWN, {}).values()]
    return replace(
        group,
        standing=tuple(standing),
        reinit=reinit,
        own_proposals=tuple((message, standing_from(group, content)) for message, content in own),
    )


def _read_own(reader: Reader) -> tuple[bytes, bytes]:
    return reader.opaque(), reader.rest()
