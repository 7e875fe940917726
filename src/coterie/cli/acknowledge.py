"""``coterie acknowledge``."""

import click

from coterie.cli import types
from coterie.cli.calling import call
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put


@click.command(cls=Command, examples=("coterie acknowledge ops", "coterie acknowledge @bobb"))
@click.argument("what", metavar="ROOM | @NAME", type=types.room)
@pass_invocation
def command(invocation: Invocation, what: str) -> None:
    """Say that you have seen a warning, so that sending goes on.

    Of a room: that somebody saw another log there. Of an account, with @: that it came with another key; verify it
    first.
    """
    from coterie.cli.present import lines
    from coterie.client.api import Acknowledge, Done

    is_account = what.startswith("@")
    request = Acknowledge(name=types.account(what)) if is_account else Acknowledge(room=what)
    put(*lines(call(invocation, request, Done), is_json=invocation.is_json))
