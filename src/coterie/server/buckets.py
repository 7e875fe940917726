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
        self._burst = max(burst, 1.0)
        self._each_s = 1.0 / per_s  # to fill by one
        self._whole_s = self._burst / per_s  # to fill an empty one
        self._most = most
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()  # who used it last is last

    @classmethod
    def over(cls, period_s: float, amount: float) -> "Buckets":
        """As much in any period, all of it at once if need be."""
        return cls(amount / period_s, amount)

    def wait_s(self, key: Hashable, amount: float = 1.0, *, now: float) -> float:
        """0 where so much may be taken now, else how long to wait. More than a whole bucket is a whole bucket."""
        missing_s = self._full_at.get(key, now) - now
        wait_s = missing_s + min(amount, self._burst) * self._each_s - self._whole_s
        return wait_s if wait_s > _NOTHING_S else 0.0

    def take(self, key: Hashable, amount: float = 1.0, *, now: float) -> None:
        """Takes so much, though it may not be there yet."""
        self._full_at[key] = max(self._full_at.get(key, now), now) + amount * self._each_s
        self._full_at.move_to_end(key)
        self._tidy(now)

    def spend(self, key: Hashable, amount: float = 1.0, *, now: float) -> float:
        """0 where so much was there and is taken; else how long to wait, and nothing is taken.

        ``wait_s`` and ``take`` in one step: every post does it twice.
        """
        before = self._full_at.get(key)
        full_at = now if before is None or before < now else before
        full_at += min(amount, self._burst) * self._each_s
        wait_s = full_at - now - self._whole_s
        if wait_s > _NOTHING_S:
            return wait_s
        self._full_at[key] = full_at
        if before is None:
            self._tidy(now)
        else:  # there are no more of them than before
            self._full_at.move_to_end(key)
        return 0.0

    def give_back(self, key: Hashable, amount: float = 1.0) -> None:
        """What was just spent was not used."""
        if key in self._full_at:
            self._full_at[key] -= min(amount, self._burst) * self._each_s

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
