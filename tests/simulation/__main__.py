"""``python -m tests.simulation``: schedules by their seeds, until one finds something."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from tests.simulation.hostile import HOSTILITIES, MUTANTS, play_ordeal
from tests.simulation.ordeal import Ordeal
from tests.simulation.shrink import shrink
from tests.simulation.world import Outcome, World, play_seed

ANY = "any"


def say(*lines: str) -> None:
    """On stdout."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Exit 0: nothing was found, and each mutant was."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many, from 0 on or from --seed")
    parser.add_argument("--seed", type=int, help="this one alone; with --seeds, the first")
    parser.add_argument("--shrink", action="store_true", help="leave out what it does not take")
    parser.add_argument("--trace", action="store_true", help="print all that happened")
    parser.add_argument(
        "--hostile", nargs="?", const=ANY, choices=[ANY, *HOSTILITIES], metavar="NAME",
        help="with somebody hostile: by turns, or that one",
    )  # fmt: skip
    parser.add_argument(
        "--mutants", nargs="*", choices=MUTANTS, metavar="NAME",
        help="sabotage the program, these ways or all, and show what catches it",
    )  # fmt: skip
    given = parser.parse_args()
    first = given.seed or 0
    many = 1 if given.seed is not None and "--seeds" not in sys.argv else given.seeds
    if given.mutants is not None:
        return _mutants(given.mutants or list(MUTANTS), first, many)
    if given.hostile is None:
        return _run(play_seed, World, range(first, first + many), given)
    name = "" if given.hostile == ANY else given.hostile
    return _run(partial(play_ordeal, name=name), Ordeal, range(first, first + many), given)


def _run(
    play: Callable[[int], Outcome],
    world_of: type[World],
    seeds: range,
    given: argparse.Namespace,
) -> int:
    began, fired, signs, slowest = time.monotonic(), Counter[str](), Counter[str](), 0.0
    for seed in seeds:
        outcome = play(seed)
        fired += outcome.fired
        signs += outcome.signs
        slowest = max(slowest, outcome.settled_in_s)
        if outcome.violation and given.shrink:
            outcome = shrink(outcome, world_of=world_of)
        if given.trace:
            say(*outcome.trace)
        if outcome.violation:
            _tell(outcome)
            return 1
    took = time.monotonic() - began
    say(f"{len(seeds)} schedules in {took:.1f} s, nothing found; settled within {slowest:.0f} s")
    say(", ".join(f"{name} {times}" for name, times in sorted(fired.items())))
    for name in sorted(name for name in HOSTILITIES if fired[name]):
        seen = {sign: n for sign, n in signs.items() if sign.startswith(f"{name}: ")}
        told = ", ".join(f"{sign.partition(': ')[2]} {n}" for sign, n in sorted(seen.items()))
        say(f"  {name}: {fired[name]} times; told: {told or 'nothing, it cost delay'}")
    return 0


def _mutants(names: list[str], first: int, many: int) -> int:
    lived = 0
    for name in names:
        outcome = MUTANTS[name].caught(first, many)
        lived += outcome is None
        say(
            f"{name}: "
            + (f"seed {outcome.schedule.seed}: {outcome.violation}" if outcome else "lives")
        )
    return 1 if lived else 0


def _tell(outcome: Outcome) -> None:
    schedule = outcome.schedule
    say(f"seed {schedule.seed}: {outcome.violation}")
    for action in schedule.actions:
        say(f"  {action}")


if __name__ == "__main__":
    sys.exit(main())
