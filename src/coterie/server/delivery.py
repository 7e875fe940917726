"""The rules of posting, without I/O: PROTOCOL.md section 2, "Posting" and "Delivery list".

``judge`` looks at a post in the state of its group, in the order of the table there. What it accepts changes the
given states in memory; the store writes them, and answers when that is durable.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from coterie.server import turns
from coterie.server.turns import is_handshake
from coterie.wire import chain, limits
from coterie.wire.frames import (
    Accepted,
    Ahead,
    Behind,
    Code,
    Entry,
    Failed,
    Kind,
    ListChange,
    OutOfOrder,
    Post,
    Stale,
)

HANDSHAKE_INTERVAL_S = 10.0  # one commit or successor of an account in a group: nobody starves
HANDSHAKE_BURST = 3
MAX_RATES = 100_000  # accounts in groups that are remembered; the oldest is forgotten

PostAnswer = Accepted | Stale | Behind | OutOfOrder | Ahead | Failed


@dataclass(slots=True)
class GroupState:
    """A group's log, up to its head."""

    group_id: bytes
    head: int
    chain: bytes
    last_handshake: int  # seq of the last commit or successor
    turn_device: bytes | None = None  # whose turn it is, or was the last
    turn_at: float = 0.0  # when it began
    keepers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class MemberState:
    """A device on a group's list, or one that was taken off."""

    device: bytes
    name: str  # its account
    count: int = 0
    may_post: bool = True
    removed_at: int | None = None
    proposal_at: int = 0  # seq of its last proposal
    stale_after: int | None = None  # the ``after`` with which it lost the last race
    turn_at: float = 0.0  # when its last turn began


@dataclass(frozen=True, slots=True)
class Appended:
    """A post that was accepted: its entry, and the chain after it."""

    entry: Entry
    chain: bytes


NOT_MEMBER = Failed(Code.NOT_MEMBER, "this device is not on the group's list")
_BODY_LIMITS = {
    Kind.MESSAGE: limits.MAX_MESSAGE_BODY,
    Kind.PROPOSAL: limits.MAX_MESSAGE_BODY,
    Kind.COMMIT: limits.MAX_BODY,
    Kind.SUCCESSOR: limits.MAX_SUCCESSOR_BODY,
}


