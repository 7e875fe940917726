"""The SDK: ``coterie.Client``. A profile as Python sees it; all that it does is ``api`` underneath."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TypeVar, overload

from coterie.client import api
from coterie.client.backend import open_backend
from coterie.client.profile import Passphrase, default_folder
from coterie.errors import LocalProtocolError

R = TypeVar("R")
Named = api.Message | api.Sent | str  # a message: as it was read or sent, or its ``ref``
PAGE = 200  # messages read at once


class Client:
    """One account on one device.

    async with Client.open(profile) as client:
        await client.rooms["ops"].send("shipping today")
        async for message in client.messages():
            ...
    """

    def __init__(self, backend: api.Backend, name: str) -> None:
        self._backend = backend
        self.name = name  # of the account
        self.rooms = Rooms(self)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, profile: Path | str | None = None, *, passphrase: Passphrase | None = None
    ) -> "AsyncIterator[Client]":
        """The profile in that folder (by default the user's own), opened here or in the process that has it open.

        Raises StorageError where there is none, InvalidInput for a wrong passphrase.
        """
        folder = Path(profile) if profile is not None else default_folder()
        async with open_backend(folder, passphrase=passphrase) as backend:
            status = _expect(await backend.call(api.GetStatus()), api.Status)
            yield cls(backend, status.account)

    async def status(self) -> api.Status:
        """All that is to be known about the profile."""
        return await self.ask(api.GetStatus(), api.Status)

    async def create_room(self, name: str, *members: str) -> "Room":
        """A room with these accounts in it. Raises InvalidInput, Unavailable, KeyChanged, Refused."""
        made = await self.ask(api.CreateRoom(name, members), api.Room)
        return Room(self, made.room_id)

    async def direct(self, name: str) -> "Room":
        """The direct messages with an account, begun where there are none.

        Raises InvalidInput, Unavailable, KeyChanged, Refused.
        """
        return Room(self, (await self.ask(api.OpenDirect(name), api.Room)).room_id)

    def messages(
        self, *, last: int = 0, changes: bool = False
    ) -> AsyncGenerator[api.Message, None]:
        """What is said in all rooms from now on, one's own included; before it the newest ``last``.

        Lines of the system come too, of kind ``line``. With ``changes`` a message that is edited, deleted or reacted
        to comes again, under its number.
        """
        return self.read(api.ReadRoom(None, last, follow=True, changes=changes))

    def changes(self) -> AsyncGenerator[api.Update, None]:
        """All that a screen shows, as it is now and whenever it changes: see ``api.Watch``."""
        return self._backend.stream(api.Watch())

    async def search(self, query: str, *, before: int | None = None, limit: int = 50) -> api.Found:
        """Over all rooms, newest first: words, and ``from: in: before: after: has:link``. Raises InvalidInput."""
        return await self.ask(api.Search(query, None, before, limit), api.Found)

    async def read(self, request: api.ReadRoom) -> AsyncGenerator[api.Message, None]:
        """The messages of a stream, without notices about the connection."""
        async with aclosing(self._backend.stream(request)) as stream:
            async for result in stream:
                if isinstance(result, api.Message):
                    yield result

    async def ask(self, request: api.Request, expected: type[R]) -> R:
        """Any request of ``api``, for what has no method here."""
        return _expect(await self._backend.call(request), expected)


class Rooms:
    """``client.rooms[name]``: a handle; whether there is such a room shows when it is used."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getitem__(self, ref: str) -> "Room":
        return Room(self._client, ref)

    async def list(self) -> tuple[api.Room, ...]:
        """All of them, by name."""
        return (await self._client.ask(api.ListRooms(), api.Rooms)).rooms


class Room:
    """One room, by its name or the beginning of its id."""

    def __init__(self, client: Client, ref: str) -> None:
        self._client = client
        self.ref = ref

    async def send(
        self,
        text: str,
        *,
        reply_to: Named | None = None,
        thread: Named | None = None,
        is_action: bool = False,
    ) -> api.Sent:
        """Returns when the server has stored it durably. ``thread``: any message of it, or the one it begins with.

        Raises InvalidInput, KeyChanged; Unavailable where the server cannot be reached: it is kept then, and goes out
        when it can.
        """
        request = api.SendText(
            self.ref, text, reply_to=_ref(reply_to), thread=_ref(thread), is_action=is_action
        )
        return await self._client.ask(request, api.Sent)

    async def edit(self, message: Named, text: str) -> api.Sent:
        """Another text for a message of one's own. Raises as ``send``."""
        return await self._client.ask(api.EditMessage(self.ref, _ref(message), text), api.Sent)

    async def delete(self, message: Named) -> api.Sent:
        """It goes for good: one's own, or as an admin anybody's. Raises as ``send``."""
        return await self._client.ask(api.DeleteMessage(self.ref, _ref(message)), api.Sent)

    async def react(self, message: Named, emoji: str, *, remove: bool = False) -> api.Sent:
        """An emoji under a message, or no longer. Raises as ``send``."""
        return await self._client.ask(api.React(self.ref, _ref(message), emoji, remove), api.Sent)

    def messages(
        self, *, last: int = 50, follow: bool = False
    ) -> AsyncGenerator[api.Message, None]:
        """The newest ``last``, oldest first; and with ``follow`` what comes."""
        return self._client.read(api.ReadRoom(self.ref, last, follow))

    async def page(
        self,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        thread: Named | None = None,
        limit: int = PAGE,
    ) -> api.Page:
        """Messages by their numbers, oldest first; by default the newest. Raises InvalidInput."""
        request = api.GetPage(self.ref, limit, before, after, around, _ref(thread))
        return await self._client.ask(request, api.Page)

    async def history(self, *, before: int | None = None) -> AsyncGenerator[api.Message, None]:
        """All that this client has of the room, newest first, read as it is asked for."""
        while True:
            page = await self.page(before=before)
            for message in reversed(page.messages):
                yield message
                before = message.number
            if not page.has_older:
                return

    async def search(self, query: str, *, before: int | None = None, limit: int = 50) -> api.Found:
        """As ``Client.search``, in this room."""
        return await self._client.ask(api.Search(query, self.ref, before, limit), api.Found)

    async def mark_read(self, to: int | None = None) -> None:
        """All is read, or what has no higher number than ``to``."""
        await self._client.ask(api.MarkRead(self.ref, to), api.Room)

    async def describe(self, *, name: str | None = None, topic: str | None = None) -> None:
        """As an admin: another name or topic. Returns when the commit is in the log."""
        await self._client.ask(api.ChangeRoom(self.ref, name, topic), api.Room)

    async def members(self) -> tuple[api.Member, ...]:
        """By name."""
        return (await self._client.ask(api.ListMembers(self.ref), api.Members)).members

    async def add(self, *names: str) -> None:
        """Returns when the commit is in the log."""
        await self._client.ask(api.AddMembers(self.ref, names), api.Room)

    async def remove(self, name: str) -> None:
        """Returns when the commit is in the log."""
        await self._client.ask(api.RemoveMember(self.ref, name), api.Room)

    async def leave(self) -> None:
        """Returns when the proposal is in the log; the others complete it."""
        await self._client.ask(api.LeaveRoom(self.ref), api.Room)

    async def renew(self) -> None:
        """As an admin: has the room go on in a new group. Returns when it lives there."""
        await self._client.ask(api.RenewRoom(self.ref), api.Room)

    async def follow(self) -> None:
        """Goes on in the group that an admin made. Returns when the room lives there for this device."""
        await self._client.ask(api.FollowRoom(self.ref), api.Room)


@overload
def _ref(message: None) -> None: ...
@overload
def _ref(message: Named) -> str: ...
def _ref(message: Named | None) -> str | None:
    """As requests name it."""
    return message if message is None or isinstance(message, str) else message.ref


def _expect(result: object, expected: type[R]) -> R:
    if not isinstance(result, expected):
        raise LocalProtocolError(f"{type(result).__name__}, not {expected.__name__}")
    return result
