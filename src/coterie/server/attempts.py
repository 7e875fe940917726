"""Attempts that may be guesses, limited by name and by address, without telling which names exist."""

import ipaddress
from collections import OrderedDict
from functools import lru_cache

from coterie.server.limits import Limits

BASE_DELAY_S = 1.0  # after the first failure that is not free; doubled by each one more
FORGET_AFTER_S = 3600.0  # without a failure
MAX_REMEMBERED = 100_000  # keys
_MOST_DOUBLINGS = 16  # far above any delay that makes sense
_IPV6_NETWORK = 64  # bits; who has one address of it has all


class Attempts:
    """Failures by key. Times are monotonic seconds.

    Memory is bounded, and counts are never too low: where it is full, who failed least is forgotten, and whoever is
    not remembered counts as having failed as often, and as lately, as those that were. (Metwally, Agrawal, El Abbadi,
    "Efficient computation of frequent and top-k elements in data streams", 2005: Space-Saving.) So who floods the
    memory with names resets no count.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self._free, self._most_delay_s = limits.login_attempts, limits.login_delay_s
        self._counts: dict[str, int] = {}
        # For each count those who have it, with their last failure, the oldest first.
        most = self._free + _MOST_DOUBLINGS
        self._levels: list[OrderedDict[str, float]] = [OrderedDict() for _ in range(most + 1)]
        self._forgotten = (0, 0.0)  # the most failures of one that was forgotten, and their last

    def begin(self, *keys: str, now: float) -> float:
        """0 where the attempt may be made: it counts as failed, under all keys, until it has succeeded.

        Else how long to wait, and nothing is counted. Counted at its beginning, so that many connections together
        gain nothing.
        """
        wait_s = max(self._wait_s(key, now) for key in keys)
        if wait_s > 0:
            return wait_s
        for key in keys:
            count, _ = self._failures(key, now)
            self._remove(key)
            self._put(key, min(count + 1, len(self._levels) - 1), now)
        while len(self._counts) > MAX_REMEMBERED:
            self._forget_one(now)
        return 0.0

    def forget(self, key: str) -> None:
        """The attempt was right, and its key begins anew: a name whose password is known."""
        self._remove(key)

    def take_back(self, key: str) -> None:
        """The attempt was right, and counts no more; others under the key do.

        For addresses: who has an account must not be able to wipe out his guesses at another's with it.
        """
        count, last_at = self._remove(key)
        if count > 1:
            self._put(key, count - 1, last_at)

    def __len__(self) -> int:
        return len(self._counts)

    def _failures(self, key: str, now: float) -> tuple[int, float]:
        """How many count, and when the last was."""
        count = self._counts.get(key, 0)
        found = (count, self._levels[count][key]) if count else self._forgotten
        return found if now - found[1] <= FORGET_AFTER_S else (0, 0.0)

    def _wait_s(self, key: str, now: float) -> float:
        count, last_at = self._failures(key, now)
        over = count - self._free
        if over < 0:
            return 0.0
        return max(0.0, last_at + min(self._most_delay_s, BASE_DELAY_S * 2.0**over) - now)

    def _put(self, key: str, count: int, last_at: float) -> None:
        self._counts[key] = count
        self._levels[count][key] = last_at

    def _remove(self, key: str) -> tuple[int, float]:
        count = self._counts.pop(key, 0)
        return count, self._levels[count].pop(key) if count else 0.0

    def _forget_one(self, now: float) -> None:
        """One whose failures are over, else the oldest of those who failed least."""
        oldest = [next(iter(level.items())) for level in self._levels if level]
        key, last_at = min(oldest, key=lambda found: found[1])
        if now - last_at <= FORGET_AFTER_S:
            key, last_at = oldest[0]
            forgotten, at = (
                self._forgotten if now - self._forgotten[1] <= FORGET_AFTER_S else (0, 0.0)
            )
            self._forgotten = max(forgotten, self._counts[key]), max(at, last_at)
        self._remove(key)


@lru_cache(1_000)  # each is asked for several times while a connection is made
def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = ipaddress.IPv6Network((int(parsed), _IPV6_NETWORK), strict=False)
    return str(network)
