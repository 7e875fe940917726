"""When a widget has taken what was typed: keys wait in a queue of its own."""

import asyncio

from textual.widget import Widget


async def settled(widget: Widget) -> None:
    """Returns when it has taken all that was typed before."""
    taken = asyncio.Event()
    widget.call_later(taken.set)
    await taken.wait()
