"""One process serves a profile to the user's other ones, over a socket that only that user can open.

A connection asks one thing: a frame with the request, then frames with its results, the last of them ``End`` or
``Problem``. A frame is a 4-byte big-endian length and MessagePack of a struct of ``api``.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, overload

import msgspec
from msgspec import structs

from coterie import errors
from coterie.client import api
from coterie.client.people import KeyChanged
from coterie.client.profile import HolderEnded
from coterie.errors import (
    CoterieError,
    InvalidInput,
    LocalProtocolError,
    NotAuthenticated,
    Refused,
    RemoteProtocolError,
    Unavailable,
)
from coterie.logs import get_logger
from coterie.private_files import storage_error

log = get_logger()
T = TypeVar("T")

MAX_REQUEST = 4 * 2**20  # bytes; the largest is a draft, or the names of new members
# Bytes of an answer. The largest is the list of the 10,000 rooms that a connection may subscribe to (server/limits.py),
# with all names and topics as long as they may be, in the longest characters: 51 MB. Both ends are one user's.
MAX_FRAME = 64 * 2**20
LENGTH_SIZE = 4  # bytes
REQUEST_TIMEOUT_S = 10.0  # between processes of one machine: who is slower has stopped
_PEERCRED = getattr(socket, "SO_PEERCRED", None)  # Linux; elsewhere the socket's mode alone guards
_UCRED = struct.Struct("3i")  # process, user, group


class End(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """A stream has ended."""


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """The error that the request raised, to be raised again on the other side."""

    error: str  # its family's name
    message: str
    hint: str = ""
    code: str = ""  # of Refused; the name of KeyChanged
    wait_s: float = 0.0  # of Unavailable
    is_kept: bool = False


_FAMILIES: MappingProxyType[str, type[CoterieError]] = MappingProxyType(
    {
        family.__name__: family
        for family in (
            errors.NotAuthenticated,
            errors.ServerNotTrusted,
            errors.InvalidInput,
            errors.StorageError,
            errors.LocalProtocolError,
            errors.RemoteProtocolError,
        )
    }
)
_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(api.Request)
_answers = msgspec.msgpack.Decoder(api.Result | api.Update | End | Problem)


# --- the process that holds the profile --------------------------------------------------------


@asynccontextmanager
async def serving(backend: api.Backend, path: Path) -> AsyncIterator[None]:
    """Serves ``backend`` at ``path`` (mode 0600) while inside. The profile's lock says that the place is ours.

    Raises StorageError where there can be no socket.
    """
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_answer(backend, reader, writer), name="coterie-local")
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(
            lambda _: writer.close()
        )  # also of one that was ended before it began

    bound = _bind(path)
    server = await asyncio.start_unix_server(accept, sock=bound)
    try:
        yield
    finally:
        # asyncio loses a connection that it has just accepted when the server is closed: it is given its turn first.
        asyncio.get_running_loop().remove_reader(bound)
        await asyncio.sleep(0)
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks))
        _remove(path)


def _bind(path: Path) -> socket.socket:
    """A socket of mode 0600, from its first moment on. Raises StorageError."""
    _remove(path)  # of a process that was killed
    bound = socket.socket(socket.AF_UNIX)
    umask = os.umask(0o177)
    try:
        bound.bind(os.fspath(path))
    except OSError as error:
        bound.close()
        raise storage_error(path, "made", error.errno) from error
    finally:
        os.umask(umask)
    return bound


def _remove(path: Path) -> None:
    with suppress(OSError):  # ``bind`` says what is wrong
        path.unlink(missing_ok=True)


async def _answer(
    backend: api.Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        _check_user(writer)
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            request = await _read(reader, _requests.decode, MAX_REQUEST)
        await _until_gone(reader, _give(backend, request, writer))
    except (Unavailable, NotAuthenticated, OSError, TimeoutError) as error:
        log.debug("local-request-ended", error=type(error).__name__)
    except CoterieError as error:
        await _tell(writer, error)
    except Exception as bug:  # a task ends here
        log.exception("local-request-failed")
        name = type(bug).__name__
        await _tell(
            writer, LocalProtocolError(f"a bug in the process that holds the profile: {name}")
        )


async def _give(backend: api.Backend, request: api.Request, writer: asyncio.StreamWriter) -> None:
    try:
        if isinstance(request, api.StreamRequest):
            async with aclosing(backend.stream(request)) as stream:
                async for result in stream:
                    await _write(writer, result)
            await _write(writer, End())
        else:
            await _write(writer, await backend.call(request))
    except CoterieError as error:
        await _write(writer, _problem(error))


async def _tell(writer: asyncio.StreamWriter, error: CoterieError) -> None:
    with suppress(OSError):  # it has gone
        await _write(writer, _problem(error))


async def _until_gone(reader: asyncio.StreamReader, work: Coroutine[None, None, None]) -> None:
    """Ends ``work`` where the other side hangs up: nobody would read what comes."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_wait_gone(reader))
    try:
        await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.wait([task, gone])


