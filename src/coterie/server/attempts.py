"""Attempts that may be guesses, limited by name and by address, without telling which names exist."""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

FREE_ATTEMPTS = 5  # failures of a name or an address before there is any delay: people mistype
BASE_DELAY_S = 1.0  # after the next failure; doubled by each one more
MAX_DELAY_S = 900.0  # so that nobody can lock another out for longer than a quarter of an hour
FORGET_AFTER_S = 3600.0  # without a failure
MAX_REMEMBERED = 100_000  # keys; the oldest is forgotten
_IPV6_NETWORK = 64  # bits; who has one address of it has all


@dataclass(slots=True)
class _Failures:
    count: int
    last_at: float

    @property
    def open_at(self) -> float:
        over = self.count - FREE_ATTEMPTS
        if over < 0:
            return self.last_at
        return self.last_at + min(MAX_DELAY_S, BASE_DELAY_S * 2.0 ** min(over, 16))


class Attempts:
    """Failures by key. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def begin(self, *keys: str, now: float) -> float:
        """0 where the attempt may be made: it counts as failed, under all keys, until it has succeeded.

        Else how long to wait, and nothing is counted. Counted at its beginning, so that many connections together
        gain nothing.
        """
        wait_s = max(self._wait_s(key, now) for key in keys)
        if wait_s > 0:
            return wait_s
        for key in keys:
            found = self._failures.pop(key, None)
            if found is None or now - found.last_at > FORGET_AFTER_S:
                found = _Failures(0, now)
            found.count += 1
            found.last_at = now
            self._failures[key] = found
        while len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)
        return 0.0

    def forget(self, key: str) -> None:
        """The attempt was right, and its key begins anew: a name whose password is known."""
        self._failures.pop(key, None)

    def take_back(self, key: str) -> None:
        """The attempt was right, and counts no more; others under the key do.

        For addresses: who has an account must not be able to wipe out his guesses at another's with it.
        """
        found = self._failures.get(key)
        if found is not None:
            found.count -= 1
            if found.count <= 0:
                del self._failures[key]

    def _wait_s(self, key: str, now: float) -> float:
        found = self._failures.get(key)
        return max(0.0, found.open_at - now) if found is not None else 0.0


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
