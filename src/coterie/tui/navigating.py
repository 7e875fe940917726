"""Going from message to message: the ends, what is new, what a search found, what a reply answers, a thread."""

from typing import TYPE_CHECKING

from coterie.client.api import Found, Message, Search

if TYPE_CHECKING:
    from coterie.tui.chat_screen import ChatScreen


async def go_to_end(screen: "ChatScreen") -> None:
    """To the newest message."""
    await screen.session.opened.go_to_end()
    screen.update()
    screen.timeline.scroll_end(animate=False)


async def go_to_beginning(screen: "ChatScreen") -> None:
    """To the oldest message."""
    screen.timeline.leave_end()
    await screen.session.opened.go_to_beginning()
    screen.update()
    screen.timeline.scroll_home(animate=False)


async def go_to_new(screen: "ChatScreen") -> None:
    """To the line of what is new."""
    screen.timeline.leave_end()
    await screen.session.opened.go_to_new()
    screen.update()
    if not screen.timeline.scroll_to_new():
        screen.tell("nothing is new here")


async def jump(screen: "ChatScreen", room_id: str, number: int, *, from_number: int = 0) -> None:
    """To a message, which is selected then; ``come_back`` goes back to the one where one was."""
    session = screen.session
    if from_number:
        screen.jumped_from.append((session.opened.room_id, from_number))
    screen.end_select()
    screen.timeline.go_to_message(number)
    if room_id != session.opened.room_id:
        await session.open(room_id, around=number)
    elif not await session.opened.go_to(number):
        session.opened.close_thread()
        await session.opened.go_to(number)
    screen.update()
    screen.begin_select(number)


async def come_back(screen: "ChatScreen") -> None:
    """From the last jump."""
    if screen.jumped_from:
        await jump(screen, *screen.jumped_from.pop())


async def search(screen: "ChatScreen", typed: str = "") -> None:
    """Finds a message, and goes there."""
    from coterie.tui.search_screen import SearchScreen  # noqa: PLC0415  # the start waits for none of it

    session = screen.session

    async def ask(request: Search) -> Found:
        return await session.ask(request, Found)

    rooms = tuple(session.rooms.values())
    found = await screen.app.push_screen_wait(SearchScreen(ask, session.room, typed, rooms))
    if found is not None:
        await jump(screen, found.room_id, found.number)


async def open_thread(screen: "ChatScreen", message: Message) -> None:
    """In place of the room, until Esc."""
    screen.end_select()
    await screen.session.opened.open_thread(message)
