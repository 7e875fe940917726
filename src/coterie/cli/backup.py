"""``coterie backup``."""

import json
from typing import TYPE_CHECKING

import click

from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put
from coterie.cli.passphrases import new_backup_passphrase
from coterie.cli.progress import shown_progress
from coterie.cli.server_data import data_folder, data_option

if TYPE_CHECKING:
    from coterie.server.backup import Manifest


@click.command(
    cls=Command,
    examples=(
        "coterie backup /mnt/usb/monday.backup",
        "coterie backup --passphrase-file backup-passphrase --force /mnt/usb/monday.backup",
    ),
)
@click.argument("file")
@data_option
@click.option("--force", is_flag=True, help="Replace FILE where it is there.")
@pass_invocation
def command(invocation: Invocation, file: str, data: str | None, force: bool) -> None:
    """Copy a server's data into one encrypted file.

    The server on this machine may run or not: the copy is of one moment, and nobody waits for it. It needs the
    passphrase to be restored, and there is no other way into it.
    """
    from pathlib import Path

    from coterie.server.backup import check_place, make_backup

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    folder, path = data_folder(data), Path(file)
    check_place(folder, path, replace=force)  # before somebody thinks of a passphrase
    passphrase = new_backup_passphrase(invocation)
    with shown_progress() as progress:
        manifest = make_backup(folder, path, passphrase, replace=force, progress=progress)
    put(*_lines(path.stat().st_size, file, manifest, is_json=invocation.is_json))


def _lines(size: int, file: str, manifest: "Manifest", *, is_json: bool) -> list[str]:
    from msgspec.structs import asdict

    if is_json:
        told = {"file": file, "bytes": size, "made": manifest.made, **asdict(manifest.holdings)}
        return [json.dumps(told)]
    return [f"backed up {manifest.holdings} of {manifest.made} to {file}"]
