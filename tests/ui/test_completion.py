"""What Tab offers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.ui.commands import SlashCommand
from coterie.ui.completion import MOST, Choice, Completion, Known, complete

KNOWN = Known(
    names=("carol", "bobb", "anna-bobb"),
    rooms=("ops", "operations", "dev-ops"),
    commands={
        command.name: command
        for command in (
            SlashCommand("join", "ROOM", "see a room"),
            SlashCommand("kick", "NAME", "take somebody out"),
            SlashCommand("create", "ROOM [NAME ...]", "make a room"),
            SlashCommand("invite", "NAME ...", "add people"),
            SlashCommand("help", "", "list the commands"),
        )
    },
)


def offered(text: str) -> list[str]:
    found = complete(text, len(text), KNOWN)
    return [choice.inserted for choice in found.choices] if found else []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@", ["@carol", "@bobb", "@anna-bobb"]),
        ("ask @bo", ["@bobb", "@anna-bobb"]),
        ("(@BO", ["@bobb", "@anna-bobb"]),
        ("a\n@ca", ["@carol"]),
        ("mail@bo", []),
        ("@bobb ", []),
        ("@zed", []),
        ("see #op", ["#ops", "#operations", "#dev-ops"]),
        ("a#op", []),
        (":tad", ["🎉"]),
        (":", []),
        (":t", []),
        ("10:30", []),
        ("/", ["/join", "/kick", "/create", "/invite", "/help"]),
        ("/k", ["/kick"]),
        ("/i", ["/invite", "/join", "/kick"]),
        ("say /k", []),
        ("//", []),
        ("/kick bo", ["bobb", "anna-bobb"]),
        ("/kick bobb ca", []),
        ("/kick @bo", ["@bobb", "@anna-bobb"]),
        ("/join d", ["dev-ops"]),
        ("/create ", ["ops", "operations", "dev-ops"]),
        ("/create new ca", ["carol"]),
        ("/create new carol bo", ["bobb", "anna-bobb"]),
        ("/invite carol bo", ["bobb", "anna-bobb"]),
        ("/help ", []),
        ("/nosuch bo", []),
        ("", []),
    ],
)
def test_what_is_offered(text: str, expected: list[str]) -> None:
    assert offered(text) == expected


def test_choice_takes_the_place_of_what_was_typed_and_the_rest_stays() -> None:
    found = complete("ask @bo today", 7, KNOWN)
    assert found is not None
    assert found.applied("ask @bo today", found.choices[0]) == ("ask @bobb today", 10)
    assert found.applied("ask @bo", found.choices[1]) == ("ask @anna-bobb ", 15)


def test_commands_and_emoji_say_what_they_are() -> None:
    assert complete("/h", 2, KNOWN) == Completion(0, 2, (Choice("/help", "list the commands"),))
    found = complete(":rocke", 6, KNOWN)
    assert found is not None
    assert found.choices == (Choice("🚀", "rocket"),)


def test_only_so_many_are_offered() -> None:
    many = Known(names=[f"name{n}" for n in range(100)])
    found = complete("@", 1, many)
    assert found is not None
    assert len(found.choices) == MOST


@given(st.text(alphabet="/@#:a o\n.", max_size=30), st.integers(0, 30))
def test_whatever_is_typed_completion_changes_only_the_word_at_the_cursor(
    text: str, cursor: int
) -> None:
    cursor = min(cursor, len(text))
    found = complete(text, cursor, KNOWN)
    if found:
        assert found.end == cursor
        after, place = found.applied(text, found.choices[0])
        assert after[:place] == text[: found.begin] + found.choices[0].inserted + " "
        assert after[place:] == text[cursor:].removeprefix(" ")
