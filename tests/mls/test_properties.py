"""What holds in any history: all agree, who is removed or was robbed is told apart by keys alone."""

import pytest

from coterie.errors import RemoteProtocolError
from coterie.mls import process
from tests.mls.crowd import MAX_MEMBERS, Crowd
from tests.mls.rooms import ONE


def live(seed: int, first: int, steps: int) -> Crowd:
    """A crowd that has lived so many steps, and in the end has read all."""
    crowd = Crowd(ONE, seed, first)
    for _ in range(steps):
        crowd.step()
    crowd.catch_up()
    return crowd


def assert_nothing_is_read_by_who_was_removed(crowd: Crowd) -> None:
    for group, place in crowd.removed.values():
        for entry in crowd.log[place + 1 :]:
            if entry.epoch == group.epoch:  # by who had not heard of the removal: it is for nobody
                continue
            with pytest.raises(RemoteProtocolError):
                process(group, entry.message)


@pytest.mark.parametrize(
    ("seed", "first", "steps"), [(1, 5, 200), (2, 20, 200), (3, MAX_MEMBERS, 100)]
)
def test_all_who_read_one_log_agree_in_whatever_way_it_reaches_them(
    seed: int, first: int, steps: int
) -> None:
    crowd = live(seed, first, steps)
    assert_nothing_is_read_by_who_was_removed(crowd)
    happened = {"again", "changed", "late", "lost", "lost commit", "race", "read", "too late"}
    assert happened <= {what for what, times in crowd.done.items() if times}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_all_who_read_one_long_log_agree(seed: int) -> None:
    crowd = live(seed, first=8 + 7 * (seed % 9), steps=600)
    assert_nothing_is_read_by_who_was_removed(crowd)
    assert crowd.removed
