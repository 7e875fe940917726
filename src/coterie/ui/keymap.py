"""The keys: one table feeds the interfaces, their help and the docs. What a terminal cannot tell apart is not in it."""

import msgspec


class Key(msgspec.Struct, frozen=True):
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
    Key("typed_before", "alt+p", "Alt+P", "what was entered before, to enter it again"),
    Key("typed_after", "alt+n", "Alt+N", "what was entered after that"),
    Key("switch", "ctrl+k", "Ctrl+K", "go to a room by a few letters"),
    Key("palette", "ctrl+p", "Ctrl+P", "all that can be done"),
    Key("previous_room", "alt+up", "Alt+↑", "the room above"),
    Key("next_room", "alt+down", "Alt+↓", "the room below"),
    Key("next_unread", "alt+a", "Alt+A", "the next room with something new"),
    Key("page_up", "pageup", "PgUp", "read back"),
    Key("page_down", "pagedown", "PgDn", "read on"),
    Key("first", "ctrl+home", "Ctrl+Home", "to the oldest message"),
    Key("last", "ctrl+end", "Ctrl+End", "to the newest message"),
    Key("first_unread", "shift+pageup", "Shift+PgUp", "to the first new message"),
    Key("search", "ctrl+f", "Ctrl+F", "find words in all that you can read"),
    Key("thread", "ctrl+t", "Ctrl+T", "the thread of the selected message, or of the latest"),
    Key("select", "shift+tab,ctrl+up", "Shift+Tab or Ctrl+↑", "select a message, to do something"),
    Key("retry", "ctrl+r", "Ctrl+R", "send again what failed"),
    Key("heed", "f2", "F2", "do what the warning above the messages says"),
    Key("back", "escape", "Esc", "go back, or take away the line of what is new"),
    Key("help", "f1", "F1", "help"),
    Key("quit", "ctrl+q", "Ctrl+Q", "quit"),
)
# while a message is selected; letters can be keys then, since nothing is typed
SELECT_KEYS = (
    Key("select_up", "up,k", "↑", "the message above"),
    Key("select_down", "down,j", "↓", "the message below"),
    Key("reply", "r", "r", "reply"),
    Key("edit", "e", "e", "edit"),
    Key("delete", "d", "d", "delete"),
    Key("react", "plus", "+", "react"),
    Key("open_thread", "t", "t", "thread"),
    Key("copy", "y", "y", "copy"),
    Key("quote", "greater_than_sign", ">", "quote"),
    Key("open", "o", "o", "open a link"),
    Key("original", "enter", "Enter", "go to what it answers"),
    Key("return", "backspace", "Backspace", "come back from there"),
    Key("info", "i", "i", "info"),
    Key("unread", "u", "u", "unread from here"),
)
