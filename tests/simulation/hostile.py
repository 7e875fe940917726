"""All hostilities and mutants: importing this registers them."""

from tests.simulation import accidents, cheats, lies, two_logs
from tests.simulation.hostility import HOSTILITIES, ordeal_of
from tests.simulation.mutants import MUTANTS, Mutant, of_client, of_server
from tests.simulation.ordeal import Ordeal
from tests.simulation.world import Outcome, play

__all__ = [
    "HOSTILITIES", "MUTANTS", "Mutant", "accidents", "cheats", "lies", "of_client", "of_server", "play_ordeal",
    "two_logs",
]  # fmt: skip


def play_ordeal(seed: int, name: str = "") -> Outcome:
    """The seed's schedule with somebody hostile in it."""
    return play(ordeal_of(seed, name), Ordeal)
