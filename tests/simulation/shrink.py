"""Shrinks a schedule that finds something: delta debugging, as Zeller and Hildebrandt have it ("ddmin")."""

import re
from dataclasses import replace

from tests.simulation.schedule import Action, Schedule
from tests.simulation.world import Outcome, World, play


def shrink(found: Outcome, most: int = 400, world_of: type[World] = World) -> Outcome:
    """An outcome with the same kind of violation and as few actions as ``most`` tries find."""
    wanted = kind_of(found.violation)
    parts = 2
    while len(found.schedule.actions) > 1 and most > 0:
        actions = found.schedule.actions
        size = max(1, len(actions) // parts)
        for at in range(0, len(actions), size):
            most -= 1
            smaller = _without(found.schedule, actions[at : at + size], at)
            outcome = play(smaller, world_of)
            if kind_of(outcome.violation) == wanted:
                found, parts = outcome, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return found
            parts = min(parts * 2, len(actions))
    return found


def kind_of(violation: str) -> str:
    """Without its numbers and names, which change as actions are left out."""
    return re.sub(r"\d+|alice|bobb|carol|dave|'[^']*'", "*", violation)


def _without(schedule: Schedule, part: tuple[Action, ...], at: int) -> Schedule:
    return replace(schedule, actions=schedule.actions[:at] + schedule.actions[at + len(part) :])
