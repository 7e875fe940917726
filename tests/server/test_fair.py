"""Expensive work: few at once, address by address, and nothing is lost when somebody leaves the line."""

import asyncio
from collections.abc import Callable
from typing import Any

from coterie.server.fair import FairThreads
from tests.asynchronous import asynchronous
from tests.fakes import settle


class SteppedThreads:
    """Work that a test ends, in the order in which it began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running: list[asyncio.Future[None]] = []

    async def run(self, function: Callable[..., Any], *args: object) -> Any:
        self.begun.append(function(*args))
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.running.append(ended)
        await ended
        return self.begun[-1]

    async def step(self) -> None:
        ended = self.running.pop(0)
        if not ended.done():
            ended.set_result(None)
        await settle()

    def close(self) -> None:
        """Nothing to close."""


def line(fair: FairThreads, *names: str) -> list["asyncio.Task[Any]"]:
    """One piece of work each; the first letter is the address."""
    return [asyncio.create_task(fair.run(name[0], str, name)) for name in names]


@asynchronous
async def test_flood_from_one_address_lets_the_others_go_first() -> None:
    threads = SteppedThreads()
    fair = FairThreads(threads, 1)
    tasks = line(fair, "a1", "a2", "a3", "a4", "b1", "b2", "c1")
    await settle()
    while threads.running:
        await threads.step()
    assert threads.begun == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]
    await asyncio.gather(*tasks)


@asynchronous
async def test_no_more_run_at_once_than_may() -> None:
    threads = SteppedThreads()
    fair = FairThreads(threads, 3)
    tasks = line(fair, *(f"{letter}{number}" for letter in "abc" for number in range(9)))
    await settle()
    while threads.running:
        assert len(threads.running) <= 3
        await threads.step()
    await asyncio.gather(*tasks)
    assert (len(threads.begun), fair.waiting) == (27, 0)


@asynchronous
async def test_who_leaves_the_line_or_his_work_holds_up_nobody() -> None:
    threads = SteppedThreads()
    fair = FairThreads(threads, 1)
    a1, a2, b1, b2, c1 = line(fair, "a1", "a2", "b1", "b2", "c1")
    await settle()
    for task in (a1, a2, b2):  # one at work, the only one of its line, one of two
        task.cancel()
    await settle()
    assert threads.begun == ["a1", "b1"]
    del threads.running[0]
    await threads.step()
    await threads.step()
    assert [await b1, await c1] == ["b1", "c1"]
    assert fair.waiting == 0


@asynchronous
async def test_who_is_called_and_leaves_in_one_moment_passes_it_on() -> None:
    threads = SteppedThreads()
    fair = FairThreads(threads, 1)
    _, b1, c1 = line(fair, "a1", "b1", "c1")
    await settle()
    threads.running.pop(0).set_result(None)
    await asyncio.sleep(0)  # a1 ends, and calls b1
    b1.cancel()
    await settle()
    assert threads.begun == ["a1", "c1"]
    await threads.step()
    assert await c1 == "c1"


@asynchronous
async def test_work_that_raises_frees_its_place() -> None:
    def fail() -> None:
        raise ValueError

    class Inline:
        async def run(self, function: Callable[..., Any], *args: object) -> Any:
            return function(*args)

        def close(self) -> None:
            """Nothing to close."""

    fair = FairThreads(Inline(), 1)
    for _ in range(3):
        (result,) = await asyncio.gather(fair.run("a", fail), return_exceptions=True)
        assert isinstance(result, ValueError)
    assert await fair.run("a", str, "works") == "works"
