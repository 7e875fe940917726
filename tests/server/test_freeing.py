"""A connection that has ended is free at once: the server looks for garbage too rarely to live off that."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest
import uvloop

from coterie.client.connection import Connection
from coterie.server.certificate import Certificate
from coterie.server.peer import Peer
from coterie.wire import chain
from coterie.wire import frames as f
from tests.server.test_listener import GROUP, member
from tests.server.test_tls import TRUST, new_certificate
from tests.server.world import post, serving

DEADLINE_S = 20.0

End = Callable[[Connection, Peer], Coroutine[object, object, None]]


@pytest.fixture(autouse=True)
def _without_search_for_garbage() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def talk_and_end(folder: Path, certificate: Certificate | None, end: End) -> None:
    """Waits until a connection that has logged in, listened and posted is freed."""
    trust = TRUST if certificate is not None else None
    async with asyncio.timeout(DEADLINE_S), serving(folder, certificate, trust) as server:
        anna = await member(server, "anna")
        before = set(server.listener.peers)
        connection = await server.log_in(anna)
        await connection.call(f.Subscribe(GROUP, 0, chain.first(GROUP)), f.Subscribed)
        await connection.call(post(GROUP, 1), f.Accepted)
        await connection.renew()
        (peer,) = server.listener.peers - before
        freed = asyncio.Event()
        weakref.finalize(peer, freed.set)
        await end(connection, peer)
        del peer, before
        await connection.wait_ended()
        await freed.wait()


async def drop(_: Connection, peer: Peer) -> None:
    peer.drop("the test wants it so")


async def stop(_: Connection, peer: Peer) -> None:
    peer.finish()


async def leave(connection: Connection, _: Peer) -> None:
    await connection.close()


@pytest.mark.parametrize("end", [drop, stop, leave])
@pytest.mark.parametrize("has_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_connection_that_has_ended_is_freed_without_a_search_for_garbage(
    tmp_path: Path,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    has_tls: bool,
    end: End,
) -> None:
    certificate = new_certificate(tmp_path) if has_tls else None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(talk_and_end(tmp_path / "server", certificate, end))
