"""Answers what ``api`` asks, in the process that holds the profile."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import assert_never, overload

from coterie.client import api
from coterie.client.attention import Attention
from coterie.client.directs import Directs
from coterie.client.finding import CATCH_UP_S, Finding
from coterie.client.membership import Membership
from coterie.client.news import Readers
from coterie.client.overview import Overview
from coterie.client.pages import Pages
from coterie.client.placing import Placing
from coterie.client.recording import Changed
from coterie.client.renewal import Renewal
from coterie.client.running import Running
from coterie.client.saying import Saying
from coterie.client.streams import read_room
from coterie.client.trusting import Trusting
from coterie.client.watching import Watcher
from coterie.errors import InvalidInput


class Service:
    """``api.Backend`` for this process."""

    def __init__(self, running: Running) -> None:
        self._running, self._rooms = running, running.rooms
        self._finding, self._overview = Finding(running), Overview(running)
        self._pages = Pages(running, self._finding)
        placing = Placing(running)
        self._membership, self._saying = Membership(running, placing), Saying(running, placing)
        self._directs, self._trusting = Directs(running, placing), Trusting(running)
        self._renewal = Renewal(running, self._directs)
        self._readers = Readers()
        self._end = running.store.timeline_end()  # the number of the newest row
        running.rooms.on_changed = self._changed
        running.people.on_changed = self._changed_people
        running.whispering.on_around = self._changed_around
        running.on_connection = self._changed_connection
        running.on_notice = self._notice

    # --- one answer ----------------------------------------------------------------------------

    async def call(self, request: api.Request) -> api.Result:  # noqa: PLR0912  # one case a request
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
            case api.OpenDirect(name):
                return self._overview.room(await self._directs.open(name))
            case api.Search():
                return await self._pages.search(request)
            case api.VerifyAccount(name, compared, seen):
                return await self._trusting.verify(name, compared=compared, seen=seen)
            case api.Acknowledge(room, name):
                return await self._acknowledge(room, name)
            case api.SayPresence(state):
                if state == "online":
                    self._running.hurry()
                self._running.whispering.present(state)
                return api.Done()
            case api.ReadRoom() | api.Watch():
                async with aclosing(self.stream(request)) as stream:
                    async for _ in stream:
                        pass
                return api.Done()
            case _:
                return await self._in_room(request, await self._finding.room(request.room))

    async def _in_room(self, request: api.RoomRequest, group_id: bytes) -> api.Result:
        room_id = self._rooms.room_id(group_id)
        match request:
            case api.SendText():
                return await self._saying.text(group_id, request)
            case api.EditMessage() | api.DeleteMessage() | api.React():
                return await self._saying.change(group_id, request)
            case api.Resend(_, ticket):
                self._saying.resend(group_id, ticket)
            case api.Discard(_, ticket):
                self._saying.discard(group_id, ticket)
            case api.ListMembers():
                return self._overview.members(group_id)
            case api.GetPage():
                return self._pages.page(room_id, request)
            case api.GetPending():
                return self._pages.pending(room_id)
            case api.GetDraft():
                return api.Draft(self._running.store.draft(room_id))
            case api.SetDraft(_, text):
                self._saying.draft(group_id, text)
            case api.SayTyping(_, is_over):
                self._running.hurry()
                whispering = self._running.whispering
                (whispering.emptied if is_over else whispering.typed)(room_id)
            case _:
                return await self._changed_room(request, group_id)
        return api.Done()

    async def _changed_room(self, request: api.RoomChange, group_id: bytes) -> api.Room:
        """As it is then."""
        match request:
            case api.AddMembers(_, added):
                await self._membership.add(group_id, added)
            case api.RemoveMember(_, name):
                await self._membership.remove(group_id, name)
            case api.LeaveRoom():
                await self._membership.leave(group_id)
            case api.SetAdmin(_, name, is_admin):
                await self._membership.set_admin(group_id, name, is_admin=is_admin)
            case api.ChangeRoom(_, new_name, topic):
                await self._membership.describe(group_id, new_name, topic)
            case api.RenewRoom(_, instead_of):
                group_id = await self._renewal.renew(group_id, instead_of)
            case api.FollowRoom(_, made_by, accept):
                group_id = await self._renewal.follow(group_id, made_by, accept)
            case api.MarkRead(_, to):
                self._mark_read(self._rooms.room_id(group_id), to)
            case api.SetAttention(_, attention):
                self._rooms.set_attention(self._rooms.room_id(group_id), Attention(attention))
            case _:
                assert_never(request)
        return self._overview.room(group_id)

    def _mark_read(self, room_id: bytes, to: int | None) -> None:
        is_first = not self._rooms.has_looked(room_id)
        self._rooms.mark_read(room_id, to)
        if is_first:
            self._running.whispering.looked()

    async def _acknowledge(self, room: str | None, name: str | None) -> api.Done:
        if (room is None) == (name is None):
            raise InvalidInput("name a room or an account to acknowledge")
        if name is not None:
            self._trusting.accept_key(name)
        elif room is not None and not self._rooms.acknowledge(await self._finding.room(room)):
            raise InvalidInput(f"there is nothing to acknowledge in {room}")
        return api.Done()

    # --- streams -------------------------------------------------------------------------------

    @overload
    def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Read, None]: ...
    @overload
    def stream(self, request: api.Watch) -> AsyncGenerator[api.Update, None]: ...
    async def stream(self, request: api.StreamRequest) -> AsyncGenerator[api.Update, None]:
        """The results of such a request. Close it to end one that goes on."""
        with self._readers.reading() as news:
            if isinstance(request, api.Watch):
                updates = Watcher(self._running, self._overview, self._pages, news).updates()
            else:
                room_id = await self._room_id(request.room)
                updates = read_room(self._running, self._pages, request, room_id, news)
            async with aclosing(updates):
                async for update in updates:
                    yield update

    async def _room_id(self, ref: str | None) -> bytes | None:
        return self._rooms.room_id(await self._finding.room(ref)) if ref is not None else None

    def _changed(self, changed: Changed) -> None:
        new = [number for number in changed.rows if number > self._end]
        if new:
            self._end = new[-1]
            self._stop_typing(changed.room_id, new)
        for news in self._readers:
            news.add_rows(changed.rows)
            lot = news.add()
            lot.rooms.add(changed.room_id)
            if changed.pending:
                lot.pending.add(changed.room_id)

    def _stop_typing(self, room_id: bytes, new: list[int]) -> None:
        """Whose message has come types no more."""
        whispering = self._running.whispering
        if not whispering.around(room_id).typing:  # mostly
            return
        for row in self._running.store.rows(new):
            if not row.is_line:
                whispering.said(room_id, row.message.author.name)

    def _changed_people(self) -> None:
        for news in self._readers:
            news.add().are_people_new = True

    def _changed_around(self, room_id: bytes) -> None:
        for news in self._readers:
            news.add().around.add(room_id)

    def _changed_connection(self) -> None:
        for news in self._readers:
            news.add().is_connection_new = True

    def _notice(self, text: str) -> None:
        for news in self._readers:
            news.add().notices.append(text)
