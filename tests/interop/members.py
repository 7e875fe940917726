"""One member of a group, ours or theirs, as the driver of a history sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from coterie.mls import (
    ApplicationReceived,
    CipherSuite,
    CommitReceived,
    Group,
    KeyPackageBundle,
    PendingCommit,
    PreSharedKeyId,
    Proposal,
    TakeAll,
    commit,
    export_group_info,
    external_commit,
    join,
    process,
)
from coterie.mls.framing import decode_message
from coterie.mls.key_package import KeyPackage
from tests.interop.peer import Peer
from tests.mls.rooms import LIFETIME, new_bundle, new_leaf, signature_private


@dataclass(frozen=True)
class Made:
    """A commit that nobody has heard yet."""

    message: bytes
    welcome: bytes | None = None


@dataclass(frozen=True)
class Heard:
    """What a message did to a member."""

    data: bytes | None = None
    is_removed: bool = False


class Member(Protocol):
    """Messages are MLSMessages."""

    @property
    def name(self) -> str: ...

    @property
    def is_ours(self) -> bool: ...

    @property
    def epoch(self) -> int: ...

    @property
    def authenticator(self) -> bytes: ...

    @property
    def leaf_index(self) -> int: ...

    def key_package(self) -> KeyPackage: ...

    def create(self, group_id: bytes) -> None: ...

    def join(self, welcome: bytes) -> None: ...

    def say(self, data: bytes) -> bytes: ...

    def propose(self, proposal: Proposal, *, is_public: bool) -> bytes: ...

    def propose_update(self, *, is_public: bool) -> bytes: ...

    def accept_own_proposal(self, message: bytes) -> None: ...

    def commit(
        self,
        proposals: Sequence[Proposal],
        by_reference: Sequence[bytes],
        *,
        force_path: bool,
        is_public: bool,
    ) -> Made: ...

    def merge(self) -> None: ...

    def hear(self, message: bytes) -> Heard: ...

    def group_info(self, *, is_for_theirs: bool) -> bytes: ...

    def join_by_commit(
        self, group_info: bytes, psks: Sequence[PreSharedKeyId], *, is_resync: bool
    ) -> Made: ...


class Ours:
    """A member by Coterie."""

    is_ours = True

    def __init__(self, name: str, suite: CipherSuite, policy: TakeAll) -> None:
        self.name, self._suite, self._policy = name, suite, policy
        self._bundle: KeyPackageBundle | None = None
        self._pending: PendingCommit | None = None
        self._group: Group | None = None

    @property
    def group(self) -> Group:
        """Once it is in one."""
        assert self._group is not None
        return self._group

    @property
    def epoch(self) -> int:
        return self.group.epoch

    @property
    def authenticator(self) -> bytes:
        return self.group.epoch_authenticator.expose()

    @property
    def leaf_index(self) -> int:
        return self.group.own_leaf_index

    def key_package(self) -> KeyPackage:
        self._bundle = new_bundle(self._suite, self.name)
        return self._bundle.key_package

    def create(self, group_id: bytes) -> None:
        leaf = new_leaf(self._suite, self.name)
        self._group = Group.create(self._suite, group_id, leaf, LIFETIME, policy=self._policy)

    def join(self, welcome: bytes) -> None:
        assert self._bundle is not None
        private = signature_private(self._bundle)
        self._group = join(welcome, self._bundle, private, policy=self._policy).group

    def say(self, data: bytes) -> bytes:
        self._group, message = self.group.protect(data)
        return message

    def propose(self, proposal: Proposal, *, is_public: bool) -> bytes:
        self._group, message = self.group.propose(proposal, is_public=is_public)
        return message

    def propose_update(self, *, is_public: bool) -> bytes:
        self._group, message = self.group.propose_update(is_public=is_public)
        return message

    def accept_own_proposal(self, message: bytes) -> None:
        self._group = self.group.accept_own_proposal(message)

    def commit(
        self,
        proposals: Sequence[Proposal],
        by_reference: Sequence[bytes],
        *,
        force_path: bool,
        is_public: bool,
    ) -> Made:
        self._group, self._pending = commit(
            self.group,
            proposals,
            by_reference=by_reference,
            force_path=force_path,
            is_public=is_public,
        )
        return Made(self._pending.message, self._pending.welcome)

    def merge(self) -> None:
        assert self._pending is not None
        self._group, self._pending = self._pending.group, None

    def hear(self, message: bytes) -> Heard:
        received = process(self.group, message)
        self._group = received.group
        if isinstance(received, ApplicationReceived):
            return Heard(data=received.data)
        return Heard(is_removed=isinstance(received, CommitReceived) and received.is_removed)

    def group_info(self, *, is_for_theirs: bool) -> bytes:
        """With the tree and the external key."""
        assert not is_for_theirs, "external-pub"
        return export_group_info(self.group)

    def join_by_commit(
        self, group_info: bytes, psks: Sequence[PreSharedKeyId], *, is_resync: bool
    ) -> Made:
        """To be merged; the old state is gone."""
        leaf = self.group.new_leaf() if is_resync else new_leaf(self._suite, self.name)
        self._pending = external_commit(group_info, leaf, psks=psks, policy=self._policy)
        return Made(self._pending.message)


class Theirs:
    """A member by ts-mls, in the peer's process."""

    is_ours = False

    def __init__(self, name: str, peer: Peer) -> None:
        self.name, self._peer = name, peer
        self.epoch, self.authenticator, self.leaf_index = -1, b"", -1

    def _ask(self, op: str, **arguments: object) -> dict[str, Any]:
        return self._peer.ask(op, member=self.name, **arguments)

    def _message(self, op: str, **arguments: object) -> bytes:
        return bytes.fromhex(self._ask(op, **arguments)["message"])

    def _now(self, answer: dict[str, Any]) -> None:
        self.epoch, self.leaf_index = answer["epoch"], answer["leaf"]
        self.authenticator = bytes.fromhex(answer["authenticator"])

    def key_package(self) -> KeyPackage:
        package = decode_message(self._message("keyPackage"))
        assert isinstance(package, KeyPackage)
        return package

    def create(self, group_id: bytes) -> None:
        self._now(self._ask("create", groupId=group_id))

    def join(self, welcome: bytes) -> None:
        self._now(self._ask("join", welcome=welcome))

    def say(self, data: bytes) -> bytes:
        return self._message("say", data=data)

    def propose(self, proposal: Proposal, *, is_public: bool) -> bytes:
        return self._message("propose", proposal=proposal.encode(), isPublic=is_public)

    def propose_update(self, *, is_public: bool) -> bytes:
        return self._message("proposeUpdate", isPublic=is_public)

    def accept_own_proposal(self, message: bytes) -> None:
        """It stands from the moment it is made."""

    def commit(
        self,
        proposals: Sequence[Proposal],
        by_reference: Sequence[bytes],
        *,
        force_path: bool,
        is_public: bool,
    ) -> Made:
        """Takes all that stands, and makes a path where one is needed: it gives no choice."""
        encoded = [proposal.encode().hex() for proposal in proposals]
        answer = self._ask("commit", proposals=encoded, isPublic=is_public)
        welcome = answer.get("welcome")
        return Made(
            bytes.fromhex(answer["message"]), None if welcome is None else bytes.fromhex(welcome)
        )

    def merge(self) -> None:
        self._now(self._ask("merge"))

    def hear(self, message: bytes) -> Heard:
        answer = self._ask("hear", message=message)
        self._now(answer)
        data = answer.get("data")
        return Heard(None if data is None else bytes.fromhex(data), answer["isRemoved"])

    def group_info(self, *, is_for_theirs: bool) -> bytes:
        """With the tree and the external key."""
        return self._message("groupInfo", isForTheirs=is_for_theirs)

    def join_by_commit(
        self, group_info: bytes, psks: Sequence[PreSharedKeyId], *, is_resync: bool
    ) -> Made:
        """To be merged; the old state is gone."""
        assert not psks, "external-psk"
        return Made(self._message("joinByCommit", groupInfo=group_info, isResync=is_resync))
