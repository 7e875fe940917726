"""The SDK: ``coterie.Client``, as a bot's author uses it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import pytest

import coterie
from coterie.client import api
from coterie.client.backend import open_backend
from coterie.client.sdk import Client
from coterie.errors import InvalidInput, LocalProtocolError, StorageError, Unavailable
from coterie.wire.frames import UploadKeyPackages
from tests.asynchronous import asynchronous
from tests.client.house import House, house_in, passing, until


@asynccontextmanager
async def client_in(house: House, folder: Path, name: str) -> AsyncIterator[Client]:
    """As ``Client.open``, over the house's network."""
    profile = house.person(name).make_profile(folder / name)
    async with open_backend(profile, seams=house.seams) as backend:
        yield Client(backend, name)


@asynchronous
async def test_a_program_talks_and_listens_as_the_design_shows(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(house_in(tmp_path))
        alice = await stack.enter_async_context(client_in(house, tmp_path, "alice"))
        bobb = await stack.enter_async_context(client_in(house, tmp_path, "bobb"))
        await until(lambda: len(house.asked(UploadKeyPackages)) == 6)
        room = await alice.create_room("ops", "bobb")
        sent = await alice.rooms["ops"].send("shipping today")
        found = None
        async for message in bobb.messages(last=10):
            if message.kind == "text":
                found = message
                break
        assert found is not None
        assert (found.text, found.sender, found.seq) == ("shipping today", "alice", sent.seq)
        await bobb.rooms[found.room_id].send("good")
        texts = [m.text async for m in alice.rooms[room.ref].messages() if m.kind == "text"]
        assert texts == ["shipping today", "good"]
        assert [one.name for one in await alice.rooms.list()] == ["ops"]
        assert [one.name for one in await bobb.rooms["ops"].members()] == ["alice", "bobb"]
        assert (await alice.status()).account == alice.name == "alice"
        await bobb.rooms["ops"].leave()
        await passing(house.clock, asyncio.create_task(alice.rooms["ops"].send("anybody")))
        await house.clock.advance(10.0)
        assert [one.name for one in await alice.rooms["ops"].members()] == ["alice"]
        await passing(house.clock, asyncio.create_task(alice.rooms["ops"].add("bobb")))
        await passing(house.clock, asyncio.create_task(alice.rooms["ops"].remove("bobb")))


@asynchronous
async def test_a_loop_over_messages_that_is_left_leaves_nothing_behind(tmp_path: Path) -> None:
    """Nested generators were closed only when the garbage collector found them."""
    async with house_in(tmp_path) as house, client_in(house, tmp_path, "alice") as alice:
        await alice.create_room("ops")
        await alice.rooms["ops"].send("one")
        messages = alice.messages(last=5)
        async for message in messages:
            if message.kind == "text":
                break
        await messages.aclose()
        service = alice._backend
        assert not service._readers  # type: ignore[attr-defined]


@asynchronous
async def test_a_bot_answers_who_mentions_it_and_mends_what_it_said(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(house_in(tmp_path))
        alice = await stack.enter_async_context(client_in(house, tmp_path, "alice"))
        helper = await stack.enter_async_context(client_in(house, tmp_path, "helper"))
        await until(lambda: len(house.asked(UploadKeyPackages)) == 6)
        ops = await alice.create_room("ops", "helper")
        asked = await ops.send("@helper what time is it?")
        async for message in helper.messages(last=10):
            if message.mentions_me:
                room = helper.rooms[message.room_id]
                await room.react(message, "\U0001f440")
                sent = await room.send("five", reply_to=message)
                await room.edit(sent, "six")
                extra = await room.send("or so", thread=message)
                await room.delete(extra)
                await room.mark_read()
                break
        async with aclosing(alice.messages(last=50, changes=True)) as messages:
            async for message in messages:
                if message.deleted_by:
                    break
        history = [one async for one in ops.history() if one.kind == "text"]
        gone, answer, question = history
        assert (gone.deleted_by, gone.thread) == ("helper", asked.ref)
        assert (answer.text, answer.edited != "") == ("six", True)
        assert answer.reply_to is not None
        assert answer.reply_to.ref == question.ref == asked.ref
        assert question.reactions == (api.Reactions("\U0001f440", ("helper",)),)
        assert [hit.message.text for hit in (await alice.search("six")).hits] == ["six"]
        assert [hit.message.text for hit in (await ops.search("time from:alice")).hits]
        page = await ops.page(thread=asked)
        assert [one.text for one in page.messages] == [question.text, ""]
        await ops.describe(topic="what time it is")
        assert (await alice.rooms.list())[0].topic == "what time it is"
        two = await alice.direct("helper")
        await two.send("thanks")
        async with aclosing(alice.changes()) as changes:
            rooms = [await anext(changes) for _ in range(3)][1:]
            assert {one.name for one in rooms if isinstance(one, api.Room)} == {"ops", "helper"}


@asynchronous
async def test_a_room_that_is_not_there_shows_when_it_is_used(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house, client_in(house, tmp_path, "alice") as alice:
        room = alice.rooms["nowhere"]
        with pytest.raises(InvalidInput, match="there is no room nowhere"):
            await room.send("hello")


@asynchronous
async def test_a_send_without_a_server_raises_and_is_kept(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house, client_in(house, tmp_path, "alice") as alice:
        await alice.create_room("ops")
        house.go_down()
        sending = asyncio.create_task(alice.rooms["ops"].send("later"))
        with pytest.raises(Unavailable) as raised:
            await passing(house.clock, sending)
        assert "it is kept" in raised.value.hint
        house.is_down = False
        await house.clock.advance(60.0)
        texts = [m.text async for m in alice.rooms["ops"].messages() if m.kind == "text"]
        assert texts == ["later"]


@asynchronous
async def test_a_renewed_room_is_the_same_room_in_another_group(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house, client_in(house, tmp_path, "alice") as alice:
        await alice.create_room("ops")
        await alice.rooms["ops"].send("one")
        (before,) = await alice.rooms.list()
        await passing(house.clock, asyncio.create_task(alice.rooms["ops"].renew()))
        await alice.rooms["ops"].send("two")
        (after,) = await alice.rooms.list()
        assert (after.room_id, after.name) == (before.room_id, before.name)
        assert after.group != before.group
        texts = [m.text async for m in alice.rooms["ops"].messages() if m.kind == "text"]
        assert texts == ["one", "two"]
        with pytest.raises(InvalidInput, match="no admin made a new group"):
            await alice.rooms["ops"].follow()


@asynchronous
async def test_an_answer_of_another_kind_is_a_bug_and_told_as_one(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house, client_in(house, tmp_path, "alice") as alice:
        with pytest.raises(LocalProtocolError, match="Rooms, not Status"):
            await alice.ask(api.ListRooms(), api.Status)


@asynchronous
async def test_a_profile_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no profile in"):
        async with Client.open(tmp_path / "nowhere"):
            pass


def test_the_client_is_at_the_top_of_the_package_and_costs_nothing_until_it_is_used() -> None:
    assert coterie.Client is Client
    code = "import sys, coterie; print('asyncio' in sys.modules, 'cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["False", "False"]
