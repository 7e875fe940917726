"""What was begun and not sent."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from msgspec import structs

from coterie.client import api
from coterie.tui.asking import Asking
from coterie.tui.drafts import Drafts
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS
from tests.tui.memory import Memory

BEGUN = structs.replace(OPS, has_draft=True)


class Kept:
    """Drafts of a client in memory, saved at once or not by themselves."""

    def __init__(self, saved_after_s: float = 0.0) -> None:
        self.backend = Memory()
        self.tasks: list[asyncio.Task[None]] = []
        self.saved = asyncio.Event()
        self.drafts = Drafts(Asking(self.backend), self._spawn, saved_after_s)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self.saved.set())
        self.tasks.append(task)


@asynchronous
async def test_it_is_saved_a_moment_after_the_last_key() -> None:
    kept = Kept()
    kept.drafts.keep(OPS.room_id, "dra")
    kept.drafts.keep(OPS.room_id, "draft")
    await kept.saved.wait()
    assert kept.backend.requests(api.SetDraft) == [api.SetDraft(OPS.room_id, "draft")]


@asynchronous
async def test_what_is_not_saved_yet_is_saved_when_it_is_asked_for_and_once() -> None:
    kept = Kept(saved_after_s=3_600)
    kept.drafts.keep(OPS.room_id, "draft")
    kept.drafts.keep("a thread", "of now alone", is_room=False)
    await kept.drafts.save()
    await kept.drafts.save()
    assert kept.backend.drafts == {OPS.room_id: "draft"}
    assert len(kept.backend.requests(api.SetDraft)) == 1
    assert kept.drafts.of("a thread") == "of now alone"


@asynchronous
async def test_what_was_typed_meanwhile_wins_over_what_is_loaded() -> None:
    kept = Kept(saved_after_s=3_600)
    kept.backend.drafts[OPS.room_id] = "old"
    assert await kept.drafts.load(BEGUN) == "old"
    kept.drafts.keep(OPS.room_id, "")
    assert await kept.drafts.load(BEGUN) == ""
    kept.drafts.stop_waiting()


class Held(Memory):
    """Saves nothing before ``is_open`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held, self.is_open = asyncio.Event(), asyncio.Event()

    async def call(self, request: api.Request) -> api.Result:
        if isinstance(request, api.SetDraft):
            self.is_held.set()
            await self.is_open.wait()
        return await super().call(request)


@asynchronous
async def test_what_was_being_saved_as_the_person_quit_is_saved() -> None:
    """At a start the client saves nothing yet: who quit then had lost what the timer had begun to save."""
    backend = Held()
    drafts = Drafts(Asking(backend), lambda work: None, 3_600)
    drafts.keep(OPS.room_id, "draft")
    begun = asyncio.create_task(drafts.save())
    await backend.is_held.wait()
    quitting = asyncio.create_task(drafts.save())
    begun.cancel()
    await asyncio.wait({begun})
    backend.is_open.set()
    await quitting
    assert backend.drafts == {OPS.room_id: "draft"}


@asynchronous
async def test_a_key_while_it_is_saved_is_not_lost() -> None:
    backend = Held()
    drafts = Drafts(Asking(backend), lambda work: None, 3_600)
    drafts.keep(OPS.room_id, "draft")
    saving = asyncio.create_task(drafts.save())
    await backend.is_held.wait()
    drafts.keep(OPS.room_id, "drafts")
    backend.is_open.set()
    await saving
    assert backend.drafts == {OPS.room_id: "drafts"}
    drafts.stop_waiting()


@asynchronous
async def test_one_is_found_though_its_room_says_nothing_of_it() -> None:
    """After a crash it stayed where it was kept, unseen, until something else was typed over it."""
    kept = Kept(saved_after_s=3_600)
    kept.backend.drafts[OPS.room_id] = "draft"
    assert not OPS.has_draft
    assert await kept.drafts.load(OPS) == "draft"
