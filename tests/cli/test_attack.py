"""``coterie attack``: what it prints, and how it ends."""

import json

import pytest

from coterie.attacks.table import ATTACKS
from coterie.cli.main import main


def test_attack_that_is_stopped_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attack", "flip"]) == 0
    out, err = capsys.readouterr()
    assert "He changed one bit of a record on its way to the server." in out
    assert "✓ Coterie held" in out
    assert err == ""


def test_plain_chat_is_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attack", "all", "--against", "plain", "--json"]) == 0
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [result["name"] for result in results] == list(ATTACKS)
    assert all(result["holds"] and result["against"] == "plain" for result in results)


def test_list_names_every_attack(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attack", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(ATTACKS)


@pytest.mark.parametrize(
    ("words", "hint"),
    [([], "--list"), (["flib"], "did you mean flip?"), (["xyzzy"], "--list")],
)
def test_attack_that_is_not_there_is_a_misuse(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attack", *words]) == 2
    assert hint in capsys.readouterr().err
