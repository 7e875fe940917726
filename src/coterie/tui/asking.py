"""Requests whose answers have the type that they must have."""

from typing import TypeVar

from coterie.client.api import Backend, Request
from coterie.errors import LocalProtocolError

T = TypeVar("T")


class Asking:
    """Calls a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, request: Request, expected: type[T]) -> T:
        """The answer. Raises what ``Backend.call`` does."""
        result = await self._backend.call(request)
        if not isinstance(result, expected):
            asked, got = type(request).__name__, type(result).__name__
            raise LocalProtocolError(f"{asked} was answered by {got}, not {expected.__name__}")
        return result
