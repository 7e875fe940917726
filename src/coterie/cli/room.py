"""``coterie room``: the family of commands about rooms and who is in them."""

from typing import TYPE_CHECKING, Literal, TypeVar

import click

from coterie.cli import types
from coterie.cli.calling import call
from coterie.cli.command import Group, pass_invocation
from coterie.cli.invocation import Invocation
from coterie.cli.output import put

if TYPE_CHECKING:
    from coterie.client.api import Request, Result

R = TypeVar("R", bound="Result")


@click.group(cls=Group, examples=("coterie room new ops alice bobb", "coterie room list"))
def command() -> None:
    """Make rooms, and say who is in them.

    ROOM is a room's name or the beginning of its id.
    """


@command.command("new", examples=("coterie room new ops bobb carol",))
@click.argument("room", type=types.room, metavar="NAME")
@click.argument("members", type=types.account, nargs=-1, metavar="[MEMBER ...]")
@pass_invocation
def new(invocation: Invocation, room: str, members: tuple[str, ...]) -> None:
    """Make a room, with these people in it. You are its admin."""
    from coterie.client.api import CreateRoom, Room

    _show(invocation, CreateRoom(room.removeprefix("#"), members), Room)


@command.command("list", examples=("coterie room list", "coterie room list --json"))
@pass_invocation
def list_rooms(invocation: Invocation) -> None:
    """List the rooms that you are in."""
    from coterie.client.api import ListRooms, Rooms

    _show(invocation, ListRooms(), Rooms)


@command.command("members", examples=("coterie room members ops",))
@click.argument("room", type=types.room)
@pass_invocation
def members(invocation: Invocation, room: str) -> None:
    """List who is in a room, with their devices and how you came to their keys."""
    from coterie.client.api import ListMembers, Members

    _show(invocation, ListMembers(room), Members)


@command.command("add", examples=("coterie room add ops carol dave",))
@click.argument("room", type=types.room)
@click.argument("names", type=types.account, nargs=-1, required=True, metavar="NAME ...")
@pass_invocation
def add(invocation: Invocation, room: str, names: tuple[str, ...]) -> None:
    """Add people to a room. They read what is sent from then on."""
    from coterie.client.api import AddMembers, Room

    _show(invocation, AddMembers(room, names), Room)


@command.command("remove", examples=("coterie room remove ops carol",))
@click.argument("room", type=types.room)
@click.argument("name", type=types.account)
@pass_invocation
def remove(invocation: Invocation, room: str, name: str) -> None:
    """Take somebody out of a room. They can read nothing that is sent from then on."""
    from coterie.client.api import RemoveMember, Room

    _show(invocation, RemoveMember(room, name), Room)


@command.command("leave", examples=("coterie room leave ops",))
@click.argument("room", type=types.room)
@pass_invocation
def leave(invocation: Invocation, room: str) -> None:
    """Leave a room. It is complete when another member's client has seen it."""
    from coterie.client.api import LeaveRoom, Room

    _show(invocation, LeaveRoom(room), Room)


@command.command(
    "admin", examples=("coterie room admin ops carol", "coterie room admin ops carol --revoke")
)
@click.argument("room", type=types.room)
@click.argument("name", type=types.account)
@click.option("--revoke", is_flag=True, help="Make them an ordinary member again.")
@pass_invocation
def admin(invocation: Invocation, room: str, name: str, revoke: bool) -> None:
    """Make a member an admin: one who may add, remove and name."""
    from coterie.client.api import Room, SetAdmin

    _show(invocation, SetAdmin(room, name, admin=not revoke), Room)


@command.command("topic", examples=("coterie room topic ops 'what we ship'",))
@click.argument("room", type=types.room)
@click.argument("topic", type=types.text, metavar="TEXT")
@pass_invocation
def topic(invocation: Invocation, room: str, topic: str) -> None:
    """Say what a room is about, as an admin of it."""
    from coterie.client.api import ChangeRoom, Room

    _show(invocation, ChangeRoom(room, topic=topic), Room)


