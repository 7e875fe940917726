"""What has changed since a reader was last told. Pure but for the event that wakes it.

Only *that* something changed is kept, never what it was or became: a reader looks at how it is now. So a slow one
costs no memory, and what changes thrice before it looks is told once.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

MAX_NOTICES = 100  # kept for a reader that is slow


class News:
    """For one reader."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.notices: deque[str] = deque(maxlen=MAX_NOTICES)

    def add_notice(self, text: str) -> None:
        """For people."""
        self.notices.append(text)
        self.wake.set()

    def forget_notice(self, text: str) -> None:
        """The reader is told otherwise."""
        if text in self.notices:
            self.notices.remove(text)


class Readers:
    """All that are reading."""

    def __init__(self) -> None:
        self._all: set[News] = set()

    def __len__(self) -> int:
        return len(self._all)

    @contextmanager
    def reading(self) -> Iterator[News]:
        """One of them, inside."""
        news = News()
        self._all.add(news)
        try:
            yield news
        finally:
            self._all.discard(news)

    def wake(self) -> None:
        """There are new rows."""
        for news in self._all:
            news.wake.set()

    def notice(self, text: str) -> None:
        """A sentence about the connection."""
        for news in self._all:
            news.add_notice(text)
