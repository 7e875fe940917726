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
SETTINGS = ("listen", "announce", "tls_cert", "tls_key")
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
    tls_cert: Path | None = None  # both or none
    tls_key: Path | None = None
    limits: Limits = field(default_factory=Limits)


def load(
    data: Path,
    *,
    listen: str | None = None,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """The settings of a data folder. Raises InvalidInput with file and key where a value is wrong."""
    path = data / FILE
    config = _with(Config(data), _read(path), str(path), data)
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
    options = {"listen": listen, "tls_cert": tls_cert, "tls_key": tls_key}
    for setting, value in options.items():
        if value is not None:
            config = _with(config, {setting: value}, f"--{setting.replace('_', '-')}")
    if (config.tls_cert is None) != (config.tls_key is None):
        missing = "tls_key" if config.tls_key is None else "tls_cert"
        raise InvalidInput(
            f"{missing} is missing: a certificate and its key go together",
            hint="where one file holds both, name it twice",
        )
    return config


def _read(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is no TOML: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _with(config: Config, values: Mapping[str, object], where: str, base: Path = Path()) -> Config:
    """``base`` is where names of files begin: in the file at its folder, else where the server is started."""
    for key, value in values.items():
        if key == LIMITS_TABLE:
            config = replace(config, limits=_limits(config.limits, value, where))
            continue
        if key not in SETTINGS:
            known = ", ".join(SETTINGS) + f" and the table [{LIMITS_TABLE}]"
            raise InvalidInput(f"{where}: unknown setting {key!r}", hint=f"there are {known}")
        if not isinstance(value, str):
            kind = "HOST:PORT" if key in ("listen", "announce") else "the name of a file"
            raise InvalidInput(f"{where}: {key} must be a text, {kind}")
        changed: Any = {"listen": _listen, "announce": _announce}.get(key, base.joinpath)
        try:
            config = replace(config, **{key: changed(value)})
        except InvalidInput as error:
            raise InvalidInput(f"{where}: {key}: {error}", hint=error.hint) from error
    return config


def _listen(value: str) -> Address:
    address = decode_address(value)
    if address.tls is not None:
        raise InvalidInput(
            f"{value} says how clients reach it", hint="TLS is turned on by tls_cert and tls_key"
        )
    return address


def _announce(value: str) -> str:
    decode_address(value)
    return value


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
