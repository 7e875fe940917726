"""``coterie read``."""

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.calling import call, with_backend
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.misuse import Misuse
from coterie.cli.output import note, put

if TYPE_CHECKING:
    from coterie.client.api import Backend

MAX_LAST = 10_000_000  # as client.api.ReadRoom
MAX_PAGE = 1_000  # as client.api.GetPage


@click.command(
    cls=Command,
    examples=(
        "coterie read ops --last 20",
        "coterie read ops --around 41 --numbers",
        "coterie read ops --follow --json",
    ),
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
@click.option("--changes", is_flag=True, help="With --follow also edits, deletions and reactions.")
@click.option("--numbers", is_flag=True, help="Each message has its number in front.")
@click.option(
    "--before", type=types.NUMBER, metavar="NUMBER", help="What stands before this message."
)
@click.option(
    "--around", type=types.NUMBER, metavar="NUMBER", help="This message and those about it."
)
@pass_invocation
def command(
    invocation: Invocation,
    room: str,
    last: int,
    follow: bool,
    changes: bool,
    numbers: bool,
    before: int | None,
    around: int | None,
) -> None:
    """Print the messages of a room.

    A line each: time on your clock, sender, text; a star marks what the system says. Its NUMBER names a message on
    this device. With --json an object each: room, room_id, seq, message_id, sender, device, time (UTC), kind, text,
    event, number, reply_to, reactions and what else is to be known. With --changes a message comes again, under the
    same number, as it is then.
    """
    from coterie.cli.present import lines
    from coterie.cli.shown import Shown
    from coterie.client.api import GetPage, Notice, Page, ReadRoom

    if changes and not follow:
        raise Misuse("--changes is for --follow")
    if before is not None or around is not None:
        if follow or (before is not None and around is not None):
            raise Misuse("--before, --around and --follow exclude each other")
        page = GetPage(room, min(max(last, 1), MAX_PAGE), before=before, around=around)
        found = call(invocation, page, Page)
        put(*lines(found, is_json=invocation.is_json, with_numbers=numbers))
        return

    async def read(backend: "Backend") -> None:
        shown = Shown(with_room=False, with_numbers=numbers)
        request = ReadRoom(room, last=last, follow=follow, changes=changes)
        async with aclosing(backend.stream(request)) as stream:
            async for result in stream:
                if isinstance(result, Notice):
                    note(result.text)
                elif invocation.is_json:
                    put(*lines(result, is_json=True))
                else:
                    put(*shown.lines(result))

    try:
        with_backend(invocation, read)
    except KeyboardInterrupt:
        if not follow:
            raise  # else it is the way to end it
