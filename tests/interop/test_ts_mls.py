"""Ours and ts-mls through one group's history, step by step in agreement."""

import json

import pytest

from coterie.mls import SUITES
from tests.interop.history import History
from tests.interop.peer import FOLDER, running_peer

IDS = ["suite-1", "suite-2"]
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
    """A history of so many steps. A failure is told with the seed and the number of the step."""
    with running_peer(suite) as peer:
        history = History(seed, SUITES[suite], peer)
        for number in range(steps):
            try:
                history.step()
            except Exception as error:
                error.add_note(f"seed {seed}, suite {suite}, step {number}")
                raise
    return history


def assert_both_did_everything(history: History) -> None:
    """A seed whose history lacks something proves less than the test's name says."""
    wanted = {f"{what} by {who}" for what in BOTH_SIDES for who in ("ours", "theirs")}
    assert not wanted - set(history.done), dict(history.done)


@pytest.mark.parametrize(("suite", "seed"), [(1, 19), (2, 25)], ids=IDS)
def test_ours_and_theirs_agree_through_a_hundred_steps(suite: int, seed: int) -> None:
    assert_both_did_everything(live(seed, suite, steps=100))


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "seed"), [(1, 101), (2, 102)], ids=IDS)
def test_ours_and_theirs_agree_through_a_thousand_steps(suite: int, seed: int) -> None:
    assert_both_did_everything(live(seed, suite, steps=1000))


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "seed"), [(5, 105), (7, 107)], ids=["suite-5", "suite-7"])
def test_ours_and_theirs_agree_through_three_hundred_steps_of_the_larger_curves(
    suite: int, seed: int
) -> None:
    assert_both_did_everything(live(seed, suite, steps=300))


def test_the_peer_is_pinned_by_hash_and_by_no_registry() -> None:
    """So that whoever runs this fetches the same bytes from whichever registry they use."""
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    packages = {name: found for name, found in lock["packages"].items() if name}
    assert packages["node_modules/ts-mls"]["version"] == "1.6.4"
    assert all("integrity" in found and "resolved" not in found for found in packages.values())
