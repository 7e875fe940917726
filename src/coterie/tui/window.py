"""The messages of a room that are loaded: a run without gaps, of a bounded length, however long the room is. Pure."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

from coterie.client.api import Message, Page

MOST = 1_000  # messages: a few hundred screens to scroll at once, and a few MB
PAGE = 100  # messages: more than a tall screen, and fetched and drawn between two of its frames


class Window:
    """Oldest first, by number. ``revision`` grows with each change but that of a message behind the last one."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.has_older = self.has_newer = False
        self.is_loaded = False
        self.revision = 0
        self._asked = 0  # pages
        self._came: dict[int, Message] = {}  # since the first of them

    def find(self, number: int) -> Message | None:
        """The one with that number, if it is loaded."""
        place = self._place(number)
        is_here = place < len(self.messages) and self.messages[place].number == number
        return self.messages[place] if is_here else None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While a page is asked for and loaded: what comes meanwhile may be newer than what is in it."""
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1
            if not self._asked:
                came, self._came = self._came, {}
                for number in sorted(came):
                    self.take(came[number])

    def load(self, page: Page) -> None:
        """In place of all that was loaded."""
        self.messages = list(page.messages)
        self.has_older, self.has_newer, self.is_loaded = page.has_older, page.has_newer, True
        self.revision += 1

    def load_older(self, page: Page) -> None:
        """What stands before the first; the end goes where it is too much."""
        self.messages[:0] = page.messages
        self.has_older = page.has_older
        if len(self.messages) > MOST:
            del self.messages[MOST:]
            self.has_newer = True
        self.revision += 1

    def load_newer(self, page: Page) -> None:
        """What stands behind the last; the beginning goes where it is too much."""
        self.messages += page.messages
        self.has_newer = page.has_newer
        self._drop_beginning()
        self.revision += 1

    def take(self, message: Message, *, is_followed: bool = True) -> None:
        """It is new, or is otherwise now. ``is_followed``: the reader is at the end, and not somewhere far before."""
        if self._asked:
            self._came[message.number] = message
        if not self.is_loaded:
            return
        place = self._place(message.number)
        if place < len(self.messages):
            if self.messages[place].number == message.number:
                self.messages[place] = message
                self.revision += 1
            return  # else it is older than what is loaded
        if self.has_newer:
            return
        if len(self.messages) < MOST + PAGE:
            self.messages.append(message)
        elif is_followed:
            self.messages.append(message)
            self._drop_beginning()
        else:
            self.has_newer = True

    def _drop_beginning(self) -> None:
        if len(self.messages) > MOST:
            del self.messages[:-MOST]
            self.has_older = True
            self.revision += 1

    def _place(self, number: int) -> int:
        if not self.messages or number > self.messages[-1].number:  # mostly
            return len(self.messages)
        return bisect_left(self.messages, number, key=lambda message: message.number)
