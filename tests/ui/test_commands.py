"""Slash commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import InvalidInput
from coterie.ui.commands import (
    COMMANDS,
    PLAIN_COMMANDS,
    SCREEN_COMMANDS,
    Called,
    Said,
    SlashCommand,
    parse,
)


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
        ("/me", "/me was given 0 words"),
        ("/msg", "/msg was given 0 words"),
        ("/delete it", "it is no number"),
        ("/mute loud", "loud is none of these words"),
    ],
)
def test_what_cannot_be_a_command_is_told(line: str, error: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(line)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ('/me isn\'t  "here" ', ('isn\'t  "here" ',)),
        ("/topic", ()),
        ("/topic it's late", ("it's late",)),
        ("/msg bobb", ("bobb",)),
        ("/msg bobb don't\nrun ", ("bobb", "don't\nrun ")),
        ("/reply yes, 41 of them", ("yes, 41 of them",)),
        ("/reply 41 it's \\ so", ("41", "it's \\ so")),
        ("/reply #41 yes", ("41", "yes")),
        ("/reply 41", ("41",)),
        ("/edit 41st", ("41st",)),
        ("/delete", ()),
        ("/delete #41", ("41",)),
        ("/react 👍 41", ("👍", "41")),
        ("/mute mentions", ("mentions",)),
        ("/last 20", ("20",)),
    ],
)
def test_text_and_numbers_are_as_they_were_typed(line: str, arguments: tuple[str, ...]) -> None:
    called = parse(line)
    assert isinstance(called, Called)
    assert called.arguments == arguments


def test_each_interface_has_what_makes_sense_there() -> None:
    assert set(SCREEN_COMMANDS) | set(PLAIN_COMMANDS) == set(COMMANDS)
    assert "settings" not in PLAIN_COMMANDS
    with pytest.raises(InvalidInput, match="no such command: /settings"):
        parse("/settings", PLAIN_COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "accepted"),
    [
        ("", {0}),
        ("A", {1}),
        ("A ...", {1, 2, 3}),
        ("A [B]", {1, 2}),
        ("A [B ...]", {1, 2, 3}),
        ("[A] B…", {1, 2}),
        ("A [B…]", {1, 2}),
    ],
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