class Rates:
    """How often accounts commit in groups: token buckets, bounded in number. Times are seconds since 1970.

    After each transaction comes ``keep``, or ``undo`` where nothing of it was written.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[bytes, str], tuple[float, float]] = OrderedDict()
        self._before: dict[tuple[bytes, str], tuple[float, float] | None] = {}  # the transaction

    def wait_s(self, group_id: bytes, name: str, now: float) -> float:
        """0 where a handshake may be posted now, else how long to wait."""
        tokens = self._tokens((group_id, name), now)
        return 0.0 if tokens >= 1 else (1 - tokens) * HANDSHAKE_INTERVAL_S

    def take(self, group_id: bytes, name: str, now: float) -> None:
        """A handshake was accepted."""
        key = (group_id, name)
        self._before.setdefault(key, self._buckets.get(key))
        self._buckets[key] = (self._tokens(key, now) - 1, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_RATES:
            self._buckets.popitem(last=False)

    def keep(self) -> None:
        """What was taken stays so."""
        self._before.clear()

    def undo(self) -> None:
        """What was taken since ``keep`` was not used: its handshakes were not written."""
        for key, bucket in self._before.items():
            if bucket is None:
                self._buckets.pop(key, None)
            elif key in self._buckets:  # else it was forgotten meanwhile
                self._buckets[key] = bucket
        self._before.clear()

    def _tokens(self, key: tuple[bytes, str], now: float) -> float:
        tokens, then = self._buckets.get(key, (float(HANDSHAKE_BURST), now))
        if now < then:  # the clock was set back: what it then adds begins from here
            self._buckets[key] = (tokens, now)
            return tokens
        return min(HANDSHAKE_BURST, tokens + (now - then) / HANDSHAKE_INTERVAL_S)


def judge(
    post: Post,
    group: GroupState | None,
    members: Mapping[bytes, MemberState],
    device: bytes,
    known_seq: int | None,
    unknown: int,
    rates: Rates,
    now: float,
) -> PostAnswer | Appended:
    """An answer, or the entry that the post becomes; then ``group`` and the poster have moved on.

    ``members`` are those of the group that the post concerns: the poster, its account's devices, those that its list
    change names. ``known_seq`` is the place that this ``message_id`` of this device has already; ``unknown`` is how
    many of the devices and keepers that it adds do not exist. ``now`` is seconds since 1970.
    """
    poster = members.get(device)
    if group is None or poster is None or poster.removed_at is not None or not poster.may_post:
        return NOT_MEMBER
    if known_seq is not None:
        return Accepted(post.message_id, known_seq)
    refused = _check_size(post) or _check_rate(post, group, members, poster, rates, now)
    if refused is not None:
        return refused
    if post.count <= poster.count:
        return Behind(poster.count)
    if post.count > poster.count + 1:
        return OutOfOrder(poster.count)
    if post.after > group.head:
        return Ahead(group.head)
    if post.after < group.last_handshake:
        return Stale(group.head)
    refused = _check_delivery(post, group, members, poster, unknown)
    if refused is not None:
        return refused
    return _append(post, group, poster, rates, now)


def _check_size(post: Post) -> Failed | None:
    limit = _BODY_LIMITS[post.kind]
    if len(post.body) > limit:
        return Failed(Code.TOO_LARGE, f"entry of {len(post.body)} bytes, limit {limit}")
    return None


def _check_rate(
    post: Post,
    group: GroupState,
    members: Mapping[bytes, MemberState],
    poster: MemberState,
    rates: Rates,
    now: float,
) -> Failed | None:
    if is_handshake(post.kind) and (wait_s := rates.wait_s(group.group_id, poster.name, now)):
        return Failed(Code.WAIT, "too many commits", wait_s=wait_s)
    if wait_s := turns.wait_s(post, group, poster, now):
        return Failed(Code.WAIT, "it is another device's turn to commit", wait_s=wait_s)
    if post.kind is Kind.PROPOSAL and any(
        member.name == poster.name and member.proposal_at > group.last_handshake
        for member in members.values()
    ):
        # "Rates are per account and group: one standing proposal": it lapses with the next commit
        why = "a proposal of this account stands already"
        return Failed(Code.WAIT, why, wait_s=HANDSHAKE_INTERVAL_S)
    return None


def _check_delivery(
    post: Post,
    group: GroupState,
    members: Mapping[bytes, MemberState],
    poster: MemberState,
    unknown: int,
) -> Failed | None:
    """The list change and the Welcome that travel with a post."""
    if (post.list_change or post.welcome) and post.kind is not Kind.COMMIT:
        return Failed(Code.MALFORMED, "only a commit changes the list")
    if post.welcome and not set(post.welcome.devices) <= set(
        (post.list_change or ListChange()).add
    ):
        return Failed(Code.MALFORMED, "a Welcome is for devices that are added with it")
    if post.list_change is None:
        return None
    return check_change(post.list_change, group, members, poster, unknown)


def _append(
    post: Post, group: GroupState, poster: MemberState, rates: Rates, now: float
) -> Appended:
    seq = group.head + 1
    entry = Entry(seq, post.kind, poster.device, post.message_id, post.body)
    group.head, group.chain = seq, chain.following(group.chain, entry)
    poster.count = post.count
    turns.accepted(post, group, poster)
    if is_handshake(post.kind):
        group.last_handshake = seq
        rates.take(group.group_id, poster.name, now)
    elif post.kind is Kind.PROPOSAL:
        poster.proposal_at = seq
    return Appended(entry, group.chain)


def check_change(
    change: ListChange,
    group: GroupState,
    members: Mapping[bytes, MemberState],
    poster: MemberState,
    unknown: int,
) -> Failed | None:
    """Whether the poster may change the list so. ``None``: he may."""
    if poster.name in group.keepers:
        left = (group.keepers | set(change.add_keepers)) - set(change.remove_keepers)
        if not left:
            return Failed(Code.NOT_KEEPER, "a group needs a keeper")
    elif change.add_keepers or change.remove_keepers:
        return Failed(Code.NOT_KEEPER, "only a keeper may say who keeps the list")
    else:
        for device in change.remove:
            member = members.get(device)
            if member is not None and member.name != poster.name:
                return Failed(Code.NOT_KEEPER, "only a keeper may take off others' devices")
    if unknown:
        return Failed(Code.NOT_FOUND, f"{unknown} of those to be added are unknown or revoked")
    return None