@command.command("rename", examples=("coterie room rename ops operations",))
@click.argument("room", type=types.room)
@click.argument("name", type=types.room, metavar="NAME")
@pass_invocation
def rename(invocation: Invocation, room: str, name: str) -> None:
    """Give a room another name, as an admin of it."""
    from coterie.client.api import ChangeRoom, Room

    _show(invocation, ChangeRoom(room, name=name.removeprefix("#")), Room)


@command.command("mute", examples=("coterie room mute ops", "coterie room mute ops all"))
@click.argument("room", type=types.room)
@click.argument("attention", type=click.Choice(["all", "mentions", "nothing"]), default="nothing")
@pass_invocation
def mute(
    invocation: Invocation, room: str, attention: Literal["all", "mentions", "nothing"]
) -> None:
    """Say how much of a room rings on this device: nothing, if not said."""
    from coterie.client.api import Room, SetAttention

    _show(invocation, SetAttention(room, attention), Room)


@command.command("seen", examples=("coterie room seen ops", "coterie room seen ops --to 40"))
@click.argument("room", type=types.room)
@click.option(
    "--to",
    type=types.NUMBER,
    metavar="NUMBER",
    help="Up to this message; what is behind it is unread.",
)
@pass_invocation
def seen(invocation: Invocation, room: str, to: int | None) -> None:
    """Say that you have seen what was said in a room, all or to a message."""
    from coterie.client.api import MarkRead, Room

    _show(invocation, MarkRead(room, to), Room)


@command.command("renew", examples=("coterie room renew ops", "coterie room renew --all"))
@click.argument("room", type=types.room, required=False)
@click.option(
    "--instead-of",
    type=types.account,
    metavar="NAME",
    help="Pass over the new group that this admin made, where it is no good.",
)
@click.option(
    "--all", "all_rooms", is_flag=True, help="Every room of yours that cannot go on as it is."
)
@pass_invocation
def renew(
    invocation: Invocation, room: str | None, instead_of: str | None, all_rooms: bool
) -> None:
    """Let a room go on in a new group, as an admin of it.

    For a room of which the server has lost a part, or in which this device is stuck. Everybody stays who can be
    reached; what was said before stays with those who read it.

    Where another admin made a new group that this device refused, or that did not let it in for ten minutes,
    --instead-of names him and makes another. The others go there only by `coterie room follow`.
    """
    from coterie.client.api import ListRooms, RenewRoom, Room, Rooms

    if (room is None) != all_rooms:
        raise click.UsageError("name a room, or give --all")
    if all_rooms and instead_of:
        raise click.UsageError("--instead-of is for one room")
    if room is not None:
        _show(invocation, RenewRoom(room, instead_of or ""), Room)
        return
    for found in call(invocation, ListRooms(), Rooms).rooms:
        if found.admin and found.state in ("lost", "stuck"):
            _show(invocation, RenewRoom(found.room_id), Room)


@command.command(
    "follow",
    examples=(
        "coterie room follow ops",
        "coterie room follow ops --accept carol --accept admin:carol",
        "coterie room follow ops --made-by bobb",
    ),
)
@click.argument("room", type=types.room)
@click.option(
    "--accept",
    multiple=True,
    metavar="WORD",
    help="Accept this of the new group, which the room does not have; as the refusal says it.",
)
@click.option(
    "--made-by",
    type=types.account,
    metavar="NAME",
    help="Choose the group that this admin made, where the first one is no good.",
)
@pass_invocation
def follow(invocation: Invocation, room: str, accept: tuple[str, ...], made_by: str | None) -> None:
    """Go on in the new group that an admin has made for a room.

    Who could not go on in the old one goes there unasked. The new group is refused where it has people, admins or
    settings that this device does not know of the room; each is accepted by its word: NAME, admin:NAME, setting:NAME.

    Who was taken out of the room and is let into its new group goes there by this command too.
    """
    from coterie.client.api import FollowRoom, Room

    _show(invocation, FollowRoom(room, made_by or "", accept), Room)


def _show(invocation: Invocation, request: "Request", expected: "type[R]") -> None:
    from coterie.cli.present import lines

    put(*lines(call(invocation, request, expected), is_json=invocation.is_json))
