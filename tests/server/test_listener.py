"""The server as its clients meet it: real sockets on loopback, real clients, and strangers."""

import asyncio
from pathlib import Path

import uvloop

from coterie.client.enrolment import password_login
from coterie.opaque.stretch import IDENTITY
from coterie.wire import chain
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.server.world import PASSWORD, Events, post, serving

GROUP = b"g" * 16


async def conversation(folder: Path) -> None:
    """Two accounts, a group, a message in each direction, a login by password."""
    async with serving(folder) as server:
        anna, ben = await server.join("anna"), await server.join("ben")
        annas = await server.log_in(anna)
        events = Events()
        bens = await server.log_in(ben, events)
        await annas.call(f.CreateGroup(GROUP), f.Done)
        change = f.ListChange(add=(ben.device,))
        welcome = f.WelcomeFor(b"welcome", (ben.device,))
        commit = post(GROUP, 1, kind=f.Kind.COMMIT, change=change, welcome=welcome)
        assert (await annas.call(commit, f.Accepted)).seq == 1
        assert await events.next() == f.InboxGrew()
        inbox = await bens.call(f.FetchInbox(0), f.Inbox)
        assert [item.welcome for item in inbox.items] == [b"welcome"]
        subscribed = await bens.call(f.Subscribe(GROUP, 0, chain.first(GROUP)), f.Subscribed)
        assert (subscribed.head, subscribed.count) == (1, 0)
        said = post(GROUP, 2, after=1, body=b"hello")
        await annas.call(said, f.Accepted)
        grew = await events.next()
        assert isinstance(grew, f.LogGrew)
        assert [entry.body for entry in grew.entries] == [b"hello"]
        assert (await bens.call(post(GROUP, 1, after=2), f.Accepted)).seq == 3
        found = await annas.call(f.Fetch(GROUP, 0), f.Entries)
        assert [entry.seq for entry in found.entries] == [1, 2, 3]
        unlocked = await password_login(
            server.address, server.fingerprint, "anna", PASSWORD, server.seams, stretch=IDENTITY
        )
        assert unlocked.device_list == anna.device_list


@asynchronous
async def test_two_people_talk(tmp_path: Path) -> None:
    await conversation(tmp_path)


def test_two_people_talk_on_uvloop(tmp_path: Path) -> None:
    """Its transports are no asyncio.Transport by inheritance: every connection failed."""

    async def watched() -> None:
        async with asyncio.timeout(20):
            await conversation(tmp_path)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watched())
