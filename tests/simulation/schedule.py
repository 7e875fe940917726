"""A schedule: what people do and what goes wrong, in order, each with the pause behind it. A seed makes one."""

from dataclasses import dataclass
from random import Random

from tests.simulation.faults import ACTS

ACTIONS = (15, 50)


@dataclass(frozen=True, slots=True)
class Action:
    """One step. ``amount`` is what the act makes of it: seconds, writes, a number."""

    name: str
    who: str
    amount: float
    pause_s: float

    def __str__(self) -> str:
        return f"{self.name} {self.who} {self.amount:g}, then {self.pause_s:.2f} s"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The seed fixes the network's and our own draws; the actions may be fewer than the seed's, once it is shrunk."""

    seed: int
    actions: tuple[Action, ...]


def schedule_of(seed: int) -> Schedule:
    """The seed's."""
    rng = Random(f"schedule {seed}")  # noqa: S311
    names = [name for name, act in ACTS.items() if act.weight]
    weights = [ACTS[name].weight for name in names]
    actions = []
    for _ in range(rng.randrange(*ACTIONS)):
        (name,) = rng.choices(names, weights)
        who, amount = ACTS[name].draw(rng)
        pauses = (
            0.0,
            rng.uniform(0.0, 0.1),
            rng.expovariate(2.0),
            rng.uniform(0, 8),
            rng.uniform(5, 40),
        )
        (pause_s,) = rng.choices(pauses, (4, 6, 8, 4, 1))
        actions.append(Action(name, who, amount, round(pause_s, 4)))
    return Schedule(seed, tuple(actions))
