"""``python -m tests.simulation``: schedules by their seeds, until one finds something."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.schedule import schedule_of
from tests.simulation.shrink import shrink
from tests.simulation.world import Outcome, play


def say(*lines: str) -> None:
    """On stdout."""
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> int:
    """Exit 0: nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many, from 0 on or from --seed")
    parser.add_argument("--seed", type=int, help="this one alone; with --seeds, the first")
    parser.add_argument("--shrink", action="store_true", help="leave out what it does not take")
    parser.add_argument("--trace", action="store_true", help="print all that happened")
    given = parser.parse_args()
    first = given.seed or 0
    many = 1 if given.seed is not None and "--seeds" not in sys.argv else given.seeds
    began, fired, slowest = time.monotonic(), Counter[str](), 0.0
    for seed in range(first, first + many):
        outcome = play(schedule_of(seed))
        fired += outcome.fired
        slowest = max(slowest, outcome.settled_in_s)
        if outcome.violation and given.shrink:
            outcome = shrink(outcome)
        if given.trace:
            say(*outcome.trace)
        if outcome.violation:
            _tell(outcome)
            return 1
    took = time.monotonic() - began
    say(f"{many} schedules in {took:.1f} s, nothing found; settled within {slowest:.0f} s")
    say(", ".join(f"{name} {times}" for name, times in sorted(fired.items())))
    return 0


def _tell(outcome: Outcome) -> None:
    schedule = outcome.schedule
    say(f"seed {schedule.seed}: {outcome.violation}")
    for action in schedule.actions:
        say(f"  {action}")


if __name__ == "__main__":
    sys.exit(main())
