"""One request from a command to the client, and its result."""

import gc
from typing import TYPE_CHECKING, TypeVar

from coterie.cli.invocation import Invocation
from coterie.cli.passphrases import passphrase
from coterie.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from coterie.client.api import Backend, Request

T = TypeVar("T")

STARTED_S = 1.0  # most commands have ended by then


def call(invocation: Invocation, request: "Request", expected: type[T]) -> T:
    """The answer to ``request``. Raises what ``Backend.call`` does."""

    async def ask(backend: "Backend") -> T:
        return await answer(backend, request, expected)

    return with_backend(invocation, ask)


def with_backend(
    invocation: Invocation,
    use: "Callable[[Backend], Coroutine[None, None, T]]",
    *,
    is_for_screen: bool = False,
) -> T:
    """What ``use`` returns, while the profile is open."""
    import asyncio

    async def run() -> T:
        asyncio.get_running_loop().call_later(STARTED_S, _collect_garbage)
        opened = invocation.engine.open_backend(
            invocation.profile, lambda: passphrase(invocation), is_for_screen=is_for_screen
        )
        async with opened as backend:
            return await use(backend)

    invocation.engine.configure_logs(is_debug=invocation.is_debug)
    invocation.start_key_log()
    gc.disable()  # nearly all that a start makes stays: to look through it again and again is a sixth of its time
    try:
        return asyncio.run(run())
    finally:
        gc.enable()


def _collect_garbage() -> None:
    """From now on, and not in what is there."""
    gc.freeze()
    gc.enable()


async def answer(backend: "Backend", request: "Request", expected: type[T]) -> T:
    """The same, while the profile is open."""
    result = await backend.call(request)
    if not isinstance(result, expected):
        asked, got = type(request).__name__, type(result).__name__
        raise LocalProtocolError(f"{asked} was answered by {got}, not {expected.__name__}")
    return result
