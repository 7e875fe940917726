"""Token buckets: how much of something each key may use, over time. Pure; times are monotonic seconds.

A bucket begins full and fills steadily. Of each one number is kept, the moment when it is full again; a full one is
not kept at all.
"""

from collections import OrderedDict
from collections.abc import Hashable

from coterie.server.limits import MAX_BUCKETS

_NOTHING_S = 1e-6  # a wait below it is an error of rounding


class Buckets:
    """One bucket for each key, all alike."""

    def __init__(self, per_s: float, burst: float, most: int = MAX_BUCKETS) -> None:
        self._per_s = per_s
        self._burst = max(burst, 1.0)
        self._most = most
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()  # who used it last is last

    @classmethod
    def over(cls, period_s: float, amount: float) -> "Buckets":
        """As much in any period, all of it at once if need be."""
        return cls(amount / period_s, amount)

    def wait_s(self, key: Hashable, amount: float = 1.0, *, now: float) -> float:
        """0 where so much may be taken now, else how long to wait. More than a whole bucket is a whole bucket."""
        full_at = self._full_at.get(key)
        if full_at is None or full_at <= now:
            return 0.0
        used = (full_at - now) * self._per_s
        wait_s = (used + min(amount, self._burst) - self._burst) / self._per_s
        return wait_s if wait_s > _NOTHING_S else 0.0

    def take(self, key: Hashable, amount: float = 1.0, *, now: float) -> None:
        """Takes so much, though it may not be there yet."""
        full_at = self._full_at.get(key)
        since = now if full_at is None or full_at < now else full_at
        self._full_at[key] = since + amount / self._per_s
        self._full_at.move_to_end(key)
        if full_at is None:  # else there are no more of them than before
            self._tidy(now)

    def spend(self, key: Hashable, amount: float = 1.0, *, now: float) -> float:
        """0 where so much was there and is taken; else how long to wait, and nothing is taken."""
        wait_s = self.wait_s(key, amount, now=now)
        if not wait_s:
            self.take(key, min(amount, self._burst), now=now)
        return wait_s

    def __len__(self) -> int:
        return len(self._full_at)

    def _tidy(self, now: float) -> None:
        """Forgets who is full again; where memory is full, who used his least lately.

        Who can push a key out has as many others, each with a bucket of its own: it gains him nothing.
        """
        while self._full_at:
            key, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self._most:
                return
            del self._full_at[key]
