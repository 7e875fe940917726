"""``coterie send``."""

import sys
from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.asking import is_terminal, read_stdin
from coterie.cli.calling import answer, with_backend
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.misuse import Misuse
from coterie.cli.numbered import numbered
from coterie.cli.output import put
from coterie.errors import InvalidInput

if TYPE_CHECKING:
    from coterie.client.api import Backend, Sent

BYTES_A_CHARACTER = 4  # UTF-8 takes no more


@click.command(
    cls=Command,
    examples=(
        "coterie send ops 'shipping today'",
        "git log -1 | coterie send ops",
        "coterie send ops - < notes.md",
        "coterie send ops yes --reply-to 41",
    ),
)
@click.argument("room", type=types.room)
@click.argument("text", type=types.text, required=False, metavar="[TEXT | -]")
@click.option(
    "--reply-to", type=types.NUMBER, metavar="NUMBER", help="Answer this message of the room."
)
@click.option(
    "--thread",
    type=types.NUMBER,
    metavar="NUMBER",
    help="In the thread that hangs from this message.",
)
@click.option("--me", "is_action", is_flag=True, help="What you do, as /me says it.")
@pass_invocation
def command(
    invocation: Invocation,
    room: str,
    text: str | None,
    reply_to: int | None,
    thread: int | None,
    is_action: bool,
) -> None:
    """Send a message; end when the server has stored it durably.

    Without TEXT, or with -, all of standard input is the message, without its last line end. Interrupted by Ctrl+C
    (exit status 130), a message that waits for the server stays in the outbox and goes out with the next command.

    NUMBER is that of a message on this device: `coterie read ROOM --numbers` shows it.
    """
    from msgspec.structs import replace

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
    said = SendText(room, text, is_action=is_action)

    async def send(backend: "Backend") -> "Sent":
        refs = [
            None if number is None else (await numbered(backend, room, number)).ref
            for number in (reply_to, thread)
        ]
        return await answer(backend, replace(said, reply_to=refs[0], thread=refs[1]), Sent)

    put(*lines(with_backend(invocation, send), is_json=invocation.is_json))
