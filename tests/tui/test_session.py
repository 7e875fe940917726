"""What the main screen knows of its rooms."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from msgspec import structs

from coterie.tui.room_timeline import Entry
from coterie.tui.session import Session
from tests.asynchronous import asynchronous
from tests.cli.fakes import ALICE, BOBB, OPS
from tests.tui.memory import CAROL, DIRECT, Memory


@asynchronous
async def test_name_with_another_key_in_a_room_is_not_signed_as_the_one_that_was_compared() -> None:
    memory, tasks = Memory(), set[asyncio.Task[Any]]()
    stranger = structs.replace(CAROL, devices=("ee" * 16,), pin="changed")
    memory.members[OPS.room_id] = (ALICE, BOBB, stranger)

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.add(asyncio.create_task(work))

    session = Session(memory, lambda: None, spawn)
    await session.start("ops")
    await asyncio.gather(*tasks)
    assert session.pins["carol"] == "changed"
    session.take_room(structs.replace(DIRECT, epoch=DIRECT.epoch + 1))  # with carol's own key
    await asyncio.gather(*tasks)
    assert session.pins["carol"] == "changed"
    assert session.pins_in(DIRECT.room_id)["carol"] == "compared"


@asynchronous
async def test_once_a_changed_key_is_acknowledged_what_the_earlier_one_wrote_says_so() -> None:
    """The old key's messages had the sign of the new one."""
    memory, tasks = Memory(), set[asyncio.Task[Any]]()
    said = memory.say("from the first key")
    memory.members[OPS.room_id] = (ALICE, structs.replace(BOBB, pin="changed"))

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.add(asyncio.create_task(work))

    session = Session(memory, lambda: None, spawn)
    await session.start("ops")
    await asyncio.gather(*tasks)
    memory.members[OPS.room_id] = (ALICE, structs.replace(BOBB, pin="compared"))
    memory.messages[said.number] = structs.replace(said, has_earlier_key=True)  # not told of
    session.take_room(structs.replace(OPS, people=OPS.people + 1))
    await asyncio.gather(*tasks)
    items = session.opened.view.items(session.account, session.pins)
    assert [item.pin for item in items if isinstance(item, Entry)] == ["earlier"]


@asynchronous
async def test_a_room_that_is_called_like_a_person_is_not_written_to_for_them() -> None:
    room = structs.replace(OPS, room_id="5a" * 16, name="@carol")
    memory = Memory(OPS, DIRECT, room)
    memory.members[room.room_id] = (ALICE,)
    session = Session(memory, lambda: None, lambda work: work.close())
    session.rooms = memory.rooms
    assert session.find("@carol") is DIRECT
    assert session.find("#@carol") is room
    assert session.find("~5a") is room
