"""Attempts to log in by password, limited per name and per address, without telling which names exist."""

from collections import OrderedDict
from dataclasses import dataclass

FREE_ATTEMPTS = 5  # failures of a name or an address before there is any delay: people mistype
BASE_DELAY_S = 1.0  # after the next failure; doubled by each one more
MAX_DELAY_S = 900.0  # so that nobody can lock another out for longer than a quarter of an hour
FORGET_AFTER_S = 3600.0  # without a failure
MAX_REMEMBERED = 100_000  # keys; the oldest is forgotten


@dataclass(slots=True)
class _Failures:
    count: int
    last_at: float
    open_at: float


class Attempts:
    """Failures by key. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, name: str, address: str, now: float) -> float:
        """0 where an attempt is allowed now. The same for names that do not exist."""
        return max(self._wait_s(key, now) for key in _keys(name, address))

    def begin(self, name: str, address: str, now: float) -> None:
        """An attempt has begun: it counts as failed until ``succeeded``."""
        for key in _keys(name, address):
            found = self._failures.pop(key, None)
            if found is None or now - found.last_at > FORGET_AFTER_S:
                found = _Failures(0, now, now)
            found.count += 1
            found.last_at = now
            over = found.count - FREE_ATTEMPTS
            delay = min(MAX_DELAY_S, BASE_DELAY_S * 2.0 ** min(over, 16)) if over >= 0 else 0.0
            found.open_at = now + delay
            self._failures[key] = found
        while len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """The password was right: both begin anew."""
        for key in _keys(name, address):
            self._failures.pop(key, None)

    def _wait_s(self, key: str, now: float) -> float:
        found = self._failures.get(key)
        return max(0.0, found.open_at - now) if found is not None else 0.0


def _keys(name: str, address: str) -> tuple[str, str]:
    return f"name {name}", f"address {address}"
