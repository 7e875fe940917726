"""``coterie message``: the family of commands about what was said."""

from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.calling import answer, with_backend
from coterie.cli.command import Group, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.numbered import numbered
from coterie.cli.output import put

if TYPE_CHECKING:
    from collections.abc import Callable

    from coterie.client.api import Backend, DeleteMessage, EditMessage, React, Sent

    Change = EditMessage | DeleteMessage | React


@click.group(
    cls=Group,
    examples=("coterie message edit ops 41 'shipping tomorrow'", "coterie message react ops 41 👍"),
)
def command() -> None:
    """Edit, delete and react to messages.

    NUMBER is that of the message on this device: `coterie read ROOM --numbers` shows it.
    """


@command.command("edit", examples=("coterie message edit ops 41 'shipping tomorrow'",))
@click.argument("room", type=types.room)
@click.argument("number", type=types.NUMBER)
@click.argument("text", type=types.text)
@pass_invocation
def edit(invocation: Invocation, room: str, number: int, text: str) -> None:
    """Say something of yours otherwise. What it said before is kept by nobody."""
    from coterie.client.api import EditMessage

    _change(invocation, room, number, lambda ref: EditMessage(room, ref, text))


@command.command("delete", examples=("coterie message delete ops 41",))
@click.argument("room", type=types.room)
@click.argument("number", type=types.NUMBER)
@pass_invocation
def delete(invocation: Invocation, room: str, number: int) -> None:
    """Take a message of yours back, for all; as an admin of the room anybody's."""
    from coterie.client.api import DeleteMessage

    _change(invocation, room, number, lambda ref: DeleteMessage(room, ref))


@command.command(
    "react",
    examples=("coterie message react ops 41 👍", "coterie message react ops 41 :tada: --remove"),
)
@click.argument("room", type=types.room)
@click.argument("number", type=types.NUMBER)
@click.argument("emoji", type=types.text)
@click.option("--remove", is_flag=True, help="Take it away again.")
@pass_invocation
def react(invocation: Invocation, room: str, number: int, emoji: str, remove: bool) -> None:
    """Put an emoji under a message. It may be given by its name, as :tada:."""
    from coterie.client.api import React
    from coterie.ui.emoji import drawn

    _change(invocation, room, number, lambda ref: React(room, ref, drawn(emoji), remove=remove))


def _change(
    invocation: Invocation, room: str, number: int, make: "Callable[[str], Change]"
) -> None:
    from coterie.cli.present import lines
    from coterie.client.api import Sent

    async def change(backend: "Backend") -> "Sent":
        message = await numbered(backend, room, number)
        return await answer(backend, make(message.ref), Sent)

    put(*lines(with_backend(invocation, change), is_json=invocation.is_json))
