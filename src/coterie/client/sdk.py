"""The SDK: ``coterie.Client``. A profile as Python sees it; all that it does is ``api`` underneath."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from coterie.client import api
from coterie.client.backend import open_backend
from coterie.client.profile import Passphrase, default_folder
from coterie.errors import LocalProtocolError

R = TypeVar("R")


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

    def messages(self, *, last: int = 0) -> AsyncGenerator[api.Message, None]:
        """What is said in all rooms from now on, one's own included; before it the newest ``last``.

        Lines of the system come too, of kind ``line``.
        """
        return self.read(api.ReadRoom(None, last, follow=True))

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

    async def send(self, text: str) -> api.Sent:
        """Returns when the server has stored it durably.

        Raises InvalidInput, KeyChanged; Unavailable where the server cannot be reached: it is kept then, and goes out
        when it can.
        """
        return await self._client.ask(api.SendText(self.ref, text), api.Sent)

    def messages(
        self, *, last: int = 50, follow: bool = False
    ) -> AsyncGenerator[api.Message, None]:
        """The newest ``last``, oldest first; and with ``follow`` what comes."""
        return self._client.read(api.ReadRoom(self.ref, last, follow))

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


def _expect(result: object, expected: type[R]) -> R:
    if not isinstance(result, expected):
        raise LocalProtocolError(f"{type(result).__name__}, not {expected.__name__}")
    return result
