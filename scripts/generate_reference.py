#!/usr/bin/env python3
"""Writes the parts of docs/reference that follow from the code: frames, limits and settings.

``scripts/generate_reference.py`` rewrites them, between their marks; a test says when they are out of date.
"""

import ast
import importlib
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import get_args

import msgspec
from msgspec import inspect as shapes

from coterie.server import limits as server_limits
from coterie.server.limits import Limits
from coterie.server.session import ALLOWED, State
from coterie.tui.settings import SETTINGS, Settings, as_written
from coterie.ui.keymap import KEYS
from coterie.wire import frames

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
LIMITS = (  # every public number of these modules is a limit, and its comment says why it is so
    "coterie.wire.limits",
    "coterie.server.limits",
    "coterie.server.attempts",
    "coterie.server.delivery",
    "coterie.server.bus",
    "coterie.noise.channel",
    "coterie.mls.secret_tree",
    "coterie.client.connection",
    "coterie.client.rotation",
    "coterie.client.link",
    "coterie.client.around",
)
STATES = MappingProxyType(
    {
        frozenset({State.AWAITING_HELLO}): "first of all",
        frozenset({State.REGISTERING}): "after `RegisterStart`",
        frozenset({State.LOGGING_IN}): "after `PasswordLoginStart`",
        frozenset({State.UNLOCKED}): "logged in by password",
        frozenset({State.LOGGED_IN}): "logged in as a device",
        frozenset(State) - {State.AWAITING_HELLO, State.LOGGED_IN}: "until a device is logged in",
        frozenset(State) - {State.AWAITING_HELLO}: "always",
    }
)
SECTIONS = (
    "1-connection",
    "2-the-log",
    "3-who-is-who",
    "4-rooms",
    "5-at-rest",
    "6-what-stays-visible",
)


class Source:
    """A module's statements with the comments beside them."""

    def __init__(self, module: ModuleType) -> None:
        path = Path(module.__file__ or "")
        self.body = ast.parse(path.read_text(encoding="utf-8")).body
        with path.open("rb") as file:
            self._comments = {
                token.start[0]: token.string.lstrip("# ")
                for token in tokenize.tokenize(file.readline)
                if token.type == tokenize.COMMENT
            }

    def comment(self, node: ast.stmt) -> str:
        """What stands behind a statement, or between its lines where it was wrapped."""
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        found = " ".join(self._comments[line] for line in lines if line in self._comments)
        return re.sub(r"\s*#?\s*noqa: \S+", "", found).strip()

    def class_body(self, name: str) -> Iterator[tuple[str, str]]:
        """Each field of a class with its comment."""
        for node in self.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                for statement in node.body:
                    if isinstance(statement, ast.AnnAssign | ast.Assign):
                        yield _target(statement), self.comment(statement)


def _target(statement: ast.AnnAssign | ast.Assign) -> str:
    target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines
    )


# --- limits --------------------------------------------------------------------------------------


def limits_part() -> str:
    """A table for each module."""
    parts = []
    for name in LIMITS:
        module = importlib.import_module(name)
        rows = tuple(_limits(module))
        parts.append(f"## {name}\n\n{_table(('name', 'value', 'why'), iter(rows))}")
    return "\n\n".join(parts)


