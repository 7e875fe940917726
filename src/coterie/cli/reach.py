"""``coterie reach``."""

import json
from typing import TYPE_CHECKING

import click

from coterie.cli import output, types
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.passphrases import passphrase
from coterie.cli.trust import trust_options, trusting

if TYPE_CHECKING:
    from coterie.wire.invite import Address


@click.command(
    cls=Command,
    examples=(
        "coterie reach chat.example.org:7617",
        "coterie reach coteries://chat.example.org --ca authority.pem",
    ),
)
@click.argument("address", type=types.address)
@trust_options
@pass_invocation
def command(
    invocation: Invocation, address: "Address", ca: str | None, pins: tuple[bytes, ...]
) -> None:
    """Say where your server is, after it moved or got a certificate.

    It is tried first: the address is kept only if the server there is the one that you know, by its fingerprint, and
    lets your device in. Write coteries:// before it for TLS.
    """
    import asyncio

    address = trusting(address, ca, pins)
    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    invocation.start_key_log()
    name = asyncio.run(
        invocation.engine.reach(invocation.profile, address, lambda: passphrase(invocation))
    )
    told = {"account": name, "server": str(address)}
    output.put(
        json.dumps(told) if invocation.is_json else f"{name} reaches its server at {address}"
    )
