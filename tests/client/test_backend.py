"""A profile is opened by one process, which serves the others: here all of them are one process with several doors."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from coterie.client import api
from coterie.client.backend import _find, open_backend
from coterie.client.local import Remote
from coterie.client.profile import Profile, ProfileInUse
from coterie.client.service import Service
from coterie.errors import StorageError, Unavailable
from tests.asynchronous import asynchronous
from tests.client.house import house_in


@asynchronous
async def test_the_second_who_opens_a_profile_is_served_by_the_first(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        async with open_backend(folder, seams=house.seams) as first:
            assert isinstance(first, Service)
            await first.call(api.CreateRoom("ops"))
            async with open_backend(folder, seams=house.seams) as second:
                assert isinstance(second, Remote)
                sent = await second.call(api.SendText("ops", "hello"))
                assert isinstance(sent, api.Sent)
                found = [
                    m.text
                    async for m in first.stream(api.ReadRoom("ops"))
                    if isinstance(m, api.Message) and m.kind == "text"
                ]
                assert found == ["hello"]
            assert len(house.connections) == 1


@asynchronous
async def test_many_who_open_a_profile_together_are_one_holder_and_its_guests(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        async with AsyncExitStack() as doors:
            opened = [doors.enter_async_context(open_backend(folder, seams=house.seams))]
            opened += [
                doors.enter_async_context(open_backend(folder, seams=house.seams)) for _ in range(5)
            ]
            backends = [await one for one in opened]
            kinds = [type(backend) for backend in backends]
            assert kinds.count(Service) == 1
            assert kinds.count(Remote) == 5
            answers = await asyncio.gather(*(b.call(api.ListRooms()) for b in backends))
            assert answers == [api.Rooms(())] * 6


@asynchronous
async def test_after_the_holder_has_ended_the_next_opens_the_profile_itself(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        async with open_backend(folder, seams=house.seams) as first:
            made = await first.call(api.CreateRoom("ops"))
            assert isinstance(made, api.Room)
            async with open_backend(folder, seams=house.seams) as guest:
                assert isinstance(guest, Remote)
        assert not (folder / "socket").exists()
        with pytest.raises(Unavailable, match="does not answer"):
            await guest.call(api.ListRooms())
        async with open_backend(folder, seams=house.seams) as next_one:
            assert isinstance(next_one, Service)
            rooms = await next_one.call(api.ListRooms())
            assert isinstance(rooms, api.Rooms)
            assert [room.room_id for room in rooms.rooms] == [made.room_id]


@asynchronous
async def test_who_holds_a_profile_and_does_not_answer_is_waited_for_a_moment_only(
    tmp_path: Path,
) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        with Profile.open(folder), pytest.raises(ProfileInUse, match="in use by another process"):
            await _find(folder, None, hand_over_s=0.2)


@asynchronous
async def test_who_waits_for_a_holder_that_ends_gets_the_profile(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        with Profile.open(folder):

            async def use() -> type[object]:
                async with open_backend(folder, seams=house.seams) as backend:
                    return type(backend)

            waiting = asyncio.create_task(use())
            await asyncio.sleep(0.1)  # it has found the lock taken, and looks again
            assert not waiting.done()
        assert await waiting is Service


@asynchronous
async def test_what_fails_on_opening_leaves_the_profile_free(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        with pytest.raises(StorageError, match="there is no profile in"):
            async with open_backend(tmp_path / "nowhere"):
                pass
        (folder / "socket").mkdir()
        with pytest.raises(StorageError, match="socket cannot be made"):
            async with open_backend(folder, seams=house.seams):
                pass
        (folder / "socket").rmdir()
        async with open_backend(folder, seams=house.seams) as backend:
            assert isinstance(backend, Service)


@asynchronous
async def test_an_error_in_what_is_done_with_it_closes_everything(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        folder = house.person("alice").make_profile(tmp_path / "a")
        with pytest.raises(ZeroDivisionError):
            async with open_backend(folder, seams=house.seams):
                raise ZeroDivisionError
        with Profile.open(folder):
            assert not (folder / "socket").exists()
