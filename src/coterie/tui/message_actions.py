"""What is done with one message: by a key while it is selected, with a slash command, or from the palette."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from coterie.client.api import DeleteMessage, GetPage, Message, Page, React, Room, Sent
from coterie.client.links import links
from coterie.errors import InvalidInput, LocalProtocolError
from coterie.tui import words
from coterie.tui.dialogs import Confirm, Pick, Picker
from coterie.tui.navigating import come_back, jump, open_thread
from coterie.tui.room_timeline import EARLIER
from coterie.ui.clean import clean

if TYPE_CHECKING:
    from coterie.tui.chat_screen import ChatScreen


STAYS_SELECTED = ("info", "original", "return")  # after these one looks at messages still


async def act(screen: "ChatScreen", action: str, message: Message) -> None:  # noqa: PLR0912
    """One of ``keymap.SELECT_KEYS``. Raises InvalidInput where it cannot be done with this message."""
    match action:
        case "reply":
            _check_here(message)
            screen.composing.answer(message)
            screen.end_select()
        case "edit":
            _check_own(screen, message)
            screen.composing.edit(message)
            screen.end_select()
        case "delete":
            await delete(screen, message)
        case "react":
            from coterie.tui.emoji_screen import EmojiScreen  # noqa: PLC0415  # the start waits for none of it

            _check_here(message)
            emoji = await screen.app.push_screen_wait(EmojiScreen())
            if emoji is not None:
                await react(screen, message, emoji)
        case "open_thread":
            await open_thread(screen, message)
        case "copy":
            _check_here(message)
            screen.app.copy_to_clipboard(clean(message.text))  # by OSC 52: on this key alone
            screen.tell("copied, if your terminal allows it")
        case "quote":
            _check_here(message)
            quoted = "".join(f"> {line}\n" for line in clean(message.text).split("\n"))
            screen.composer.insert(quoted)
        case "open":
            await _open_link(screen, message)
        case "original":
            await _go_to_original(screen, message)
        case "return":
            await come_back(screen)
        case "info":
            from coterie.tui.message_info import MessageInfo  # noqa: PLC0415

            pin = screen.session.pins.get(message.sender, "unknown")
            pin = EARLIER if message.has_earlier_key else pin
            await screen.app.push_screen_wait(MessageInfo(message, pin))
        case "unread":
            await screen.session.leave_unread(message)
        case _:
            raise LocalProtocolError(f"{action} is in the table, and nothing does it")


async def delete(screen: "ChatScreen", message: Message) -> None:
    """For all, after a question."""
    _check_here(message)
    is_own = message.sender == screen.session.account
    if not is_own and not opened(screen).admin:
        sender = words.account(message.sender)
        raise InvalidInput(f"only {sender} or an admin of the room can delete this")
    whose = "what you said" if is_own else f"what {words.account(message.sender)} said"
    question = f"Delete {whose}, for all? It goes for good:\n\n{clean(message.text[:500])}"
    if await screen.app.push_screen_wait(Confirm("Delete", question, "delete", "keep")):
        await screen.session.ask(DeleteMessage(message.room_id, message.ref, wait=False), Sent)


async def react(screen: "ChatScreen", message: Message, emoji: str) -> None:
    """Puts it under the message, or takes one's own away."""
    _check_here(message)
    own = screen.session.account
    remove = any(one.emoji == emoji and own in one.names for one in message.reactions)
    request = React(message.room_id, message.ref, emoji, remove=remove, wait=False)
    await screen.session.ask(request, Sent)


async def picked(
    screen: "ChatScreen", number: str, fits: Callable[[Message], bool] = lambda message: True
) -> Message:
    """The message with that number; without one the selected, else the newest that fits. Raises InvalidInput."""
    room = opened(screen)
    window = screen.session.opened.view.window
    if number:
        found = window.find(int(number))
        if found is None:
            page = await screen.session.ask(GetPage(room.room_id, 1, around=int(number)), Page)
            found = next((one for one in page.messages if one.number == int(number)), None)
        if found is None:
            raise InvalidInput(f"there is no message {number} in {words.room_mark(room)}")
        return found
    if screen.timeline.selected_message is not None:
        return screen.timeline.selected_message
    said = (one for one in reversed(window.messages) if one.kind == "text" and not one.deleted_by)
    newest = next((one for one in said if fits(one)), None)
    if newest is None:
        raise InvalidInput("there is no such message yet", hint="Shift+Tab selects one")
    return newest


def opened(screen: "ChatScreen") -> Room:
    """The open room. Raises InvalidInput where there is none."""
    room = screen.session.room
    if room is None:
        raise InvalidInput("no room is open", hint="Ctrl+K goes to one, /create makes one")
    return room


def _check_here(message: Message) -> None:
    if message.deleted_by or message.kind != "text":
        raise InvalidInput("there is nothing of it to do that with")


def _check_own(screen: "ChatScreen", message: Message) -> None:
    _check_here(message)
    if message.sender != screen.session.account:
        raise InvalidInput(f"only {words.account(message.sender)} can edit this")


async def _go_to_original(screen: "ChatScreen", message: Message) -> None:
    quote = message.reply_to
    if quote is None:
        raise InvalidInput("it answers nothing")
    if not quote.number:
        raise InvalidInput("what it answers was said before you were here")
    await jump(screen, message.room_id, quote.number, from_number=message.number)


async def _open_link(screen: "ChatScreen", message: Message) -> None:
    """In the browser where there is one; else the address is copied."""
    text = message.text
    addresses = list(dict.fromkeys(text[begin:end] for begin, end in links(text)))
    if not addresses:
        raise InvalidInput("there is no link in it")
    address: str | None = addresses[0]
    if len(addresses) > 1:
        picks = [Pick(one, clean(one)) for one in addresses]
        address = await screen.app.push_screen_wait(Picker("Open", picks))
    if address is None:
        return
    if _has_browser():
        import webbrowser  # noqa: PLC0415  # where a link is opened

        await asyncio.to_thread(webbrowser.open, address)  # it may wait for the browser to start
    else:  # one in the terminal would be drawn across this
        screen.app.copy_to_clipboard(clean(address))
        screen.tell(f"copied, as there is no browser here: {address}")


def _has_browser() -> bool:
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
