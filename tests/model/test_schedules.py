"""Random schedules against the real logic of server and client: PROTOCOL.md section 2 says what must hold."""

import pytest

from tests.model.world import Mutant, World

SEEDS = range(700)  # about 25 s
MUTANT_SEEDS = range(100)  # nearly all are found within ten


@pytest.mark.parametrize("seeds", [SEEDS[at : at + 50] for at in range(0, len(SEEDS), 50)], ids=str)
def test_no_schedule_loses_doubles_or_misorders_a_message(seeds: range) -> None:
    for seed in seeds:
        assert World(seed).run() == "", f"seed {seed}"


@pytest.mark.parametrize("mutant", Mutant, ids=lambda mutant: mutant.name.lower())
def test_replay_finds_each_rule_that_is_taken_away(mutant: Mutant) -> None:
    assert any(World(seed, mutant).run() for seed in MUTANT_SEEDS), f"not found: {mutant}"
