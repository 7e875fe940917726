"""Schedules against the whole program: what is acknowledged is read by all, once, in one order, whatever breaks."""

from collections import Counter

import pytest

from tests.simulation.faults import ACTS
from tests.simulation.world import play_seed

SEEDS = range(40)  # about 12 s
FAULTS = {name for act in ACTS.values() if act.is_fault for name in (act.name, *act.fires)}


@pytest.fixture(scope="module")
def fired() -> Counter[str]:
    """By all schedules of this module."""
    return Counter()


@pytest.mark.parametrize("seeds", [SEEDS[at : at + 10] for at in range(0, len(SEEDS), 10)], ids=str)
def test_no_schedule_loses_doubles_or_misorders_a_message(
    seeds: range, fired: Counter[str]
) -> None:
    for seed in seeds:
        outcome = play_seed(seed)
        assert outcome.violation == "", f"seed {seed}"
        fired += outcome.fired


def test_every_kind_of_fault_really_took_effect(fired: Counter[str]) -> None:
    assert not {name for name in FAULTS if not fired[name]}


@pytest.mark.parametrize("seed", [4, 36])
def test_a_seed_gives_the_same_trace_each_time(seed: int) -> None:
    assert play_seed(seed).trace == play_seed(seed).trace


@pytest.mark.slow
def test_thousands_of_schedules_find_nothing() -> None:
    for seed in range(1_000, 4_000):
        assert play_seed(seed).violation == "", f"seed {seed}"
