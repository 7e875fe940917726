"""``coterie status``."""

import click

from coterie.cli.calling import call
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put


@click.command(cls=Command, examples=("coterie status", "coterie status --json"))
@pass_invocation
def command(invocation: Invocation) -> None:
    """Say all that is known about server, account, device and rooms.

    The chain of a room stands for its whole log: two members who have read to the same place and see other chains are
    shown two logs by their server.
    """
    from coterie.cli.present import lines
    from coterie.client.api import GetStatus, Status

    put(*lines(call(invocation, GetStatus(), Status), is_json=invocation.is_json))
