"""The page about the command line."""

from pathlib import Path

from coterie.cli.reference import page
from coterie.cli.table import COMMANDS
from coterie.ui.commands import COMMANDS as SLASH_COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_what_the_commands_say() -> None:
    """If not: python -m coterie.cli.reference > docs/reference/cli.md"""
    assert PAGE.read_text() == page()


def test_every_command_has_an_entry() -> None:
    text = PAGE.read_text()
    for name in COMMANDS:
        assert f"## coterie {name}\n" in text
    for command in SLASH_COMMANDS.values():
        assert f"| `{command.usage}` |" in text.replace("\\|", "|")
