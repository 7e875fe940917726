"""``coterie explain``."""
# imports wait for the command to run, so that --help stays quick

import json
from pathlib import Path

import click

from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put
from coterie.errors import StorageError


@click.command(cls=Command, examples=("coterie explain", "coterie explain --html walk.html"))
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write one HTML page with a sequence diagram, that needs nothing else.",
)
@pass_invocation
def command(invocation: Invocation, html: Path | None) -> None:
    """Tell a handshake, a login and a message, step by step.

    It does all of them in this process, with fresh keys, and shows what each step says, where the rule stands, how
    many bytes go over the wire, and which keys come to be: by name, size and a salted fingerprint, never the key.
    """
    from coterie.explain.walk import walk

    steps = walk()
    if html is not None:
        from coterie.explain.html_page import html_page

        try:
            html.write_text(html_page(steps), encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{html} cannot be written: {error.strerror}") from error
        put(json.dumps({"written": str(html)}) if invocation.is_json else str(html))
    elif invocation.is_json:
        from coterie.explain.step import as_json

        put(json.dumps(as_json(steps)))
    else:
        from shutil import get_terminal_size

        from coterie.explain.text import lines

        put(*lines(steps, get_terminal_size().columns))
