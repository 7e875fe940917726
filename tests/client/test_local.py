"""The local socket between processes of one user, with both ends in this one."""

import asyncio
import os
import socket
import stat
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import overload

import msgspec
import pytest
from msgspec import structs

from coterie.client import api, local
from coterie.client.local import Remote, is_served, serving
from coterie.client.people import KeyChanged
from coterie.client.profile import ProfileInUse
from coterie.client.room_state import MAX_NAME
from coterie.errors import (
    CoterieError,
    InvalidInput,
    LocalProtocolError,
    NotAuthenticated,
    Refused,
    RemoteProtocolError,
    RuleViolation,
    ServerNotTrusted,
    StorageError,
    Unavailable,
)
from coterie.server.limits import Limits
from tests.asynchronous import asynchronous
from tests.cli.fakes import OPS
from tests.client.house import until

ROOMS = api.Rooms(())
MESSAGE = api.Message("ops", "r", 1, "m", "alice", "d", "2026-01-01T00:00:00.000Z", "text", "hi")


class Canned:
    """A backend that answers, raises, or waits until it is cancelled."""

    def __init__(self, answer: api.Result | Exception | None = ROOMS, messages: int = 0) -> None:
        self.answer, self.messages = answer, messages
        self.updates: tuple[api.Update, ...] = ()
        self.asked: list[api.Request] = []
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    async def call(self, request: api.Request) -> api.Result:
        self.asked.append(request)
        self.began.set()
        try:
            if self.answer is None:
                await asyncio.Event().wait()
            if isinstance(self.answer, Exception):
                raise self.answer
            assert self.answer is not None
            return self.answer
        finally:
            self.ended.set()

    @overload
    def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Read, None]: ...
    @overload
    def stream(self, request: api.Watch) -> AsyncGenerator[api.Update, None]: ...
    async def stream(self, request: api.StreamRequest) -> AsyncGenerator[api.Update, None]:
        self.asked.append(request)
        self.began.set()
        try:
            if isinstance(request, api.Watch):
                for update in self.updates:
                    yield update
            for _ in range(self.messages):
                yield MESSAGE
            if isinstance(self.answer, Exception):
                raise self.answer
            if isinstance(request, api.Watch) or request.follow:
                await asyncio.Event().wait()
        finally:
            self.ended.set()


@asynccontextmanager
async def between(tmp_path: Path, backend: api.Backend) -> AsyncIterator[Remote]:
    path = tmp_path / "socket"
    async with serving(backend, path):
        yield Remote(path)


@asynchronous
async def test_a_request_is_answered_as_in_ones_own_process(tmp_path: Path) -> None:
    backend = Canned()
    async with between(tmp_path, backend) as remote:
        assert await remote.call(api.ListRooms()) == ROOMS
        assert await remote.call(api.SendText("ops", "hi \u2713")) == ROOMS
    assert backend.asked == [api.ListRooms(), api.SendText("ops", "hi \u2713")]


@asynchronous
async def test_as_many_rooms_as_a_server_allows_are_listed_whatever_they_are_called(
    tmp_path: Path,
) -> None:
    """Nothing that needs the list worked any more from the 970th such room on."""
    longest = structs.replace(OPS, name="\U0001f600" * MAX_NAME, topic="\U0001f600" * 1_000)
    longest = structs.replace(longest, reason="x" * 500)
    rooms = api.Rooms((longest,) * Limits().subscriptions)
    async with between(tmp_path, Canned(rooms)) as remote:
        answer = await remote.call(api.ListRooms())
    assert isinstance(answer, api.Rooms)
    assert len(answer.rooms) == len(rooms.rooms)


@asynchronous
async def test_what_is_no_text_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    """A shell hands over any bytes, and a traceback was the answer."""
    backend = Canned()
    async with between(tmp_path, backend) as remote:
        with pytest.raises(InvalidInput, match="no text"):
            await remote.call(api.SendText("ops", "\udce4"))
    assert not backend.asked


@asynchronous
async def test_a_stream_comes_whole_and_ends(tmp_path: Path) -> None:
    async with between(tmp_path, Canned(messages=300)) as remote:
        found = [message async for message in remote.stream(api.ReadRoom("ops"))]
        assert found == [MESSAGE] * 300
        assert await remote.call(api.ReadRoom("ops")) == api.Done()


