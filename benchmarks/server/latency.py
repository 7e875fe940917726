"""From send to each delivery at a fixed rate, against ``store`` at the same."""

import uvloop
from load import at_rate
from measuring import SERVER, Meter, crowd, median, percentiles, started
from shapes import Shape

DELIVERIES_PER_S = 20_000
Found = tuple[float, float, float, float]  # p50 and p99 in ms, and the two sides' share of a core


def _once(kind: str, shape: Shape, seconds: float) -> Found:
    with started(kind, shape) as (process, fingerprint):

        async def run() -> Found:
            async with crowd(kind, shape, process, fingerprint, all_read=True) as entered:
                await at_rate(entered, DELIVERIES_PER_S, seconds / 4)  # warm
                latencies = entered.take_latencies()
                meter = Meter(process, entered)
                use = meter.read(await at_rate(entered, DELIVERIES_PER_S, seconds))
                shares = use.server_cpu_s / use.seconds, use.load_cpu_s / use.seconds
                return *percentiles(latencies), *shares

        return uvloop.run(run())


def measure(shape: Shape, seconds: float, rounds: int) -> None:
    """Prints a table."""
    kinds = ("store", SERVER)
    found: dict[str, list[Found]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            found[kind].append(_once(kind, shape, seconds))
    print(f"\n## Latency at {DELIVERIES_PER_S:,} deliveries a second, {shape.name}\n")
    print("| | p50 ms | x store | p99 ms | x store | server | load |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind in kinds:
        cells = []
        for n in range(2):
            values = [one[n] for one in found[kind]]
            pairs = zip(values, (one[n] for one in found["store"]), strict=True)
            cells.append(f"{median(values):.2f} | {median([a / b for a, b in pairs]):.2f}")
        cells += [f"{median([one[n] for one in found[kind]]):.0%}" for n in (2, 3)]
        print(f"| {kind} | {' | '.join(cells)} |")
