"""What server and client stand on in the simulation: clocks that can jump, threads that are none, seeded chance."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from random import Random
from typing import TypeVar
from unittest.mock import patch

from coterie.client import pace
from coterie.client.group_log import GroupLog
from tests.simulation.disk import TwinStore

T = TypeVar("T")
WORK_S = (0.0001, 0.02)  # what runs in a thread takes so long, waiting for it included
FLUSH_S = (0.001, 0.03)


class Clock:
    """The loop's time; the date is ahead of it by what the party believes."""

    def __init__(self, began: float) -> None:
        self.began = began  # the date at the loop's time 0; a jump of the clock moves it

    def now(self) -> float:
        """Seconds since 1970, as this party believes."""
        return self.began + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        """Of the loop: no jump moves it."""
        return asyncio.get_running_loop().time()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """By the loop."""
        return asyncio.get_running_loop().call_later(delay_s, callback)


class Threads:
    """Work that is done at once, some time after it was asked for."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """``function(*args)``."""
        await asyncio.sleep(self._chance.uniform(*WORK_S))
        return function(*args)

    def close(self) -> None:
        """Nothing runs."""


class WriterThread(Threads):
    """The server's writer: a batch is applied, flushed and answered at three moments, and may end between any two."""

    def __init__(self, chance: Random, store: TwinStore, on_flushed: Callable[[int], None]) -> None:
        super().__init__(chance)
        self._store, self._on_flushed = store, on_flushed

    async def run(self, function: Callable[..., T], *args: object) -> T:
        if function != self._store.batch:
            return await super().run(function, *args)
        await asyncio.sleep(self._chance.uniform(*WORK_S))
        done = self._store.apply(*args)  # type: ignore[arg-type]  # as ``batch`` takes them
        await asyncio.sleep(self._chance.uniform(*FLUSH_S))
        self._store.flush()
        self._on_flushed(len(done.results))
        await asyncio.sleep(self._chance.uniform(*WORK_S))
        return done  # type: ignore[return-value]  # as ``batch`` gives it


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """All draws of our own inside come from the seed.

    Two things are replaced. What ``secrets`` and ``SystemRandom`` draw from, in the standard library: ids, nonces,
    GREASE (whose size is random) and path secrets. And the rank by which devices wait for each other: it is a hash of
    an exporter, which depends on ephemeral keys that the primitives draw for themselves; here it is a hash of the
    epoch, another order in each as there, and the same for all members. Nothing else branches on a key or ciphertext.
    """
    draws = Random(f"draws {seed}")  # noqa: S311
    with (
        patch.object(random, "_urandom", draws.randbytes),
        patch.object(pace, "_rank", _rank),
    ):
        yield


def _rank(log: GroupLog) -> int:
    group = log.group
    staying = {member.leaf_index for member in group.members()} - set(group.leaving)
    hashes = {
        index: sha256(b"%d %d" % (group.epoch, index)).digest()
        for index in staying | {group.own_leaf_index}
    }
    return sum(found < hashes[group.own_leaf_index] for found in hashes.values())
