"""What an idle connection holds in memory: logged in, and subscribed to a room of 50."""

import uvloop
from data import seats
from load import server_crowd
from measuring import SERVER, started
from shapes import Shape

WARM = 50  # connections that are there before: what is made once is not theirs


def _bytes_each(count: int) -> float:
    warm, rest = Shape(1, WARM, 1, 1), Shape(count // WARM, WARM, 1, 1)
    with started(SERVER, Shape(1 + rest.rooms, WARM, 1, 1)) as (process, fingerprint):
        everybody = seats(1 + rest.rooms, WARM)

        async def run() -> float:
            async with server_crowd(warm, everybody[:WARM], process.port, fingerprint):
                before = process.memory_bytes()
                async with server_crowd(rest, everybody[WARM:], process.port, fingerprint):
                    return (process.memory_bytes() - before) / rest.connections

        return uvloop.run(run())


def measure(counts: list[int]) -> None:
    """Prints a table."""
    print("\n## Memory of an idle, subscribed connection\n")
    print("| connections | KiB each |\n| --- | --- |")
    for count in counts:
        print(f"| {count:,} | {_bytes_each(count) / 1024:.1f} |")
