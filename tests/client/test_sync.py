"""What a device does on each new connection, cut at any moment: inbox, logs, key packages, lists."""

import asyncio
from pathlib import Path

import pytest

from coterie.client.api import AddMembers, LeaveRoom, RemoveMember, RenewRoom
from coterie.client.key_packages import DAY_S, KEPT_ON_SERVER
from coterie.client.link import BACK_OFF_CAP_S
from coterie.client.log import Halt
from coterie.errors import Unavailable
from coterie.wire import frames as f
from tests.asynchronous import asynchronous
from tests.client.house import PARTS, House, Person, error_of, house_in, pair_in, passing, until

HOUR_S = 3600.0
MOST_REQUESTS = 40  # until all is done after connecting


async def supplied(house: House, *people: Person) -> None:
    """Everybody's key packages are on the server."""
    await until(lambda: all(len(house.asked(f.UploadKeyPackages, p.name)) >= PARTS for p in people))
    await house.clock.advance(0.0)


def counted(house: House, person: Person) -> f.KeyPackageCount:
    return house.shared.store.reading.count_key_packages(person.account.device, house.clock.now())


def take(house: House, person: Person, number: int = 1) -> list[f.DeviceKeyPackage]:
    """As others do who add the person."""
    return [
        house.shared.store.do(
            lambda t: t.directory.take_key_packages(person.name), house.clock.now()
        ).key_packages[0]
        for _ in range(number)
    ]


# --- key packages ------------------------------------------------------------------------------


