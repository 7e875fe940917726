"""Settings of ``coterie serve``: command line over environment over ``coterie.toml`` over defaults."""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from coterie.errors import InvalidInput
from coterie.server.limits import Limits
from coterie.wire.invite import DEFAULT_PORT, Address, decode_address

FILE = "coterie.toml"
SETTINGS = ("listen", "announce")
VARIABLES = {f"COTERIE_{setting.upper()}": setting for setting in SETTINGS}
LIMITS_TABLE = "limits"
LIMITS = {limit.name: int if isinstance(limit.default, int) else float for limit in fields(Limits)}
LIMIT_VARIABLES = {f"COTERIE_LIMITS_{limit.upper()}": limit for limit in LIMITS}


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Each has an entry in docs/reference/settings.md."""

    data: Path
    listen: Address = Address("127.0.0.1", DEFAULT_PORT)  # noqa: RUF009  # frozen
    announce: str = ""  # HOST:PORT as clients reach it; empty: as it listens
    limits: Limits = field(default_factory=Limits)


def load(
    data: Path, *, listen: str | None = None, environment: Mapping[str, str] = os.environ
) -> Config:
    """The settings of a data folder. Raises InvalidInput with file and key where a value is wrong."""
    path = data / FILE
    config = _with(Config(data), _read(path), str(path))
    for variable, setting in VARIABLES.items():
        value = environment.get(variable)
        if value:  # empty is as good as unset
            config = _with(config, {setting: value}, variable)
    for variable, limit in LIMIT_VARIABLES.items():
        value = environment.get(variable)
        if value:
            config = replace(
                config, limits=_limited(config.limits, limit, _number(value), variable)
            )
    return _with(config, {"listen": listen}, "--listen") if listen is not None else config


def _read(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is no TOML: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _with(config: Config, values: Mapping[str, object], where: str) -> Config:
    for key, value in values.items():
        if key == LIMITS_TABLE:
            config = replace(config, limits=_limits(config.limits, value, where))
            continue
        if key not in SETTINGS:
            known = ", ".join(SETTINGS) + f" and the table [{LIMITS_TABLE}]"
            raise InvalidInput(f"{where}: unknown setting {key!r}", hint=f"there are {known}")
        if not isinstance(value, str):
            raise InvalidInput(f"{where}: {key} must be a text, HOST:PORT")
        try:
            address = decode_address(value)
        except InvalidInput as error:
            raise InvalidInput(f"{where}: {key}: {error}", hint=error.hint) from error
        config = (
            replace(config, listen=address) if key == "listen" else replace(config, announce=value)
        )
    return config


def _limits(limits: Limits, table: object, where: str) -> Limits:
    if not isinstance(table, Mapping):
        raise InvalidInput(f"{where}: {LIMITS_TABLE} must be a table, [{LIMITS_TABLE}]")
    for key, value in table.items():
        if key not in LIMITS:
            hint = "docs/reference/settings.md has all of them"
            raise InvalidInput(f"{where}: unknown limit {key!r}", hint=hint)
        limits = _limited(limits, key, value, f"{where}: {LIMITS_TABLE}.{key}")
    return limits


def _limited(limits: Limits, key: str, value: object, where: str) -> Limits:
    """With one of them changed. No limit may be zero: nothing would work, and nothing would say so."""
    wanted = LIMITS[key]
    is_number = isinstance(value, int | wanted) and not isinstance(value, bool)
    if not isinstance(value, int | float) or not is_number or not 0 < value < math.inf:
        kind = "a whole number" if wanted is int else "a number"
        raise InvalidInput(f"{where} must be {kind} above 0")
    changed: Any = wanted(value)
    return replace(limits, **{key: changed})


def _number(text: str) -> object:
    """As TOML would read it; the text where it is no number."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
