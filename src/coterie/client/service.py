"""Answers what ``api`` asks, in the process that holds the profile."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import assert_never

from coterie.client import api
from coterie.client.finding import CATCH_UP_S, Finding
from coterie.client.membership import Membership
from coterie.client.news import Readers
from coterie.client.overview import Overview
from coterie.client.placing import Placing
from coterie.client.renewal import Renewal
from coterie.client.running import Running
from coterie.client.saying import Saying
from coterie.client.streams import read_room
from coterie.client.trusting import Trusting
from coterie.errors import InvalidInput


class Service:
    """``api.Backend`` for this process."""

    def __init__(self, running: Running) -> None:
        self._running, self._rooms = running, running.rooms
        self._finding, self._overview = Finding(running), Overview(running)
        placing = Placing(running)
        self._membership, self._saying = Membership(running, placing), Saying(running, placing)
        self._renewal, self._trusting = Renewal(running), Trusting(running)
        self._readers = Readers()
        running.rooms.on_changed = lambda changed: self._readers.wake()
        running.on_notice = self._readers.notice

    async def call(self, request: api.Request) -> api.Result:
        """The one result of a request; of a stream, its end."""
        match request:
            case api.GetStatus(catch_up):
                if catch_up:
                    await self._running.catch_up(CATCH_UP_S)
                return self._overview.status()
            case api.ListRooms(catch_up):
                if catch_up:
                    await self._running.catch_up(CATCH_UP_S)
                return api.Rooms(self._overview.rooms())
            case api.CreateRoom(name, members):
                return self._overview.room(await self._membership.create(name, members))
            case api.VerifyAccount(name, compared, seen):
                return await self._trusting.verify(name, compared=compared, seen=seen)
            case api.Acknowledge(room, name):
                return await self._acknowledge(room, name)
            case api.ReadRoom():
                async with aclosing(self.stream(request)) as stream:
                    async for _ in stream:
                        pass
                return api.Done()
            case _:
                return await self._in_room(request, await self._finding.room(request.room))

    async def _in_room(self, request: api.RoomRequest, group_id: bytes) -> api.Result:
        match request:
            case api.ListMembers():
                return self._overview.members(group_id)
            case api.AddMembers(_, added):
                await self._membership.add(group_id, added)
            case api.RemoveMember(_, name):
                await self._membership.remove(group_id, name)
            case api.LeaveRoom():
                await self._membership.leave(group_id)
            case api.SetAdmin(_, name, is_admin):
                await self._membership.set_admin(group_id, name, is_admin=is_admin)
            case api.RenewRoom(_, instead_of):
                group_id = await self._renewal.renew(group_id, instead_of)
            case api.FollowRoom(_, made_by, accept):
                group_id = await self._renewal.follow(group_id, made_by, accept)
            case api.SendText(_, text, wait):
                return await self._saying.text(group_id, text, wait=wait)
            case _:
                assert_never(request)
        return self._overview.room(group_id)

    async def _acknowledge(self, room: str | None, name: str | None) -> api.Done:
        if (room is None) == (name is None):
            raise InvalidInput("name a room or an account to acknowledge")
        if name is not None:
            self._trusting.accept_key(name)
        elif room is not None and not self._rooms.acknowledge(await self._finding.room(room)):
            raise InvalidInput(f"there is nothing to acknowledge in {room}")
        return api.Done()

    async def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Message | api.Notice, None]:
        """The results of ``ReadRoom``. Close it to end one that follows."""
        group_id = await self._finding.room(request.room) if request.room is not None else None
        room_id = self._rooms.room_id(group_id) if group_id is not None else None
        with self._readers.reading() as news:
            async with aclosing(read_room(self._running, request, room_id, news)) as results:
                async for result in results:
                    yield result
