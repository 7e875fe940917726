"""One request from a command to the client, and its result."""

from typing import TYPE_CHECKING, TypeVar

from coterie.cli.invocation import Invocation
from coterie.cli.passphrases import passphrase
from coterie.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from coterie.client.api import Backend, Request

T = TypeVar("T")


def call(invocation: Invocation, request: "Request", expected: type[T]) -> T:
    """The answer to ``request``. Raises what ``Backend.call`` does."""

    async def ask(backend: "Backend") -> T:
        return await answer(backend, request, expected)

    return with_backend(invocation, ask)


def with_backend(invocation: Invocation, use: "Callable[[Backend], Coroutine[None, None, T]]") -> T:
    """What ``use`` returns, while the profile is open."""
    import asyncio

    async def run() -> T:
        opened = invocation.engine.open_backend(invocation.profile, lambda: passphrase(invocation))
        async with opened as backend:
            return await use(backend)

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    invocation.start_key_log()
    return asyncio.run(run())


async def answer(backend: "Backend", request: "Request", expected: type[T]) -> T:
    """The same, while the profile is open."""
    result = await backend.call(request)
    if not isinstance(result, expected):
        asked, got = type(request).__name__, type(result).__name__
        raise LocalProtocolError(f"{asked} was answered by {got}, not {expected.__name__}")
    return result
