"""All that there is to know about one message, for the curious."""

from textwrap import wrap

from coterie.client.api import Message
from coterie.tui.dialogs import Reader, dialog_css
from coterie.tui.room_timeline import local_time
from coterie.ui.clean import clean_line
from coterie.ui.pins import words_of

WIDTH = 54  # columns: there are as many in a terminal of 60
_NAME_WIDTH = 12


class MessageInfo(Reader):
    """``pin`` is how the key of its sender came here."""

    DEFAULT_CSS = dialog_css("MessageInfo")

    def __init__(self, message: Message, pin: str) -> None:
        super().__init__("Message", info(message, pin))


def info(message: Message, pin: str) -> str:
    """Who, from which device, when, and where it stands, a few words a line. What there is not is left out."""
    words = words_of(pin)
    state = f"{message.state} {message.reason}".strip()
    reactions = ", ".join(f"{one.emoji} {' '.join(one.names)}" for one in message.reactions)
    rows = (
        ("from", message.sender),
        ("key", f"{words.mark} {words.word}: {message.sender} {words.sentence}".strip()),
        ("device", message.device),
        ("room", f"#{message.room}"),
        ("sent", f"{_moment(message.time)} (their clock)"),
        ("edited", message.edited and f"{_moment(message.edited)} (their clock)"),
        ("deleted by", message.deleted_by),
        ("reactions", reactions),
        ("state", state),
        ("number", message.number and f"{message.number}, of all that this client has"),
        ("entry", message.seq and f"{message.seq}, of the group's log"),
        ("id", message.message_id),
        ("reference", message.ref),
    )
    return "\n".join(
        line
        for name, value in rows
        if value
        for line in wrap(
            clean_line(str(value)),
            WIDTH,
            initial_indent=f"{name:<{_NAME_WIDTH}}",
            subsequent_indent=" " * _NAME_WIDTH,
        )
    )


def _moment(time: str) -> str:
    return f"{local_time(time):%Y-%m-%d %H:%M:%S %Z}"
