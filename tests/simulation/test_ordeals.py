"""Somebody hostile in a schedule is found out or costs only delay; a sabotaged program is caught."""

from collections import Counter

import pytest

from tests.docs.pages import DOCS
from tests.simulation.hostile import HOSTILITIES, MUTANTS, play_ordeal

QUICK = (  # mutants that one of the first seeds catches
    "skips_the_compare_and_set",
    "keeps_the_pending_commit",
    "does_not_compare_chains",
    "does_not_mind_its_own_future",
    "believes_who_let_it_in",
)
MOST_SEEDS = 150  # the slowest mutant to be caught takes about forty


@pytest.mark.parametrize("name", sorted(HOSTILITIES))
def test_hostility_takes_effect_and_is_found_out_or_costs_only_delay(name: str) -> None:
    fired = Counter[str]()
    for seed in range(10):
        outcome = play_ordeal(seed, name)
        assert outcome.violation == "", f"seed {seed}"
        fired += outcome.fired
        if fired[name] and seed:
            return
    raise AssertionError(f"{name} never took effect")


def test_an_ordeal_gives_the_same_trace_each_time() -> None:
    first, again = play_ordeal(3, "captures"), play_ordeal(3, "captures")
    assert first.trace == again.trace


@pytest.mark.parametrize("name", QUICK)
def test_a_sabotaged_program_is_caught(name: str) -> None:
    assert MUTANTS[name].caught(0, 8) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_every_sabotage_is_caught(name: str) -> None:
    assert MUTANTS[name].caught(0, MOST_SEEDS) is not None


@pytest.mark.slow
def test_hundreds_of_ordeals_find_nothing() -> None:
    fired = Counter[str]()
    for seed in range(1_000):
        outcome = play_ordeal(seed)
        assert outcome.violation == "", f"seed {seed}"
        fired += outcome.fired
    assert not set(HOSTILITIES) - set(fired)


def test_the_page_names_every_hostility_and_mutant_as_the_code_does() -> None:
    page = (DOCS / "explanation" / "simulation.md").read_text()
    for hostility in HOSTILITIES.values():
        signs = ", ".join(sorted(hostility.shows)) or "delay"
        assert f"| `{hostility.name}` | {hostility.who} | {hostility.what} | {signs} |" in page
    for mutant in MUTANTS.values():
        assert f"| `{mutant.name}` | {mutant.what} |" in page
    assert page.count("\n| `") == len(HOSTILITIES) + len(MUTANTS)
