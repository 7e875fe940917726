"""What the screens say, in the columns that there are."""

import pytest

from coterie.tui.dialogs import reader_width
from coterie.tui.words import help_text, status
from coterie.ui.commands import SCREEN_COMMANDS
from coterie.ui.keymap import KEYS
from tests.cli.fakes import STATUS


@pytest.mark.parametrize("columns", [40, 60, 100, 300])
def test_what_is_long_is_wrapped_under_itself_and_whole(columns: int) -> None:
    width = reader_width(columns)
    for text in (help_text(width), status(STATUS, width)):
        assert max(map(len, text.splitlines())) <= width
    told = " ".join(help_text(width).split())
    assert all(key.help in told for key in KEYS)
    assert all(" ".join(one.usage.split()) in told for one in SCREEN_COMMANDS.values())
    assert STATUS.fingerprint in " ".join(status(STATUS, width).split())
