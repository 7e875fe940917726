"""A screen on a profile that another process holds, where that one ends."""

import asyncio

from textual.pilot import Pilot

from coterie.client import api
from coterie.client.profile import HolderEnded
from coterie.errors import CoterieError
from coterie.tui.app import Begun, ChatApp
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS, WAR
from tests.tui.look import looking
from tests.tui.memory import Memory


class Ending(Memory):
    """Ends while a text is on its way."""

    async def call(self, request: api.Request) -> api.Result:
        if isinstance(request, api.SendText):
            self.end(HolderEnded())
            await asyncio.sleep(0)
            raise HolderEnded
        return await super().call(request)


@asynchronous
async def test_what_was_typed_just_before_is_left_for_the_next_screen() -> None:
    """The last half second was lost: it is saved only then."""
    backend = Memory()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("h", "i")
        backend.end(HolderEnded())
        await seen.until_over()
    assert isinstance(seen.app.return_value, HolderEnded)
    assert seen.app.session.drafts.unsaved == {OPS.room_id: "hi"}


@asynchronous
async def test_what_was_on_its_way_is_left_too() -> None:
    backend = Ending()
    async with looking(backend, "ops") as seen:
        await seen.until_shown("> message #ops")
        await seen.press("h", "i", "enter")
        await seen.until_over()
    assert seen.app.session.drafts.unsaved == {OPS.room_id: "hi"}


@asynchronous
async def test_the_next_screen_goes_on_in_the_room_with_what_was_begun() -> None:
    backend, begun = Memory(), Begun(WAR.room_id, {WAR.room_id: "hal"})

    async def go_on(pilot: Pilot[CoterieError | None]) -> None:
        app = pilot.app
        assert isinstance(app, ChatApp)
        while not app.session.opened.room_id:
            await pilot.pause(0.01)
        await pilot.press("f", "ctrl+q")

    async with asyncio.timeout(5):
        app = ChatApp(backend, begun.room, drafts=begun.drafts)
        await app.run_async(headless=True, auto_pilot=go_on)
    assert backend.drafts == {WAR.room_id: "half"}
