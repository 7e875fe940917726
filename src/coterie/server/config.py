"""Settings of ``coterie serve``: command line over environment over ``coterie.toml`` over defaults."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from coterie.errors import InvalidInput
from coterie.wire.invite import DEFAULT_PORT, Address, decode_address

FILE = "coterie.toml"


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Each has an entry in docs/reference/settings.md."""

    data: Path
    listen: Address = Address("127.0.0.1", DEFAULT_PORT)  # noqa: RUF009  # frozen
    announce: str = ""  # HOST:PORT as clients reach it; empty: as it listens


def load(data: Path, *, listen: str | None = None) -> Config:
    """The settings of a data folder. Raises InvalidInput with file and key where a value is wrong."""
    config = Config(data)
    path = data / FILE
    if path.exists():
        try:
            found = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path}: {error}") from error
        config = _with(config, found, str(path))
    environment = {
        key.removeprefix("COTERIE_").lower(): value
        for key, value in os.environ.items()
        if key in ("COTERIE_LISTEN", "COTERIE_ANNOUNCE")
    }
    config = _with(config, environment, "environment")
    return _with(config, {"listen": listen}, "--listen") if listen else config


def _with(config: Config, values: Mapping[str, object], where: str) -> Config:
    for key, value in values.items():
        if key not in ("listen", "announce"):
            raise InvalidInput(f"{where}: unknown setting {key}")
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
