"""What can be done with a message: the keys that are told while it is selected, and what the palette offers. Pure."""

from coterie.client.api import Message
from coterie.client.links import has_link
from coterie.ui.keymap import SELECT_KEYS, Key

MOVES = ("select_up", "select_down", "return")  # told nowhere: arrows are tried anyway
_WITH_WORDS = ("reply", "react", "copy", "quote")  # there must be something of it


def possible(message: Message, account: str, *, is_admin: bool) -> list[Key]:
    """Of ``SELECT_KEYS`` those that ``account`` can use on it."""
    return [
        key
        for key in SELECT_KEYS
        if key.action not in MOVES and _is_possible(key.action, message, account, is_admin=is_admin)
    ]


def _is_possible(action: str, message: Message, account: str, *, is_admin: bool) -> bool:
    is_here = message.kind == "text" and not message.deleted_by
    is_own = message.sender == account
    if action in _WITH_WORDS:
        return is_here
    match action:
        case "edit":
            return is_here and is_own
        case "delete":
            return is_here and (is_own or is_admin)
        case "open":
            return is_here and has_link(message.text)
        case "original":
            return message.reply_to is not None and bool(message.reply_to.number)
        case _:
            return True
