"""Delays that grow."""

from itertools import pairwise

from coterie.client.patience import Patience


def test_each_delay_is_twice_the_one_before_up_to_a_limit() -> None:
    patience = Patience(1.0, 60.0)
    delays = [patience.next_s() for _ in range(10)]
    assert delays[0] == 1.0
    assert all(later in (2 * one, 60.0) for one, later in pairwise(delays))
    assert delays[-1] == 60.0


def test_what_went_well_begins_anew() -> None:
    patience = Patience(1.0, 60.0)
    for _ in range(5):
        patience.next_s()
    patience.reset()
    assert patience.next_s() == 1.0
