"""SIGTERM under load: what was acknowledged is kept, everybody is told to come back, and it is soon over."""

import asyncio
import time

from coterie.wire import frames as f
from tests.e2e.crowd import crowd_on, invite_of, until_each
from tests.e2e.programs import Ran
from tests.e2e.stage import Stage
from tests.server.raw import RawSocket

STOP_S = 5.0  # from the signal to the end of the process
UNDER_WAY = 500  # entries that a slow reader has missed: more than what buffers hold


async def stopped(stage: Stage) -> tuple[Ran, float]:
    """How the server ended, and how long it took."""
    began = time.monotonic()
    ran = await asyncio.to_thread(stage.server.stop)
    return ran, time.monotonic() - began


def test_a_server_stopped_under_load_keeps_what_it_acknowledged_and_tells_everybody_to_come_back(
    stage: Stage, furnished: Stage
) -> None:
    stage.take_over(furnished)
    alice, bobb, _ = stage.people.values()

    async def stop_under_load() -> None:
        async with crowd_on(stage) as load:
            chat = await asyncio.to_thread(alice.chat, "ops")
            await asyncio.to_thread(bobb.does, "send", "ops", "before the stop")
            ran, took = await stopped(stage)
            assert ran.check().err == ""
            assert took < STOP_S
            assert load.told_closing == len(load.devices)
            before = max(device.outgoing.acknowledged for device in load.devices)
            await asyncio.to_thread(stage.server.start)
            chat.type("after the stop")  # by the chat that saw it
            await asyncio.to_thread(chat.until_text, "before the stop", "after the stop")
            await until_each(load, lambda d: d.outgoing.acknowledged > before)
            chat.type("/quit")
            await asyncio.to_thread(chat.ended)
            for person in (alice, bobb):
                read = await asyncio.to_thread(person.reads, "ops")
                assert read == ["before the stop", "after the stop"]

    asyncio.run(stop_under_load())


def test_a_server_stops_in_time_whoever_reads_nothing_or_has_said_half_a_greeting(
    stage: Stage,
) -> None:
    async def stop_beside_them() -> None:
        async with crowd_on(stage) as load:
            invite, device = invite_of(stage), load.devices[0]
            slow, half, silent, anonymous = (
                RawSocket(invite.address, invite.fingerprint) for _ in range(4)
            )
            async with slow, half, silent, anonymous:
                await anonymous.open()
                half.writer.write(half.client.greeting()[:100])
                await slow.open()
                await slow.ask(device.identity.login(slow.client.handshake_hash))
                group = device.group.group
                slow.send(*[f.Fetch(group, 0)] * 64)
                missed = device.reader.cursor + UNDER_WAY
                await until_each(load, lambda d: d.group.group != group or d.reader.cursor > missed)
                ran, took = await stopped(stage)
                assert ran.check().status == 0
                assert took < STOP_S
                assert load.told_closing == len(load.devices)
            await asyncio.to_thread(stage.server.start)

    asyncio.run(stop_beside_them())
