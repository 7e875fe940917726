"""Who leaves loses nothing that was typed."""

import asyncio
import os
import signal

import pytest
from textual.pilot import Pilot

from coterie.client import api
from coterie.errors import CoterieError, StorageError
from coterie.tui.app import ChatApp
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS
from tests.tui.look import Seen, looking
from tests.tui.memory import Memory


class Loading(Memory):
    """Takes nothing before ``is_loaded`` is set, as at a start."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held, self.is_loaded = asyncio.Event(), asyncio.Event()
        self.is_full = False  # the disk

    async def call(self, request: api.Request) -> api.Result:
        if isinstance(request, api.SendText | api.SetDraft):
            self.is_held.set()
            await self.is_loaded.wait()
            if self.is_full:
                raise StorageError("the disk is full")
        return await super().call(request)


@asynchronous
async def test_what_was_entered_is_kept_before_the_program_ends() -> None:
    """It was in no log and no draft: the program had ended while the client was still being loaded."""
    backend = Loading()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        seen.press_at_once("h", "i", "enter", "ctrl+q")
        await backend.is_held.wait()
        await seen.until_shown("what you sent is not kept yet")
        backend.is_loaded.set()
        await seen.until_over()
    assert [request.text for request in backend.requests(api.SendText)] == ["hi"]


@asynchronous
async def test_who_cannot_wait_leaves_at_once() -> None:
    backend = Loading()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("h", "i", "enter", "ctrl+q")
        await seen.until_shown("Ctrl+Q again leaves at once")
        await seen.press("ctrl+q")
        await seen.until_over()
    assert backend.requests(api.SendText) == []


@asynchronous
async def test_all_keys_before_it_are_in_the_draft() -> None:
    """The last letters were missing: the composer had not seen them when the key was obeyed."""
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        seen.press_at_once(*"draft", "ctrl+q")
        await seen.until_over()
    assert backend.drafts == {OPS.room_id: "draft"}


@asynchronous
async def test_a_draft_that_cannot_be_kept_is_told_and_holds_nobody() -> None:
    backend = Loading()
    backend.is_full = True
    backend.is_loaded.set()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        seen.press_at_once("h", "i", "ctrl+q")
        await seen.until_over()
    error = seen.app.return_value
    assert isinstance(error, CoterieError)
    assert str(error) == "the disk is full"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@asynchronous
async def test_a_signal_ends_it_as_its_key_does(number: signal.Signals) -> None:
    """The terminal stayed as the screen had it, without echo, and the last words were lost."""
    backend = Memory()

    async def kill(pilot: Pilot[CoterieError | None]) -> None:
        await pilot.press("h", "i")
        os.kill(os.getpid(), number)

    await ChatApp(backend, "ops").run_async(headless=True, auto_pilot=kill)
    assert backend.drafts == {OPS.room_id: "hi"}


class Damaged(Memory):
    """Its database cannot be read."""

    async def call(self, request: api.Request) -> api.Result:
        if isinstance(request, api.GetStatus):
            raise StorageError("client.db is damaged")
        return await super().call(request)


@asynchronous
async def test_where_nothing_can_be_read_the_program_ends_and_says_why() -> None:
    """An empty screen stayed, with a line at its lower edge and no way on."""
    app = ChatApp(Damaged(), None)
    async with app.run_test() as pilot:
        seen = Seen(app, pilot)
        await seen.until_over()
    assert str(app.return_value) == "client.db is damaged"


@asynchronous
async def test_what_is_typed_after_it_goes_nowhere_and_the_screen_says_why() -> None:
    """It stood there as if it were kept, and was lost."""
    backend = Loading()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("h", "i", "enter", "ctrl+q")
        await seen.until_shown("ending…")
        await seen.press("l", "o", "s", "t")
        assert "lost" not in seen.text
        assert seen.composed == ""
        backend.is_loaded.set()
        await seen.until_over()
    assert [request.text for request in backend.requests(api.SendText)] == ["hi"]
