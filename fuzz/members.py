"""Targets that are members: what a hostile member sends them, rightly signed, tagged and sealed, and wrong inside.

Bytes off the network fail at the first tag. So the first byte of an input says how the rest is meant: as a message; as
content, which a hostile member signs; as changes to something valid, which it signs then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.mls import forge
from tests.mls.rooms import (
    KNOWN_EXTENSION,
    KNOWN_PROPOSAL,
    ONE,
    Room,
    new_bundle,
    new_leaf,
    signature_private,
)

from coterie.errors import RemoteProtocolError
from coterie.mls import (
    Add,
    ExternalPsk,
    ExternalSender,
    Group,
    GroupContextExtensions,
    PreSharedKey,
    Remove,
    commit,
    external_senders,
    join,
    key_schedule,
    process,
)
from coterie.mls.codec import decode
from coterie.mls.commit import Commit, HpkeCiphertext
from coterie.mls.extension import Extension, ExtensionType, find_extension
from coterie.mls.framing import (
    Content,
    ContentType,
    Sender,
    SenderType,
    content_type_of,
    decode_message,
    encode_content,
    encode_message,
    read_content,
)
from coterie.mls.proposals import CustomProposal, ReInit
from coterie.mls.psk import psk_secret
from coterie.mls.ratchet_tree import RatchetTree
from coterie.mls.welcome import EncryptedGroupSecrets, GroupInfo, Welcome, seal_group_info
from coterie.secret import Secret

AS_IT_IS, AS_CONTENT, AS_CHANGES = range(3)


def edited(valid: bytes, edits: bytes) -> bytes:
    """``valid`` changed by edits of four bytes each: where (two bytes), how, and by what."""
    changed = bytearray(valid)
    for start in range(0, len(edits) - 3, 4):
        at = int.from_bytes(edits[start : start + 2], "big") % (len(changed) + 1)
        how, value = edits[start + 2] % 3, edits[start + 3]
        if how == 0:
            changed[at : at + 1] = bytes([(changed[at] if at < len(changed) else 0) ^ value])
        elif how == 1:
            changed[at:at] = bytes([value])
        else:
            del changed[at : at + value]
    return bytes(changed)


@dataclass(frozen=True)
class Valid:
    """Content that would be taken, and who may send it: a member where there is no key."""

    content: Content
    sender: Sender | None = None
    key: Secret | None = None
    leaf_index: int = 0  # where its path's leaf comes to lie


class ProcessTarget:
    """bobb, in a room of four where all parents are set and some proposals stand.

    Hostile are alice, who is a member, an external sender, and newcomers.
    """

    def __init__(self) -> None:
        self.server = new_leaf(ONE, "a server")
        senders = external_senders(
            [ExternalSender(self.server.signature_key, self.server.credential)]
        )
        room = Room(ONE, "alice", "bobb", "carol", "dave", extensions=[senders])
        for name in room.groups:
            room.commit(name)
        group, message = room["carol"].propose_update()
        room.has("carol", group)
        standing = [room.hear_proposal("carol", message), room.propose("dave", Remove(3))]
        self.alice, self.bobb = room["alice"], room["bobb"]
        self.valid = [*self._of_members(standing), *self._of_others()]

    def _of_members(self, standing: Sequence[bytes]) -> Iterator[Valid]:
        add = Add(new_bundle(ONE, "erin").key_package)
        extensions = GroupContextExtensions((Extension(KNOWN_EXTENSION, b"new"),))
        psk = PreSharedKey(ExternalPsk(b"id", bytes(ONE.nh)))
        custom = CustomProposal(KNOWN_PROPOSAL, b"data")
        yield Valid(b"hi")
        for proposal in (add, Remove(2), psk, extensions, custom, ReInit(b"next", 1, 1, ())):
            yield Valid(proposal)
        _, by_reference = commit(self.alice, by_reference=standing, is_public=True)
        yield Valid(forge.committed(by_reference.message))
        yield Valid(forge.made_commit(self.alice))
        yield Valid(forge.made_commit(self.alice, add, Remove(2), extensions, custom))
        yield Valid(Commit((psk, add), None))

    def _of_others(self) -> Iterator[Valid]:
        newcomer = new_leaf(ONE, "frank")
        bundle = new_bundle(ONE, newcomer)
        add, key = Add(bundle.key_package), newcomer.signature_private
        joins = forge.committed(forge.external_commit(self.alice, newcomer))
        comes_back = forge.external_commit(self.alice, newcomer, removed=[2])
        yield Valid(joins, Sender(SenderType.NEW_MEMBER_COMMIT), key, 4)
        yield Valid(forge.committed(comes_back), Sender(SenderType.NEW_MEMBER_COMMIT), key, 2)
        yield Valid(add, Sender(SenderType.NEW_MEMBER_PROPOSAL), key)
        for proposal in (add, Remove(2)):
            yield Valid(proposal, Sender(SenderType.EXTERNAL), self.server.signature_private)

    def __call__(self, data: bytes) -> None:
        try:
            process(self.bobb, self._message(data[:1], data[1:]))
        except RemoteProtocolError:
            return

    def _message(self, how: bytes, data: bytes) -> bytes:
        if not how or how[0] % 3 == AS_IT_IS or len(data) < 2:
            return data
        choice, flags, rest = data[0], data[1], data[2:]
        if how[0] % 3 == AS_CONTENT:
            valid, content_type = Valid(b""), ContentType(choice % 3 + 1)
        else:
            valid = self.valid[choice % len(self.valid)]
            content_type = content_type_of(valid.content)
            rest = edited(encode_content(valid.content), rest)
        content = decode(lambda reader: read_content(reader, content_type), rest)
        key = valid.key or self.alice.signature_private
        if isinstance(content, Commit) and content.path is not None and flags & 1:
            leaf = content.path.leaf_node.signed(ONE, key, self.alice.group_id, valid.leaf_index)
            content = replace(content, path=replace(content.path, leaf_node=leaf))
        is_public = valid.sender is not None or not flags & 2
        return forge.forge(self.alice, content, sender=valid.sender, key=key, is_public=is_public)


def with_its_tree_hash(info: GroupInfo) -> GroupInfo:
    """Of the tree that it holds, which may have been changed."""
    encoded = find_extension(info.extensions, ExtensionType.RATCHET_TREE)
    if encoded is None:
        return info
    tree_hash = RatchetTree.decode(ONE, encoded).tree_hash()
    return replace(info, group_context=replace(info.group_context, tree_hash=tree_hash))


class JoinTarget:
    """erin, whom a hostile alice lets in with other secrets or another GroupInfo than she should."""

    def __init__(self) -> None:
        room = Room(ONE, "alice", "bobb", "carol")
        for name in room.groups:
            room.commit(name)
        self.bundle = new_bundle(ONE, "erin")
        pending = room.make_commit("alice", Add(self.bundle.key_package))
        assert pending.welcome is not None
        welcome = decode_message(pending.welcome)
        assert isinstance(welcome, Welcome)
        self.alice: Group = pending.group
        self.secrets = welcome.open_secrets(
            ONE, self.bundle.key_package.reference(), self.bundle.init_private
        )
        self.key = key_schedule.welcome_secret(ONE, self.secrets.joiner_secret, psk_secret(ONE, []))
        self.info = welcome.open_group_info(ONE, self.key)

    def __call__(self, data: bytes) -> None:
        try:
            join(self._welcome(data[:1], data[1:]), self.bundle, signature_private(self.bundle))
        except RemoteProtocolError:
            return

    def _welcome(self, how: bytes, data: bytes) -> bytes:
        match how[0] % 3 if how else AS_IT_IS:
            case 0:
                return data
            case 1:
                info, secrets = self.info.encode(), edited(self.secrets.encode(), data)
            case _:
                info, secrets = edited(self.info.encode(), data), self.secrets.encode()
        changed = with_its_tree_hash(decode(GroupInfo.decode, info))
        changed = changed.signed(ONE, self.alice.signature_private)
        sealed_info = seal_group_info(ONE, self.key, changed)
        sealed = ONE.encrypt_with_label(
            self.bundle.key_package.init_key, b"Welcome", sealed_info, secrets
        )
        entry = EncryptedGroupSecrets(self.bundle.key_package.reference(), HpkeCiphertext(*sealed))
        return encode_message(Welcome(ONE.number, (entry,), sealed_info))