@asynchronous
async def test_all_that_a_screen_is_told_comes_over_the_socket(tmp_path: Path) -> None:
    backend = Canned()
    backend.updates = (
        api.Connection("connected", "connected"),
        api.Room("r", "ops", "", 2, True, "g", 1, 1, "c", 0, "open"),
        api.Pending("r", (structs.replace(MESSAGE, state="failed", reason="no", ticket="t"),)),
        structs.replace(MESSAGE, reply_to=api.Quote("q"), reactions=(api.Reactions("x", ("a",)),)),
        api.Around("r", ("bobb",), {"bobb": "online"}),
        api.Notice("the server is away"),
        api.Missed(),
    )
    async with between(tmp_path, backend) as remote:
        async with aclosing(remote.stream(api.Watch())) as stream:
            found = [await anext(stream) for _ in backend.updates]
        await backend.ended.wait()
    assert tuple(found) == backend.updates


@asynchronous
async def test_only_the_user_may_open_the_socket_from_its_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    modes = []
    umask = os.umask(0)
    try:
        bound = local._bind(path)
        modes.append(stat.S_IMODE(path.stat().st_mode))
        bound.close()
        async with serving(Canned(), path):
            modes.append(stat.S_IMODE(path.stat().st_mode))
        assert os.umask(0) == 0
    finally:
        os.umask(umask)
    assert modes == [0o600, 0o600]
    assert not path.exists()


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="only Linux tells who is there")
@asynchronous
async def test_a_process_of_another_user_gets_nothing_whatever_the_sockets_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Canned()
    async with between(tmp_path, backend) as remote:
        path = tmp_path / "socket"
        path.chmod(0o666)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        reader, writer = await asyncio.open_unix_connection(path)
        request = msgspec.msgpack.encode(api.ListRooms())
        writer.write(struct.pack(">I", len(request)) + request)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        with pytest.raises(NotAuthenticated, match="the process at the other end"):
            await remote.call(api.ListRooms())
        assert not backend.asked
        monkeypatch.undo()
        assert await remote.call(api.ListRooms()) == ROOMS


def kept(error: CoterieError) -> CoterieError:
    error.is_kept = True
    return error


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("no such room", hint="list them"),
        StorageError("the disk is full"),
        NotAuthenticated("unknown device"),
        ServerNotTrusted("another key"),
        Unavailable("away", hint="later", wait_s=3.0),
        Refused("not-found", "there is no account x", hint="check"),
        LocalProtocolError("a bug"),
        RemoteProtocolError("the server lies"),
        KeyChanged("bobb"),
        kept(Unavailable("away")),
        kept(NotAuthenticated("unknown device")),
    ],
    ids=lambda error: type(error).__name__ + "-kept" * error.is_kept,
)
@asynchronous
async def test_an_error_is_raised_again_with_all_that_it_says(
    tmp_path: Path, error: CoterieError
) -> None:
    async with between(tmp_path, Canned(error)) as remote:
        with pytest.raises(type(error)) as raised:
            await remote.call(api.ListRooms())
        with pytest.raises(type(error)):
            await remote.call(api.ReadRoom("ops"))
    assert (str(raised.value), raised.value.hint) == (str(error), error.hint)
    for name in ("wait_s", "code", "name", "is_kept"):
        assert getattr(raised.value, name, None) == getattr(error, name, None)


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (ProfileInUse(Path("/p")), StorageError),
        (RuleViolation("rule", "broken"), RemoteProtocolError),
        (CoterieError("something"), CoterieError),
    ],
)
@asynchronous
async def test_an_error_that_is_not_known_there_is_one_of_its_family(
    tmp_path: Path, error: CoterieError, family: type[CoterieError]
) -> None:
    async with between(tmp_path, Canned(error)) as remote:
        with pytest.raises(family) as raised:
            await remote.call(api.ListRooms())
    assert type(raised.value) is family
    assert str(raised.value) == str(error)


@asynchronous
async def test_a_bug_in_the_holder_is_told_as_one_and_ends_one_request(tmp_path: Path) -> None:
    backend = Canned(ZeroDivisionError())
    async with between(tmp_path, backend) as remote:
        with pytest.raises(LocalProtocolError, match="ZeroDivisionError"):
            await remote.call(api.ListRooms())
        backend.answer = ROOMS
        assert await remote.call(api.ListRooms()) == ROOMS


@asynchronous
async def test_who_hangs_up_ends_what_was_done_for_him(tmp_path: Path) -> None:
    backend = Canned(None)
    async with between(tmp_path, backend) as remote:
        asking = asyncio.create_task(remote.call(api.ListRooms()))
        await backend.began.wait()
        asking.cancel()
        await asyncio.wait([asking])
        await asyncio.wait_for(backend.ended.wait(), 5)


