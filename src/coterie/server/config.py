"""Settings of ``coterie serve``: command line over environment over ``coterie.toml`` over defaults."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from coterie.errors import InvalidInput
from coterie.wire.invite import DEFAULT_PORT, Address, decode_address

FILE = "coterie.toml"
SETTINGS = ("listen", "announce")
VARIABLES = {f"COTERIE_{setting.upper()}": setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Each has an entry in docs/reference/settings.md."""

    data: Path
    listen: Address = Address("127.0.0.1", DEFAULT_PORT)  # noqa: RUF009  # frozen
    announce: str = ""  # HOST:PORT as clients reach it; empty: as it listens


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
        if key not in SETTINGS:
            known = " and ".join(SETTINGS)
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
