"""One process serves a profile to the user's other ones, over a socket that only that user can open.

A connection asks one thing: a frame with the request, then frames with its results, the last of them ``End`` or
``Problem``. A frame is a 4-byte big-endian length and MessagePack of a struct of ``api``.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import msgspec

from coterie import errors
from coterie.client import api
from coterie.client.people import KeyChanged
from coterie.errors import (
    CoterieError,
    Refused,
    RemoteProtocolError,
    RuleViolation,
    Unavailable,
)
from coterie.logs import get_logger

log = get_logger()
T = TypeVar("T")

MAX_FRAME = 4 * 2**20  # bytes; the largest is a room's members or all rooms of a device
LENGTH_SIZE = 4  # bytes


class End(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """A stream has ended."""


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """The error that the request raised, to be raised again on the other side."""

    error: str  # one of ``_FAMILIES``
    message: str
    hint: str = ""
    code: str = ""  # of Refused, and the rule of RuleViolation
    wait_s: float = 0.0


_FAMILIES = MappingProxyType(
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
_answers = msgspec.msgpack.Decoder(api.Result | End | Problem)


# --- the process that holds the profile --------------------------------------------------------


@asynccontextmanager
async def serving(backend: api.Backend, path: Path) -> AsyncIterator[None]:
    """Serves ``backend`` at ``path`` (mode 0600) while inside. The profile's lock says that the place is ours."""
    _remove(path)  # of a process that was killed
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_answer(backend, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    umask = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(accept, path)
    finally:
        os.umask(umask)
    try:
        yield
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _answer(
    backend: api.Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        request = await _read(reader, _requests.decode)
        await _until_gone(reader, _give(backend, request, writer))
    except (CoterieError, OSError) as error:
        log.debug("local-request-ended", error=type(error).__name__)
    except Exception:  # a task ends here
        log.exception("local-request-failed")
    finally:
        writer.close()


async def _give(backend: api.Backend, request: api.Request, writer: asyncio.StreamWriter) -> None:
    try:
        if isinstance(request, api.ReadRoom):
            async with aclosing(backend.stream(request)) as stream:
                async for result in stream:
                    await _write(writer, result)
            await _write(writer, End())
        else:
            await _write(writer, await backend.call(request))
    except CoterieError as error:
        await _write(writer, _problem(error))


async def _until_gone(reader: asyncio.StreamReader, work: Coroutine[None, None, None]) -> None:
    """Ends ``work`` where the other side hangs up: nobody would read what comes."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.wait([task, gone])


# --- the others --------------------------------------------------------------------------------


class Remote:
    """``api.Backend`` in another process of the same user, at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def call(self, request: api.Request) -> api.Result:
        """The one result of a request; of a stream, its end."""
        if isinstance(request, api.ReadRoom):
            async for _ in self.stream(request):
                pass
            return api.Done()
        async with self._asking(request) as reader:
            answer = await _read(reader, _answers.decode)
        if isinstance(answer, End):
            raise RemoteProtocolError("the process that holds the profile gave no answer")
        return _raise_problem(answer)

    async def stream(self, request: api.ReadRoom) -> AsyncGenerator[api.Message | api.Notice, None]:
        """The results of ``ReadRoom``, as they come."""
        async with self._asking(request) as reader:
            while not isinstance(answer := await _read(reader, _answers.decode), End):
                result = _raise_problem(answer)
                if not isinstance(result, api.Message | api.Notice):
                    raise RemoteProtocolError(f"{type(result).__name__} in a stream of messages")
                yield result

    @asynccontextmanager
    async def _asking(self, request: api.Request) -> AsyncIterator[asyncio.StreamReader]:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_FRAME)
        except OSError as error:
            raise Unavailable(
                "the process that holds the profile does not answer",
                hint="it is starting or ending: try again",
            ) from error
        try:
            await _write(writer, request)
            yield reader
        except OSError as error:
            raise Unavailable("the process that held the profile has ended") from error
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
    encoded = _encoder.encode(frame)
    writer.write(len(encoded).to_bytes(LENGTH_SIZE, "big") + encoded)
    await writer.drain()


async def _read(reader: asyncio.StreamReader, decode: Callable[[bytes], T]) -> T:
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_SIZE), "big")
        if length > MAX_FRAME:
            raise RemoteProtocolError(f"local frame of {length} bytes, limit {MAX_FRAME}")
        encoded = await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise Unavailable("the process that held the profile has ended") from error
    try:
        return decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(
            "the process that holds the profile speaks another version of Coterie",
            hint="end it, then try again",
        ) from error


def _problem(error: CoterieError) -> Problem:
    match error:
        case Refused():
            return Problem("Refused", str(error), error.hint, error.code)
        case Unavailable():
            return Problem("Unavailable", str(error), error.hint, "", error.wait_s)
        case KeyChanged():
            return Problem("KeyChanged", str(error), error.hint)
        case RuleViolation():
            return Problem("RemoteProtocolError", str(error), error.hint)
        case _:
            return Problem(type(error).__name__, str(error), error.hint)


def _raise_problem(answer: "api.Result | End | Problem") -> api.Result:
    if isinstance(answer, End):
        raise RemoteProtocolError("a stream's end in place of a result")
    if not isinstance(answer, Problem):
        return answer
    match answer.error:
        case "Refused":
            raise Refused(answer.code, answer.message, hint=answer.hint)
        case "Unavailable":
            raise Unavailable(answer.message, hint=answer.hint, wait_s=answer.wait_s)
        case known if known in _FAMILIES:
            raise _FAMILIES[known](answer.message, hint=answer.hint)
        case _:
            raise CoterieError(answer.message, hint=answer.hint)
