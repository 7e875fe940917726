"""The end of a profile, where nobody can do anything about what fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from coterie.errors import StorageError
from coterie.logs import get_logger

log = get_logger()


class Closable(Protocol):
    """A database, or what stands on one."""

    def close(self) -> None: ...


T = TypeVar("T", bound=Closable)


@contextmanager
def closing_quietly(closable: T) -> Iterator[T]:
    """Closes it in the end. What was done is done, so a disk that is full by then is told to the log alone."""
    try:
        yield closable
    finally:
        try:
            closable.close()
        except StorageError as error:
            log.warning("not-tidied", error=str(error))
