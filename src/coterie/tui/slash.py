"""What is typed with a slash, and what the palette offers: both do the same."""

from typing import TYPE_CHECKING, get_args

from coterie.client.api import (
    AddMembers,
    AttentionWord,
    ChangeRoom,
    CreateRoom,
    EditMessage,
    FollowRoom,
    GetStatus,
    LeaveRoom,
    OpenDirect,
    RemoveMember,
    RenewRoom,
    Room,
    SendText,
    Sent,
    SetAttention,
    Status,
)
from coterie.errors import InvalidInput, LocalProtocolError
from coterie.tui import words
from coterie.tui.dialogs import Confirm, Pick, Picker, Reader, reader_width
from coterie.tui.message_actions import act, delete, opened, picked, react
from coterie.tui.navigating import search
from coterie.tui.target import Answering, Place, request_of
from coterie.tui.trust import show_members, verify
from coterie.ui.clean import clean_line

if TYPE_CHECKING:
    from coterie.tui.chat_screen import ChatScreen

# without an argument, and not typed more easily than picked
IN_PALETTE = (
    "rooms", "members", "delete", "thread", "unread", "retry", "discard", "mute", "leave", "renew",
    "follow", "status", "settings", "help", "quit",
)  # fmt: skip
_ATTENTION = {
    "all": "all of it rings",
    "mentions": "what is for you rings",
    "nothing": "nothing rings",
}


async def run_command(  # noqa: PLR0912, PLR0915  # one case a command
    screen: "ChatScreen", command: str, arguments: tuple[str, ...]
) -> None:
    """Does it. Raises CoterieError where that fails."""
    session = screen.session
    match command, arguments:
        case "join", (typed,):
            await session.open(session.find(typed).room_id)
        case "msg", (name, *text):
            room_id = (await session.ask(OpenDirect(_account(name)), Room)).room_id
            await session.refresh()
            await session.open(room_id)
            if text:
                await session.ask(SendText(room_id, text[0], wait=False), Sent)
        case "rooms", ():
            screen.action_switch()
        case "members", ():
            await show_members(screen)
        case "me", (text,):
            await screen.do(text)
        case (("reply" | "edit" | "delete" | "react" | "thread" | "unread"), _):
            await _with_message(screen, command, arguments)
        case "search", (query,):
            await search(screen, query)
        case "retry", ():
            await session.retry()
        case "discard", ():
            await session.discard()
        case "topic", ():
            room = opened(screen)
            topic = clean_line(room.topic)
            screen.tell(f"the topic is: {topic}" if topic else "there is no topic")
        case "topic", (text,):
            await session.ask(ChangeRoom(opened(screen).room_id, topic=text), Room)
        case "rename", (text,):
            await session.ask(ChangeRoom(opened(screen).room_id, name=text), Room)
        case "mute", attention:
            await _mute(screen, *attention)
        case "create", (name, *members):
            request = CreateRoom(name.removeprefix("#"), tuple(map(_account, members)))
            room_id = (await session.ask(request, Room)).room_id
            await session.refresh()
            await session.open(room_id)
        case "invite", names:
            await session.ask(AddMembers(opened(screen).room_id, tuple(map(_account, names))), Room)
            await session.refresh()
        case "kick", (name,):
            room = opened(screen)
            question = f"Take {_account(name)} out of {words.room_mark(room)}?"
            if await screen.app.push_screen_wait(Confirm("Take out", question, "take out")):
                await session.ask(RemoveMember(room.room_id, _account(name)), Room)
                await session.refresh()
        case "leave", ():
            await _leave(screen)
        case "renew", ():
            await session.ask(RenewRoom(opened(screen).room_id), Room)
            await session.refresh()
        case "follow", accepted:
            await session.ask(FollowRoom(opened(screen).room_id, accept=accepted), Room)
            await session.refresh()
        case "verify", (name,):
            await verify(screen, _account(name))
        case "status", ():
            status = await session.ask(GetStatus(catch_up=False), Status)
            text = words.status(status, reader_width(screen.size.width))
            await screen.app.push_screen_wait(Reader("Status", text))
        case "settings", ():
            await screen.show_settings()
        case "help", ():
            text = words.help_text(reader_width(screen.size.width))
            await screen.app.push_screen_wait(Reader("Help", text))
        case "quit", ():
            await screen.quit()
        case _:
            raise LocalProtocolError(f"/{command} is in the table, and nothing does it")


async def _with_message(screen: "ChatScreen", command: str, arguments: tuple[str, ...]) -> None:
    """The message is named by its number, is selected, or is the newest that one would do this with."""
    session, own = screen.session, screen.session.account
    match command, arguments:
        case "reply", (*number, text):
            message = await picked(screen, "".join(number), lambda one: one.sender != own)
            request = request_of(text, Answering(message), Place(message.room_id))
            await session.ask(request, Sent)
        case "edit", (*number, text):
            message = await picked(screen, "".join(number), lambda one: one.sender == own)
            await session.ask(EditMessage(message.room_id, message.ref, text, wait=False), Sent)
        case "delete", number:
            message = await picked(screen, "".join(number), lambda one: one.sender == own)
            await delete(screen, message)
        case "react", (emoji, *number):
            message = await picked(screen, "".join(number), lambda one: one.sender != own)
            await react(screen, message, _emoji(emoji))
        case "thread", number:
            await act(screen, "open_thread", await picked(screen, "".join(number)))
        case _:
            message = await picked(screen, "".join(arguments), lambda one: one.sender != own)
            await act(screen, "unread", message)


async def _mute(screen: "ChatScreen", word: str | None = None) -> None:
    room = opened(screen)
    if word is None:
        picks = [Pick(one, one, _ATTENTION[one]) for one in get_args(AttentionWord)]
        word = await screen.app.push_screen_wait(Picker("What rings", picks))
    for attention in get_args(AttentionWord):
        if attention == word:
            await screen.session.ask(SetAttention(room.room_id, attention), Room)


async def _leave(screen: "ChatScreen") -> None:
    room = opened(screen)
    question = f"Leave {words.room_mark(room)}? You can only come back if somebody invites you."
    if await screen.app.push_screen_wait(Confirm("Leave", question, "leave", "stay")):
        await screen.session.ask(LeaveRoom(room.room_id), Room)
        await screen.session.refresh()


def _emoji(typed: str) -> str:
    """As it is, or by its name between colons. Raises InvalidInput where there is none of that name."""
    name = typed.strip(":")
    if typed != f":{name}:":
        return typed
    from coterie.ui import emoji  # noqa: PLC0415  # a table of all names

    if name not in emoji.names():
        raise InvalidInput(f"there is no emoji {typed}", hint="Tab completes them")
    return emoji.names()[name]


def _account(typed: str) -> str:
    return typed.removeprefix("@")
