"""What a person's file may say, and what is said of a wrong one."""

import os
from pathlib import Path

import pytest

from coterie.errors import StorageError
from coterie.tui.settings import SETTINGS, Settings, read
from coterie.tui.settings_file import SettingsFile, default_path
from coterie.tui.themes import THEMES

FILE = """\
# mine
theme = "light"  # by day

[notifications]
bell = false

[keys]
quit = "ctrl+g"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "chat.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def problems(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.text) for problem in read(text).problems]


def test_what_the_file_says_holds_and_the_rest_is_as_it_comes() -> None:
    found = read('theme = "light"\n[notifications]\nbell = false\ntitle = true\n')
    assert found.settings == Settings(theme="light", bell=False, title=True)
    assert not found.problems


def test_every_setting_is_in_the_table_and_its_usual_value_is_a_choice() -> None:
    assert {setting.name for setting in SETTINGS} | {"keys"} == set(Settings.__struct_fields__)
    for setting in SETTINGS:
        assert getattr(Settings(), setting.name) in setting.choices


def test_the_themes_are_those_that_there_are() -> None:
    assert next(one for one in SETTINGS if one.name == "theme").choices == tuple(THEMES)


def test_a_wrong_value_is_named_with_its_line_and_the_rest_holds() -> None:
    text = '# mine\ntheme = "drak"\n[notifications]\nbell = 1\ntitle = true\n'
    assert read(text).settings == Settings(title=True)
    assert problems(text) == [
        (2, 'theme is "drak": it is "dark", "light", "high-contrast" or "terminal"'),
        (4, "notifications.bell is 1: it is true or false"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("colour = 1", 1, "there is no setting colour: here are theme, density"),
        ("\n[notifications]\n\nbeep = 1", 4, "there is no setting notifications.beep"),
        ("notifications.bell = 'loud'", 1, 'notifications.bell is "loud"'),
        ("\n[notifications]\n'bell' = 'loud'", 3, 'notifications.bell is "loud"'),
        ("\nnotifications = { bell = 'loud' }", 2, 'notifications.bell is "loud"'),
        ("keys = 3", 1, "keys is a table, written as [keys]"),
        ("[extra]\nbell = true", 1, "there is no setting extra"),
        ("theme = '\\u001b[31m'", 1, "theme is "),
    ],
)
def test_what_does_not_belong_there_is_named(text: str, line: int, said: str) -> None:
    assert read(text).settings == Settings()
    [(at, told)] = problems(text)
    assert (at, told[: len(said)]) == (line, said)
    assert told.isprintable()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("theme = 'light'\n\nbell = \n", 3),
        ("theme = '''light\n\n", 2),
        (f"theme = {'9' * 5_000}", 1),
        (f"theme = {'[' * 5_000}", 1),
    ],
    ids=["no value", "no end", "too long a number", "too deep"],
)
def test_of_what_is_no_toml_nothing_holds_and_the_line_is_said(text: str, line: int) -> None:
    assert read(text).settings == Settings()
    [(at, told)] = problems(text)
    assert at == line
    assert told.startswith("this is no TOML, so nothing of it holds: ")


def test_actions_take_other_keys() -> None:
    found = read("[keys]\nswitch = 'ctrl+p'\npalette = 'ctrl+k,f8'\n")
    assert not found.problems
    assert found.settings.keys == {"switch": "ctrl+p", "palette": "ctrl+k,f8"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("dance = 'ctrl+d'", "there is no action keys.dance: they are send, newline"),
        ("quit = 7", "keys.quit is 7: it is keys in quotes"),
        ("quit = 'Ctrl Q'", 'keys.quit is "Ctrl Q": keys are written as in "ctrl+q"'),
        ("quit = ''", 'keys.quit is "": keys are written as in'),
        ("quit = 'alt+enter'", 'keys.quit is "alt+enter": a terminal takes alt+enter for another'),
        ("quit = 'q'", 'keys.quit is "q": q could not be typed any more'),
        ("quit = 'ctrl+k'", 'keys.quit is "ctrl+k": ctrl+k is the key of switch'),
    ],
)
def test_keys_that_cannot_be_are_named_and_the_action_keeps_its_own(line: str, said: str) -> None:
    text = f"[keys]\nhelp = 'f9'\n{line}\n"
    assert read(text).settings.keys == {"help": "f9"}
    [(at, told)] = problems(text)
    assert (at, told[: len(said)]) == (3, said)


def test_of_a_wrong_exchange_of_keys_nothing_is_left() -> None:
    """The palette would have kept Ctrl+P, which the switcher has got by then."""
    found = read("[keys]\nswitch = 'ctrl+p'\npalette = 'alt+enter'\n")
    assert found.settings.keys == {}
    assert [problem.line for problem in found.problems] == [2, 3]


def test_the_file_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COTERIE_CONFIG", "~/mine.toml")
    assert default_path() == Path.home() / "mine.toml"


def test_without_it_the_file_is_with_the_users_other_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("COTERIE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == tmp_path / "coterie" / "chat.toml"


def test_without_a_file_all_is_as_it_comes(tmp_path: Path) -> None:
    file = SettingsFile.read(tmp_path / "none.toml")
    assert (file.settings, file.problems) == (Settings(), ())


def test_problems_name_the_file(path: Path) -> None:
    path.write_text("\nbell = 1\n", encoding="utf-8")
    [problem] = SettingsFile.read(path).problems
    assert problem.startswith(f"{path}:2: there is no setting bell")


@pytest.mark.parametrize("content", [b"theme = '\xff'", b"#" * 70_000], ids=["bytes", "large"])
def test_a_file_that_cannot_be_read_is_a_problem_and_nothing_more(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    file = SettingsFile.read(path)
    assert file.settings == Settings()
    [problem] = file.problems
    assert problem.startswith(str(path))


def test_a_change_keeps_comments_and_order(path: Path) -> None:
    file = SettingsFile.read(path)
    file.change("theme", "high-contrast")
    file.change("title", value=True)
    file.bind("quit", "alt+s")
    assert (file.settings.theme, file.settings.title) == ("high-contrast", True)
    assert path.read_text(encoding="utf-8") == (
        FILE.replace('"light"', '"high-contrast"')
        .replace("bell = false\n", "bell = false\ntitle = true\n")
        .replace("ctrl+g", "alt+s")
    )


def test_an_action_gets_its_own_key_again(path: Path) -> None:
    file = SettingsFile.read(path)
    file.bind("quit", None)
    assert file.settings.keys == {}
    assert "quit" not in path.read_text(encoding="utf-8")


def test_the_first_change_makes_the_file_and_its_folder(tmp_path: Path) -> None:
    file = SettingsFile.read(tmp_path / "coterie" / "chat.toml")
    file.change("bell", value=False)
    assert SettingsFile.read(file.path).settings == Settings(bell=False)
    assert file.path.read_text(encoding="utf-8") == "[notifications]\nbell = false\n"


def test_a_link_to_the_file_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    SettingsFile.read(link).change("theme", "terminal")
    assert link.is_symlink()
    assert SettingsFile.read(path).settings.theme == "terminal"


@pytest.mark.parametrize("text", ["theme = \n", f"theme = {'9' * 5_000}"], ids=["short", "long"])
def test_what_is_no_toml_is_not_written_over(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    file = SettingsFile.read(path)
    with pytest.raises(StorageError, match=r"chat.toml:1: this is no TOML") as raised:
        file.change("theme", "dark")
    assert raised.value.hint == "mend it in an editor first: it is not written over"
    assert path.read_text(encoding="utf-8") == text


def test_what_is_no_file_is_told_at_once(tmp_path: Path) -> None:
    """The program hung before there was any screen."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        assert SettingsFile.read(path).problems == (f"{path} is no file, so nothing of it holds",)
    assert SettingsFile.read(tmp_path).problems == (f"{tmp_path} cannot be read: is a directory",)
    with pytest.raises(StorageError, match="is no file"):
        SettingsFile.read(tmp_path / "pipe").change("bell", False)


def test_the_null_device_says_nothing() -> None:
    assert not SettingsFile.read(Path(os.devnull)).problems
