"""Group commit: one flush for all that came during the last, and no answer before its own."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from coterie.errors import Refused, StorageError
from coterie.server.news import News
from coterie.server.store import Batch, Job, PostJob, Store
from coterie.server.writer import MAX_BATCH, MAX_BATCH_BYTES, Writer
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.fakes import FakeClock, InlineThreads, settle
from tests.server.people import Writer as Person
from tests.server.people import entries
from tests.server.world import post

T = TypeVar("T")


class HeldThreads:
    """Work waits until a test lets it go."""

    def __init__(self) -> None:
        self.flushes: list[list[Job]] = []
        self._gate: asyncio.Queue[BaseException | None] = asyncio.Queue()

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        self.flushes.append(list(args[0]))
        error = await self._gate.get()
        if error is not None:
            raise error
        return function(*args)

    def release(self, error: BaseException | None = None) -> None:
        """Ends the flush that is under way, or the next."""
        self._gate.put_nowait(error)

    def close(self) -> None:
        pass


class CountingStore:
    """Gives each job its number."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.news = News()

    def batch(self, jobs: Sequence[Job], now: float) -> Batch:
        self.batches.append(len(jobs))
        return Batch(list(range(len(jobs))), self.news)


def make(store: object, threads: object, told: list[News] | None = None) -> Writer:
    publish = (told if told is not None else []).append
    return Writer(store, threads, FakeClock(), publish)  # type: ignore[arg-type]  # fakes


def job(transaction: object) -> None:
    """Its result is the store's to say."""


@asynchronous
async def test_what_arrives_during_a_flush_goes_into_the_next() -> None:
    threads, store = HeldThreads(), CountingStore()
    writer = make(store, threads)
    first = asyncio.gather(*(writer.do(job) for _ in range(3)))
    await settle()
    second = asyncio.gather(*(writer.do(job) for _ in range(5)))
    await settle()
    assert [len(flush) for flush in threads.flushes] == [3]
    threads.release()
    assert await first == [0, 1, 2]
    assert not second.done()
    await settle()
    assert [len(flush) for flush in threads.flushes] == [3, 5]
    threads.release()
    assert await second == [0, 1, 2, 3, 4]
    await writer.drain()


@asynchronous
async def test_nobody_is_answered_or_told_before_the_flush() -> None:
    threads, store, told = HeldThreads(), CountingStore(), list[News]()
    store.news = News(inboxes={b"d" * 16})
    writer = make(store, threads, told)
    answer = asyncio.ensure_future(writer.do(job))
    await settle()
    assert (answer.done(), told) == (False, [])
    threads.release()
    assert await answer == 0
    await writer.drain()
    assert told == [store.news]


@asynchronous
async def test_failed_flush_tells_everybody_in_it_and_the_next_goes_on() -> None:
    threads, store, told = HeldThreads(), CountingStore(), list[News]()
    store.news = News(inboxes={b"d" * 16})
    writer = make(store, threads, told)
    failing = asyncio.gather(*(writer.do(job) for _ in range(3)), return_exceptions=True)
    await settle()
    later = asyncio.ensure_future(writer.do(job))
    threads.release(StorageError("the disk is full"))
    assert [str(error) for error in await failing] == ["the disk is full"] * 3
    assert told == []
    threads.release()
    assert await later == 0
    await writer.drain()


@asynchronous
async def test_bug_tells_everybody_too_and_does_not_end_the_writer() -> None:
    threads = HeldThreads()
    writer = make(CountingStore(), threads)
    failing = asyncio.ensure_future(writer.do(job))
    threads.release(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await failing
    threads.release()
    assert await writer.do(job) == 0
    await writer.drain()


@asynchronous
async def test_who_has_gone_does_not_hold_up_the_others_and_his_post_is_stored() -> None:
    threads, store = HeldThreads(), CountingStore()
    writer = make(store, threads)
    gone = asyncio.ensure_future(writer.do(job))
    stays = asyncio.ensure_future(writer.do(job))
    await settle()
    gone.cancel()
    threads.release()
    assert await stays == 1
    assert store.batches == [2]
    await writer.drain()


@asynchronous
async def test_batch_is_bounded() -> None:
    store = CountingStore()
    writer = make(store, InlineThreads())
    await asyncio.gather(*(writer.do(job) for _ in range(MAX_BATCH + 1)))
    assert store.batches == [MAX_BATCH, 1]
    await writer.drain()


@asynchronous
async def test_batch_is_bounded_in_bytes_and_the_largest_post_is_one() -> None:
    """Its flush would take seconds, in which everybody waits."""
    store = CountingStore()
    writer = make(store, InlineThreads())
    sizes = (MAX_BATCH_BYTES // 2, MAX_BATCH_BYTES // 2, 1, MAX_BATCH_BYTES + 1, 1)
    welcome = f.WelcomeFor(b"w", ())
    posts = [post(b"g" * 16, 1, body=bytes(size - 1), welcome=welcome) for size in sizes]
    await asyncio.gather(*(writer.do(PostJob(one, b"d" * 16)) for one in posts))
    assert store.batches == [2, 1, 1, 1]
    await writer.drain()


@asynchronous
async def test_draining_waits_for_all_that_was_asked() -> None:
    threads, store = HeldThreads(), CountingStore()
    writer = make(store, threads)
    asked = [asyncio.ensure_future(writer.do(job)) for _ in range(2)]
    await settle()
    asked.append(asyncio.ensure_future(writer.do(job)))
    draining = asyncio.ensure_future(writer.drain())
    threads.release()
    await settle()
    assert not draining.done()
    threads.release()
    await draining
    assert all(one.done() for one in asked)
    await writer.drain()


async def do_all(writer: Writer, *jobs: Job) -> list[Any]:
    return await asyncio.gather(*(writer.do(one) for one in jobs), return_exceptions=True)


def test_posts_and_refusals_of_a_real_store_come_to_who_asked(store: Store, anna: Person) -> None:
    def refused(transaction: object) -> None:
        raise Refused("malformed", "on purpose")

    told: list[News] = []
    posts = [anna.post(after=0), anna.post(after=0)]
    jobs: list[Job] = [anna.job(posts[0]), refused, anna.job(posts[1])]
    writer = make(store, InlineThreads(), told)
    first, error, second = asyncio.run(do_all(writer, *jobs))
    assert [first, second] == [f.Accepted(p.message_id, n) for n, p in enumerate(posts, start=1)]
    assert isinstance(error, Refused)
    assert [news.entries[anna.group] for news in told] == [list(entries(store, anna.device))]
