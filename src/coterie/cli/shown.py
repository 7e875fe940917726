"""What a chat of lines has shown: what comes again is told as a change, and commands find the message they mean."""

from collections.abc import Callable

from coterie.cli.message_line import changes, message_line
from coterie.client.api import Message

REMEMBERED = 1_000  # messages


class Shown:
    """One view, from its first message on."""

    def __init__(self, *, with_room: bool, with_numbers: bool) -> None:
        self._with_room, self._with_numbers = with_room, with_numbers
        self._messages: dict[int, Message] = {}
        self.newest = 0  # the number of the newest one

    def lines(self, message: Message) -> list[str]:
        """What there is to say of one that came, or came again because something became of it."""
        before = self._messages.get(message.number)
        is_older = before is None and 0 < message.number <= self.newest
        self.remember(message)
        self.newest = max(self.newest, message.number)
        if before is not None:
            return list(changes(before, message, with_room=self._with_room))
        with_number = self._with_numbers or is_older
        line = message_line(message, with_room=self._with_room, with_number=with_number)
        return [f"changed: {line}"] if is_older else [line]

    def remember(self, message: Message) -> None:
        """One that was shown in another way."""
        if message.number:  # else it has no place yet
            self._messages[message.number] = message
        if len(self._messages) > REMEMBERED:
            del self._messages[min(self._messages)]

    def numbered(self, number: int) -> Message | None:
        """One that was shown."""
        return self._messages.get(number)

    def latest(self, is_meant: Callable[[Message], bool]) -> Message | None:
        """The newest of which that is true."""
        numbers = sorted(self._messages, reverse=True)
        return next((self._messages[n] for n in numbers if is_meant(self._messages[n])), None)
