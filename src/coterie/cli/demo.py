"""``coterie demo``."""
# imports wait for the command to run, so that --help stays quick

import json
import sys

import click

from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put
from coterie.cli.screen import make_look


@click.command(cls=Command, examples=("coterie demo", "coterie demo --keep /tmp/heron"))
@click.option("--keep", metavar="DIR", help="Leave everything in this folder, to go on from there.")
@pass_invocation
def command(invocation: Invocation, keep: str | None) -> None:
    """Watch two people talk through a server, and proof that nobody in between can read it.

    It starts a server and its clients in a temporary folder, on this machine alone, attacks them in every way that is
    promised to fail, and leaves nothing behind. The exit status is 1 if anything does not hold.
    """
    from pathlib import Path

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    look = make_look(is_silent=invocation.is_json)
    look.title()
    from coterie.demo.run import run

    outcome = run(look, Path(keep) if keep else None, _program())
    if invocation.is_json:
        put(json.dumps(outcome.as_json()))
    if not outcome.holds:
        raise click.exceptions.Exit(1)


def _program() -> str:
    """What a person types to run us: the name, or the path where a shell does not find it by name."""
    from pathlib import Path
    from shutil import which

    started = Path(sys.argv[0])
    if started.name != "coterie":
        return "coterie"
    found = which("coterie")
    is_found = found is not None and Path(found).resolve() == started.resolve()
    return "coterie" if is_found else sys.argv[0]
