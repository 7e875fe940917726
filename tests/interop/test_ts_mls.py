"""Ours and ts-mls through one group's history, step by step in agreement."""

import pytest

from coterie.mls import SUITES
from tests.interop.history import History
from tests.interop.peer import running_peer

SUITES_OF_BOTH = pytest.mark.parametrize("suite", [1, 2], ids=["suite-1", "suite-2"])
BOTH_SIDES = (
    "say",
    "propose-add",
    "propose-remove",
    "propose-update",
    "propose-presharedkey",
    "commit",
    "commit-add",
    "commit-remove",
    "commit-update",
    "commit-presharedkey",
    "race",
    "join-by-commit",
    "come-back-by-commit",
)


def live(seed: int, suite: int, steps: int) -> History:
    """A history of so many steps. A failure is told with the step at which all was well for the last time."""
    with running_peer(suite) as peer:
        history = History(seed, SUITES[suite], peer)
        for number in range(steps):
            try:
                history.step()
            except Exception as error:
                error.add_note(f"seed {seed}, suite {suite}, step {number}")
                raise
    return history


@SUITES_OF_BOTH
def test_ours_and_theirs_agree_through_a_hundred_steps(suite: int) -> None:
    live(seed=1, suite=suite, steps=100)


@pytest.mark.slow
@SUITES_OF_BOTH
def test_ours_and_theirs_agree_through_a_thousand_steps(suite: int) -> None:
    done = live(seed=2, suite=suite, steps=1000).done
    missing = {f"{what} by {who}" for what in BOTH_SIDES for who in ("ours", "theirs")} - set(done)
    assert not missing, dict(done)
