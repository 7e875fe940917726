"""``coterie verify``."""

import sys
from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.asking import confirm, is_terminal
from coterie.cli.calling import answer, call, with_backend
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import note, put

if TYPE_CHECKING:
    from coterie.client.api import Backend, SafetyNumber


@click.command(
    cls=Command,
    examples=(
        "coterie verify bobb",
        "coterie verify bobb --compared",
        "coterie verify bobb --qr COTERIE:VERIFY/BOBB/6419...",
    ),
)
@click.argument("name", type=types.account)
@click.option(
    "--compared", is_flag=True, help="Record, without asking, that both sides saw the same number."
)
@click.option(
    "--qr",
    metavar="TEXT",
    help="What the QR code on their screen says: compare it, and record it where it is the same.",
)
@pass_invocation
def command(invocation: Invocation, name: str, compared: bool, qr: str | None) -> None:
    """Compare safety numbers with somebody, and record that they match.

    Both of you run this, and read the number to each other over something that is not this chat. On a terminal it asks
    whether they match; elsewhere it shows the number and records nothing without --compared.
    """
    from coterie.cli.present import lines
    from coterie.client.api import SafetyNumber, VerifyAccount

    if qr is not None:
        put(*lines(_scanned(invocation, name, qr), is_json=invocation.is_json))
        return
    number = call(invocation, VerifyAccount(name, compared=compared), SafetyNumber)
    put(*lines(number, is_json=invocation.is_json))
    is_asking = not (compared or invocation.is_json) and number.pin not in ("self", "compared")
    if not is_asking or not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        return
    if not confirm(f"does {name} see the same number?"):
        note("nothing was recorded")
        return
    recorded = VerifyAccount(name, compared=True, number=number.number)
    call(invocation, recorded, SafetyNumber)
    note(f"recorded: {name} is verified")


def _scanned(invocation: Invocation, name: str, text: str) -> "SafetyNumber":
    """Raises InvalidInput where their screen shows another number than ours."""
    from coterie.client.api import SafetyNumber, VerifyAccount
    from coterie.ui import safety_code

    async def compare(backend: "Backend") -> "SafetyNumber":
        number = await answer(backend, VerifyAccount(name), SafetyNumber)
        safety_code.check(text, name, number.number)
        recorded = VerifyAccount(name, compared=True, number=number.number)
        return await answer(backend, recorded, SafetyNumber)

    return with_backend(invocation, compare)
