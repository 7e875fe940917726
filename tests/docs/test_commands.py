"""What the pages tell people to type exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from coterie.cli.main import coterie
from tests.docs.pages import PAGES, code, name_of


def typed(page: Path) -> Iterator[list[str]]:
    """The words behind every ``coterie`` in the page's code."""
    for text in code(page):
        for found in re.findall(
            r"(?<!from )\bcoterie ((?:[^\s`|;&<>#()\[\]]+ ?)+)", text, flags=re.MULTILINE
        ):
            yield found.split()


def check(words: list[str]) -> None:
    """Raises AssertionError where a command or an option among the words is not there."""
    command: click.Command = coterie
    context = click.Context(coterie, info_name="coterie")
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            options = [p for p in command.params if isinstance(p, click.Option) and word in p.opts]
            assert options, f"{command.name} has no option {word}"
            if not options[0].is_flag:
                next(rest, None)
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            assert found is not None, f"{command.name} has no command {word}"
            command = found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_options_in_a_page_exist(page: Path) -> None:
    for words in typed(page):
        check(words)


def test_pages_name_every_command() -> None:
    named = {words[0] for page in PAGES for words in typed(page)}
    assert named >= set(coterie.list_commands(click.Context(coterie)))


def test_what_is_not_there_would_be_found() -> None:
    """The control."""
    check(["--json", "room", "new", "ops", "--profile", "sned"])
    for words in (["sned", "ops"], ["room", "nwe"], ["send", "ops", "--uses", "2"]):
        with pytest.raises(AssertionError):
            check(words)
