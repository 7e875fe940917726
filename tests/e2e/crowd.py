"""A crowd on the server of a stage: devices that post without pause, and check all that they read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from coterie.wire.invite import Invite, decode_invite
from tests.e2e.programs import DEADLINE_S
from tests.e2e.stage import Stage
from tests.soak.device import Device
from tests.soak.load import Load

ROOMS, MEMBERS = 2, 4


@asynccontextmanager
async def crowd_on(stage: Stage, posts_per_s: float | None = None) -> AsyncIterator[Load]:
    """Starts the server anew, with them; without a pace they post as fast as they may.

    At the end all that they said is acknowledged, read by each of them once, in one order, and the server's chain is
    theirs. What is started meanwhile by ``asyncio.to_thread``, the server too, ends with the loop, whose threads are
    its parents.
    """
    broken: list[Exception] = []
    if stage.has_server and not stage.server.program.has_ended:
        await asyncio.to_thread(stage.server.stop)
    data = stage.server_data or stage.folder / "server"
    chance = Random(1)  # noqa: S311  # whose turn it is to post
    load = await asyncio.to_thread(Load.prepare, data, ROOMS, MEMBERS, chance, broken.append)
    await asyncio.to_thread(stage.server.start if stage.has_server else stage.start_server)
    invite = invite_of(stage)
    load.start(invite.address, invite.fingerprint)
    try:
        async with asyncio.timeout(DEADLINE_S):
            await load.connected()
        pace = load.keep_pace(posts_per_s) if posts_per_s else load.saturate()
        posting = asyncio.create_task(pace)
        async with asyncio.timeout(DEADLINE_S):
            await until_each(load, lambda device: device.outgoing.acknowledged > 10)
        yield load
        posting.cancel()
        async with asyncio.timeout(DEADLINE_S):
            await load.settle()
            await load.check_ends()
    finally:
        await load.close()
    assert broken == []


def invite_of(stage: Stage) -> Invite:
    """Of the server's last start."""
    return decode_invite(stage.server.told["invite"])


async def until_each(load: Load, has_come: Callable[[Device], bool]) -> None:
    """Returns when that holds of every device."""
    while not all(has_come(device) for device in load.devices):  # noqa: ASYNC110  # many, seldom asked
        await asyncio.sleep(0.01)
