"""What the system says of a process: memory, time, descriptors. Linux's ``/proc``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process, now."""

    rss_bytes: int
    cpu_s: float  # user and system, since its start
    descriptors: int


def usage(pid: int) -> Usage | None:
    """None where it is gone."""
    folder = Path(f"/proc/{pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        pages = int((folder / "statm").read_text().split()[1])
        descriptors = len(os.listdir(folder / "fd"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Usage(pages * os.sysconf("SC_PAGE_SIZE"), cpu_s, descriptors)


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """This thread, and what it starts inside, runs on that core alone; as before where there is no such core for us."""
    before = os.sched_getaffinity(0)
    with suppress(OSError):
        os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def size_of(folder: Path) -> int:
    """Bytes of the files in it."""
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # a write-ahead log comes and goes
            continue
    return total
