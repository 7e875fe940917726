"""``coterie search``."""

import click

from coterie.cli import types
from coterie.cli.calling import call
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import note, put

MOST = 200  # as client.api.Search


@click.command(
    cls=Command,
    examples=(
        "coterie search 'invoice from:bobb after:2026-11-01'",
        "coterie search has:link --room ops --json",
    ),
)
@click.argument("query", type=types.text)
@click.option("--room", type=types.room, help="In this room alone.")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=50,
    show_default=True,
    metavar="N",
    help="How many, the newest.",
)
@click.option(
    "--before", type=types.NUMBER, metavar="NUMBER", help="Only what is older than this message."
)
@pass_invocation
def command(
    invocation: Invocation, query: str, room: str | None, limit: int, before: int | None
) -> None:
    """Find messages in all that this device can read, the newest first.

    QUERY is words, each found by its beginning, "words between quotes", and from:NAME, in:ROOM, before:DATE,
    after:DATE, has:link. With --json an object each: message, excerpt, found (where in the excerpt).
    """
    from coterie.cli.present import lines
    from coterie.client.api import Found, Search

    found = call(invocation, Search(query, room, before, limit), Found)
    put(*lines(found, is_json=invocation.is_json))
    if not found.is_complete:
        note("more may be found: not all was looked through in time, try again")
    if found.has_more:
        note(f"there are more: --before {found.hits[-1].message.number} shows them")
