"""What has changed since a reader was last told. No I/O but the event that wakes it.

Only *that* something changed is kept, never what it was or became: a reader looks at how it is now. So one that is
slow costs no memory, and what changes thrice before it looks is told once.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MAX_ROWS = 1_000  # numbers kept for one reader; who missed more asks for its pages anew
MAX_NOTICES = 100  # kept for a reader that is slow


@dataclass
class Lot:
    """All that is to be told at once. Rooms are named by their ids: there are as many as there are rooms."""

    rows: set[int] = field(default_factory=set)  # numbers, new or changed
    has_missed: bool = False  # there were more than are kept
    rooms: set[bytes] = field(default_factory=set)  # shown otherwise in the list
    pending: set[bytes] = field(default_factory=set)  # whose outbox is another
    around: set[bytes] = field(default_factory=set)  # in which others are typing or present
    are_people_new: bool = False  # somebody is known otherwise, who may be in any room
    is_connection_new: bool = False
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_NOTICES))


class News:
    """For one reader."""

    def __init__(self) -> None:
        self._lot = Lot()
        self._wake = asyncio.Event()

    def add(self) -> Lot:
        """What waits for the reader, to be added to. It is woken."""
        self._wake.set()
        return self._lot

    def add_rows(self, numbers: Iterable[int]) -> None:
        """As many as are kept."""
        lot = self.add()
        lot.rows.update(numbers)
        if len(lot.rows) > MAX_ROWS:
            lot.rows.clear()
            lot.has_missed = True

    def forget_notice(self, text: str) -> None:
        """The reader is told otherwise."""
        if text in self._lot.notices:
            self._lot.notices.remove(text)

    def take(self) -> Lot:
        """What there is, which may be nothing."""
        self._wake.clear()
        taken, self._lot = self._lot, Lot()
        return taken

    async def wait(self) -> Lot:
        """What there is, as soon as there is something."""
        await self._wake.wait()
        return self.take()


class Readers:
    """All that are reading."""

    def __init__(self) -> None:
        self._all: set[News] = set()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[News]:
        return iter(self._all)

    @contextmanager
    def reading(self) -> Iterator[News]:
        """One of them, inside."""
        news = News()
        self._all.add(news)
        try:
            yield news
        finally:
            self._all.discard(news)
