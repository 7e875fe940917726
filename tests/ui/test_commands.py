"""Slash commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import InvalidInput
from coterie.ui.commands import COMMANDS, Called, Said, SlashCommand, parse


def test_a_line_is_said() -> None:
    assert parse("hello /all") == Said("hello /all")
    assert parse("  indented") == Said("  indented")


@pytest.mark.parametrize("line", ["", "   ", "\t"])
def test_an_empty_line_means_nothing(line: str) -> None:
    assert parse(line) is None


def test_two_slashes_say_one() -> None:
    assert parse("//usr/bin") == Said("/usr/bin")


def test_a_command_has_its_arguments() -> None:
    assert parse("/create ops bobb  carol ") == Called(COMMANDS["create"], ("ops", "bobb", "carol"))


def test_quotes_hold_an_argument_together() -> None:
    assert parse("/join 'war room'") == Called(COMMANDS["join"], ("war room",))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("/dance", "no such command: /dance"),
        ("/", "no such command: /"),
        ("/join", "/join was given 0 words"),
        ("/join a b", "/join was given 2 words"),
        ("/quit now", "/quit was given 1 words"),
        ("/invite", "/invite was given 0 words"),
        ("/join bob's", "/join: no closing quotation"),
    ],
)
def test_what_cannot_be_a_command_is_told(line: str, error: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(line)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("arguments", "accepted"),
    [("", {0}), ("A", {1}), ("A ...", {1, 2, 3}), ("A [B]", {1, 2}), ("A [B ...]", {1, 2, 3})],
)
def test_the_words_of_the_table_say_how_many_arguments_there_can_be(
    arguments: str, accepted: set[int]
) -> None:
    command = SlashCommand("name", arguments, "help")
    assert {count for count in range(4) if command.accepts(count)} == accepted


@given(st.text())
def test_any_line_means_something_or_is_refused(line: str) -> None:
    try:
        meant = parse(line)
    except InvalidInput:
        return
    assert isinstance(meant, Said | Called | None)
