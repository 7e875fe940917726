"""``coterie read``."""

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.calling import with_backend
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import note, put

if TYPE_CHECKING:
    from coterie.client.api import Backend

MAX_LAST = 10_000_000  # as client.api.ReadRoom


@click.command(
    cls=Command, examples=("coterie read ops --last 20", "coterie read ops --follow --json")
)
@click.argument("room", type=types.room)
@click.option(
    "--last",
    type=click.IntRange(0, MAX_LAST),
    default=50,
    show_default=True,
    metavar="N",
    help="How many, the newest.",
)
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl+C.")
@pass_invocation
def command(invocation: Invocation, room: str, last: int, follow: bool) -> None:
    """Print the messages of a room.

    A line each: time on your clock, sender, text; a star marks what the system says. With --json an object each:
    room, room_id, seq, message_id, sender, device, time (UTC), kind, text, event.
    """
    from coterie.cli.present import lines
    from coterie.client.api import Notice, ReadRoom

    async def read(backend: "Backend") -> None:
        async with aclosing(backend.stream(ReadRoom(room, last=last, follow=follow))) as stream:
            async for result in stream:
                if isinstance(result, Notice):
                    note(result.text)
                else:
                    put(*lines(result, is_json=invocation.is_json))

    try:
        with_backend(invocation, read)
    except KeyboardInterrupt:
        if not follow:
            raise  # else it is the way to end it
