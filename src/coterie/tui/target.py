"""Where the text in the composer goes, and what it will be: a message, an answer, or another text for one. Pure."""

import msgspec

from coterie.client.api import EditMessage, Message, SendText
from coterie.tui.words import account, beginning
from coterie.tui.wrapping import cut

MAX_SHOWN = 200  # characters of the message that are looked at for its line


class Place(msgspec.Struct, frozen=True):
    """A room, or the thread in it that hangs from ``thread``; none where no room is open."""

    room_id: str = ""
    thread: str = ""

    @property
    def key(self) -> str:
        """For what is kept of it."""
        return self.room_id + self.thread


class Answering(msgspec.Struct, frozen=True):
    """It answers this."""

    message: Message

    @property
    def line(self) -> str:
        """As it stands above the composer."""
        return (
            f"replying to {account(self.message.sender)}: {beginning(self.message.text, MAX_SHOWN)}"
        )


class Editing(msgspec.Struct, frozen=True):
    """It takes the place of this one's text. ``draft`` stood in the composer before."""

    message: Message
    draft: str

    @property
    def line(self) -> str:
        """As it stands above the composer."""
        return f"editing: {beginning(self.message.text, MAX_SHOWN)}"


Target = Answering | Editing | None


def target_line(target: Target, width: int) -> str:
    """On one line of so many cells, with the way out."""
    if target is None:
        return ""
    way_out = " · Esc ends it"
    return cut(target.line, width - len(way_out)) + way_out


def request_of(text: str, target: Target, place: Place) -> SendText | EditMessage:
    """What sends it."""
    match target:
        case Editing(message):
            return EditMessage(message.room_id, message.ref, text, wait=False)
        case Answering(message):
            return SendText(
                place.room_id,
                text,
                wait=False,
                reply_to=message.ref,
                thread=place.thread or message.thread or None,
            )
        case None:
            return SendText(place.room_id, text, wait=False, thread=place.thread or None)
