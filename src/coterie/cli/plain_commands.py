"""What is typed behind a slash in a chat of lines: each command is a request, and its answer is said in lines."""

from typing import TYPE_CHECKING

from coterie.cli import output
from coterie.cli.numbered import check_said, numbered
from coterie.cli.outbox import each_failed
from coterie.client.api import (
    AddMembers,
    AttentionWord,
    ChangeRoom,
    CreateRoom,
    DeleteMessage,
    Discard,
    EditMessage,
    FollowRoom,
    Found,
    GetPage,
    GetStatus,
    LeaveRoom,
    ListMembers,
    ListRooms,
    MarkRead,
    Message,
    OpenDirect,
    Page,
    React,
    RemoveMember,
    RenewRoom,
    Resend,
    Room,
    Search,
    SendText,
    SetAttention,
    VerifyAccount,
)
from coterie.errors import InvalidInput, LocalProtocolError
from coterie.ui import emoji
from coterie.ui.commands import PLAIN_COMMANDS

if TYPE_CHECKING:
    from coterie.cli.plain import PlainChat

LATEST = 10  # messages that /last says
RINGS: dict[AttentionWord, str] = {
    "all": "everything said here rings",
    "mentions": "only what mentions you rings here",
    "nothing": "nothing rings here",
}


async def run_command(  # noqa: PLR0912, PLR0915  # one case a command
    chat: "PlainChat", command: str, arguments: tuple[str, ...]
) -> None:
    """Does it. Raises CoterieError where that fails."""
    match command, arguments:
        case "join", (room,):
            await chat.join(room)
        case "msg", (name, *text):
            room_id = (await chat.ask(OpenDirect(_account(name)), Room)).room_id
            await chat.join(room_id)
            for said in text:
                await chat.say(SendText(room_id, said))
        case "rooms", ():
            await chat.show(ListRooms())
        case "members", ():
            await chat.show(ListMembers(chat.chosen()))
        case "me", (text,):
            await chat.say(SendText(chat.chosen(), text, is_action=True))
        case "reply", (*number, text):
            answered = await _meant(chat, number, by_us=False)
            await chat.say(SendText(chat.chosen(), text, reply_to=answered.ref))
        case "edit", (*number, text):
            edited = await _meant(chat, number, by_us=True)
            await chat.change(EditMessage(chat.chosen(), edited.ref, text))
        case "delete", number:
            deleted = await _meant(chat, number, by_us=True)
            await chat.change(DeleteMessage(chat.chosen(), deleted.ref))
        case "react", (typed, *number):
            await _react(chat, typed, await _meant(chat, number, by_us=False))
        case "search", (query,):
            found = await chat.ask(Search(query), Found)
            chat.put(found)
            if found.has_more:
                output.note("there are more: add words, from: in: before: or after:")
            elif not found.hits:
                output.note("nothing was found")
        case "last", count:
            limit = int(count[0]) if count else LATEST
            page = await chat.ask(GetPage(chat.chosen(), limit), Page)
            for message in page.messages:
                chat.shown.remember(message)
            chat.put(page, with_numbers=True)
        case "unread", number:
            first = int(number[0]) if number else (await _meant(chat, (), by_us=False)).number
            await chat.ask(MarkRead(chat.chosen(), max(first - 1, 0)), Room)
            output.note(f"the room is unread from {first} on")
        case "retry", ():
            again = await each_failed(chat.backend, chat.chosen(), Resend)
            output.note(f"sent again: {len(again)}")
        case "discard", ():
            dropped = await each_failed(chat.backend, chat.chosen(), Discard)
            output.note(f"given up: {len(dropped)}")
        case "topic", ():
            topic = (await chat.room()).topic
            output.note(f"the topic is: {topic}" if topic else "the room has no topic")
        case "topic", (topic,):
            await chat.show(ChangeRoom(chat.chosen(), topic=topic))
        case "rename", (name,):
            await chat.show(ChangeRoom(chat.chosen(), name=name.removeprefix("#")))
        case "mute", ():
            output.note(RINGS[(await chat.room()).attention])
        case "mute", ("all" | "mentions" | "nothing" as attention,):
            await chat.ask(SetAttention(chat.chosen(), attention), Room)
            output.note(RINGS[attention])
        case "create", (name, *members):
            request = CreateRoom(name.removeprefix("#"), tuple(map(_account, members)))
            await chat.join((await chat.ask(request, Room)).room_id)
        case "invite", names:
            await chat.show(AddMembers(chat.chosen(), tuple(map(_account, names))))
        case "kick", (name,):
            await chat.show(RemoveMember(chat.chosen(), _account(name)))
        case "leave", ():
            await chat.show(LeaveRoom(chat.chosen()))
        case "renew", ():
            await chat.show(RenewRoom(chat.chosen()))
        case "follow", words:
            await chat.show(FollowRoom(chat.chosen(), accept=words))
        case "verify", (name,):
            await chat.show(VerifyAccount(_account(name)))
        case "status", ():
            await chat.show(GetStatus())
        case "help", ():
            width = max(len(known.usage) for known in PLAIN_COMMANDS.values())
            for known in PLAIN_COMMANDS.values():
                output.note(f"{known.usage:<{width}}  {known.help}")
        case _:
            raise LocalProtocolError(f"/{command} is in the table, and nothing does it")


async def _meant(
    chat: "PlainChat", number: "tuple[str, ...] | list[str]", *, by_us: bool
) -> Message:
    """The message of that number in the chosen room; without one the newest of ours, or of the others."""
    room = chat.chosen()
    if number:
        wanted = int(number[0])
        shown = chat.shown.numbered(wanted)
        return check_said(shown) if shown else await numbered(chat.backend, room, wanted)
    account = await chat.account()

    def is_meant(message: Message) -> bool:
        is_said = message.kind == "text" and not message.deleted_by
        return is_said and (message.sender == account) == by_us

    latest = chat.shown.latest(is_meant)
    if latest is None:
        whose = "yours" if by_us else "others"
        raise InvalidInput(
            f"no message of {whose} was shown here", hint="/last 50 says more of them, with numbers"
        )
    return latest


async def _react(chat: "PlainChat", typed: str, message: Message) -> None:
    """Puts it there, or takes it away where it is. A name as ``:tada:`` will do."""
    wanted, account = emoji.drawn(typed), await chat.account()
    mine = any(one.emoji == wanted and account in one.names for one in message.reactions)
    await chat.change(React(chat.chosen(), message.ref, wanted, remove=mine))


def _account(typed: str) -> str:
    return typed.removeprefix("@")
