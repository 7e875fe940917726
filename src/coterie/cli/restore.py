"""``coterie restore``."""

import json

import click

from coterie.cli import output
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.passphrases import passphrase
from coterie.cli.progress import shown_progress
from coterie.cli.server_data import data_folder, data_option

# What a person who has restored a server must know, and would not think of.
_NOTES = (
    "what came after that moment is not on this server: clients notice when they connect, and say what is missing",
    "rooms that were further on go on once an admin of theirs runs `coterie room renew`",
    "devices that were revoked since are let in again, and old passwords work again: revoke and change them anew",
    "open invites are void: make new ones with `coterie invite`",
    "do not run the old server beside this one",
)


@click.command(
    cls=Command, examples=("coterie restore /mnt/usb/monday.backup --data /var/lib/coterie",)
)
@click.argument("file")
@data_option
@pass_invocation
def command(invocation: Invocation, file: str, data: str | None) -> None:
    """Make a server's data folder of a backup.

    The folder is new or empty. Everything is verified first: a wrong passphrase or a damaged file puts nothing in
    place. Then `coterie serve` goes on where the backup was made.
    """
    from pathlib import Path

    from msgspec.structs import asdict

    from coterie.server.restore import restore

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    folder = data_folder(data)
    opened_with = passphrase(invocation)
    with shown_progress() as progress:
        manifest = restore(Path(file), folder, opened_with, progress=progress).manifest
    if invocation.is_json:
        told = {"data": str(folder), "made": manifest.made, **asdict(manifest.holdings)}
        output.put(json.dumps(told))
        return
    output.put(f"restored {manifest.holdings} of {manifest.made} to {folder}")
    for note in _NOTES:
        output.note(note)
