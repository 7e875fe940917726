"""``coterie msg``."""

from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.calling import answer, with_backend
from coterie.cli.command import Command, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put

if TYPE_CHECKING:
    from coterie.client.api import Backend, Room, Sent


@click.command(cls=Command, examples=("coterie msg bobb 'lunch?'", "coterie msg @bobb"))
@click.argument("name", type=types.account)
@click.argument("text", type=types.text, required=False)
@pass_invocation
def command(invocation: Invocation, name: str, text: str | None) -> None:
    """Send somebody a direct message, or begin direct messages.

    Only the two of you are in that room. Without TEXT it shows the room, made where there was none.
    """
    from coterie.cli.present import lines
    from coterie.client.api import OpenDirect, Room, SendText, Sent

    async def send(backend: "Backend") -> "Room | Sent":
        room = await answer(backend, OpenDirect(name), Room)
        if text is None:
            return room
        return await answer(backend, SendText(room.room_id, text), Sent)

    put(*lines(with_backend(invocation, send), is_json=invocation.is_json))
