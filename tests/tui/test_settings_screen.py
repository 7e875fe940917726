"""Changing settings on the screen."""

from pathlib import Path

import pytest

from coterie.tui.settings import Settings
from coterie.tui.settings_file import SettingsFile
from coterie.tui.settings_screen import SettingsScreen
from tests.asynchronous import asynchronous
from tests.tui.dialog import LOOKS, SMALLEST, showing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.toml"


class Applied(list[Settings]):
    """The settings after each change."""


def screen(path: Path, applied: Applied | None = None, *, says: str = "") -> SettingsScreen:
    path.write_text(says, encoding="utf-8")
    return SettingsScreen(SettingsFile.read(path), (applied if applied is not None else []).append)


@LOOKS
@asynchronous
async def test_what_holds_is_in_brackets_and_told_in_a_sentence(path: Path, look: str) -> None:
    async with showing(screen(path), size=SMALLEST, look=look) as seen:
        await seen.until_shown("Settings", "How it looks", "[dark]  light   contrast   terminal")
        await seen.until_shown("The colours;", "← → change · Esc back")


@asynchronous
async def test_a_change_is_written_and_applied_at_once(path: Path) -> None:
    applied = Applied()
    async with showing(screen(path, applied)) as seen:
        await seen.press("right")
        await seen.until_shown("dark  [light]")
        await seen.press("down", "enter", "down", "left")
        await seen.until_shown("comfortable  [compact]", "24h  [12h]")
        assert [one.theme for one in applied] == ["light"] * 3
        assert applied[-1] == Settings(theme="light", density="compact", clock="12h")
        assert SettingsFile.read(path).settings == applied[-1]
        await seen.press("escape")
        await seen.until(lambda: seen.result is None)


@asynchronous
async def test_choices_go_round(path: Path) -> None:
    async with showing(screen(path)) as seen:
        await seen.press("left")
        await seen.until_shown("[terminal]")
        await seen.press("right")
        await seen.until_shown("[dark]")


@asynchronous
async def test_what_is_wrong_in_the_file_is_named(path: Path) -> None:
    async with showing(screen(path, says="theme = 'drak'\nbell = 1\n"), size=(120, 30)) as seen:
        await seen.until_shown("chat.toml:1: theme is", "chat.toml:2: there is no", "[dark]")


@asynchronous
async def test_a_file_that_cannot_be_written_says_so_and_nothing_is_changed(path: Path) -> None:
    applied = Applied()
    async with showing(screen(path, applied, says="theme = \n"), size=(120, 30)) as seen:
        await seen.press("right")
        await seen.until_shown("mend it in an editor first", "[dark]")
        assert not applied


@asynchronous
async def test_an_action_gets_the_key_that_is_pressed_and_its_own_again(path: Path) -> None:
    async with showing(screen(path), size=(100, 60)) as seen:
        await seen.press("end", "enter")
        await seen.until_shown("The new key of: quit", "Keys", "Ctrl+K", "Press it now.")
        await seen.press("f8")
        await seen.until_gone("Press it now.")
        assert SettingsFile.read(path).settings.keys == {"quit": "f8"}
        await seen.until_shown("f8", "keys count from the next start")
        await seen.press("delete")
        await seen.until_gone("f8")
        assert SettingsFile.read(path).settings.keys == {}


@pytest.mark.parametrize(
    ("key", "said"),
    [("ctrl+k", "ctrl+k is the key of switch"), ("x", "x could not be typed any more")],
)
@asynchronous
async def test_a_key_that_cannot_be_is_refused(path: Path, key: str, said: str) -> None:
    async with showing(screen(path), size=(100, 60)) as seen:
        await seen.press("end", "enter")
        await seen.until_shown("Press it now.")
        await seen.press(key)
        await seen.until_shown(said)
        assert SettingsFile.read(path).settings == Settings()


@asynchronous
async def test_escape_leaves_an_action_its_key(path: Path) -> None:
    async with showing(screen(path), size=(100, 60)) as seen:
        await seen.press("end", "enter")
        await seen.until_shown("Press it now.")
        await seen.press("escape")
        await seen.until_gone("Press it now.")
        await seen.until_shown("Settings", "Del its own")
        assert SettingsFile.read(path).settings == Settings()
