"""A server or a floor with its crowd, and what it uses while something goes on."""

import os
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import data
from load import Crowd, floor_crowd, server_crowd
from process import Process, cpu_s, serving
from shapes import Shape

SERVER = "coterie"


@contextmanager
def started(
    kind: str, shape: Shape, *, entries: int = 0, filled: int | None = None
) -> Iterator[tuple[Process, bytes]]:
    """On a new data folder; with the server's fingerprint."""
    with TemporaryDirectory() as scratch:
        folder, fingerprint = Path(scratch) / "data", b""
        if kind == SERVER:
            fingerprint = data.make(
                folder, shape.rooms, shape.members, entries=entries, filled=filled
            )
        else:
            folder.mkdir()
        with serving(kind, folder) as process:
            yield process, fingerprint


@asynccontextmanager
async def crowd(
    kind: str, shape: Shape, process: Process, fingerprint: bytes, *, all_read: bool = False
) -> AsyncIterator[Crowd[Any]]:
    """Everybody, connected."""
    if kind == SERVER:
        seats = data.seats(shape.rooms, shape.members)
        made: Any = server_crowd(shape, seats, process.port, fingerprint, all_read=all_read)
    else:
        made = floor_crowd(shape, kind, process.port, all_read=all_read)
    async with made as entered:
        yield entered


@dataclass(frozen=True, slots=True)
class Use:
    """What was done in a time, and what it took."""

    messages: int
    deliveries: int
    seconds: float
    server_cpu_s: float
    load_cpu_s: float
    flushes: int
    flushed: int  # jobs

    @property
    def deliveries_per_s(self) -> float:
        return self.deliveries / self.seconds

    @property
    def messages_per_s(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        """Seconds of the server for 1,000 deliveries."""
        return self.server_cpu_s / self.deliveries * 1000


class Meter:
    """Begins with its making; ``read`` says what was used since."""

    def __init__(self, process: Process, crowd: Crowd[Any]) -> None:
        self._process, self._crowd = process, crowd
        self._sent = crowd.sent()
        self._cpu, self._own = process.cpu_s(), cpu_s(os.getpid())
        self._flushes = process.flushes()

    def read(self, seconds: float) -> Use:
        messages = self._crowd.sent() - self._sent
        flushes, flushed = self._process.flushes()
        return Use(
            messages,
            messages * self._crowd.shape.members,
            seconds,
            self._process.cpu_s() - self._cpu,
            cpu_s(os.getpid()) - self._own,
            flushes - self._flushes[0],
            flushed - self._flushes[1],
        )


def percentiles(latencies: list[float]) -> tuple[float, float]:
    """p50 and p99, in milliseconds."""
    cuts = statistics.quantiles(latencies, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def median(values: Iterator[float] | list[float]) -> float:
    return statistics.median(values)
