"""``coterie outbox``: the family of commands about what was not sent yet."""

from typing import TYPE_CHECKING

import click

from coterie.cli import types
from coterie.cli.calling import answer, with_backend
from coterie.cli.command import Group, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put
from coterie.errors import InvalidInput

if TYPE_CHECKING:
    from coterie.client.api import Backend, Discard, Message, Pending, Resend


@click.group(cls=Group, examples=("coterie outbox list", "coterie outbox retry ops"))
def command() -> None:
    """See what waits to be sent or failed, send it again, give it up.

    What waits for the server goes out by itself. What failed was refused for good, and stays until you say what
    becomes of it.
    """


@command.command("list", examples=("coterie outbox list", "coterie outbox list ops --json"))
@click.argument("room", type=types.room, required=False)
@pass_invocation
def list_pending(invocation: Invocation, room: str | None) -> None:
    """List what is in no room yet: a ticket each, its state, and its text."""
    from coterie.cli.present import lines
    from coterie.client.api import GetPending, ListRooms, Pending, Rooms

    async def find(backend: "Backend") -> "list[Pending]":
        refs = [room] if room is not None else []
        if room is None:
            rooms = (await answer(backend, ListRooms(catch_up=False), Rooms)).rooms
            refs = [one.room_id for one in rooms]
        return [await answer(backend, GetPending(ref), Pending) for ref in refs]

    for pending in with_backend(invocation, find):
        put(*lines(pending, is_json=invocation.is_json))


@command.command("retry", examples=("coterie outbox retry ops", "coterie outbox retry ops 5f0c"))
@click.argument("room", type=types.room)
@click.argument("ticket", type=types.text, required=False)
@pass_invocation
def retry(invocation: Invocation, room: str, ticket: str | None) -> None:
    """Send again what failed: all of a room, or that of a ticket or its beginning."""
    from coterie.client.api import Resend

    _each_failed(invocation, room, ticket, Resend)


@command.command(
    "discard", examples=("coterie outbox discard ops", "coterie outbox discard ops 5f0c")
)
@click.argument("room", type=types.room)
@click.argument("ticket", type=types.text, required=False)
@pass_invocation
def discard(invocation: Invocation, room: str, ticket: str | None) -> None:
    """Give up what failed: all of a room, or that of a ticket or its beginning."""
    from coterie.client.api import Discard

    _each_failed(invocation, room, ticket, Discard)


def _each_failed(
    invocation: Invocation, room: str, ticket: str | None, request: "type[Resend | Discard]"
) -> None:
    async def do(backend: "Backend") -> None:
        await each_failed(backend, room, request, ticket or "")

    with_backend(invocation, do)


async def each_failed(
    backend: "Backend", room: str, request: "type[Resend | Discard]", ticket: str = ""
) -> "list[Message]":
    """Those that it was done to: the failed ones whose ticket begins so. Raises InvalidInput where there is none."""
    from coterie.client.api import Done, GetPending, Pending

    pending = await answer(backend, GetPending(room), Pending)
    meant = [
        one for one in pending.messages if one.state == "failed" and one.ticket.startswith(ticket)
    ]
    if not meant:
        raise InvalidInput("nothing of that kind has failed in this room")
    for one in meant:
        await answer(backend, request(room, one.ticket), Done)
    return meant
