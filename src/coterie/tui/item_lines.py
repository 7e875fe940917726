"""An item of a timeline as lines of styled text. Pure."""

from typing import assert_never

from coterie.tui.room_timeline import Day, Entry, Item, New, Sending, Unsent, local_time
from coterie.tui.wrapping import Line, cells, cut, harmless, wrap
from coterie.tui.writing import INDENT, text_lines
from coterie.ui.clean import clean_line
from coterie.ui.pins import words_of

STYLES = (
    "text", "strong", "emphasis", "strike", "code", "quote", "link", "mention", "mention-me",
    "note", "sender", "own", "good", "bad", "new",
)  # fmt: skip
MAX_NAME = 32  # cells; an account's name is no longer, and a hostile server's is cut
_PIN_STYLES = {"compared": "good", "believed": "bad", "changed": "bad", "unknown": "bad"}


def item_lines(item: Item, width: int, own_name: str) -> list[Line]:
    """Those of one item, in ``width`` cells."""
    match item:
        case Day(day):
            return [_rule(day, width, "note")]
        case New():
            return [_rule("new", width, "new")]
        case Entry():
            return _entry(item, width, own_name)
        case Unsent():
            return _unsent(item, width, own_name)
        case _:
            assert_never(item)


def _rule(word: str, width: int, style: str) -> Line:
    left = max(width - cells(word) - 2, 0)
    return [(cut("─" * (left // 2) + f" {word} " + "─" * (left - left // 2), width), style)]


def _entry(entry: Entry, width: int, own_name: str) -> list[Line]:
    message = entry.message
    time = f"{local_time(message.time):%H:%M}"
    if message.kind == "line":
        lines = wrap([(harmless(message.text).replace("\n", " "), "note")], width - len(INDENT))
        lines[-1].append((f" {time}", "note"))
        return [
            [("* " if number == 0 else INDENT, "note"), *line] for number, line in enumerate(lines)
        ]
    head: list[Line] = []
    if entry.has_head:
        style = "own" if message.sender == own_name else "sender"
        head = [
            [
                (cut(clean_line(message.sender), MAX_NAME), style),
                *_pin(entry.pin),
                (f" {time}", "note"),
            ]
        ]
    if message.kind == "text":
        return head + text_lines(message.text, width, own_name)
    what = cut(harmless(message.kind).replace("\n", " "), MAX_NAME) or "something"
    return [*head, [(INDENT, "text"), (f"[{what}: this version cannot show it]", "note")]]


def _pin(pin: str) -> Line:
    """The mark, and the word where there is something to know; nothing for those who are as they should be."""
    if pin not in _PIN_STYLES:
        return []
    words = words_of(pin)
    text = words.mark if pin == "compared" else f"{words.mark} {words.word}"
    return [(f" {text}", _PIN_STYLES[pin])]


def _unsent(unsent: Unsent, width: int, own_name: str) -> list[Line]:
    """Its state is beside the name, where others have the time."""
    match unsent.state:
        case Sending.WAITING:
            state, style = "… waiting for the server", "note"
        case Sending.KEPT:
            reason = f"… kept, and sent when the server can be reached: {unsent.reason}"
            state, style = harmless(reason), "note"
        case Sending.FAILED:
            state, style = harmless(f"✗ not sent: {unsent.reason}, Ctrl+R tries again"), "bad"
        case _:
            assert_never(unsent.state)
    head = wrap([(own_name, "own"), (f" {state}".replace("\n", " "), style)], width)
    return head + text_lines(unsent.text, width, own_name)
