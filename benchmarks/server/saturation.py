"""Deliveries a second at saturation, and what each costs: the server against the floors, in turn, in one run."""

import uvloop
from floors import KINDS
from load import saturate
from measuring import SERVER, Meter, Use, crowd, median, started
from shapes import Shape


def _once(kind: str, shape: Shape, seconds: float) -> Use:
    with started(kind, shape) as (process, fingerprint):

        async def run() -> Use:
            async with crowd(kind, shape, process, fingerprint) as entered:
                await saturate(entered, seconds / 4)  # warm
                meter = Meter(process, entered)
                return meter.read(await saturate(entered, seconds))

        return uvloop.run(run())


def measure(shape: Shape, seconds: float, rounds: int) -> None:
    """Prints a table."""
    kinds = (*KINDS, SERVER)
    found: dict[str, list[Use]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            found[kind].append(_once(kind, shape, seconds))
    print(
        f"\n## Saturation, {shape.name}: {shape.senders} senders a room, {shape.window} posts of each under way\n"
    )
    print("| | deliveries/s | messages/s | x store | CPU ms / 1,000 | x store | server | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in kinds:
        uses, floors = found[kind], found["store"]
        # of each round by itself, since the machine changes between them
        pairs = list(zip(uses, floors, strict=True))
        rate = median([use.deliveries_per_s for use in uses])
        ratio = median([use.deliveries_per_s / floor.deliveries_per_s for use, floor in pairs])
        cpu = median([use.cpu_per_1000 * 1000 for use in uses])
        cpu_ratio = median([use.cpu_per_1000 / floor.cpu_per_1000 for use, floor in pairs])
        server = median([use.server_cpu_s / use.seconds for use in uses])
        load = median([use.load_cpu_s / use.seconds for use in uses])
        print(
            f"| {kind} | {rate:,.0f} | {rate / shape.members:,.0f} | {ratio:.2f} | {cpu:.2f} | {cpu_ratio:.2f} "
            f"| {server:.0%} | {load:.0%} |"
        )
