"""What a device knows of one group's log, as a value, and what one entry did to it. PROTOCOL.md section 2."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol

from coterie.client.happening import Happening
from coterie.client.intent import Outgoing, Sealed, Succeed
from coterie.client.position import Position
from coterie.client.room_policy import leaf_identity, room_state_of
from coterie.client.room_state import RoomState
from coterie.mls import Group, PendingCommit
from coterie.wire import chain


class Halt(StrEnum):
    """Why nothing is sent in a group. What is not here is open."""

    OPEN = "open"
    JOINING = "joining"  # hashing towards the commit that added us
    STUCK = "stuck"  # a commit that counts, and whose path does not open here
    OLDER_COPY = "older-copy"  # this profile was put back: its future is in the log
    FORKED = "forked"  # a chain that differs, not yet acknowledged
    LOST = "lost"  # the server has less than it had
    REMOVED = "removed"  # no member any more


REJOINS = (Halt.STUCK, Halt.OLDER_COPY)  # the device asks to be let in anew


class History(Protocol):
    """What is looked up, not carried: kept from the last commit on."""

    def chain_at(self, group_id: bytes, seq: int) -> bytes | None:
        """The running hash at ``seq``, None where it is not kept."""

    def has_used(self, group_id: bytes, device: bytes, message_id: bytes) -> bool:
        """Whether an entry of this epoch that counts had this id from this device."""

    def rejoin_count(self, group_id: bytes, message_id: bytes) -> int | None:
        """The count of a rejoin that this device made under that id; None where there is none."""


class Rival(NamedTuple):
    """A group that an admin made for a room after another one."""

    by: str
    account_key: bytes
    group_id: bytes


@dataclass(frozen=True, slots=True)
class GroupLog:
    """What a device knows of a group. ``group`` is the MLS state after the entry at ``cursor``."""

    group: Group
    device: bytes  # our own, 16 bytes
    cursor: int
    chain: bytes
    base: int = 0  # seq of the last commit or successor, dead or not: what is older is not compared
    landed: int = 0  # our posts that are in the log: the next post's count is one more
    outbox: tuple[Outgoing, ...] = ()
    pending: PendingCommit | None = None  # of the sealed commit in the outbox
    begins_with: bytes | None = None  # message_id of the commit that added us, until it is read
    halt: Halt = Halt.OPEN
    stuck_by: str = ""  # account of the commit's author
    forks: Mapping[bytes, bool] = field(
        default_factory=lambda: MappingProxyType({})
    )  # device: seen
    unopened: tuple[str, ...] = ()  # accounts of the last entries in a row that did not open
    heal_first: bool = False  # a newcomer heals before its first message
    healed_at: float = 0.0  # seconds since 1970, by our clock: our last commit with a path
    committed_at: float = 0.0  # anybody's
    successor: bytes = b""  # the group in which the room goes on: the first one that verified
    successor_by: str = ""  # the admin who said so, and
    successor_key: bytes = b""  # of his account: nobody else lets this device in there
    agreed: bool = False  # the person goes on there
    declined: bool = False  # that group was looked at, and is not what the room was
    strange: tuple[str, ...] = ()  # what it has that the room lacks: ``successor.differences``
    accepted: tuple[str, ...] = ()  # what the person has accepted of that
    successor_at: float = 0.0  # when this device came to know of it, by our clock
    rivals: tuple[Rival, ...] = ()  # groups that admins made later: a person's to choose
    instead: bool = False  # the person makes another one
    let_in_by: str = ""  # whose commit added us, until an entry of another account has opened

    @property
    def group_id(self) -> bytes:
        """The MLS group id, 16 bytes."""
        return self.group.group_id

    @property
    def can_send(self) -> bool:
        """Whether posts may be made."""
        return self.halt is Halt.OPEN and self.begins_with is None

    @property
    def can_announce(self) -> bool:
        """Whether a successor may be posted: also where nothing else may."""
        return self.can_send or self.halt in (Halt.STUCK, Halt.LOST)

    @property
    def goes_on(self) -> bool:
        """ "A client follows unasked only if it is itself stuck or its log was lost; any other asks its person." """
        wants = self.agreed or self.halt in (Halt.STUCK, Halt.LOST)
        return bool(self.successor) and wants and not self.declined


@dataclass(frozen=True, slots=True)
class Step:
    """What one entry did. All of it is saved in one transaction."""

    log: GroupLog
    happenings: tuple[Happening, ...] = ()
    used: tuple[bytes, bytes] | None = None  # (device, message_id) of an entry that counts
    is_new_epoch: bool = False  # ids used so far are forgotten
    is_handshake: bool = False  # chains below are forgotten
    author: str = ""  # the account that signed a commit that counts


def create(group: Group, device: bytes, now: float) -> GroupLog:
    """The log of a group that this device has just made. Epoch 0 has no entry."""
    return GroupLog(group, device, 0, chain.first(group.group_id), healed_at=now, committed_at=now)


def join(group: Group, device: bytes, begins: Position, now: float) -> GroupLog:
    """The log of a group that a Welcome brought: read on from where its committer had read."""
    return GroupLog(
        group,
        device,
        begins.seq,
        begins.chain,
        begins_with=begins.message_id,
        halt=Halt.JOINING,
        base=begins.seq,
        heal_first=True,
        committed_at=now,
    )


def open_again(log: GroupLog) -> GroupLog:
    """Open, unless a fork is still to be acknowledged."""
    return replace(log, halt=Halt.OPEN if all(log.forks.values()) else Halt.FORKED)


def state(log: GroupLog) -> RoomState:
    """The room's state as the members agree on it."""
    return room_state_of(log.group)


def next_posts(log: GroupLog) -> tuple[tuple[int, Outgoing, Sealed], ...]:
    """What can be posted, in order, each with its count."""
    if not log.can_announce:
        return ()
    posts = []
    for place, out in enumerate(log.outbox, start=1):
        if out.sealed is None or not (log.can_send or isinstance(out.intent, Succeed)):
            break
        posts.append((log.landed + place, out, out.sealed))
    return tuple(posts)


def account_of(group: Group, device: bytes) -> str:
    """The account of a member's device; empty for what is none."""
    found = next(
        (
            leaf_identity(m.leaf_node)
            for m in group.members()
            if leaf_identity(m.leaf_node).device == device
        ),
        None,
    )
    return found.name if found else ""


def device_name(group: Group, device: bytes) -> str:
    """For people: whose device it is, and the beginning of its id."""
    account = account_of(group, device)
    return (
        f"{account}'s device {device.hex()[:8]}"
        if account
        else f"unknown device {device.hex()[:8]}"
    )
