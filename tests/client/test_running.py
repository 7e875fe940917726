"""People with whole clients, talking through a real server that comes and goes."""

import asyncio
from pathlib import Path

import pytest

from coterie.client import account as accounts
from coterie.client.api import (
    AddMembers,
    GetPage,
    ListMembers,
    MarkRead,
    Request,
    SayPresence,
    SayTyping,
    SendText,
    SetDraft,
)
from coterie.client.link import HURRIED_S
from coterie.client.running import DRAIN_S, Running
from coterie.client.store import Store
from coterie.errors import (
    NotAuthenticated,
    ServerNotTrusted,
    StorageError,
    Unavailable,
)
from coterie.noise.dh import FFDHE2048
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.house import (
    House,
    Person,
    error_of,
    house_in,
    open_database,
    pair_in,
    passing,
    until,
)

SHOWS_A_PERSON: tuple[Request, ...] = (
    SendText("ops", "hello", wait=False),
    SayTyping("ops"),
    SayPresence("online"),
)


@asynchronous
async def test_two_people_read_the_same_in_the_same_order(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (_, alice, bobb):
        await alice.say("hello")
        await bobb.in_step()
        await bobb.say("hi")
        await alice.in_step()
        assert await alice.texts() == await bobb.texts() == ["hello", "hi"]


@asynchronous
async def test_what_is_sent_without_a_server_is_refused_with_a_hint_and_goes_out_later_once(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.go_down()
        error = await error_of(passing(house.clock, alice.say_later("from the train")))
        assert isinstance(error, Unavailable)
        assert "nothing listens at" in str(error)
        assert error.hint.startswith("it is kept on this device")
        assert error.is_kept
        assert (await alice.room()).waiting == 1
        house.is_down = False
        await house.clock.advance(120.0)
        await alice.in_step()
        await bobb.in_step()
        assert await alice.texts() == await bobb.texts() == ["from the train"]


@asynchronous
async def test_what_was_not_asked_for_yet_is_not_said_to_be_kept(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _bobb):
        house.go_down()
        adding = asyncio.create_task(alice.ask(AddMembers("ops", ("carol",))))
        error = await error_of(passing(house.clock, adding))
        assert isinstance(error, Unavailable)
        assert not error.is_kept
        assert (await alice.room()).waiting == 0


@pytest.mark.parametrize("request_", SHOWS_A_PERSON, ids=lambda one: type(one).__name__)
@asynchronous
async def test_who_does_something_has_a_server_that_is_back_found_at_once(
    tmp_path: Path, request_: Request
) -> None:
    """It took 40 s until what was sent went out, though the server had been back for long."""
    async with pair_in(tmp_path) as (house, alice, _bobb):
        house.go_down()
        await house.clock.advance(600.0)
        house.is_down = False
        assert alice.running is not None
        assert alice.running.link.connection is None
        await alice.ask(request_)
        await house.clock.advance(HURRIED_S)
        assert alice.running.link.status == "connected"


@asynchronous
async def test_what_a_screen_asks_by_itself_hurries_nobody(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _bobb):
        house.go_down()
        await house.clock.advance(600.0)
        tried = house.network.attempts
        before = len(tried)
        for second in range(60):
            for request in (ListMembers("ops"), GetPage("ops"), MarkRead("ops")):
                await alice.ask(request)
            await alice.ask(SetDraft("ops", f"at {second}"))
            await alice.ask(SayPresence("away"))
            await house.clock.advance(1.0)
        assert len(tried) - before <= 20


@asynchronous
async def test_what_was_kept_goes_out_with_the_next_command_whatever_it_does(
    tmp_path: Path,
) -> None:
    """`coterie read` ended before the message that an earlier `coterie send` had kept was posted."""
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with bobb.online(), alice.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 6)
            await alice.create("bobb")
            await bobb.in_step()
        house.is_down = True
        async with alice.online():
            await alice.ask(SendText("ops", "kept", wait=False))
        house.is_down = False
        async with alice.online():
            await alice.read(catch_up=True)
        async with bobb.online():
            await bobb.in_step()
            assert await bobb.texts() == ["kept"]


@asynchronous
async def test_the_end_does_not_wait_long_for_a_server_that_takes_nothing(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")

        async def command() -> None:
            async with alice.online():
                await alice.create()
                house.lies_to("alice", f.Post, f.Failed(f.Code.FULL, "the disk is full"))
                await alice.ask(SendText("ops", "kept", wait=False))
                await until(lambda: bool(house.asked(f.Post)))

        began = house.clock.monotonic()
        await passing(house.clock, asyncio.create_task(command()))
        assert DRAIN_S <= house.clock.monotonic() - began <= DRAIN_S + 1


@asynchronous
async def test_a_lost_connection_is_told_once_and_its_return_once(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        house.go_down()
        await house.clock.advance(600.0)
        assert len(alice.notices) == 1
        assert "was cut" in alice.notices[0]
        house.is_down = False
        await house.clock.advance(100.0)
        assert alice.notices[1:] == ["connected again"]
        house.go_down()
        await house.clock.advance(100.0)
        house.is_down = False
        await house.clock.advance(100.0)
        assert alice.notices[2:] == [alice.notices[0], "connected again"]


@asynchronous
async def test_who_asks_just_after_the_server_came_back_is_not_told_that_it_is_away(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.go_down()
        await house.clock.advance(600.0)
        house.is_down = False
        go_on, reached = asyncio.Event(), asyncio.Event()

        async def gate(body: f.RequestBody, name: str) -> None:
            if name == "alice" and isinstance(body, f.Subscribe):
                reached.set()
                await go_on.wait()

        house.gate = gate
        await house.clock.advance(100.0)
        assert reached.is_set()
        saying = alice.say_later("hello")
        await house.clock.advance(5.0)
        assert not saying.done()
        go_on.set()
        await passing(house.clock, saying)
        await bobb.in_step()
        assert await bobb.texts() == ["hello"]


@asynchronous
async def test_a_revoked_device_is_told_so_at_once_by_whatever_it_asks(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        house.lie = lambda body, name: (
            f.Failed(f.Code.NOT_AUTHENTICATED, "login failed")
            if isinstance(body, f.DeviceLogin)
            else None
        )
        async with alice.online():
            running = alice.running
            assert running is not None
            error = await error_of(running.call(f.FetchAccount("bobb"), f.Account))
            assert isinstance(error, NotAuthenticated)
            assert "does not know this device" in await running.catch_up(10.0)
            assert len(house.connections) == 1


@asynchronous
async def test_another_server_key_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        house.static = FFDHE2048.generate()
        async with alice.online():
            running = alice.running
            assert running is not None
            error = await error_of(running.call(f.FetchAccount("bobb"), f.Account))
            assert isinstance(error, ServerNotTrusted)
            assert not house.requests


@asynchronous
async def test_who_waits_when_the_process_ends_leaves_nothing_running(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        house.is_down = True
        async with alice.online():
            running = alice.running
            assert running is not None
            waiting = asyncio.create_task(running.call(f.FetchAccount("bobb"), f.Account))
            await until(lambda: bool(running._waiters))
            waiting.cancel()
            await asyncio.wait([waiting])
            assert not running._waiters


@asynchronous
async def test_a_profile_whose_account_was_not_made_says_what_to_do(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        store = Store(open_database(alice.folder))
        accounts.save(store, alice.account, is_made=False)
        with pytest.raises(StorageError, match="has no account yet") as raised:
            Running(store, alice.folder, "", house.seams)
        assert "coterie join" in raised.value.hint
        store.close()


@asynchronous
async def test_a_laptop_that_slept_for_a_day_reads_what_it_missed_and_says_what_it_wanted(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        _sleep(house, alice)
        await alice.ask(SendText("ops", "typed before it slept", wait=False))
        for number in range(3):
            await bobb.say(str(number))
        house.clock._passed += 86_400.0
        await house.clock.advance(200.0)
        await alice.in_step()
        await bobb.in_step()
        assert await alice.texts() == await bobb.texts()
        assert sorted(await bobb.texts()) == ["0", "1", "2", "typed before it slept"]


def _sleep(house: House, person: Person) -> None:
    """Nothing comes through any more, and no side learns of it."""
    for pipe in house.network.pipes:
        server = pipe.other
        assert server is not None
        if getattr(server.receiver, "name", "") == person.name:
            pipe.tamper = server.tamper = lambda data: b""


@asynchronous
async def test_everything_a_day_brings_is_cleaned_out_of_the_write_ahead_log(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        await alice.say("a word that goes")
        await bobb.in_step()
        await house.clock.advance(6.0)
        assert (bobb.folder / "client.db-wal").stat().st_size == 0
