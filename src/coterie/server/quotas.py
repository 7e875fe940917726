"""What each device and account may ask for in a time, over all its connections. In memory: a restart forgets it.

What a quota stands for is in ``limits``. A request that is too fast is refused with WAIT, and nothing of it is done.
"""

from collections.abc import Hashable

from coterie.server.buckets import Buckets
from coterie.server.limits import DEVICES_PER_CHANGE, RATE_BURST_S, REQUESTS_BURST_S, Limits
from coterie.wire import frames as f

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0
_OVERHEAD = 512  # bytes of a row besides what it carries: many small posts fill a disk too
_Cost = tuple[str, Buckets, Hashable, float]


class Quotas:
    """All of them. Times are monotonic seconds."""

    def __init__(self, limits: Limits) -> None:
        self.handshakes = Buckets(limits.handshakes_per_second, limits.connections_per_address)
        per_s = limits.requests_per_second
        self.requests = Buckets(per_s, per_s * REQUESTS_BURST_S)
        per_s = limits.whispers_per_second
        self.whispers = Buckets(per_s, per_s * RATE_BURST_S)
        self._posts = Buckets(limits.posts_per_second, limits.posts_per_second * RATE_BURST_S)
        self._bytes = Buckets.over(DAY_S, limits.bytes_per_day)
        self._rooms = Buckets.over(DAY_S, limits.rooms_per_day)
        self._list_changes = Buckets.over(MINUTE_S, limits.list_changes_per_minute)
        self._device_lists = Buckets.over(HOUR_S, limits.device_lists_per_hour)
        self._lookups = Buckets.over(HOUR_S, limits.lookups_per_hour)
        self._key_packages = Buckets.over(HOUR_S, limits.key_packages_per_hour)
        self._uploads = Buckets.over(HOUR_S, limits.uploads_per_hour)
        self._most_uses = limits.invites_per_day
        self._invites = Buckets.over(DAY_S, limits.invites_per_day)

    def refusal(self, body: f.RequestBody, device: bytes, name: str, now: float) -> f.Failed | None:
        """None where the request may be made now: it is counted. Else WAIT, or what is too much for ever: it is not."""
        if isinstance(body, f.CreateInvite) and body.uses > self._most_uses:
            why = f"an invite for {body.uses}, limit {self._most_uses}: the server's operator makes larger ones"
            return f.Failed(f.Code.TOO_LARGE, why)
        costs = self._costs(body, device, name)
        for n, (what, buckets, key, amount) in enumerate(costs):
            if wait_s := buckets.spend(key, amount, now=now):
                for _, earlier, its_key, its_amount in costs[:n]:
                    earlier.give_back(its_key, its_amount)
                return f.Failed(f.Code.WAIT, f"too many {what}: wait {wait_s:.0f} s", wait_s=wait_s)
        return None

    def _costs(self, body: f.RequestBody, device: bytes, name: str) -> tuple[_Cost, ...]:
        match body:
            case f.Post(body=entry, welcome=welcome, list_change=change):
                size = len(entry) + (len(welcome.welcome) if welcome else 0) + _OVERHEAD
                costs = ("posts", self._posts, device, 1), ("bytes", self._bytes, name, size)
                return (*costs, self._change(change, name)) if change else costs
            case f.UploadKeyPackages(one_time, last_resort):
                size = sum(map(len, one_time)) + len(last_resort or b"") + _OVERHEAD
                return ("uploads", self._uploads, device, 1), ("bytes", self._bytes, name, size)
            case f.CreateGroup():
                return (("new rooms", self._rooms, name, 1),)
            case f.ChangeList(change=change):
                return (self._change(change, name),)
            case f.ReplaceDeviceList():
                return (("device lists", self._device_lists, name, 1),)
            case f.FetchAccount():
                return (("lookups", self._lookups, name, 1),)
            case f.FetchKeyPackages(whose):
                return (
                    ("lookups", self._lookups, name, 1),
                    ("key packages", self._key_packages, (name, whose), 1),
                )
            case f.CreateInvite(uses=uses):
                return (("invites", self._invites, name, uses),)
            case _:
                return ()

    def _change(self, change: f.ListChange, name: str) -> _Cost:
        everybody = (change.add, change.remove, change.add_keepers, change.remove_keepers)
        amount = 1 + sum(map(len, everybody)) // DEVICES_PER_CHANGE
        return "changes of lists", self._list_changes, name, amount
