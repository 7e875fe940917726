"""``coterie acknowledge``."""

import pytest

from coterie.client import api
from tests.cli.fakes import Runs


@pytest.mark.parametrize(
    ("word", "request_"),
    [
        ("ops", api.Acknowledge(room="ops")),
        ("#ops", api.Acknowledge(room="#ops")),
        ("@bobb", api.Acknowledge(name="bobb")),
    ],
)
def test_a_room_or_with_an_at_an_account(run: Runs, word: str, request_: api.Acknowledge) -> None:
    outcome = run("acknowledge", word)
    assert (outcome.status, outcome.out) == (0, "")
    assert run.backend.asked == [request_]


def test_what_cannot_be_a_name_is_misuse(run: Runs) -> None:
    assert run("acknowledge", "@Bob").status == 2
