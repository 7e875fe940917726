"""When a widget has taken what was typed: keys wait in a queue of its own."""

import asyncio
from typing import Any

from textual.app import App
from textual.message_pump import MessagePump

# A key goes up to the program, which finds what it is for; that is told from the widget upwards, and opens a screen,
# which gets ready.
ROUNDS = 3


async def settled(widget: MessagePump) -> None:
    """Returns when it has taken all that was typed before."""
    taken = asyncio.Event()
    if widget.call_later(taken.set):  # else it goes away, and takes nothing
        await taken.wait()


async def all_settled(app: App[Any]) -> None:
    """Returns when all that the last key began is done, or waits for something else: a file, the server, a person."""
    for _ in range(ROUNDS):
        if not app.screen_stack:  # the program ends
            return
        first = app.focused or app.screen
        # what the first one makes of a key is told to itself, and then from parent to parent, up to the program
        for pump in (app, first, *first.ancestors_with_self):
            await settled(pump)
        await asyncio.sleep(0)  # work that was begun goes on up to where it waits
