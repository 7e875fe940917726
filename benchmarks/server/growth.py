"""As rooms, logs and load grow: what a delivery costs, when a server first answers, how posts share flushes."""

import time

import uvloop
from load import at_rate, saturate
from measuring import SERVER, Meter, Use, crowd, median, started
from shapes import SHAPES, Shape

DELIVERIES_PER_S = 20_000


def _at_rate(shape: Shape, seconds: float, entries: int = 0) -> tuple[Use, float]:
    """And the seconds from the server's start to its first answers."""
    with started(SERVER, shape, entries=entries) as (process, fingerprint):

        async def run() -> tuple[Use, float]:
            alone = Shape(1, 1, 1, 1)
            async with crowd(SERVER, alone, process, fingerprint):
                first_answer_s = time.monotonic() - process.started
            async with crowd(SERVER, shape, process, fingerprint) as entered:
                await at_rate(entered, DELIVERIES_PER_S, seconds / 4)  # warm
                meter = Meter(process, entered)
                return meter.read(await at_rate(entered, DELIVERIES_PER_S, seconds)), first_answer_s

        return uvloop.run(run())


def measure_rooms(seconds: float, rounds: int) -> None:
    """Prints a table: rooms of 50 to 500."""
    shapes = [Shape(10, 50, 2, 1), Shape(5, 100, 2, 1), Shape(2, 250, 2, 1), Shape(1, 500, 2, 1)]
    found = [[_at_rate(shape, seconds)[0].cpu_per_1000 for shape in shapes] for _ in range(rounds)]
    print(f"\n## CPU of a delivery as rooms grow, at {DELIVERIES_PER_S:,} a second\n")
    _print("members", [shape.members for shape in shapes], found)


def measure_logs(seconds: float, rounds: int, lengths: list[int]) -> None:
    """Prints two tables: logs of 20 rooms with so many entries in all."""
    shape = Shape(20, 50, 2, 1)
    runs = [[_at_rate(shape, seconds, entries) for entries in lengths] for _ in range(rounds)]
    print(f"\n## CPU of a delivery as the log grows, 20x50 at {DELIVERIES_PER_S:,} a second\n")
    _print("entries", lengths, [[use.cpu_per_1000 for use, _ in run] for run in runs])
    print("\n## From start to the first answer (connected, logged in, subscribed)\n")
    print("| entries | seconds |\n| --- | --- |")
    for entries, *answers in zip(lengths, *runs, strict=True):
        print(f"| {entries:,} | {median([answer[1] for answer in answers]):.2f} |")


def measure_flushes(seconds: float) -> None:
    """Prints a table: the load grows, the flushes do not."""
    shape = SHAPES["250x2"]
    print("\n## Group commit, 250x2\n")
    print("| messages/s | flushes/s | messages a flush |\n| --- | --- | --- |")
    with started(SERVER, shape) as (process, fingerprint):

        async def run() -> None:
            async with crowd(SERVER, shape, process, fingerprint) as entered:
                for rate in (10, 100, 1_000, 5_000, 10_000, None):
                    meter = Meter(process, entered)
                    if rate is None:
                        took = await saturate(entered, seconds)
                    else:
                        took = await at_rate(entered, rate * shape.members, seconds)
                    use = meter.read(took)
                    each = use.flushed / use.flushes
                    print(
                        f"| {use.messages_per_s:,.0f} | {use.flushes / took:,.0f} | {each:,.1f} |"
                    )

        uvloop.run(run())


def _print(what: str, sizes: list[int], found: list[list[float]]) -> None:
    print(f"| {what} | CPU ms / 1,000 | x the smallest |\n| --- | --- | --- |")
    for n, size in enumerate(sizes):
        cpu = median([row[n] for row in found]) * 1000
        ratio = median([row[n] / row[0] for row in found])
        print(f"| {size:,} | {cpu:.2f} | {ratio:.2f} |")
