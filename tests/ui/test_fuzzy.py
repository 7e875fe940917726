"""Which of many names somebody means by a few letters."""

import pytest

from coterie.ui.fuzzy import ranked

NAMES = ["general", "ops", "dev-ops", "drops", "open source", "Ümit"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ops", ["ops", "dev-ops", "drops", "open source"]),
        ("OP", ["ops", "open source", "dev-ops", "drops"]),
        ("os", ["open source", "ops", "dev-ops", "drops"]),
        ("do", ["dev-ops", "drops"]),
        ("gnr", ["general"]),
        ("open s", ["open source"]),
        ("üm", ["Ümit"]),
        ("zz", []),
        ("", NAMES),
        ("  ", NAMES),
    ],
)
def test_better_finds_come_first(typed: str, expected: list[str]) -> None:
    assert ranked(typed, NAMES) == expected


def test_anything_with_a_name_can_be_ranked() -> None:
    assert ranked("b", [(1, "ab"), (2, "b")], lambda pair: pair[1]) == [(2, "b"), (1, "ab")]
