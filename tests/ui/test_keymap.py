"""The table of keys."""

from pathlib import Path

import pytest

from coterie.ui.keymap import KEYS, SELECT_KEYS, Key

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "keys.md"


BOTH = pytest.mark.parametrize("table", [KEYS, SELECT_KEYS], ids=["main", "select"])


def names(table: tuple[Key, ...]) -> list[str]:
    return [name for key in table for name in key.keys.split(",")]


@BOTH
def test_no_key_does_two_things(table: tuple[Key, ...]) -> None:
    assert len(set(names(table))) == len(names(table))
    assert len({key.action for key in table}) == len(table)


def test_no_key_is_one_that_a_terminal_takes_for_another() -> None:
    """Alt+Enter arrives as Enter, Alt with a digit as another letter, and Ctrl+B is tmux's."""
    indistinct = {
        "alt+enter",
        "ctrl+b",
        "ctrl+i",
        "ctrl+m",
        *(f"alt+{digit}" for digit in range(10)),
    }
    assert not set(names(KEYS)) & indistinct


@BOTH
def test_the_page_has_every_key(table: tuple[Key, ...]) -> None:
    rows = [f"| {key.shown} | {key.help} |" for key in table]
    assert "\n".join(["| --- | --- |", *rows, ""]) in PAGE.read_text(encoding="utf-8")
