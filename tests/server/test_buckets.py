"""Token buckets: never more than they hold and what they fill, for any key and any times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.server.buckets import Buckets


def test_burst_is_there_at_once_and_the_rest_as_it_fills() -> None:
    buckets = Buckets(per_s=2.0, burst=3.0)
    assert [buckets.spend("a", now=0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.spend("a", now=0.5) == 0
    assert buckets.spend("a", now=0.5) == 0.5
    assert [buckets.spend("a", now=100) for _ in range(4)] == [0, 0, 0, 0.5]


def test_keys_do_not_share() -> None:
    buckets = Buckets(per_s=1.0, burst=1.0)
    assert [buckets.spend(key, now=0) for key in ("a", "b", "a")] == [0, 0, 1]


def test_more_than_a_bucket_takes_the_whole_of_it() -> None:
    """Else what is large could never be posted."""
    buckets = Buckets.over(100.0, 50)
    assert buckets.spend("a", 80, now=0) == 0
    assert buckets.spend("a", 1, now=0) == pytest.approx(2.0)
    assert buckets.spend("a", 80, now=1) == pytest.approx(99.0)


def test_debt_is_paid_before_anything_else() -> None:
    buckets = Buckets(per_s=1.0, burst=10.0)
    buckets.take("a", 30, now=0)
    assert buckets.wait_s("a", now=0) == 21


def test_who_is_full_again_takes_no_memory() -> None:
    buckets = Buckets(per_s=1.0, burst=5.0)
    for number in range(1000):
        buckets.take(number, now=number / 10)
    assert len(buckets) <= 11


def test_memory_is_bounded_and_who_is_at_it_stays() -> None:
    buckets = Buckets(per_s=0.001, burst=5.0, most=100)
    for number in range(1000):
        buckets.take(number, now=0)
        buckets.take("busy", now=0)
    assert len(buckets) == 100
    assert buckets.wait_s("busy", now=0) > 0


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 5)), max_size=60),
    st.floats(0.1, 10),
    st.floats(1, 20),
)
def test_nobody_gets_more_than_burst_and_rate_and_who_waits_as_told_gets_his(
    asked: list[tuple[float, float]], per_s: float, burst: float
) -> None:
    buckets, now, got = Buckets(per_s, burst), 0.0, 0.0
    for later, amount in asked:
        now += later
        wait_s = buckets.spend("a", amount, now=now)
        if wait_s:
            now += wait_s
            assert buckets.spend("a", amount, now=now) == 0
        got += min(amount, burst)
        assert got <= burst + per_s * now + 1e-3
