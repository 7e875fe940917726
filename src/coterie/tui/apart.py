"""Work in a thread with a loop of its own, so that nothing in it, not even a slow keyring, holds up the screen."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from coterie.errors import CoterieError

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``. Cancelled, it is cancelled there, and returns when all is closed. Raises what it does."""
    task: asyncio.Task[Any] | None = None
    is_cancelled = False

    async def main() -> T:
        nonlocal task
        task = asyncio.current_task()
        if is_cancelled:  # before it began
            work.close()
            raise asyncio.CancelledError
        return await work

    def run() -> T:
        return asyncio.run(main())

    done = asyncio.get_running_loop().run_in_executor(None, run)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        is_cancelled = True
        if task is not None:
            with suppress(RuntimeError):  # its loop has ended meanwhile
                task.get_loop().call_soon_threadsafe(task.cancel)
        with suppress(asyncio.CancelledError, CoterieError):
            await done
        raise
