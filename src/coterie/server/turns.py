"""Turns: a device that keeps losing races gets three seconds. PROTOCOL.md section 2, "Races and starvation".

Pure rules on the states in ``delivery``; times are seconds since 1970, since the store keeps them over restarts.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from coterie.wire.frames import Kind, Post

if TYPE_CHECKING:
    from coterie.server.delivery import GroupState, MemberState

_HANDSHAKES = (Kind.COMMIT, Kind.SUCCESSOR)
TURN_S = 3.0  # a slow link's round trip and a large commit; others hardly notice
FRESH_S = 10.0  # since its ``after`` was the head: an older one lost no race, it had not read
GROUP_INTERVAL_S = 15.0  # so that turns take a fifth of a group's time at most
ACCOUNT_INTERVAL_S = 60.0  # so that no account lives off turns


def wait_s(post: Post, group: "GroupState", poster: "MemberState", now: float) -> float:
    """How long the post waits for another device's turn; 0 where it need not."""
    if group.turn_device is None or group.turn_device == poster.device:
        return 0.0
    left = group.turn_at + TURN_S - now
    if not 0 < left <= TURN_S:  # over, or the clock was set back
        return 0.0
    # "others' handshakes, and what those devices post behind them, wait": behind one that waits is a gap
    is_behind = post.count > poster.count + 1
    return left if is_handshake(post.kind) or is_behind else 0.0


def refused_as_stale(
    post: Post,
    group: "GroupState",
    poster: "MemberState",
    account: Iterable["MemberState"],
    superseded_at: float,
    now: float,
) -> None:
    """Notes the refusal, and gives the poster a turn where it is due.

    ``account`` are the members of the poster's account; ``superseded_at`` is when the entry behind ``after`` came.
    """
    before = poster.stale_after
    poster.stale_after = post.after if now - superseded_at <= FRESH_S else None
    # Several posts on their way behind one ``after`` lost one race.
    has_lost_twice = before is not None and poster.stale_after is not None and post.after > before
    if (
        has_lost_twice
        and not _is_within(group.turn_at, GROUP_INTERVAL_S, now)
        and not any(_is_within(member.turn_at, ACCOUNT_INTERVAL_S, now) for member in account)
    ):
        group.turn_device, group.turn_at = poster.device, now
        poster.turn_at, poster.stale_after = now, None


def accepted(post: Post, group: "GroupState", poster: "MemberState") -> None:
    """A post lost no race; a turn ends with its commit."""
    poster.stale_after = None
    if is_handshake(post.kind) and group.turn_device == poster.device:
        group.turn_device = None


def is_handshake(kind: Kind) -> bool:
    """What makes older posts stale."""
    return kind in _HANDSHAKES


def _is_within(then: float, interval_s: float, now: float) -> bool:
    return 0 <= now - then < interval_s
