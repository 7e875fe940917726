"""A client that answers from memory, and a run of the program on it."""

import asyncio
import io
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import pytest

from coterie.cli.engine import Engine
from coterie.cli.main import main
from coterie.client import api
from coterie.client.custody import Custody
from coterie.client.enrolment import Stage
from coterie.client.joining import JoinedAccount
from coterie.errors import CoterieError, InvalidInput
from coterie.secret import Secret
from coterie.wire.invite import Address, Invite

INVITE = Invite(Address("127.0.0.1", 7617), b"f" * 32, b"t" * 16)
OPS = api.Room(
    room_id="0a" * 16,
    name="ops",
    topic="shipping",
    members=2,
    admin=True,
    group="0b" * 16,
    epoch=3,
    cursor=7,
    chain="0c" * 32,
    waiting=0,
    state="open",
)
WAR = api.Room(
    room_id="1a" * 16,
    name="war room",
    topic="",
    members=1,
    admin=False,
    group="1b" * 16,
    epoch=1,
    cursor=2,
    chain="1c" * 32,
    waiting=1,
    state="forked",
    reason="a member saw another log than this device",
)
ALICE = api.Member("alice", True, ("aa" * 16,), "self")
BOBB = api.Member("bobb", False, ("bb" * 16,), "believed")
NUMBER = " ".join(["01234", "56789"] * 6)
STATUS = api.Status(
    server="127.0.0.1:7617",
    fingerprint="f1f2",
    connection="connected",
    account="alice",
    account_key="a1a2",
    device="aa" * 16,
    profile="/home/alice/profile",
    key_custody="the key is in a file",
    rooms=(OPS, WAR),
    safety_number="01234 56789",
)


def message(text: str, *, seq: int = 1, kind: str = "text", sender: str = "bobb") -> api.Message:
    """One of the room ops."""
    return api.Message(
        room="ops",
        room_id=OPS.room_id,
        seq=seq,
        message_id=f"{seq:032x}",
        sender=sender,
        device="bb" * 16,
        time="2026-11-24T09:12:30+00:00",
        kind=kind,
        text=text,
        event="added" if kind == "line" else "",
        number=seq,
    )


class FakeBackend:
    """Two rooms, two people. What is sent comes back in the streams; ``refuses`` are texts that are refused."""

    def __init__(self, *timeline: api.Message | api.Notice) -> None:
        self.timeline = list(timeline)
        self.asked: list[api.Request] = []
        self.rooms: tuple[api.Room, ...] = (OPS, WAR)
        self.refuses: dict[str, CoterieError] = {}
        self.pins = {"bobb": "believed"}
        self.numbers = [NUMBER]  # the last one stays
        self.pending: tuple[api.Message, ...] = ()
        self.found = api.Found((), has_more=False)
        self.stream_error: CoterieError | None = None  # at the end of a stream
        self._grown = asyncio.Event()

    def say(self, said: api.Message) -> None:
        """Somebody says this now."""
        self.timeline.append(said)
        self._grown.set()

    async def call(self, request: api.Request) -> api.Result:  # noqa: PLR0912  # one case a request
        self.asked.append(request)
        match request:
            case api.GetStatus():
                return STATUS
            case api.ListRooms():
                return api.Rooms(self.rooms)
            case api.ListMembers(room):
                self._check(room)
                return api.Members((ALICE, BOBB))
            case api.SendText(room, text):
                self._check(room)
                return self._sent(text)
            case api.EditMessage() | api.DeleteMessage() | api.React():
                return api.Sent("ops", 9, f"{9:032x}")
            case api.GetPage():
                return self._page(request)
            case api.Search():
                return self.found
            case api.GetPending(room):
                self._check(room)
                found = [r for r in self.rooms if room.removeprefix("#") in (r.name, r.room_id)]
                return api.Pending(found[0].room_id if found else OPS.room_id, self.pending)
            case api.VerifyAccount(name, compared, seen):
                number = self.numbers.pop(0) if len(self.numbers) > 1 else self.numbers[0]
                if compared and seen not in ("", number):
                    raise InvalidInput(f"{name}'s key changed while you compared")
                if compared:
                    self.pins[name] = "compared"
                return api.SafetyNumber(name, number, self.pins[name])
            case api.Acknowledge() | api.Resend() | api.Discard():
                return api.Done()
            case api.ReadRoom():
                raise AssertionError("a stream is streamed")
            case _:
                return OPS

    @overload
    def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Read, None]: ...
    @overload
    def stream(self, request: api.Watch) -> AsyncGenerator[api.Update, None]: ...
    async def stream(self, request: api.StreamRequest) -> AsyncGenerator[api.Update, None]:
        assert isinstance(request, api.ReadRoom)
        self.asked.append(request)
        if request.room is not None:
            self._check(request.room)
        place = max(0, len(self.timeline) - request.last)
        while True:
            self._grown.clear()
            while place < len(self.timeline):
                yield self.timeline[place]
                place += 1
            if self.stream_error is not None:
                raise self.stream_error
            if not request.follow:
                return
            await self._grown.wait()

    def _sent(self, text: str) -> api.Sent:
        if text in self.refuses:
            raise self.refuses[text]
        said = message(text, seq=len(self.timeline) + 1, sender="alice")
        self.say(said)
        return api.Sent(said.room, said.seq, said.message_id)

    def _page(self, request: api.GetPage) -> api.Page:
        """The newest, or those from the number on that it is around."""
        said = [one for one in self.timeline if isinstance(one, api.Message)]
        if request.around is not None:
            said = [one for one in said if one.number >= request.around][: request.limit]
        return api.Page(tuple(said[-request.limit :]), has_older=False, has_newer=False)

    @staticmethod
    def _check(room: str) -> None:
        if room.removeprefix("#") not in (OPS.name, WAR.name, OPS.room_id, WAR.room_id):
            raise InvalidInput(f"there is no room {room}", hint="`coterie room list` shows them")


