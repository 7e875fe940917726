"""The table of keys."""

from pathlib import Path

from coterie.ui.keymap import KEYS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "keys.md"


def test_no_key_does_two_things() -> None:
    assert len({key.keys for key in KEYS}) == len({key.action for key in KEYS}) == len(KEYS)


def test_no_key_is_one_that_a_terminal_takes_for_another() -> None:
    """Alt+Enter arrives as Enter, Alt with a digit as another letter, and Ctrl+B is tmux's."""
    indistinct = {
        "alt+enter",
        "ctrl+b",
        "ctrl+i",
        "ctrl+m",
        *(f"alt+{digit}" for digit in range(10)),
    }
    assert not {key.keys for key in KEYS} & indistinct


def test_the_page_has_every_key() -> None:
    rows = [f"| {key.shown} | {key.help} |" for key in KEYS]
    assert PAGE.read_text(encoding="utf-8").endswith("\n".join(["| --- | --- |", *rows, ""]))