async def _wait_gone(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        await reader.read(1)


def _check_user(writer: asyncio.StreamWriter) -> None:
    """Raises NotAuthenticated where another user is at the other end, whatever the socket's mode is by now."""
    if _PEERCRED is None:
        return
    connection: Any = writer.get_extra_info("socket")
    _, user, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, _PEERCRED, _UCRED.size))
    if user != os.geteuid():
        raise NotAuthenticated(f"the process at the other end of the socket is user {user}'s")


# --- the others --------------------------------------------------------------------------------


class Remote:
    """``api.Backend`` in another process of the same user, at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def call(self, request: api.Request) -> api.Result:
        """The one result of a request; of a stream, its end."""
        if isinstance(request, api.StreamRequest):
            async with aclosing(self.stream(request)) as stream:
                async for _ in stream:
                    pass
            return api.Done()
        async with self._asking(request) as reader:
            answer = await _read(reader, _answers.decode)
        result = _raise_problem(answer)
        if not isinstance(result, api.Result):
            raise RemoteProtocolError(f"{type(result).__name__} in place of a result")
        return result

    @overload
    def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Read, None]: ...
    @overload
    def stream(self, request: api.Watch) -> AsyncGenerator[api.Update, None]: ...
    async def stream(self, request: api.StreamRequest) -> AsyncGenerator[api.Update, None]:
        """The results of such a request, as they come."""
        expected = api.Read if isinstance(request, api.ReadRoom) else api.Update
        async with self._asking(request) as reader:
            while not isinstance(answer := await _read(reader, _answers.decode), End):
                result = _raise_problem(answer)
                if not isinstance(result, expected):
                    raise RemoteProtocolError(f"{type(result).__name__} in a stream")
                yield result

    @asynccontextmanager
    async def _asking(self, request: api.Request) -> AsyncIterator[asyncio.StreamReader]:
        try:
            frame = _frame(request)
        except UnicodeEncodeError as error:
            raise InvalidInput("there are bytes in it that are no text") from error
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise Unavailable(
                "the process that holds the profile does not answer",
                hint="it is starting or ending: try again",
            ) from error
        try:
            _check_user(writer)
            writer.write(frame)
            await writer.drain()
            yield reader
        except OSError as error:
            raise HolderEnded from error
        finally:
            writer.close()


async def is_served(path: Path) -> bool:
    """Whether a process answers there."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


# --- frames ------------------------------------------------------------------------------------


async def _write(writer: asyncio.StreamWriter, frame: object) -> None:
    writer.write(_frame(frame))
    await writer.drain()


def _frame(frame: object) -> bytes:
    encoded = _encoder.encode(frame)
    return len(encoded).to_bytes(LENGTH_SIZE, "big") + encoded


async def _read(
    reader: asyncio.StreamReader, decode: Callable[[bytes], T], limit: int = MAX_FRAME
) -> T:
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_SIZE), "big")
        if length > limit:
            raise RemoteProtocolError(f"local frame of {length} bytes, limit {limit}")
        encoded = await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise HolderEnded from error
    try:
        return decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(
            "the process that holds the profile is of another version of Coterie",
            hint="end it, then try again",
        ) from error


def _problem(error: CoterieError) -> Problem:
    told = Problem("CoterieError", str(error), error.hint, is_kept=error.is_kept)
    match error:
        case Refused():
            return structs.replace(told, error="Refused", code=error.code)
        case Unavailable():
            return structs.replace(told, error="Unavailable", wait_s=error.wait_s)
        case KeyChanged():
            return structs.replace(told, error="KeyChanged", code=error.name)
        case _:
            families = (kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _FAMILIES)
            return structs.replace(told, error=next(families, told.error))


def _raise_problem(answer: "api.Result | api.Update | End | Problem") -> api.Result | api.Update:
    if isinstance(answer, End):
        raise RemoteProtocolError("a stream's end in place of a result")
    if not isinstance(answer, Problem):
        return answer
    error = _error(answer)
    error.is_kept = answer.is_kept
    raise error


def _error(problem: Problem) -> CoterieError:
    match problem.error:
        case "Refused":
            return Refused(problem.code, problem.message, hint=problem.hint)
        case "Unavailable":
            return Unavailable(problem.message, hint=problem.hint, wait_s=problem.wait_s)
        case "KeyChanged":
            return KeyChanged(problem.code)
        case known if known in _FAMILIES:
            return _FAMILIES[known](problem.message, hint=problem.hint)
        case _:
            return CoterieError(problem.message, hint=problem.hint)