@dataclass
class FakeEngine(Engine):
    """Opens the fake, and keeps what it was asked for."""

    backend: FakeBackend = field(default_factory=FakeBackend)
    needs_passphrase: bool = False
    opening_error: BaseException | None = None
    folders: list[Path] = field(default_factory=list)
    passphrases: list[bytes] = field(default_factory=list)
    joined: list[tuple[str, bytes, str | None]] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)  # of servers, joined or reached

    def configure_logs(self, *, is_debug: bool) -> None:
        """Leaves those of the tests alone."""

    def open_backend(
        self, folder: Path, passphrase: Callable[[], Secret], *, is_for_screen: bool = False
    ) -> AbstractAsyncContextManager[api.Backend]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[api.Backend]:
            self.folders.append(folder)
            if self.needs_passphrase:
                self.passphrases.append(passphrase().expose())
            if self.opening_error is not None:
                raise self.opening_error
            yield self.backend

        return opened()

    async def join(
        self,
        folder: Path,
        invite: Invite,
        name: str,
        password: Secret,
        *,
        custody: str | None,
        passphrase: Callable[[], Secret],
        progress: Callable[[Stage], object],
    ) -> JoinedAccount:
        self.folders.append(folder)
        self.joined.append((name, password.expose(), custody))
        self.addresses.append(invite.address)
        if custody == "passphrase":
            self.passphrases.append(passphrase().expose())
        progress(Stage.CONNECTING)
        return JoinedAccount(
            name, b"a" * 16, str(invite.address), invite.fingerprint, Custody.FILE.sentence
        )

    async def reach(self, folder: Path, address: Address, passphrase: Callable[[], Secret]) -> str:
        self.folders.append(folder)
        self.addresses.append(address)
        return "alice"


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: int
    out: str
    err: str


class Runs:
    """Runs the program in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.engine = FakeEngine()
        self._capsys, self._patch = capsys, patch

    @property
    def backend(self) -> FakeBackend:
        """The client that it talks to."""
        return self.engine.backend

    def __call__(self, *words: str, stdin: bytes = b"") -> Outcome:
        """With these words behind its name, and this on a stdin that is a pipe."""
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return self._run(words)

    def chat(self, *words: str, stdin: bytes) -> Outcome:
        """The same where stdin is a descriptor, as a chat reads it."""
        with open_bytes(stdin) as stream:
            self._patch.setattr(sys, "stdin", stream)
            return self._run(("chat", "--plain", *words))

    def _run(self, words: Sequence[str]) -> Outcome:
        status = main(words, self.engine)
        captured = self._capsys.readouterr()
        return Outcome(status, captured.out, captured.err)


def open_bytes(content: bytes) -> io.TextIOWrapper:
    """A file without a name that holds this."""

    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return io.TextIOWrapper(file)
