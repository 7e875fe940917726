"""The link that keeps making new connections, against small servers in memory."""

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from coterie.client.link import BACK_OFF_CAP_S, HURRIED_S, STABLE_AFTER_S, BackOff, Link
from coterie.errors import (
    CoterieError,
    LocalProtocolError,
    NotAuthenticated,
    RemoteProtocolError,
    ServerNotTrusted,
    Unavailable,
)
from coterie.wire.frames import (
    Closing,
    Code,
    DeviceLogin,
    Failed,
    InboxGrew,
    ReplyBody,
    RequestBody,
)
from tests.asynchronous import asynchronous
from tests.client.world import COUNT, COUNTED, DEVICE, Scripted, World, counting
from tests.fakes import (
    ADDRESS,
    FINGERPRINT,
    nobody_listens,
    settle,
)

if TYPE_CHECKING:
    from coterie.client.connection import (
        Connection,
    )


class Linked(World):
    """A link over a world."""

    def __init__(self, answer: Callable[[RequestBody], ReplyBody | None] = counting) -> None:
        super().__init__(answer)
        self.connected: list[Connection] = []
        self.disconnected: list[CoterieError] = []
        self.link = Link(
            ADDRESS,
            FINGERPRINT,
            DEVICE,
            self.seams,
            on_connected=self.connected.append,
            on_event=self.events.append,
            on_disconnected=self.disconnected.append,
        )


def test_back_off_is_at_once_then_jittered_then_capped_and_begins_anew_after_a_stable_time() -> (
    None
):
    back_off = BackOff(random.Random(1))  # noqa: S311
    assert back_off.next_delay_s() == 0
    delays = [back_off.next_delay_s() for _ in range(200)]
    for failures, delay in enumerate(delays, start=1):
        assert 0 <= delay <= min(BACK_OFF_CAP_S, 2.0**failures)
    assert max(delays) > BACK_OFF_CAP_S * 0.9
    assert len(set(delays)) == len(delays)
    assert back_off.next_delay_s(lived_s=STABLE_AFTER_S - 1) > 0
    assert back_off.next_delay_s(lived_s=STABLE_AFTER_S) == 0


def test_back_off_waits_at_least_what_the_server_asked_for_and_spreads_the_clients() -> None:
    delays = [BackOff(random.Random(n)).next_delay_s(wait_s=5.0) for n in range(50)]  # noqa: S311
    assert all(5.0 <= delay <= 6.0 for delay in delays)
    assert len(set(delays)) == 50


@asynchronous
async def test_link_connects_logs_in_and_tells() -> None:
    world = Linked()
    async with world.link as link:
        assert link.status == "connecting"
        connection = await link.connected()
        assert isinstance(world.server.received[1], DeviceLogin)
        assert world.connected == [connection] == [link.connection]
        assert link.status == "connected"
        world.server.tell(InboxGrew())
        assert await link.request(COUNT) == COUNTED
        assert world.events == [InboxGrew()]
    await settle()
    assert world.server.is_closed_in_order
    assert world.disconnected == []
    assert world.clock.delays() == []


@asynchronous
async def test_link_comes_back_at_once_after_a_cut_and_waits_longer_while_it_cannot() -> None:
    world = Linked()
    async with world.link as link:
        await link.connected()
        world.network.listen = nobody_listens
        world.server.cut()
        await settle()
        await world.clock.advance(0)  # the first attempt is at once
        assert len(world.network.attempts) == 2
        assert "nothing listens" in link.status
        await world.clock.advance(20 * BACK_OFF_CAP_S)
        attempts = len(world.network.attempts)
        assert 20 <= attempts <= 100
        waiting = asyncio.create_task(link.request(COUNT, timeout_s=1000))
        world.network.listen = world.listen
        await world.clock.advance(BACK_OFF_CAP_S)
        assert await waiting == COUNTED
        assert len(world.connected) == 2
        assert all(isinstance(error, Unavailable) for error in world.disconnected)
        assert "was cut" in str(world.disconnected[0])


@asynchronous
async def test_link_reconnects_after_a_tampered_record() -> None:
    world = Linked()
    async with world.link as link:
        await link.connected()
        far = world.network.pipes[0].other
        assert far is not None
        far.tamper = lambda data: data[:-1] + bytes([data[-1] ^ 1])
        with pytest.raises(Unavailable):
            await link.request(COUNT)
        await world.clock.advance(0)
        assert await link.request(COUNT) == COUNTED
    assert [type(error) for error in world.disconnected] == [RemoteProtocolError]


