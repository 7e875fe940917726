"""The server's process, on the first core; what it has used is asked of the system."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from serve import COUNTS

SERVER_CORE, LOAD_CORE = 0, 1
STOP_S = 30.0


@dataclass(frozen=True, slots=True)
class Process:
    """One that serves."""

    pid: int
    port: int
    counts: Path
    started: float  # by ``time.monotonic``

    def cpu_s(self) -> float:
        """User and system time of all its threads so far."""
        return cpu_s(self.pid)

    def memory_bytes(self) -> int:
        """What is its own: the resident pages that it shares with nobody."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        fields = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
        return sum(int(fields[key].split()[0]) for key in ("Private_Clean", "Private_Dirty")) * 1024

    def flushes(self) -> tuple[int, int]:
        """How often the store was flushed, and with how many jobs in all."""
        flushes, jobs = COUNTS.unpack(self.counts.read_bytes())
        return flushes, jobs


def cpu_s(pid: int) -> float:
    """By the scheduler's count, in nanoseconds; a thread that has ended takes its share away."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[Process]:
    """A floor, or the server on a data folder."""
    with TemporaryDirectory() as scratch:
        counts = Path(scratch) / "counts"
        counts.write_bytes(bytes(COUNTS.size))
        script = Path(__file__).parent / "serve.py"
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, str(script), kind, str(folder), str(counts)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            os.sched_setaffinity(process.pid, {SERVER_CORE})
            assert process.stdout is not None
            line = process.stdout.readline()
            yield Process(process.pid, int(line), counts, began)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)
