"""``coterie send``."""

import sys

import click

from coterie.cli import types
from coterie.cli.asking import is_terminal, read_stdin
from coterie.cli.calling import call
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.misuse import Misuse
from coterie.cli.output import put
from coterie.errors import InvalidInput

BYTES_A_CHARACTER = 4  # UTF-8 takes no more


@click.command(
    cls=Command,
    examples=(
        "coterie send ops 'shipping today'",
        "git log -1 | coterie send ops",
        "coterie send ops - < notes.md",
    ),
)
@click.argument("room", type=types.room)
@click.argument("text", type=types.text, required=False, metavar="[TEXT | -]")
@pass_invocation
def command(invocation: Invocation, room: str, text: str | None) -> None:
    """Send a message; end when the server has stored it durably.

    Without TEXT, or with -, all of standard input is the message, without its last line end. Interrupted by Ctrl+C
    (exit status 130), a message that waits for the server stays in the outbox and goes out with the next command.
    """
    from coterie.cli.present import lines
    from coterie.client.api import SendText, Sent
    from coterie.content import MAX_TEXT

    if text is None and is_terminal(sys.stdin):
        raise Misuse("there is no message", hint="write it behind the room, or pipe it in")
    if text is None or text == "-":
        invocation.take_stdin("the message")
        text = read_stdin(MAX_TEXT * BYTES_A_CHARACTER, "message")
    if not text:
        raise InvalidInput("the message is empty")
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"the message has {len(text)} characters, the limit is {MAX_TEXT}")
    sent = call(invocation, SendText(room, text), Sent)
    put(*lines(sent, is_json=invocation.is_json))