@asynchronous
async def test_a_stream_that_is_closed_ends_on_the_other_side(tmp_path: Path) -> None:
    backend = Canned(messages=1)
    async with between(tmp_path, backend) as remote:
        async with aclosing(remote.stream(api.ReadRoom("ops", follow=True))) as stream:
            assert await anext(stream) == MESSAGE
            assert not backend.ended.is_set()
        await asyncio.wait_for(backend.ended.wait(), 5)


@asynchronous
async def test_a_holder_that_ends_tells_who_waits_that_it_may_be_done_all_the_same(
    tmp_path: Path,
) -> None:
    backend = Canned(None)
    path = tmp_path / "socket"
    async with serving(backend, path):
        asking = asyncio.create_task(Remote(path).call(api.SendText("ops", "hi")))
        following = asyncio.create_task(Remote(path).call(api.ReadRoom("ops", follow=True)))
        await until(lambda: len(backend.asked) == 2)
    for task in (asking, following):
        with pytest.raises(
            Unavailable, match="the process that held the profile has ended"
        ) as ended:
            await task
        assert "look before you try again" in ended.value.hint
    assert not await is_served(path)


@asynchronous
async def test_a_socket_that_a_killed_holder_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    assert path.exists()
    assert not await is_served(path)
    with pytest.raises(Unavailable, match="does not answer"):
        await Remote(path).call(api.ListRooms())
    async with serving(Canned(), path):
        assert await is_served(path)
        assert await Remote(path).call(api.ListRooms()) == ROOMS


@asynchronous
async def test_where_there_can_be_no_socket_a_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be made: no such file or directory"):
        async with serving(Canned(), tmp_path / "missing" / "socket"):
            pass
    folder = tmp_path / "socket"
    folder.mkdir()
    with pytest.raises(StorageError, match="cannot be made: address already in use"):
        async with serving(Canned(), folder):
            pass


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 2**31),
        struct.pack(">I", 3) + b"\xc1\xc1\xc1",
        struct.pack(">I", 100) + b"short",
        struct.pack(">I", 2) + msgspec.msgpack.encode("a"),
        b"\x00" * 1000,
    ],
)
@asynchronous
async def test_garbage_ends_its_own_connection_and_disturbs_nobody(
    tmp_path: Path, sent: bytes
) -> None:
    backend = Canned()
    async with between(tmp_path, backend) as remote:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(sent)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert await remote.call(api.ListRooms()) == ROOMS
    assert backend.asked == [api.ListRooms()]


@asynchronous
async def test_a_request_of_another_version_is_answered_with_what_to_do(tmp_path: Path) -> None:
    newer = msgspec.msgpack.encode({"type": "TurnOnTheLights", "room": "ops"})
    async with between(tmp_path, Canned()):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(struct.pack(">I", len(newer)) + newer)
        answer = await reader.read()
        writer.close()
    problem = msgspec.msgpack.decode(answer[4:], type=local.Problem)
    assert problem.error == "RemoteProtocolError"
    assert "another version of Coterie" in problem.message


def _frame(value: object) -> bytes:
    encoded = msgspec.msgpack.encode(value)
    return struct.pack(">I", len(encoded)) + encoded


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (b"", Unavailable),
        (b"\x00\x00", Unavailable),
        (struct.pack(">I", 2**31), RemoteProtocolError),
        (_frame({"type": "Glad", "tidings": 1}), RemoteProtocolError),
        (_frame(local.End()), RemoteProtocolError),
        (_frame(local.Problem("Unheard", "of")), CoterieError),
    ],
)
@asynchronous
async def test_a_holder_of_another_version_is_told_apart_from_an_answer(
    tmp_path: Path, says: bytes, error: type[CoterieError]
) -> None:
    path = tmp_path / "socket"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(says)
        writer.close()

    server = await asyncio.start_unix_server(answer, path)
    try:
        with pytest.raises(error):
            await Remote(path).call(api.ListRooms())
    finally:
        server.close()
        await asyncio.sleep(0)


@asynchronous
async def test_a_result_of_another_kind_in_a_stream_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "socket"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(_frame(ROOMS))
        writer.close()

    server = await asyncio.start_unix_server(answer, path)
    try:
        with pytest.raises(RemoteProtocolError, match="Rooms in a stream"):
            await Remote(path).call(api.ReadRoom("ops"))
    finally:
        server.close()
        await asyncio.sleep(0)


@asynchronous
async def test_many_ask_together(tmp_path: Path) -> None:
    async with between(tmp_path, Canned(messages=20)) as remote:
        results = await asyncio.gather(
            *(remote.call(api.ListRooms()) for _ in range(20)),
            *(remote.call(api.ReadRoom("ops")) for _ in range(20)),
        )
        assert results == [ROOMS] * 20 + [api.Done()] * 20
