"""What is measured, as a process of its own: ``serve.py KIND FOLDER COUNTS`` prints its port.

The server is the one of ``coterie serve``. Beside it, COUNTS is a file of two numbers that are kept: flushes, and jobs
in them.
"""

import mmap
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import floors

from coterie import logs
from coterie.server.config import load
from coterie.server.run import Ready, serve
from coterie.server.store import Batch, Job, Store

COUNTS = struct.Struct("<QQ")
# One address and few devices make the load of many: the limits of each are out of the way.
UNBOUNDED = {
    f"COTERIE_LIMITS_{limit}": "1000000000"
    for limit in (
        "CONNECTIONS_PER_ADDRESS",
        "HANDSHAKES_PER_SECOND",
        "REQUESTS_PER_SECOND",
        "POSTS_PER_SECOND",
        "ROOMS_PER_DAY",
    )
} | {"COTERIE_LIMITS_BYTES_PER_DAY": "1000000000000"}


def count_batches(path: Path) -> None:
    """Puts a counter around ``Store.batch``: it costs a microsecond a flush."""
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), COUNTS.size)
    batch = Store.batch

    def counted(store: Store, jobs: Sequence[Job], now: float) -> Batch:
        done = batch(store, jobs, now)
        flushes, count = COUNTS.unpack_from(shared)
        COUNTS.pack_into(shared, 0, flushes + 1, count + len(jobs))
        return done

    Store.batch = counted  # type: ignore[method-assign]  # for this process alone


def main(kind: str, folder: Path, counts: Path) -> None:
    if kind in floors.KINDS:
        floors.serve(kind, folder)
        return
    count_batches(counts)
    logs.configure(debug=False)

    def ready(ready: Ready) -> None:
        print(ready.address.port, flush=True)

    serve(load(folder, listen="127.0.0.1:0", environment=UNBOUNDED), ready)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
