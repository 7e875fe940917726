"""A screen's first requests are answered before the client is loaded, from what was shown last."""

import asyncio
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from coterie.client import api
from coterie.client.backend import open_backend
from coterie.client.early import Early, open_early
from coterie.client.glance import Glances
from coterie.client.local import Remote
from coterie.client.profile import Profile
from coterie.client.seams import Seams
from coterie.errors import InvalidInput, StorageError, Unavailable
from tests.asynchronous import asynchronous
from tests.client.house import House, house_in
from tests.client.sqlcipher import PAGE_SIZE

NOW = api.GetStatus(catch_up=False)


class Loading:
    """Gives the seams, and knows whether the rest of the client was loaded."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.has_begun = False

    def __call__(self) -> Seams:
        self.has_begun = True
        return self._house.seams


async def names(backend: api.Backend) -> list[str]:
    """Of the rooms."""
    status = await backend.call(NOW)
    assert isinstance(status, api.Status)
    return [room.name for room in status.rooms]


async def shown_once(folder: Path, house: House) -> None:
    """A room was made, and the screen closed."""
    async with open_early(folder, Loading(house)) as backend:
        assert isinstance(await backend.call(api.CreateRoom("ops")), api.Room)


@asynchronous
async def test_the_rooms_as_they_were_are_there_before_anything_is_loaded(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)
        loading = Loading(house)
        async with open_early(folder, loading) as backend:
            assert await names(backend) == ["ops"]
            rooms = await backend.call(api.ListRooms(catch_up=False))
            assert isinstance(rooms, api.Rooms)
            assert [room.name for room in rooms.rooms] == ["ops"]
            assert not loading.has_begun
        assert not loading.has_begun  # who quits at once waits for nothing


@asynchronous
async def test_what_was_said_is_there_before_anything_is_loaded(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        async with open_early(folder, Loading(house)) as backend:
            room = await backend.call(api.CreateRoom("ops"))
            assert isinstance(room, api.Room)
            for text in ("one", "two", "three"):
                await backend.call(api.SendText(room.room_id, text))
            await backend.call(api.SetDraft(room.room_id, "fou"))
            full = await backend.call(api.GetPage(room.room_id))
        loading = Loading(house)
        async with open_early(folder, loading) as backend:
            assert await backend.call(api.GetPage(room.room_id)) == full
            last = await backend.call(api.GetPage(room.room_id, 2))
            assert isinstance(last, api.Page)
            assert [one.text for one in last.messages] == ["two", "three"]
            assert (last.has_older, last.has_newer) == (True, False)
            assert await backend.call(api.GetDraft(room.room_id)) == api.Draft("fou")
            assert not loading.has_begun
            assert await backend.call(api.GetPage("ops")) == full  # by its name it is looked up
            assert loading.has_begun


@asynchronous
async def test_a_watcher_is_told_the_rooms_as_they_were_and_then_all_as_it_is(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)
        loading = Loading(house)
        async with (
            open_early(folder, loading) as backend,
            aclosing(backend.stream(api.Watch())) as updates,
        ):
            assert await anext(updates) == api.Connection("connecting", "connecting")
            room = await anext(updates)
            assert isinstance(room, api.Room)
            assert room.name == "ops"
            assert not loading.has_begun
            told = [await anext(updates) for _ in range(2)]
            assert loading.has_begun
            assert [type(one) for one in told] == [api.Connection, api.Room]


@asynchronous
async def test_what_needs_more_waits_for_it(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)
        loading = Loading(house)
        async with open_early(folder, loading) as backend:
            members = await backend.call(api.ListMembers("ops"))
            assert isinstance(members, api.Members)
            assert [member.name for member in members.members] == ["alice"]
            assert loading.has_begun
            assert isinstance(await backend.call(api.SendText("ops", "hello")), api.Sent)
            async with aclosing(backend.stream(api.ReadRoom("ops"))) as stream:
                assert "hello" in [m.text async for m in stream if isinstance(m, api.Message)]
            assert await names(backend) == ["ops"]


@asynchronous
async def test_rooms_as_they_were_are_not_shown_where_another_process_has_read_on(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)
        async with open_backend(folder, seams=house.seams) as other:
            await other.call(api.CreateRoom("lounge"))
        loading = Loading(house)
        async with open_early(folder, loading) as backend:
            assert await names(backend) == ["lounge", "ops"]
            assert loading.has_begun
        loading = Loading(house)
        async with open_early(folder, loading) as backend:
            assert await names(backend) == ["lounge", "ops"]
            assert not loading.has_begun


@asynchronous
async def test_a_profile_that_was_never_shown_is_loaded_at_once(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        async with open_early(folder, Loading(house)) as backend:
            assert await names(backend) == []


@asynchronous
async def test_what_fails_behind_it_is_raised_by_each_request_that_needs_it(tmp_path: Path) -> None:
    def refused() -> Seams:
        raise InvalidInput("COTERIE_ROTATION makes no sense")

    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)
        async with open_early(folder, refused) as backend:
            assert await names(backend) == ["ops"]
            for _ in range(2):
                with pytest.raises(InvalidInput, match="COTERIE_ROTATION"):
                    await backend.call(api.ListMembers("ops"))
        with Profile.open(folder):
            pass  # it is free again


@asynchronous
async def test_a_profile_that_another_process_holds_is_reached_there(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        async with (
            open_backend(folder, seams=house.seams) as holder,
            open_early(folder, Loading(house)) as guest,
        ):
            await holder.call(api.CreateRoom("ops"))
            assert isinstance(guest, Remote)
            assert await names(guest) == ["ops"]


@asynchronous
async def test_others_are_served_once_it_is_loaded(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)
        async with open_early(folder, Loading(house)) as backend:
            await backend.call(api.ListMembers("ops"))
            async with open_backend(folder, seams=house.seams) as guest:
                assert isinstance(guest, Remote)
                assert await names(guest) == ["ops"]


@asynchronous
async def test_a_damaged_database_is_told_at_once_and_leaves_the_profile_free(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)
        with Profile.open(folder) as profile:
            database = profile.database_path
        whole, told = database.read_bytes(), []
        for place in range(0, len(whole), PAGE_SIZE):
            damaged = bytearray(whole)
            damaged[place + 100] ^= 1
            database.write_bytes(damaged)
            try:
                async with open_early(folder, Loading(house)) as backend:
                    status = await backend.call(NOW)
                    assert isinstance(status, api.Status)
                    for room in status.rooms:
                        await backend.call(api.GetPage(room.room_id))
            except StorageError as error:
                told.append(str(error))
            with Profile.open(folder):
                pass  # it is free again
        assert len(told) > 1
        assert all("damaged" in why for why in told)


class Full(Glances):
    """On a disk that is full."""

    def save_glance(self, status: api.Status) -> None:
        raise StorageError("the disk is full")


@asynchronous
async def test_a_disk_that_is_full_does_not_end_what_is_open(tmp_path: Path) -> None:
    """The service was closed under the screen when what is shown could not be kept."""
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        async with open_early(folder, Loading(house)) as backend:
            assert isinstance(backend, Early)
            backend._glances = Full(backend._database)
            await backend.call(api.CreateRoom("ops"))
        async with open_early(folder, Loading(house)) as backend:
            assert await names(backend) == ["ops"]


@asynchronous
async def test_who_waits_while_all_is_closed_is_told_so(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)
        loading = Loading(house)
        async with open_early(folder, loading) as backend:
            waiting = asyncio.create_task(backend.call(api.ListMembers("ops")))
            await asyncio.sleep(0)  # it has asked
        with pytest.raises(Unavailable, match="was closed"):
            await waiting
        assert not loading.has_begun


@asynchronous
async def test_an_error_in_what_is_done_with_it_closes_everything(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        await shown_once(folder, house)

        async def fail_after(request: api.Request) -> None:
            async with open_early(folder, Loading(house)) as backend:
                await backend.call(request)
                raise ZeroDivisionError

        for request in (NOW, api.ListMembers("ops")):  # before and after it was loaded
            with pytest.raises(ZeroDivisionError):
                await fail_after(request)
            with Profile.open(folder):
                assert not (folder / "socket").exists()


def test_it_loads_neither_groups_nor_channels() -> None:
    """They take as long as all that the screen itself loads."""
    heavy = ("coterie.mls", "coterie.noise", "cryptography", "structlog", "gmpy2")
    code = f"import sys, coterie.client.early; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"
