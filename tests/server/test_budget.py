"""The memory that connections share."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError
from coterie.server.budget import Budget


def test_nobody_takes_more_than_a_share_and_all_no_more_than_there_is() -> None:
    budget = Budget(120, 40)
    assert [budget.take("a", 20) for _ in range(3)] == [True, True, False]
    assert budget.take("b", 40)
    assert [budget.take("c", 30), budget.take("c", 20)] == [False, True]
    assert budget.held == 100


def test_however_many_take_all_that_they_may_have_there_is_room_for_the_next() -> None:
    """Four accounts that took their shares left nothing to anybody else."""
    budget = Budget(256, 64)
    for number in range(4):
        while budget.take(number, 8):
            pass
    assert budget.take("next", 8)
    for number in range(100):
        while budget.take(number, 1):
            pass
    assert budget.held <= 256


def test_what_is_larger_than_a_share_is_taken_by_who_has_nothing_else() -> None:
    """Else an operator who sets too small a share would have a room whose commits wait for ever."""
    budget = Budget(100, 40)
    assert budget.take("a", 60)
    assert not budget.take("a", 1)
    budget.give("a", 60)
    assert budget.take("a", 200)


def test_who_waits_is_called_once_in_his_order_and_not_when_he_has_gone() -> None:
    budget, called = Budget(10, 10), list[str]()
    assert budget.take("a", 10)
    for who in ("b", "c", "b", "d"):
        budget.wait(who, partial(called.append, who))
    budget.forget("c")
    budget.give("a", 5)
    budget.give("a", 5)
    assert called == ["b", "d"]


def test_giving_back_more_than_was_taken_is_a_bug() -> None:
    budget = Budget(10, 10)
    assert budget.take("a", 5)
    with pytest.raises(LocalProtocolError):
        budget.give("a", 6)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 50)), max_size=50))
def test_all_that_is_given_back_is_free_again(wanted: list[tuple[str, int]]) -> None:
    budget = Budget(100, 60)
    taken = [(who, size) for who, size in wanted if budget.take(who, size)]
    assert budget.held == sum(size for _, size in taken) <= 100
    for who, size in taken:
        budget.give(who, size)
    assert (budget.held, budget._held) == (0, {})
