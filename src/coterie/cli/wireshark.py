"""``coterie wireshark``: the dissector, put where Wireshark finds it."""

import os
import sys
from errno import ENOENT
from importlib.metadata import files
from pathlib import Path

import click

from coterie.cli.command import Group, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put
from coterie.errors import StorageError

NAME = "coterie.lua"


@click.group(cls=Group, examples=("coterie wireshark install",))
def command() -> None:
    """Let Wireshark show the protocol."""


@command.command("install", examples=("coterie wireshark install",))
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Wireshark's folder for plugins, if it is not the user's own.",
)
@pass_invocation
def install(invocation: Invocation, folder: Path | None) -> None:
    """Put the dissector where Wireshark and tshark find it.

    Wireshark then knows the protocol on any port. With the file that --keylog writes, named in its preferences
    (Protocols, COTERIE) or with -o coterie.keylog:FILE, it shows what is inside the records too.
    """
    import json

    path = (folder or plugins_folder()) / NAME
    try:
        program = dissector()
    except OSError as error:
        raise StorageError(f"{NAME} cannot be read: {error.strerror}") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(program)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    put(json.dumps({"installed": str(path)}) if invocation.is_json else str(path))


def plugins_folder() -> Path:
    """Where Wireshark looks for what one user has added."""
    if sys.platform == "win32":
        return Path(os.environ["APPDATA"]) / "Wireshark" / "plugins"
    return Path.home() / ".local" / "lib" / "wireshark" / "plugins"


def dissector() -> bytes:
    """The Lua program: of the checkout that we run from, or as it was installed with us. Raises OSError."""
    checkout = Path(__file__).parents[3] / "wireshark" / NAME
    if checkout.is_file():
        return checkout.read_bytes()
    installed = [file for file in files("coterie") or () if file.name == NAME]
    if not installed:
        raise FileNotFoundError(ENOENT, "it did not come with this installation", NAME)
    return installed[0].read_binary()
