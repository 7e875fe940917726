"""Work beside the screen's loop."""

import asyncio
import threading

import pytest

from coterie.errors import InvalidInput
from coterie.tui.apart import apart
from tests.asynchronous import asynchronous

DEADLINE_S = 5.0


@asynchronous
async def test_its_result_and_its_errors_come_back_and_it_blocks_nothing() -> None:
    ours = threading.Event()

    async def work() -> str:
        assert ours.wait(DEADLINE_S)  # it holds up its own loop alone
        return threading.current_thread().name

    task = asyncio.create_task(apart(work()))
    await asyncio.sleep(0)
    ours.set()
    assert await task != threading.current_thread().name

    async def fail() -> None:
        raise InvalidInput("no")

    with pytest.raises(InvalidInput, match="no"):
        await apart(fail())


@asynchronous
async def test_cancelled_it_is_cancelled_there_and_waited_for() -> None:
    begun, closed = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.set()

    task = asyncio.create_task(apart(work()))
    assert await asyncio.to_thread(begun.wait, DEADLINE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()
