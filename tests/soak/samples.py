"""What was measured, a line each ten seconds, as CSV."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """The last ten seconds."""

    at_s: float  # since the load began
    server_pid: int  # 0 where it was down just then
    server_rss_mb: float
    server_cpu: float  # of one core
    server_fds: int
    load_rss_mb: float  # of the process that makes the load and checks it
    load_cpu: float
    posts_per_s: float  # acknowledged
    deliveries_per_s: float  # read and checked
    p50_ms: float  # from a post's first try to each delivery; an outage is in it
    p99_ms: float
    waiting: int  # posts that are not yet acknowledged and read
    texts: int  # that the people with whole clients have had acknowledged, so far
    database_mb: float
    faults: str  # that came meanwhile, as "cut 4 kill 1"


class CSV:
    """Written line by line, so that who is killed leaves what there was."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, [field.name for field in fields(Sample)])
        self._writer.writeheader()

    def add(self, sample: Sample) -> None:
        self._writer.writerow(asdict(sample))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read(lines: Iterable[str]) -> list[Sample]:
    """The samples of such a file."""
    kinds = {"int": int, "float": float, "str": str}
    convert = {
        field.name: kinds[getattr(field.type, "__name__", "str")] for field in fields(Sample)
    }
    return [
        Sample(**{key: convert[key](value) for key, value in row.items()})
        for row in csv.DictReader(lines)
    ]


def quantile(values: list[float], part: float) -> float:
    """0 of none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else 0.0
