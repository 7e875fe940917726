"""What a person may set about the screen: one table feeds the file, the settings screen and the docs. Pure.

A value that cannot be is named with its line, and the rest of the file holds.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from coterie.ui.clean import clean_line
from coterie.ui.keymap import KEYS

Value = str | bool

KEY_TABLE = "keys"
_NOTIFICATIONS = "notifications"
_SHOWN = 40  # characters of a wrong value that are repeated


class Settings(msgspec.Struct, frozen=True):
    """All of them, as they are where nothing is said."""

    theme: str = "dark"
    density: Literal["comfortable", "compact"] = "comfortable"
    clock: Literal["24h", "12h"] = "24h"
    say_typing: bool = True
    say_presence: bool = True
    bell: bool = True
    terminal: Literal["off", "osc9", "osc777"] = "off"
    desktop: bool = False
    show_text: bool = False
    do_not_disturb: bool = False
    title: bool = False
    keys: Mapping[str, str] = {}  # of those actions that have others


class Setting(msgspec.Struct, frozen=True):
    """One line of the file but for the keys: ``name`` as in ``Settings``, in ``table`` where that is not empty."""

    name: str
    table: str
    choices: tuple[Value, ...]
    help: str
    title: str  # for people, under ``heading``
    heading: str

    @property
    def path(self) -> tuple[str, ...]:
        """Where it is in the file."""
        return (self.table, self.name) if self.table else (self.name,)


_SWITCH = (True, False)
_LOOK, _OTHERS, _RINGS = "How it looks", "What others are told", "What rings"
SETTINGS = (
    Setting(
        "theme",
        "",
        ("dark", "light", "high-contrast", "terminal"),
        "the colours; `terminal` has the terminal's own 16, and NO_COLOR takes all away",
        "colours",
        _LOOK,
    ),
    Setting(
        "density",
        "",
        ("comfortable", "compact"),
        "how much room there is between messages",
        "spacing",
        _LOOK,
    ),
    Setting("clock", "", ("24h", "12h"), "how times are written", "clock", _LOOK),
    Setting(
        "say_typing",
        "",
        _SWITCH,
        "the others of a room are told that you are typing",
        "you are typing",
        _OTHERS,
    ),
    Setting(
        "say_presence",
        "",
        _SWITCH,
        "the others of a room are told that you are there",
        "you are there",
        _OTHERS,
    ),
    Setting(
        "do_not_disturb", _NOTIFICATIONS, _SWITCH, "nothing rings at all", "do not disturb", _RINGS
    ),
    Setting("bell", _NOTIFICATIONS, _SWITCH, "the terminal's bell", "bell", _RINGS),
    Setting(
        "terminal",
        _NOTIFICATIONS,
        ("off", "osc9", "osc777"),
        "a notification by the terminal: `osc9` for iTerm2, WezTerm, kitty and Ghostty, `osc777` for "
        "foot, urxvt and GNOME's; what does not know it shows nothing",
        "by the terminal",
        _RINGS,
    ),
    Setting(
        "desktop",
        _NOTIFICATIONS,
        _SWITCH,
        "one by the desktop, where there is `notify-send`",
        "by the desktop",
        _RINGS,
    ),
    Setting(
        "show_text",
        _NOTIFICATIONS,
        _SWITCH,
        "who wrote what and where stands in it: others may see your screen, and the desktop may keep it",
        "who and what",
        _RINGS,
    ),
    Setting(
        "title",
        _NOTIFICATIONS,
        _SWITCH,
        "the window's title has the number of unread messages",
        "number in title",
        _RINGS,
    ),
)
_BY_PATH = {setting.path: setting for setting in SETTINGS}
_TABLES = {setting.table for setting in SETTINGS if setting.table} | {KEY_TABLE}


class Problem(msgspec.Struct, frozen=True):
    """What is wrong in a file, and where: ``line`` is 1 for the first."""

    line: int
    text: str


class Read(msgspec.Struct, frozen=True):
    """What holds of a file, and what does not."""

    settings: Settings = Settings()
    problems: tuple[Problem, ...] = ()


def read(text: str) -> Read:
    """A file's settings. What it does not say is as in ``Settings()``, and so is all where it is no TOML."""
    if not text.strip():
        return Read()
    import tomllib  # noqa: PLC0415  # most people have no such file

    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # it raises both for what is no TOML, too
        return Read(problems=(_syntax(error, text),))
    lines = _lines(text)
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for path, value in _flat(found):
        setting = _BY_PATH.get(path)
        if path[:-1] == (KEY_TABLE,):
            continue  # together, below
        if setting is None:
            problems.append(Problem(_line_of(path, lines), _unknown(path)))
        elif not _is_choice(value, setting):
            text_of = f"{'.'.join(path)} is {as_written(value)}: it is {_listed(setting.choices)}"
            problems.append(Problem(_line_of(path, lines), text_of))
        else:
            values[setting.name] = value
    table = found.get(KEY_TABLE)
    given: dict[str, Any] = dict(table) if isinstance(table, dict) else {}
    for wrong in (_wrong_form, _clash):
        # again until all fits: who is refused another's key keeps its own, which may be taken meanwhile
        while refused := {
            action: why for action, keys in given.items() if (why := wrong(action, keys, given))
        }:
            for action, why in refused.items():
                problems.append(Problem(_line_of((KEY_TABLE, action), lines), why))
                del given[action]
    problems.sort(key=lambda problem: problem.line)
    return Read(msgspec.structs.replace(Settings(), keys=given, **values), tuple(problems))


