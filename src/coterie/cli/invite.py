"""``coterie invite``."""

import json
from datetime import UTC, datetime, timedelta

import click

from coterie.cli import types
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put
from coterie.cli.server_data import data_folder, data_option

MAX_USES = 100_000  # accounts that one invite makes: more than a server is for


@click.command(cls=Command, examples=("coterie invite", "coterie invite --uses 20 --expires 12h"))
@data_option
@click.option(
    "--uses",
    type=click.IntRange(1, MAX_USES),
    default=1,
    show_default=True,
    metavar="N",
    help="How many accounts it makes.",
)
@click.option(
    "--expires",
    type=types.duration,
    default="7d",
    show_default=True,
    metavar="DURATION",
    help="How long it is good for: 90s, 15m, 12h or 7d.",
)
@pass_invocation
def command(invocation: Invocation, data: str | None, uses: int, expires: float) -> None:
    """Make an invite to the server on this machine.

    Give it only to whom you mean to let in, over a way that you trust. The server may run or not.
    """
    from coterie.server.run import make_invite

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    invite = make_invite(data_folder(data), uses, expires).encode()
    until = (datetime.now(UTC) + timedelta(seconds=expires)).isoformat(timespec="seconds")
    put(
        json.dumps({"invite": invite, "uses": uses, "expires": until})
        if invocation.is_json
        else invite
    )
