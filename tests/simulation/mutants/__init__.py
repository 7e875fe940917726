"""Small sabotages of the program, each of which the simulation must catch.

A mutant puts something wrong in the place of a named function of the program, for the time of a schedule: the one place
where that is right. ``SEEDS`` says where the search begins, so that what was caught once is caught at once again.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from tests.simulation.hostility import ordeal_of
from tests.simulation.ordeal import Ordeal
from tests.simulation.schedule import Schedule, schedule_of
from tests.simulation.world import Outcome, World, beginning, play

Sabotage = tuple[object, str, object]  # of this owner's attribute: what stands in its place
Drill = Callable[[int], Schedule]
MOST_SEEDS = 300


@dataclass(frozen=True)
class Mutant:
    """``attack`` is the hostility whose schedules find it, ``drill`` makes some for it; neither: honest ones do."""

    name: str
    what: str
    attack: str
    sabotages: Callable[[], tuple[Sabotage, ...]]
    drill: Drill = schedule_of

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the program is sabotaged."""
        with ExitStack() as stack:
            for owner, name, instead in self.sabotages():
                stack.enter_context(patch.object(owner, name, instead))
            yield

    def play(self, seed: int) -> Outcome:
        """The seed's schedule against the sabotaged program."""
        beginning()  # made by an honest one
        with self.applied():
            if self.attack:
                return play(ordeal_of(seed, self.attack), Ordeal)
            return play(self.drill(seed), World)

    def caught(self, first: int = 0, most: int = MOST_SEEDS) -> Outcome | None:
        """By the first seed that finds something; None: by none of them."""
        for seed in range(first, first + most):
            outcome = self.play(seed)
            if outcome.violation:
                return outcome
        return None


MUTANTS: dict[str, Mutant] = {}


def mutant(
    attack: str = "", drill: Drill = schedule_of
) -> Callable[[Callable[[], tuple[Sabotage, ...]]], Callable[[], tuple[Sabotage, ...]]]:
    """Registers a function under its name."""

    def register(
        sabotages: Callable[[], tuple[Sabotage, ...]],
    ) -> Callable[[], tuple[Sabotage, ...]]:
        name, what = sabotages.__name__, (sabotages.__doc__ or "").split("\n")[0].rstrip(".")
        MUTANTS[name] = Mutant(name, what, attack, sabotages, drill)
        return sabotages

    return register