@asynchronous
async def test_link_waits_as_long_as_a_closing_server_asks() -> None:
    world = Linked()
    async with world.link as link:
        await link.connected()
        world.server.tell(Closing(reconnect_after_s=7.0))
        world.server.close()
        await world.clock.advance(6.9)
        assert len(world.network.attempts) == 1
        await world.clock.advance(1.2)
        assert len(world.network.attempts) == 2
        assert link.status == "connected"


@asynchronous
async def test_link_waits_when_its_login_comes_too_often() -> None:
    world = Linked(lambda body: Failed(Code.WAIT, "too many logins", wait_s=20.0))
    async with world.link as link:
        await world.clock.advance(19.9)
        assert len(world.network.attempts) == 1
        assert link.status == "too many logins"
        world.answer = counting
        await world.clock.advance(1.2)
        assert link.status == "connected"


@asynchronous
async def test_link_of_a_revoked_device_stops_and_says_so() -> None:
    world = Linked(lambda body: Failed(Code.NOT_AUTHENTICATED, "login failed"))
    async with world.link as link:
        with pytest.raises(NotAuthenticated, match="does not know this device"):
            await link.connected()
        with pytest.raises(NotAuthenticated):
            await link.request(COUNT)
        await world.clock.advance(1000)
        assert len(world.network.attempts) == 1
        assert "does not know this device" in link.status
    assert [type(error) for error in world.disconnected] == [NotAuthenticated]


@asynchronous
async def test_link_to_a_server_with_another_key_stops_and_says_so() -> None:
    world = Linked()
    link = Link(ADDRESS, bytes(32), DEVICE, world.seams)
    async with link:
        with pytest.raises(ServerNotTrusted):
            await link.connected()
        await world.clock.advance(1000)
        assert len(world.network.attempts) == 1
    assert world.server.received == []


@asynchronous
async def test_request_over_a_link_without_a_connection_gives_up_in_time_and_says_why() -> None:
    world = Linked()
    world.network.listen = nobody_listens
    async with world.link as link:
        waiting = asyncio.create_task(link.request(COUNT, timeout_s=5))
        await world.clock.advance(5)
        with pytest.raises(Unavailable, match="nothing listens"):
            await waiting


@asynchronous
async def test_closing_a_link_wakes_who_waits_whatever_it_is_doing() -> None:
    for listen in (nobody_listens, lambda: Scripted(b"")):
        world = Linked()
        world.network.listen = listen
        waiting = asyncio.create_task(world.link.connected())
        world.link.start()
        await settle()
        await world.link.close()
        with pytest.raises(Unavailable, match="is closed"):
            await waiting
        assert world.clock.delays() == []
        await settle()


@asynchronous
async def test_link_whose_callback_fails_says_so_to_who_waits() -> None:
    world = Linked()

    def fail(connection: object) -> None:
        raise ZeroDivisionError

    async with Link(ADDRESS, FINGERPRINT, DEVICE, world.seams, on_connected=fail) as link:
        await settle()
        with pytest.raises(LocalProtocolError, match="ZeroDivisionError"):
            await link.connected()
        assert world.server.is_closed_in_order


@asynchronous
async def test_link_is_started_once() -> None:
    world = Linked()
    async with world.link as link:
        with pytest.raises(LocalProtocolError):
            link.start()


@asynchronous
async def test_who_waits_need_not_wait_for_the_back_off() -> None:
    world = Linked()
    world.network.listen = nobody_listens
    async with world.link:
        await world.clock.advance(600)  # the back-off has grown to its cap
        tried = len(world.network.attempts)
        world.network.listen = world.listen
        world.link.hurry()
        await world.clock.advance(HURRIED_S)
        assert len(world.network.attempts) == tried + 1
        assert world.link.status == "connected"


@asynchronous
async def test_hurry_is_not_more_than_an_attempt_a_second() -> None:
    world = Linked()
    world.network.listen = nobody_listens
    async with world.link:
        await world.clock.advance(600)
        tried = len(world.network.attempts)
        for _ in range(100):
            world.link.hurry()
            await world.clock.advance(0.05)
        assert len(world.network.attempts) - tried <= 5 / HURRIED_S + 1
