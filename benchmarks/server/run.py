"""How fast the server is, as ratios to floors in the same run: ``python benchmarks/server/run.py`` prints tables.

``--shape`` measures saturation and latency of one shape alone; ``--only`` one of the rest. ``--quick`` is for looking:
single short rounds, and no log of ten million entries. The server runs on the first core and the load on the second.
"""

import argparse
import os
import resource

import catch_up
import growth
import idle
import latency
import saturation
from process import LOAD_CORE
from shapes import SHAPES

REST = ("rooms", "logs", "flushes", "memory", "catch-up")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shape", choices=(*SHAPES, "all"))
    parser.add_argument("--only", choices=("saturation", "latency", *REST))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rounds, seconds = (1, 2.0) if asked.quick else (5, 4.0)
    shapes = [SHAPES[asked.shape]] if asked.shape in SHAPES else list(SHAPES.values())
    wanted = (asked.only,) if asked.only else ("saturation", "latency", *REST)
    if asked.shape and not asked.only:
        wanted = ("saturation", "latency")
    for what in wanted:
        match what:
            case "saturation":
                for shape in shapes:
                    saturation.measure(shape, seconds, rounds)
            case "latency":
                for shape in shapes:
                    latency.measure(shape, seconds, rounds)
            case "rooms":
                growth.measure_rooms(seconds, rounds)
            case "logs":
                lengths = [10**3, 10**5] if asked.quick else [10**3, 10**5, 10**7]
                growth.measure_logs(seconds, 1 if asked.quick else 2, lengths)
            case "flushes":
                growth.measure_flushes(seconds)
            case "memory":
                idle.measure([1_000] if asked.quick else [1_000, 5_000])
            case "catch-up":
                catch_up.measure(20_000 if asked.quick else 100_000)


if __name__ == "__main__":
    main()