def _is_choice(value: object, setting: Setting) -> bool:
    # not `in` alone: 1 == True
    return any(value == choice and type(value) is type(choice) for choice in setting.choices)


# --- keys ----------------------------------------------------------------------------------------

# These arrive as other keys: Alt+Enter as Enter, Ctrl+I as Tab, Ctrl+M as Enter, Alt+1 as a letter.
_INDISTINCT = {"alt+enter", "ctrl+i", "ctrl+m", "ctrl+h", *(f"alt+{digit}" for digit in range(10))}
_KEY = re.compile(r"(?:(?:ctrl|shift|alt)\+)*[a-z0-9_]+")
_DEFAULT = {key.action: key.keys for key in KEYS}


def wrong_keys(action: str, keys: str, others: Mapping[str, str]) -> str:
    """Why these keys cannot be that action's, where ``others`` were changed too; empty where they can."""
    return _wrong_form(action, keys, others) or _clash(action, keys, others)


def _wrong_form(action: str, keys: object, _: Mapping[str, object]) -> str:
    """What is wrong with them by themselves."""
    where = f"{KEY_TABLE}.{clean_line(action[:_SHOWN])}"
    if action not in _DEFAULT:
        return f"there is no action {where}: they are {', '.join(_DEFAULT)}"
    if not isinstance(keys, str):
        return f"{where} is {as_written(keys)}: it is keys in quotes, such as {as_written(_DEFAULT[action])}"
    where = f"{where} is {as_written(keys)}"
    for key in keys.split(","):
        if not _KEY.fullmatch(key):
            return f"{where}: keys are written as in {as_written(_DEFAULT[action])}"
        if key in _INDISTINCT:
            return f"{where}: a terminal takes {key} for another key"
        if _is_typed(key):
            return f"{where}: {key} could not be typed any more"
    return ""


def _clash(action: str, keys: str, others: Mapping[str, str]) -> str:
    """Whose key one of them is."""
    for other, taken in (_DEFAULT | dict(others)).items():
        if other != action and (twice := set(keys.split(",")) & set(taken.split(","))):
            return f"{KEY_TABLE}.{action} is {as_written(keys)}: {min(twice)} is the key of {other}"
    return ""


def _is_typed(key: str) -> bool:
    """Whether it writes something."""
    return len(key.removeprefix("shift+")) == 1 or key in ("space", "backspace", "delete")


# --- what is said of a wrong one -----------------------------------------------------------------


def _flat(found: dict[str, Any]) -> list[tuple[tuple[str, ...], object]]:
    """Each value with its path, in tables that there are."""
    flat: list[tuple[tuple[str, ...], object]] = []
    for name, value in found.items():
        if name in _TABLES and isinstance(value, dict):
            flat += [((name, inner), one) for inner, one in value.items()]
        else:
            flat.append(((name,), value))
    return flat


def _unknown(path: tuple[str, ...]) -> str:
    if path[0] in _TABLES and len(path) == 1:
        return f"{path[0]} is a table, written as [{path[0]}]"
    names = [setting.name for setting in SETTINGS if setting.path[:-1] == path[:-1]]
    name = clean_line(".".join(path)[:_SHOWN])
    return f"there is no setting {name}: here are {', '.join(names)}"


def _listed(choices: tuple[Value, ...]) -> str:
    *most, last = map(as_written, choices)
    return f"{', '.join(most)} or {last}"


def as_written(value: object) -> str:
    """A value as it stands in the file; of a long one the beginning."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{clean_line(value[:_SHOWN])}"'
    return clean_line(str(value)[:_SHOWN])


# --- lines ---------------------------------------------------------------------------------------

_NAME = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_HEADER = re.compile(rf"\s*\[\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*\]")
_ASSIGNED = re.compile(rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_AT = re.compile(r" \(at line ([0-9]+), column [0-9]+\)")


def _syntax(error: Exception, text: str) -> Problem:
    found = _AT.search(str(error))
    line = int(found[1]) if found else max(len(text.splitlines()), 1)
    reason = clean_line(str(error).partition(" (at")[0])
    return Problem(
        line, f"this is no TOML, so nothing of it holds: {reason[:1].lower()}{reason[1:]}"
    )


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Where each table and each name stands: the parser does not say."""
    table: tuple[str, ...] = ()
    found: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            found.setdefault(table, number)
        elif assigned := _ASSIGNED.match(line):
            found.setdefault(table + _parts(assigned[1]), number)
    return found


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, dotted))


def _line_of(path: tuple[str, ...], lines: Mapping[tuple[str, ...], int]) -> int:
    """Of the name, or of the table that it is in where that is one line."""
    return lines.get(path) or lines.get(path[:-1]) or 1
