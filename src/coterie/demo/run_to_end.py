"""Runs what leaves nothing behind, however it is ended."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(play: Coroutine[Any, Any, T]) -> T:
    """What ``play`` gives. Ended by SIGTERM, or with its terminal, it cleans up as after Ctrl+C."""

    async def interruptible() -> T:
        task = asyncio.create_task(play)
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
