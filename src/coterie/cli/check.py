"""``coterie check``."""

import click

from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put
from coterie.cli.progress import shown_progress
from coterie.cli.server_data import data_folder, data_option
from coterie.errors import StorageError


@click.command(cls=Command, examples=("coterie check", "coterie check --data /var/lib/coterie"))
@data_option
@pass_invocation
def command(invocation: Invocation, data: str | None) -> None:
    """Look whether a server's data is whole.

    Every page of the database, every log from its first entry to its head, and whether all that is kept agrees. It
    changes nothing, and the server may run or not. Exit status 1 says that something is wrong.
    """
    import msgspec

    from coterie.server.check import check

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    folder = data_folder(data)
    with shown_progress() as progress:
        report = check(folder, progress)
    if invocation.is_json:
        held = msgspec.to_builtins(report.holdings)
        findings = msgspec.to_builtins(report.findings)
        told = {"sound": report.is_sound, "holdings": held, "findings": findings}
        put(msgspec.json.encode(told).decode())
    elif report.is_sound:
        put(f"sound: {report.holdings}")
    else:
        put(*(f"{finding.check}: {finding.problem}" for finding in report.findings))
    if not report.is_sound:
        found = len(report.findings)
        raise StorageError(
            f"{folder} is not sound: {found} finding{'s' if found > 1 else ''}",
            hint="keep a copy of it as it is, and restore a backup: `coterie restore`",
        )
