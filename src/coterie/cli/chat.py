"""``coterie chat``."""

import sys
from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.asking import is_terminal
from coterie.cli.calling import with_backend
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.misuse import Misuse
from coterie.cli.output import note
from coterie.errors import StorageError

if TYPE_CHECKING:
    from coterie.client.api import Backend


@click.command(
    cls=Command, examples=("coterie chat ops --plain", "my-bot | coterie chat ops --plain --json")
)
@click.argument("room", type=types.room, required=False)
@click.option(
    "--plain",
    is_flag=True,
    help="Lines in, lines out: the one way there is until the full screen comes.",
)
@pass_invocation
def command(invocation: Invocation, room: str | None, plain: bool) -> None:
    """Talk: a line in, a line out.

    Shows ROOM, or all rooms until /join chooses one. What you type appears as a line of the room when the server has
    stored it durably. A line that begins with / is a command, which /help lists; // sends a slash.

    It ends with /quit or the end of input, once all that was typed is stored, or at once with Ctrl+C. A line that
    fails does not end it; then the exit status is 1.
    """
    if not plain:
        raise Misuse("the full screen is not there yet", hint="use --plain")
    invocation.take_stdin("the chat")
    if sys.stdin is None:
        raise StorageError("standard input is closed")
    if is_terminal(sys.stdin):
        note("/help lists the commands, /quit ends")

    async def talk(backend: "Backend") -> int:
        from coterie.cli.plain import PlainChat
        from coterie.cli.typed import typed_lines
        from coterie.content import MAX_TEXT

        lines = typed_lines(sys.stdin.fileno(), MAX_TEXT * 4)  # bytes UTF-8 takes for a character
        return await PlainChat(backend, room, is_json=invocation.is_json).run(lines)

    try:
        failures = with_backend(invocation, talk)
    except KeyboardInterrupt:
        return  # a way to end it
    if failures:
        raise click.exceptions.Exit(1)
