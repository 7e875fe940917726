"""What a schedule with somebody hostile in it can hold: a server that lies, a member that cheats, an old copy put back.

Each is an act of weight 0: honest schedules do not hold it. Beside what it does stands how it is found out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from coterie.client.happening import Event
from tests.simulation.beginning import MEMBERS
from tests.simulation.faults import act, by
from tests.simulation.schedule import Action, Schedule, schedule_of

if TYPE_CHECKING:
    from tests.simulation.faults import Do
    from tests.simulation.ordeal import Ordeal

NOTICE, REFUSAL = "notice", "refusal"  # to a person outside of a room; of what was asked for
Sign = Event | str
Attack = Callable[["Ordeal", Action], bool]

# What people do meanwhile, and the little that breaks: what takes long is to be the attack's work.
MEANWHILE = ("say", "burst", "heal", "topic", "race", "add", "remove", "cut")
ATTACKS = (1, 3)  # of one kind in a schedule
QUIET_S = 20.0  # after an attack, in which honest people are heard


@dataclass(frozen=True)
class Hostility:
    """``shows``: one of these is seen by somebody where it took effect. ``may_show``: and these are right too.

    ``is_told`` is false for what costs only delay. Where ``forks`` holds members may end apart, but warned.
    """

    name: str
    who: str  # "server", "member" or "accident"
    what: str  # in a line
    shows: frozenset[Sign]
    may_show: frozenset[Sign]
    is_told: bool
    forks: bool
    moves: bool  # the room goes on in another group


HOSTILITIES: dict[str, Hostility] = {}


def hostile(
    who: str,
    *,
    shows: tuple[Sign, ...] = (),
    may_show: tuple[Sign, ...] = (),
    forks: bool = False,
    moves: bool = False,
    low: float = 0.0,
    high: float = 10.0,
) -> Callable[[Attack], Attack]:
    """Registers an attack under its name. It calls ``world.took_effect`` when it did what it is for."""

    def register(attack: Attack) -> Attack:
        name, what = attack.__name__, (attack.__doc__ or "").split("\n")[0].rstrip(".")
        HOSTILITIES[name] = Hostility(
            name, who, what, frozenset(shows), frozenset(may_show), bool(shows), forks, moves
        )
        do: Do = attack  # type: ignore[assignment]  # schedules that hold it are played in an ordeal
        act(0, by(*MEMBERS, low=low, high=high), is_fault=False)(do)
        return attack

    return register


def ordeal_of(seed: int, name: str = "") -> Schedule:
    """The seed's schedule with one kind of hostility in it, by turns; or with the one of that name."""
    names = sorted(HOSTILITIES)
    name = name or names[seed % len(names)]
    rng = Random(f"ordeal {seed} {name}")  # noqa: S311
    kept = [one for one in schedule_of(seed).actions if one.name in MEANWHILE][:20]
    who = rng.choice(MEMBERS)
    for _ in range(rng.randrange(*ATTACKS)):
        attack = Action(name, who, round(rng.uniform(0.0, 10.0), 3), QUIET_S)
        kept.insert(rng.randrange(len(kept) // 2 + 1), attack)
    heard = [Action("say", other, 0.0, rng.uniform(0.5, 3.0)) for other in (*MEMBERS, *MEMBERS)]
    return Schedule(seed, (Action("say", who, 0.0, 2.0), *kept, *heard))
