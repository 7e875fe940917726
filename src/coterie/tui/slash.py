"""What is typed with a slash, and what the palette offers: both do the same."""

from typing import TYPE_CHECKING

from coterie.client.api import (
    AddMembers,
    CreateRoom,
    FollowRoom,
    GetStatus,
    LeaveRoom,
    RemoveMember,
    RenewRoom,
    Room,
    Status,
)
from coterie.errors import InvalidInput, LocalProtocolError
from coterie.tui import words
from coterie.tui.dialogs import Confirm, Reader

if TYPE_CHECKING:
    from coterie.tui.chat_screen import ChatScreen

# without an argument, and not typed more easily than picked
IN_PALETTE = ("rooms", "members", "leave", "renew", "follow", "status", "help", "quit")


async def run_command(  # noqa: PLR0912  # one case a command
    screen: "ChatScreen", command: str, arguments: tuple[str, ...]
) -> None:
    """Does it. Raises CoterieError where that fails."""
    session = screen.session
    match command, arguments:
        case "join", (typed,):
            await session.open(session.find(typed).room_id)
        case "rooms", ():
            screen.action_switch()
        case "members", ():
            await screen.show_members()
        case "create", (name, *members):
            request = CreateRoom(name.removeprefix("#"), tuple(map(_account, members)))
            room_id = (await session.ask(request, Room)).room_id
            await session.refresh()
            await session.open(room_id)
        case "invite", names:
            added = AddMembers(chosen(screen).room_id, tuple(map(_account, names)))
            await session.ask(added, Room)
            await session.refresh()
        case "kick", (name,):
            room = chosen(screen)
            question = f"Take {_account(name)} out of {words.room_mark(room)}?"
            if await screen.app.push_screen_wait(Confirm("Take out", question, "take out")):
                await session.ask(RemoveMember(room.room_id, _account(name)), Room)
                await session.refresh()
        case "leave", ():
            room = chosen(screen)
            question = (
                f"Leave {words.room_mark(room)}? You can only come back if somebody invites you."
            )
            if await screen.app.push_screen_wait(Confirm("Leave", question, "leave", "stay")):
                await session.ask(LeaveRoom(room.room_id), Room)
                await session.refresh()
        case "renew", ():
            await session.ask(RenewRoom(chosen(screen).room_id), Room)
            await session.refresh()
        case "follow", accepted:
            await session.ask(FollowRoom(chosen(screen).room_id, accept=accepted), Room)
            await session.refresh()
        case "verify", (name,):
            await screen.verify(_account(name))
        case "status", ():
            status = await session.ask(GetStatus(), Status)
            await screen.app.push_screen_wait(Reader("Status", words.status(status)))
        case "help", ():
            await screen.app.push_screen_wait(Reader("Help", words.help_text()))
        case "quit", ():
            screen.app.exit()
        case _:
            raise LocalProtocolError(f"/{command} is in the table, and nothing does it")


def chosen(screen: "ChatScreen") -> Room:
    """The open room. Raises InvalidInput where there is none."""
    room = screen.session.room
    if room is None:
        raise InvalidInput("no room is open", hint="Ctrl+K goes to one, /create makes one")
    return room


def _account(typed: str) -> str:
    return typed.removeprefix("@")
