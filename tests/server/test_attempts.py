"""Guesses: limited by name and by address, alike for names that exist and names that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.server import attempts
from coterie.server.attempts import Attempts, network_of
from coterie.server.limits import Limits

LIMITS = Limits()
NAME, ADDRESS = "name alice", "address 192.0.2.1"


def fail(made: Attempts, *keys: str, times: int) -> None:
    """So many attempts that are free, and wrong."""
    for _ in range(times):
        assert made.begin(*keys, now=0) == 0


def test_five_attempts_are_free_and_then_each_waits_twice_as_long() -> None:
    made = Attempts()
    fail(made, NAME, times=LIMITS.login_attempts)
    waits, now = [], 0.0
    for _ in range(12):
        wait_s = made.begin(NAME, now=now)
        waits.append(wait_s)
        now += wait_s
        assert made.begin(NAME, now=now) == 0.0
    assert waits[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == LIMITS.login_delay_s


def test_attempt_that_must_wait_is_not_counted() -> None:
    made = Attempts()
    fail(made, NAME, times=LIMITS.login_attempts)
    for _ in range(100):
        assert made.begin(NAME, now=0.5) == 0.5
    assert made.begin(NAME, now=1.0) == 0.0


def test_name_is_limited_from_all_addresses_and_an_address_for_all_names() -> None:
    made = Attempts()
    for number in range(LIMITS.login_attempts):
        fail(made, NAME, f"address {number}", times=1)
    assert made.begin(NAME, "address new", now=0) > 0
    made = Attempts()
    for number in range(LIMITS.login_attempts):
        fail(made, f"name {number}", ADDRESS, times=1)
    assert made.begin("name new", ADDRESS, now=0) > 0
    assert made.begin("name new", "address new", now=0) == 0


def test_right_password_frees_the_name() -> None:
    made = Attempts()
    fail(made, NAME, ADDRESS, times=LIMITS.login_attempts)
    made.forget(NAME)
    assert made.begin(NAME, "address new", now=0) == 0


def test_own_login_does_not_wipe_out_guesses_at_others_from_the_same_address() -> None:
    """An attacker with an account logged in between guesses, and was never limited by his address."""
    made = Attempts()
    for number in range(LIMITS.login_attempts):
        fail(made, f"name victim{number}", ADDRESS, times=1)
        if number < LIMITS.login_attempts - 1:
            assert made.begin("name mallory", ADDRESS, now=0) == 0
            made.forget("name mallory")
            made.take_back(ADDRESS)
    assert made.begin("name victim", ADDRESS, now=0) > 0


def test_failures_are_forgotten_after_an_hour() -> None:
    made = Attempts()
    fail(made, NAME, times=LIMITS.login_attempts)
    assert made.begin(NAME, now=attempts.FORGET_AFTER_S + 1) == 0
    assert made.begin(NAME, now=attempts.FORGET_AFTER_S + 1) == 0


def test_no_more_keys_are_remembered_than_memory_allows() -> None:
    made = Attempts()
    for number in range(attempts.MAX_REMEMBERED + 10):
        made.begin(f"name {number}", now=0)
    assert len(made) == attempts.MAX_REMEMBERED


def test_flood_of_names_resets_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever filled the memory with names could guess at one without end."""
    monkeypatch.setattr(attempts, "MAX_REMEMBERED", 100)
    made = Attempts()
    fail(made, NAME, times=LIMITS.login_attempts)
    for number in range(1000):
        made.begin(f"name {number}", now=1)
    assert made.begin(NAME, now=0.5) > 0
    guesses, flooded = 0, 0
    for now in range(2, 1800):  # half an hour of one guess a second, and of ten other names
        guesses += made.begin(NAME, now=now) == 0
        flooded += sum(made.begin(f"name {now} {number}", now=now) == 0 for number in range(10))
    assert flooded > 100
    assert guesses <= 12  # 1 s, 2 s, 4 s ... 900 s
    assert len(made) == 100


def test_name_that_was_pushed_out_counts_as_those_that_were() -> None:
    made = Attempts()
    for number in range(attempts.MAX_REMEMBERED + 1):
        assert made.begin(f"name {number}", now=0) == 0
    fail(made, NAME, times=LIMITS.login_attempts - 1)
    assert made.begin(NAME, now=0) > 0
    assert made.begin("name other", now=attempts.FORGET_AFTER_S + 1) == 0


@given(st.lists(st.sampled_from(["begin", "take_back", "forget"]), max_size=30))
def test_taking_back_never_gives_more_than_was_counted(steps: list[str]) -> None:
    made = Attempts()
    for step in steps:
        if step == "begin":
            made.begin(NAME, now=0)
        elif step == "take_back":
            made.take_back(NAME)
        else:
            made.forget(NAME)
        assert all(count > 0 for count in made._counts.values())
        assert set(made._counts) == {key for level in made._levels for key in level}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("?", "?"),
    ],
)
def test_who_has_one_ipv6_address_has_a_network_of_them(address: str, network: str) -> None:
    assert network_of(address) == network
