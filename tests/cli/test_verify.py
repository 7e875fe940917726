"""``coterie verify``."""

import io
import json
import sys

import pytest

from coterie.cli.main import main
from coterie.client import api
from tests.cli.fakes import NUMBER, Runs

OTHER_NUMBER = " ".join(["99999"] * 12)


class Terminal(io.StringIO):
    """Somebody sits at it."""

    def isatty(self) -> bool:
        return True


def at_a_terminal(run: Runs, patch: pytest.MonkeyPatch, typed: str) -> tuple[int, str]:
    """Exit status, and what the person who types this sees of stderr."""
    screen = Terminal()
    patch.setattr(sys, "stdin", Terminal(typed))
    patch.setattr(sys, "stderr", screen)
    return main(["verify", "bobb"], run.engine), screen.getvalue()


def compared(run: Runs) -> list[bool]:
    """What was asked for each time."""
    return [asked.compared for asked in run.backend.asked if isinstance(asked, api.VerifyAccount)]


def test_without_a_terminal_the_number_is_shown_and_nothing_recorded(run: Runs) -> None:
    outcome = run("verify", "bobb")
    assert (outcome.status, compared(run)) == (0, [False])
    assert "01234 56789 01234 56789" in outcome.out


def test_compared_records_it(run: Runs) -> None:
    outcome = run("verify", "@bobb", "--compared", "--json")
    assert compared(run) == [True]
    assert json.loads(outcome.out) == {"name": "bobb", "number": NUMBER, "pin": "compared"}


def test_at_a_terminal_a_yes_is_recorded(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    status, seen = at_a_terminal(run, monkeypatch, "y\n")
    asked = "does bobb see the same number? [y/N] "
    assert (status, seen) == (0, f"{asked}coterie: recorded: bobb is verified\n")
    assert run.backend.pins["bobb"] == "compared"


@pytest.mark.parametrize("typed", ["n\n", "\n", "", "yeah\n"])
def test_at_a_terminal_anything_but_a_yes_is_not(
    run: Runs, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    status, seen = at_a_terminal(run, monkeypatch, typed)
    assert status == 0
    assert seen.endswith("coterie: nothing was recorded\n")
    assert compared(run) == [False]


def test_a_key_that_changes_while_the_person_compares_is_not_recorded(
    run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.backend.numbers = [NUMBER, OTHER_NUMBER]
    status, seen = at_a_terminal(run, monkeypatch, "y\n")
    assert status == 1
    assert "bobb's key changed while you compared" in seen
    assert run.backend.pins["bobb"] == "believed"


def test_who_is_verified_already_is_not_asked_about_again(
    run: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.backend.pins["bobb"] = "compared"
    assert at_a_terminal(run, monkeypatch, "y\n") == (0, "")


CODE = "COTERIE:VERIFY/BOBB/" + "0123456789" * 6


def test_a_scanned_code_with_the_same_number_is_recorded(run: Runs) -> None:
    outcome = run("verify", "bobb", "--qr", CODE, "--json")
    assert (outcome.status, compared(run)) == (0, [False, True])
    assert json.loads(outcome.out)["pin"] == "compared"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (CODE.replace("01", "11", 1), "bobb sees another number: nothing was recorded"),
        (CODE.replace("BOBB", "CAROL"), "that code is of carol's screen, not of bobb's"),
        ("https://example.org", "that is not the code of a safety number"),
    ],
)
def test_any_other_code_is_an_error_and_nothing_is_recorded(
    run: Runs, code: str, said: str
) -> None:
    outcome = run("verify", "bobb", "--qr", code)
    assert (outcome.status, compared(run), outcome.out) == (1, [False], "")
    assert said in outcome.err
