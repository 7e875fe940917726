"""The switcher and the palette: what can be gone to and done, by a few letters."""

from typing import TYPE_CHECKING

from coterie.tui import words
from coterie.tui.dialogs import Pick, Picker
from coterie.tui.slash import IN_PALETTE, run_command
from coterie.tui.themes import THEMES
from coterie.tui.trust import heed, verify
from coterie.ui.commands import COMMANDS
from coterie.ui.keymap import KEYS

if TYPE_CHECKING:
    from coterie.tui.chat_screen import ChatScreen

# what has a key and is no command, and makes sense from a list
_BY_KEY = ("search", "select", "next_unread", "first", "last", "first_unread", "thread")


async def pick_room(screen: "ChatScreen") -> None:
    """Goes to a room."""
    session = screen.session
    twins = session.twins
    rooms = [
        Pick(
            room.room_id,
            words.room_mark(room) + words.told_apart(room, twins),
            words.room_hint(room),
        )
        for room in session.in_order
    ]
    room_id = await screen.app.push_screen_wait(Picker("Go to", rooms))
    if room_id is not None:
        await session.open(room_id)


async def pick_command(screen: "ChatScreen") -> None:
    """Does anything that a key or a command without arguments does."""
    picks = []
    if screen.banner is not None and screen.banner.way != "wait":
        picks.append(Pick("heed", "acknowledge, or go on", "what the warning says"))
    selected = screen.timeline.selected_message
    if selected is not None:
        keys_for_it = screen.possible(selected)
        picks += [Pick(f"!{key.action}", key.help, "the selected message") for key in keys_for_it]
    picks += [Pick(f"/{name}", name, COMMANDS[name].help) for name in IN_PALETTE]
    keys = {key.action: key for key in KEYS}
    picks += [Pick(f"^{one}", keys[one].help, keys[one].shown) for one in _BY_KEY]
    picks += [
        Pick(f"@{member.name}", f"verify {words.account(member.name)}", words.member_hint(member))
        for member in screen.session.members
        if member.pin != "self"
    ]
    picks += [Pick(f"%{name}", f"theme {name}", "colours") for name in THEMES]
    picked = await screen.app.push_screen_wait(Picker("Do", picks))
    if picked is None:
        return
    sign, name = picked[0], picked[1:]
    match sign:
        case "/":
            await run_command(screen, name, ())
        case "!":
            screen.action_with_selected(name)
        case "^":
            await screen.run_action(name)
        case "@":
            await verify(screen, name)
        case "%":
            screen.app.theme = name
            screen.app.settings_file.change("theme", name)  # as in the settings: it stays
            screen.app.apply(screen.app.settings_file.settings)
        case _:
            await heed(screen)
