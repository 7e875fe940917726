"""A warning that stays."""

from pathlib import Path

from coterie.tui.app import ChatApp
from coterie.tui.login import LoginApp
from coterie.tui.settings import Read
from coterie.tui.settings_file import SettingsFile
from tests.asynchronous import asynchronous
from tests.tui.look import Seen
from tests.tui.memory import Memory
from tests.tui.sight import Sight
from tests.tui.test_login import Server

MARK = "WARNING: THE KEYS OF THIS CONNECTION ARE WRITTEN TO keys.txt"


@asynchronous
async def test_the_main_screen_says_all_the_while_where_keys_go() -> None:
    """It was said before the screen came, and hidden by it."""
    app = ChatApp(Memory(), "ops", settings_file=SettingsFile(Path(), Read()), mark=MARK)
    async with app.run_test(size=(100, 30)) as pilot:
        seen = Seen(app, pilot)
        await seen.until_shown("> message #ops", "F1 help")
        assert MARK in seen.lines[0]
        await seen.type("hello")
        await seen.until_shown("hello")
        assert MARK in seen.lines[0]


@asynchronous
async def test_the_first_screen_says_it_too() -> None:
    app = LoginApp(Server().join, "dark", mark=MARK)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert MARK in Sight(app, pilot).lines[0]
