"""The keys: one table feeds the interfaces, their help and the docs. What a terminal cannot tell apart is not in it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """``keys`` as Textual names them, ``shown`` as people read them."""

    action: str
    keys: str
    shown: str
    help: str


KEYS = (
    Key("send", "enter", "Enter", "send"),
    # Alt+Enter arrives as Enter, so it cannot be this one
    Key("newline", "ctrl+j", "Ctrl+J", "begin a new line"),
    Key("complete", "tab", "Tab", "complete @name, #room, :emoji: or /command; again for the next"),
    Key("switch", "ctrl+k", "Ctrl+K", "go to a room by a few letters"),
    Key("palette", "ctrl+p", "Ctrl+P", "all that can be done"),
    Key("previous_room", "alt+up", "Alt+↑", "the room above"),
    Key("next_room", "alt+down", "Alt+↓", "the room below"),
    Key("next_unread", "alt+a", "Alt+A", "the next room with something new"),
    Key("page_up", "pageup", "PgUp", "read back"),
    Key("page_down", "pagedown", "PgDn", "read on"),
    Key("first", "ctrl+home", "Ctrl+Home", "to the oldest message that is loaded"),
    Key("last", "ctrl+end", "Ctrl+End", "to the newest message"),
    Key("first_unread", "shift+pageup", "Shift+PgUp", "to the first new message"),
    Key("retry", "ctrl+r", "Ctrl+R", "send again what failed"),
    Key("back", "escape", "Esc", "go back, or take away the line of what is new"),
    Key("help", "f1", "F1", "help"),
    Key("quit", "ctrl+q", "Ctrl+Q", "quit"),
)