def _limits(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    source = Source(module)
    for statement in source.body:
        if not isinstance(statement, ast.AnnAssign | ast.Assign):
            continue
        name = _target(statement)
        value = getattr(module, name, None)
        if name.isupper() and name[0] != "_" and isinstance(value, int | float):
            yield f"`{name}`", f"{value:,}".removesuffix(".0"), source.comment(statement)


# --- settings ------------------------------------------------------------------------------------


def settings_part() -> str:
    """The limits that an operator may set."""
    rows = (
        (f"`{name}`", f"{getattr(Limits(), name):,}".removesuffix(".0"), comment)
        for name, comment in Source(server_limits).class_body("Limits")
    )
    return _table(("limit", "if not said", "why"), rows)


def chat_settings_part() -> str:
    """What a person may set, and the names of the actions that may have other keys."""
    rows = (
        (
            f"`{'.'.join(setting.path)}`",
            _choices(setting.choices),
            f"`{as_written(getattr(Settings(), setting.name))}`",
            setting.help,
        )
        for setting in SETTINGS
    )
    settings = _table(("setting", "may be", "if not said", "what it is"), rows)
    keys = ((f"`{key.action}`", f"`{as_written(key.keys)}`", key.help) for key in KEYS)
    actions = _table(("action", "if not said", "does"), keys)
    return f"{settings}\n\n### Actions\n\n{actions}"


def _choices(choices: tuple[str | bool, ...]) -> str:
    return ", ".join(f"`{as_written(choice)}`" for choice in choices)


# --- frames --------------------------------------------------------------------------------------


def frames_part() -> str:
    """Every frame, and what is inside them."""
    source = Source(frames)
    groups = (
        ("Requests", get_args(frames.RequestBody)),
        ("Replies", get_args(frames.ReplyBody)),
        ("Events", get_args(frames.EventBody)),
        ("Structures inside frames", _inner()),
    )
    parts = []
    for title, classes in groups:
        parts.append(f"## {title}")
        parts += [_frame(source, cls) for cls in classes]
    parts.append("## Kinds of entries")
    parts.append(_enum(source, frames.Kind, "number"))
    parts.append("## Codes of refusals")
    parts.append(_enum(source, frames.Code, "code"))
    return "\n\n".join(parts)


def _inner() -> tuple[type[msgspec.Struct], ...]:
    """Structures that are no frames by themselves."""
    outer = {
        *get_args(frames.RequestBody),
        *get_args(frames.ReplyBody),
        *get_args(frames.EventBody),
        frames.Request,
        frames.Reply,
        frames.Event,
    }
    return tuple(
        value
        for name, value in vars(frames).items()
        if isinstance(value, type)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == frames.__name__
        and not name.startswith("_")
        and value not in outer
    )


def _frame(source: Source, cls: type[msgspec.Struct]) -> str:
    doc = " ".join((cls.__doc__ or "").replace("``", "`").split())
    parts = [f"### {cls.__name__}", re.sub(r"\. (?=[A-Z`])", ".\n", doc)]
    allowed = frozenset(state for state, requests in ALLOWED.items() if cls in requests)
    if allowed:
        parts.append(f"Allowed: {STATES[allowed]}.")
    shape = shapes.type_info(cls)
    if isinstance(shape, shapes.StructType) and shape.fields:
        comments = dict(source.class_body(cls.__name__))
        rows = (
            (f"`{field.name}`", _shown(field.type) + _default(field), comments.get(field.name, ""))
            for field in shape.fields
        )
        parts.append(_table(("field", "value", "note"), rows))
    return "\n\n".join(parts)


def _default(field: shapes.Field) -> str:
    if field.required:
        return ""
    shown = "empty" if field.default == () else msgspec.json.encode(field.default).decode()
    return f"; {shown} where it is left out"


def _shown(shape: shapes.Type) -> str:
    match shape:
        case shapes.BytesType(minimum, maximum):
            return _sized("bytes", minimum, maximum)
        case shapes.StrType(minimum, maximum):
            return _sized("characters", minimum, maximum)
        case shapes.IntType(ge=lowest, le=highest):
            return f"integer{_between(lowest, highest)}"
        case shapes.VarTupleType(item, minimum, maximum):
            size = "" if maximum is None else f" of {minimum or 0} to {maximum:,}"
            return f"list{size}: {_shown(item)}"
        case shapes.UnionType(types):
            return " or ".join(_shown(one) for one in types)
        case shapes.StructType(cls) | shapes.EnumType(cls):
            return f"`{cls.__name__}`"
        case shapes.NoneType():
            return "null"
        case shapes.BoolType():
            return "boolean"
        case shapes.FloatType():
            return "number"
        case _:
            raise TypeError(f"no words for {shape}")


def _sized(unit: str, minimum: int | None, maximum: int | None) -> str:
    if maximum is None:
        return unit
    if minimum == maximum:
        return f"{maximum:,} {unit}"
    return f"{minimum:,} to {maximum:,} {unit}" if minimum else f"at most {maximum:,} {unit}"


def _between(lowest: int | None, highest: int | None) -> str:
    if lowest is None or highest is None:
        return ""
    return f" from {lowest:,}" if highest == 2**63 - 1 else f" from {lowest:,} to {highest:,}"


def _enum(source: Source, enum: type[Enum], head: str) -> str:
    comments = dict(source.class_body(enum.__name__))
    rows = ((f"`{one.value}`", one.name, comments[one.name]) for one in enum)
    return _table((head, "name", "note"), rows)


# --- pages ---------------------------------------------------------------------------------------

PARTS: MappingProxyType[str, Callable[[], str]] = MappingProxyType(
    {
        "frames": frames_part,
        "limits": limits_part,
        "settings": settings_part,
        "chat-settings": chat_settings_part,
    }
)


def page(name: str) -> Path:
    """The page with that generated part."""
    return REFERENCE / f"{name}.md"


def filled(name: str) -> str:
    """The page as it should be."""
    begin, end = f"<!-- begin: scripts/generate_reference.py {name} -->", "<!-- end -->"
    before, found, rest = page(name).read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page(name)} has no marks")
    return f"{before}{begin}\n\n{_linked(PARTS[name]())}\n\n{end}{after}"


def _linked(text: str) -> str:
    """What the code calls PROTOCOL.md is the page beside these."""
    return re.sub(
        r"PROTOCOL\.md section (\d)",
        lambda found: f"[section {found[1]}](protocol.md#{SECTIONS[int(found[1]) - 1]})",
        text.replace("``", "`"),
    ).replace("PROTOCOL.md", "[the protocol](protocol.md)")


def main() -> None:
    """Writes all pages that differ."""
    for name in PARTS:
        text = filled(name)
        if text != page(name).read_text():
            page(name).write_text(text)
            sys.stderr.write(f"wrote {page(name)}\n")


if __name__ == "__main__":
    main()
