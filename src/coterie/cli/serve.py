"""``coterie serve``."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put
from coterie.cli.server_data import data_folder, data_option
from coterie.errors import Unavailable

if TYPE_CHECKING:
    from coterie.server.run import Ready


@click.command(
    cls=Command,
    examples=(
        "coterie serve",
        "coterie serve --listen 0.0.0.0:7617 --announce chat.example.org:7617",
        "coterie serve --listen 0.0.0.0:7617 --announce chat.example.org --tls-cert chain.pem --tls-key key.pem",
    ),
)
@data_option
@click.option(
    "--listen",
    type=types.host_port,
    metavar="HOST:PORT",
    help="Where to listen, 127.0.0.1:7617 if not said; port 0 takes a free one.",
)
@click.option(
    "--announce",
    type=types.host_port,
    metavar="HOST:PORT",
    help="How clients reach it, for invites; as it listens if not said.",
)
@click.option(
    "--tls-cert",
    metavar="FILE",
    help="Put TLS around each connection, with this certificate and its chain, in PEM.",
)
@click.option(
    "--tls-key",
    metavar="FILE",
    help="The private key of that certificate, in PEM. Both are read again when they change.",
)
@pass_invocation
def command(
    invocation: Invocation,
    data: str | None,
    listen: str | None,
    announce: str | None,
    tls_cert: str | None,
    tls_key: str | None,
) -> None:
    """Run a server; print its address, fingerprint and an invite.

    It needs no configuration: it makes its data folder, prints three lines (with TLS a fourth, the pin of its
    certificate) and nothing else, and serves until SIGTERM or Ctrl+C. What it has acknowledged by then is stored.
    """
    from coterie.server.config import load
    from coterie.server.run import serve

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    config = load(data_folder(data), listen=listen, tls_cert=tls_cert, tls_key=tls_key)
    if announce is not None:
        config = replace(config, announce=announce)
    try:
        serve(config, lambda ready: put(*_lines(ready, is_json=invocation.is_json)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(
            f"cannot listen on {config.listen}: {reason}",
            hint="choose another with --listen HOST:PORT",
        ) from error


def _lines(ready: "Ready", *, is_json: bool) -> list[str]:
    from coterie.wire.invite import show_fingerprint
    from coterie.wire.tls import show_pin

    told = {
        "listening": str(ready.address),
        "fingerprint": show_fingerprint(ready.fingerprint),
        "invite": ready.invite.encode(),
    }
    if ready.tls_pin is not None:
        told["tls-pin"] = show_pin(ready.tls_pin)
    if is_json:
        return [json.dumps(told)]
    return [f"listening on {told['listening']}", *(f"{key} {told[key]}" for key in list(told)[1:])]
