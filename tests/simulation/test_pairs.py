"""Two who begin direct messages at once, whatever breaks: they end in one group, and read all that was kept."""

from collections import Counter

import pytest

from tests.simulation.pairs import play_pair

# In each of these a message would be lost or the two would part, were the lower id not to stay or nothing said again.
SEEDS = (4, 8, 9)


def test_two_who_begin_at_once_end_in_one_group_with_all_that_was_said() -> None:
    fired: Counter[str] = Counter()
    for seed in SEEDS:
        outcome = play_pair(seed)
        assert outcome.violation == "", f"seed {seed}"
        fired += outcome.fired
    assert fired["begin_at_once"]
    assert fired["say_directly"]


@pytest.mark.slow
def test_hundreds_of_pairs_find_nothing() -> None:
    for seed in range(1_000, 1_400):
        assert play_pair(seed).violation == "", f"seed {seed}"
