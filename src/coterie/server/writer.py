"""Group commit: everything that arrives while one batch is being flushed goes into the next.

One hop to the writer thread and one flush a batch, never one a message. What a batch made is published after its
flush, all entries of a group together.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from coterie.errors import CoterieError
from coterie.logs import get_logger, is_debugging
from coterie.server.news import News
from coterie.server.seams import Clock, Threads
from coterie.server.store import Batch, Job, PostJob, Store

log = get_logger()

Done = Callable[[Any], None]

MAX_BATCH = 2_000  # jobs; a flush takes milliseconds, and no answer should wait for more than that
MAX_BATCH_BYTES = 16 * 2**20  # of posts, or a single larger one: for the same reason


class Writer:
    """Takes jobs on the loop and gives their results when they are durable."""

    def __init__(
        self, store: Store, threads: Threads, clock: Clock, publish: Callable[[News], None]
    ) -> None:
        self._store, self._threads, self._clock, self._publish = store, threads, clock, publish
        self._waiting: list[tuple[Job, Done]] = []
        self._task: asyncio.Task[None] | None = None

    async def do(self, job: Job) -> Any:
        """The job's result, once durable. Raises what it raised, and StorageError where nothing can be written."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.submit(job, partial(_finish, future))
        return await future

    def submit(self, job: Job, done: Done) -> None:
        """The same without a task: ``done`` is called with the result, or with the error. It must not raise."""
        self._waiting.append((job, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="coterie-writer")

    async def drain(self) -> None:
        """Until everything that was asked for is durable."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._waiting:
                count = self._next_count()
                batch, self._waiting = self._waiting[:count], self._waiting[count:]
                await self._flush(batch)
        finally:
            self._task = None

    def _next_count(self) -> int:
        """How many jobs go into the next batch: at least one."""
        size = 0
        for count, (job, _) in enumerate(self._waiting[:MAX_BATCH]):
            size += _size(job)
            if count and size > MAX_BATCH_BYTES:
                return count
        return MAX_BATCH

    async def _flush(self, batch: list[tuple[Job, Done]]) -> None:
        began = self._clock.monotonic()
        try:
            jobs = [job for job, _ in batch]
            made = await self._threads.run(self._store.batch, jobs, self._clock.now())
        except Exception as error:  # nothing of the batch was written: everybody in it is told
            if not isinstance(error, CoterieError):
                log.exception("batch-failed", jobs=len(batch))
            made = Batch([error] * len(batch), News())
        for (_, done), result in zip(batch, made.results, strict=True):
            done(result)
        if is_debugging():
            duration = self._clock.monotonic() - began
            log.debug("flushed", jobs=len(batch), duration_ms=round(duration * 1000, 1))
        if made.news:
            self._publish(made.news)


def _size(job: Job) -> int:
    """Bytes that it writes, where it can be many."""
    if not isinstance(job, PostJob):
        return 0
    welcome = job.post.welcome
    return len(job.post.body) + (len(welcome.welcome) if welcome else 0)


def _finish(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.cancelled():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
