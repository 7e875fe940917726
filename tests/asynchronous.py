"""Runs a test that is a coroutine, on a loop of its own, and fails it where it hangs or leaves a task behind."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import ParamSpec

P = ParamSpec("P")
DEADLINE_S = 20.0


def asynchronous(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Decorates the test."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def watched() -> None:
            async with asyncio.timeout(DEADLINE_S):
                await test(*args, **kwargs)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"left behind: {left}"

        asyncio.run(watched())

    return run
