"""Which names an account can have."""

import pytest

from coterie.wire import limits, names


@pytest.mark.parametrize("name", ["al", "alice", "a1", "a.b-c_d", "z" * 32])
def test_name_of_the_rule_is_allowed(name: str) -> None:
    assert names.is_allowed(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "z" * 33,
        "Alice",
        "1a",
        ".a",
        "a b",
        "a\n",
        "al\x00",
        "älice",
        "аlice",
        "a/b",
        "a@b",
    ],
    ids=ascii,
)
def test_name_outside_the_rule_is_not_allowed(name: str) -> None:
    assert not names.is_allowed(name)


def test_allowed_names_fit_a_frame() -> None:
    assert names.is_allowed("a" * 32)
    assert limits.MAX_NAME >= 32
