"""Where a server's data lies, for the commands that run on its machine."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

DATA_VARIABLE = "COTERIE_DATA"


def data_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--data DIR``."""
    return click.option(
        "--data",
        metavar="DIR",
        help=f"The server's data folder, else that of {DATA_VARIABLE}, else this user's own.",
    )(function)


def data_folder(option: str | None) -> "Path":
    """As asked for, else of the environment, else this user's own."""
    from pathlib import Path

    from platformdirs import user_data_path

    named = option or os.environ.get(DATA_VARIABLE)
    if named:
        return Path(named)
    return user_data_path("coterie") / "server"
