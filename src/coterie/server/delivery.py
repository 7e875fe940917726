"""The rules of posting, without I/O: PROTOCOL.md section 2, "Posting" and "Delivery list".

``judge`` looks at a post in the state of its group, in the order of the table there. What it accepts changes the
given states in memory; the store writes them, and answers when that is durable.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

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

HANDSHAKE_INTERVAL_S = (
    10.0  # per account and group one commit or successor, so that nobody starves the others
)
HANDSHAKE_BURST = 3
MAX_RATES = (
    100_000  # accounts in groups whose rate is remembered; the oldest is forgotten, never refused
)

PostAnswer = Accepted | Stale | Behind | OutOfOrder | Ahead | Failed


@dataclass(slots=True)
class GroupState:
    """A group's log, up to its head."""

    group_id: bytes
    head: int
    chain: bytes
    last_handshake: int
    keepers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class MemberState:
    """A device on a group's list, or one that was taken off."""

    device: bytes
    name: str  # its account
    count: int = 0
    may_post: bool = True
    removed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """A post that was accepted: its entry, and the chain after it."""

    entry: Entry
    chain: bytes


NOT_MEMBER = Failed(Code.NOT_MEMBER, "this device is not on the group's list")


class Rates:
    """How often accounts commit in groups: token buckets, bounded in number."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[bytes, str], tuple[float, float]] = OrderedDict()

    def wait_s(self, group_id: bytes, name: str, now: float) -> float:
        """0 where a handshake may be posted now, else how long to wait. ``now`` is monotonic."""
        tokens, then = self._buckets.get((group_id, name), (float(HANDSHAKE_BURST), now))
        tokens = min(HANDSHAKE_BURST, tokens + (now - then) / HANDSHAKE_INTERVAL_S)
        return 0.0 if tokens >= 1 else (1 - tokens) * HANDSHAKE_INTERVAL_S

    def take(self, group_id: bytes, name: str, now: float) -> None:
        """A handshake was accepted."""
        key = (group_id, name)
        tokens, then = self._buckets.pop(key, (float(HANDSHAKE_BURST), now))
        tokens = min(HANDSHAKE_BURST, tokens + (now - then) / HANDSHAKE_INTERVAL_S)
        self._buckets[key] = (tokens - 1, now)
        if len(self._buckets) > MAX_RATES:
            self._buckets.popitem(last=False)


def judge(
    post: Post,
    group: GroupState | None,
    members: Mapping[bytes, MemberState],
    device: bytes,
    known_seq: int | None,
    rates: Rates,
    now: float,
) -> PostAnswer | Appended:
    """An answer, or the entry that the post becomes; then ``group`` and the poster's count have moved on.

    ``members`` are those of the group that the post concerns: the poster and those its list change names.
    ``known_seq`` is the place that this ``message_id`` of this device has already.
    """
    poster = members.get(device)
    if group is None or poster is None or poster.removed_at is not None or not poster.may_post:
        return NOT_MEMBER
    if known_seq is not None:
        return Accepted(post.message_id, known_seq)
    is_handshake = post.kind in (Kind.COMMIT, Kind.SUCCESSOR)
    limit = limits.MAX_BODY if is_handshake else limits.MAX_MESSAGE_BODY
    if len(post.body) > limit:
        return Failed(Code.TOO_LARGE, f"entry of {len(post.body)} bytes, limit {limit}")
    if is_handshake and (wait_s := rates.wait_s(group.group_id, poster.name, now)):
        return Failed(Code.WAIT, "too many commits", wait_s=wait_s)
    if post.count <= poster.count:
        return Behind(poster.count)
    if post.count > poster.count + 1:
        return OutOfOrder(poster.count)
    if post.after > group.head:
        return Ahead(group.head)
    if post.after < group.last_handshake:
        return Stale(group.head)
    refused = _check_delivery(post, group, members, poster)
    if refused is not None:
        return refused
    seq = group.head + 1
    entry = Entry(seq, post.kind, device, post.message_id, post.body)
    group.head, group.chain = seq, chain.following(group.chain, entry)
    poster.count = post.count
    if is_handshake:
        group.last_handshake = seq
        rates.take(group.group_id, poster.name, now)
    return Appended(entry, group.chain)


def _check_delivery(
    post: Post, group: GroupState, members: Mapping[bytes, MemberState], poster: MemberState
) -> Failed | None:
    """The list change and the Welcome that travel with a post."""
    if (post.list_change or post.welcome) and post.kind is not Kind.COMMIT:
        return Failed(Code.MALFORMED, "only a commit changes the list")
    if post.welcome and not set(post.welcome.devices) <= set(
        (post.list_change or ListChange()).add
    ):
        return Failed(Code.MALFORMED, "a Welcome is for devices that are added with it")
    return check_change(post.list_change, group, members, poster) if post.list_change else None


def check_change(
    change: ListChange,
    group: GroupState,
    members: Mapping[bytes, MemberState],
    poster: MemberState,
) -> Failed | None:
    """Whether the poster may change the list so. ``None``: he may."""
    if poster.name in group.keepers:
        left = (group.keepers | set(change.add_keepers)) - set(change.remove_keepers)
        return None if left else Failed(Code.NOT_KEEPER, "a group needs a keeper")
    if change.add_keepers or change.remove_keepers:
        return Failed(Code.NOT_KEEPER, "only a keeper may say who keeps the list")
    for device in change.remove:
        member = members.get(device)
        if member is not None and member.name != poster.name:
            return Failed(Code.NOT_KEEPER, "only a keeper may take off others' devices")
    return None