@asynchronous
async def test_a_new_device_leaves_key_packages_and_not_again_when_it_comes_back(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            await supplied(house, alice)
        assert counted(house, alice) == f.KeyPackageCount(KEPT_ON_SERVER, has_last_resort=True)
        async with alice.online():
            await until(lambda: len(house.asked(f.CountKeyPackages)) == 2)
        assert len(house.asked(f.UploadKeyPackages)) == PARTS


@asynchronous
async def test_used_key_packages_are_replaced_while_the_connection_lives(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            await supplied(house, alice)
            take(house, alice, KEPT_ON_SERVER - 10)
            await house.clock.advance(7 * HOUR_S)
            assert counted(house, alice).one_time == KEPT_ON_SERVER


@asynchronous
async def test_the_one_of_last_resort_is_another_one_after_a_week(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            await supplied(house, alice)
        first = take(house, alice, KEPT_ON_SERVER + 1)[-1]
        assert first.last_resort
        assert take(house, alice)[0] == first
        house.clock._passed += 8 * DAY_S
        async with alice.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
            await house.clock.advance(1.0)
            again = take(house, alice, KEPT_ON_SERVER + 1)[-1]
            assert again.last_resort
            assert again != first


@asynchronous
async def test_a_server_that_says_that_there_are_never_any_is_not_fed_without_end(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        house.lies_to("alice", f.CountKeyPackages, f.KeyPackageCount(0, has_last_resort=False))
        async with alice.online():
            for _ in range(200):
                await house.clock.advance(10.0)
                house.connection("alice").tell(f.InboxGrew())
            assert len(house.asked(f.UploadKeyPackages)) <= 6 * PARTS


@asynchronous
async def test_after_a_new_generation_all_key_packages_are_made_anew(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            await supplied(house, alice)
        old = {package.key_package for package in take(house, alice, 3)}
        house.shared.store.generation = b"n" * 16  # a backup was put back
        async with alice.online():
            await until(lambda: len(house.asked(f.UploadKeyPackages)) == 2 * PARTS)
            await house.clock.advance(1.0)
            new = {p.key_package for p in take(house, alice, KEPT_ON_SERVER + 1)}
            assert len(new) == KEPT_ON_SERVER + 1
            assert not new & old
        replaces = [upload.replace for upload in house.asked(f.UploadKeyPackages)]
        assert replaces[PARTS:] == [True, False, False]
        async with alice.online():  # it is known from now on
            await house.clock.advance(100.0)
        later = house.asked(f.UploadKeyPackages)[2 * PARTS :]
        assert not any(upload.replace for upload in later)


@asynchronous
async def test_an_upload_that_was_cut_after_a_new_generation_is_made_again_whole(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            await supplied(house, alice)
        house.shared.store.generation = b"n" * 16
        uploads = len(house.asked(f.UploadKeyPackages))

        def cut(body: f.RequestBody, name: str) -> f.ReplyBody | None:
            if isinstance(body, f.UploadKeyPackages):
                house.tells_the_truth()
                house.cut("alice")
            return None

        house.lie = cut
        async with alice.online():
            await house.clock.advance(120.0)
            again = house.asked(f.UploadKeyPackages)[uploads:]
            assert [upload.replace for upload in again] == [True, True, False, False]
            assert counted(house, alice).one_time == KEPT_ON_SERVER


# --- the server --------------------------------------------------------------------------------


@asynchronous
async def test_another_server_under_the_same_key_is_told_once_and_asked_seldom(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        house.shared.store.server_id = b"o" * 16
        async with alice.online():
            await house.clock.advance(900.0)
            assert alice.notices == [
                "the connection was dropped: the server has another id than on joining: its database was replaced"
            ]
            assert len(house.connections) < 1.5 * 900 / (BACK_OFF_CAP_S / 2)
            assert not house.asked(f.FetchInbox)


@pytest.mark.parametrize("at", range(1, MOST_REQUESTS, 2))
@asynchronous
async def test_a_connection_that_is_cut_at_any_request_is_begun_anew_and_all_is_done(
    tmp_path: Path, at: int
) -> None:
    async with house_in(tmp_path) as house:
        alice, bobb = house.person("alice"), house.person("bobb")
        async with alice.online():
            async with bobb.online():
                await supplied(house, alice, bobb)
            await alice.create("bobb")
            requests = 0

            def cut(body: f.RequestBody, name: str) -> f.ReplyBody | None:
                nonlocal requests
                requests += name == "bobb"
                if name == "bobb" and requests == at:
                    house.cut("bobb")
                return None

            house.lie = cut
            async with bobb.online():
                await house.clock.advance(2.0)
                sent = bobb.say_later("hello")
                await passing(house.clock, sent)
                await alice.in_step()
                await bobb.in_step()
                assert await alice.texts() == await bobb.texts() == ["hello"]
                assert (await bobb.events()).count("joined") == 1


# --- lists -------------------------------------------------------------------------------------


@asynchronous
async def test_who_left_is_off_the_list_once_the_others_have_completed_it(tmp_path: Path) -> None:
    async with pair_in(tmp_path) as (house, alice, bobb):
        group_id = bobb.log.group_id
        await bobb.ask(LeaveRoom("ops"))
        await house.clock.advance(30.0)
        assert bobb.log.halt is Halt.REMOVED
        assert [m.text for m in await bobb.read() if m.event == "removed"] == ["you left"]
        assert [m.text for m in await alice.read() if m.event == "removed"] == ["bobb left"]
        (line,) = house.shared.store.reading.groups_of(bobb.account.device).groups
        assert line.removed_at is not None
        asked = len(house.asked(f.ChangeList, "bobb"))
        await house.clock.advance(HOUR_S)
        assert len(house.asked(f.ChangeList, "bobb")) == asked <= 1
        await alice.say("still here")
        house.cut("bobb")
        await house.clock.advance(10.0)
        assert bobb.rooms.log(group_id).halt is Halt.REMOVED


@asynchronous
async def test_who_leaves_a_room_alone_is_off_the_list_even_when_offline_meanwhile(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        alice = house.person("alice")
        async with alice.online():
            await alice.create()
            await house.clock.advance(1.0)
            house.go_down()
            await alice.ask(LeaveRoom("ops"))
            assert alice.log.halt is Halt.REMOVED
            house.is_down = False
            await house.clock.advance(60.0)
        assert house.shared.store.reading.groups_of(alice.account.device).groups[0].removed_at == 0


@asynchronous
async def test_a_log_that_fails_to_be_followed_holds_up_no_invitation(tmp_path: Path) -> None:
    """Before: whoever waited for it waited as long as it did, up to an hour, and with him all other rooms."""
    async with pair_in(tmp_path) as (house, alice, bobb):
        house.lies_to("bobb", f.Subscribe, f.Done())
        house.cut("bobb")
        await house.clock.advance(2 * HOUR_S)
        house.tells_the_truth()
        await alice.ask(RemoveMember("ops", "bobb"))
        await passing(house.clock, asyncio.create_task(alice.ask(AddMembers("ops", ("bobb",)))))
        await bobb.in_step()
        assert [e for e in await bobb.events() if e in ("removed", "joined")][-2:] == [
            "removed",
            "joined",
        ]


@asynchronous
async def test_a_lost_log_that_does_not_show_our_successor_holds_up_no_invitation(
    tmp_path: Path,
) -> None:
    async with pair_in(tmp_path) as (house, alice, _):
        group_id = alice.log.group_id

        def lie(body: f.RequestBody, name: str) -> f.ReplyBody | None:
            match body:
                case f.Subscribe(group=group) if group == group_id:
                    return f.Diverged(0, ())
                case f.Post(kind=f.Kind.SUCCESSOR, message_id=message_id):
                    return f.Accepted(message_id, 1)
                case _:
                    return None

        house.lie = lie
        house.cut("alice")
        await house.clock.advance(10.0)
        assert alice.log.halt is Halt.LOST
        renewing = asyncio.create_task(alice.ask(RenewRoom("ops")))
        await house.clock.advance(HOUR_S)
        running = alice.running
        assert running is not None
        posts = len(house.asked(f.Post, "alice"))
        assert 2 <= posts <= 20
        looked = asyncio.create_task(running.sync.read_on(group_id))
        await until(looked.done)
        assert len(house.asked(f.Post, "alice")) == posts  # which is put off as before
        assert isinstance(await error_of(renewing), Unavailable)  # it may take longer
        house.go_down()  # else its end waits for the post
        await until(lambda: running.link.connection is None)
