"""Schedules in which little happens, for sabotages that the common ones hit too seldom, or excuse by another fault."""

from random import Random

from tests.simulation.beginning import GUESTS, MEMBERS
from tests.simulation.schedule import Action, Schedule

TIMES = 3
GUEST, ADMIN = GUESTS[0], MEMBERS[0]


def comes_and_goes(seed: int) -> Schedule:
    """The guest is added and removed, several times, and nothing breaks."""
    actions = [_add(9.0), _remove(9.0)] * TIMES
    return Schedule(seed, (Action("say", ADMIN, 0.0, 1.0), *actions))


def dies_at_the_door(seed: int) -> Schedule:
    """The guest's client ends at one of its first writes after it was added."""
    rng = Random(f"drill {seed}")  # noqa: S311
    actions: list[Action] = []
    for _ in range(TIMES):
        dies = Action("die_writing", GUEST, rng.randrange(1, 8) + 0.25, 25.0)
        actions += [_add(round(rng.uniform(0.0, 0.3), 3)), dies, _remove(12.0)]
    return Schedule(seed, (Action("say", ADMIN, 0.0, 1.0), *actions))


def _add(pause_s: float) -> Action:
    return Action("add", ADMIN, 0.0, pause_s)


def _remove(pause_s: float) -> Action:
    return Action("remove", ADMIN, 0.0, pause_s)
