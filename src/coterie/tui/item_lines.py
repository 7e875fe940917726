"""An item of a timeline as lines of styled text. Pure."""

from typing import assert_never

import msgspec

from coterie.client.api import Message, Quote, Reactions
from coterie.tui.room_timeline import GONE, Day, Entry, Item, New, Unsent, local_time
from coterie.tui.words import MAX_NAME, account, beginning
from coterie.tui.wrapping import Line, Run, cells, cut, harmless, wrap
from coterie.tui.writing import INDENT, done_lines, text_lines
from coterie.ui.pins import words_of

STYLES = (
    "text", "strong", "emphasis", "strike", "code", "quote", "link", "mention", "mention-me",
    "note", "sender", "own", "good", "bad", "new",
)  # fmt: skip

SYSTEM = (
    "-- "  # no message of anybody begins so: one begins with a name, ``DONE``, or further right
)
DONE = "* "
MAX_EMOJI = 8  # cells; others choose what they react with
MAX_REACTIONS = 20  # emoji that are shown
MAX_QUOTED = 400  # characters looked at, of which a line shows some
_PIN_STYLES = {
    "compared": "good",
    "believed": "bad",
    "changed": "bad",
    "earlier": "bad",
    "unknown": "bad",
}
_CHANGES = {"edit": "edit", "delete": "deletion", "reaction": "reaction"}


class Look(msgspec.Struct, frozen=True):
    """How things are drawn: in so many cells, for whom, and how that person likes it."""

    width: int
    own_name: str
    is_12h: bool = False
    is_compact: bool = False

    def clock(self, time: str) -> str:
        """The time of day."""
        at = local_time(time)
        return f"{at.hour % 12 or 12}:{at:%M} {at:%p}" if self.is_12h else f"{at:%H:%M}"


def item_lines(item: Item, look: Look) -> list[Line]:
    """Those of one item."""
    match item:
        case Day(day):
            return [_rule(day, look.width, "note")]
        case New():
            return [_rule("new", look.width, "new")]
        case Entry(message) if message.kind == "line":
            return _system_line(message, look)
        case Entry():
            return _entry(item, look)
        case Unsent():
            return _unsent(item, look)
        case _:
            assert_never(item)


def _rule(word: str, width: int, style: str) -> Line:
    left = max(width - cells(word) - 2, 0)
    return [(cut("─" * (left // 2) + f" {word} " + "─" * (left - left // 2), width), style)]


def _system_line(message: Message, look: Look) -> list[Line]:
    text = harmless(message.text).replace("\n", " ")
    text = f"{text} {look.clock(message.time)}"
    lines = wrap([(text, "note")], look.width - len(SYSTEM))
    return [
        [(SYSTEM if number == 0 else " " * len(SYSTEM), "note"), *line]
        for number, line in enumerate(lines)
    ]


def _entry(entry: Entry, look: Look) -> list[Line]:
    message = entry.message
    is_done = message.is_action and message.kind == "text" and not message.deleted_by
    body = _body(message, look) if not is_done else _done(message, look, entry.pin)
    above = 1 if is_done else 0  # of the body, before what it belongs to is told
    if not entry.in_thread and message.thread and not message.reply_to:
        body.insert(above, _note(f"↳ in {entry.thread_of or 'a thread'}", look))
    if message.reply_to:
        body.insert(above, _quote(message.reply_to, look.width))
    if message.reactions:
        body += _reactions(message.reactions, look)
    if message.replies and not entry.in_thread:
        replies = "1 reply" if message.replies == 1 else f"{message.replies} replies"
        body.append([(INDENT, "text"), (f"↳ {replies}", "link")])
    if is_done or not entry.has_head:
        return body
    head: Line = [
        _name(message, look),
        *_pin(entry.pin),
        (f" {look.clock(message.time)}", "note"),
    ]
    return _under(head, body, look)


def _under(head: Line, body: list[Line], look: Look) -> list[Line]:
    """Compact: the first line is beside the head where there is room for it."""
    used = sum(cells(text) for text, _ in head)
    if look.is_compact and body and used + sum(cells(text) for text, _ in body[0]) <= look.width:
        return [[*head, *body[0]], *body[1:]]
    return [head, *body]


def _body(message: Message, look: Look) -> list[Line]:
    """What was said, or what is left of it."""
    if message.deleted_by:
        own = message.deleted_by == message.sender
        by = account(message.deleted_by)
        return [_note("[message deleted]" if own else f"[deleted by {by}]", look)]
    if message.kind != "text":
        what = cut(harmless(message.kind).replace("\n", " "), MAX_NAME) or "something"
        return [_note(f"[{what}: this version cannot show it]", look)]
    return _noted(text_lines(message.text, look.width, look.own_name), message, look)


def _done(message: Message, look: Look, pin: str) -> list[Line]:
    """What somebody does: on the line of the name, with the time behind it.

    The mark of the pin is before the name: what is behind it is anybody's word.
    """
    mark = words_of(pin).mark if pin in _PIN_STYLES else ""
    head: Line = [(f"{mark} ", _PIN_STYLES[pin])] if mark else []
    lines = done_lines(DONE, [*head, _name(message, look)], message.text, look.width, look.own_name)
    return _noted(lines, message, look, f" {look.clock(message.time)}")


def _name(message: Message, look: Look) -> Run:
    style = "own" if message.sender == look.own_name else "sender"
    return account(message.sender), style


def _noted(lines: list[Line], message: Message, look: Look, *notes_first: str) -> list[Line]:
    """With what is told behind the text, where there is room for it, or below it."""
    notes: list[Run] = [(note, "note") for note in notes_first]
    if message.edited:
        notes.append(("  (edited)", "note"))
    if message.state == "changing":
        notes.append(("  …", "note"))
    for note in notes:
        if sum(cells(text) for text, _ in lines[-1]) + cells(note[0]) <= look.width:
            lines[-1].append(note)
        else:
            lines.append([(INDENT, "text"), (note[0].strip(), note[1])])
    return lines


def _note(text: str, look: Look) -> Line:
    return [(INDENT, "text"), (cut(text, look.width - len(INDENT)), "note")]


def _quote(quote: Quote, width: int) -> Line:
    """What a reply answers, on one line."""
    if quote.is_deleted:
        said = "[message deleted]"
    elif not quote.sender:
        said = "[said before you were here]"
    else:
        said = beginning(quote.text, MAX_QUOTED)
    name = account(quote.sender)
    text = f"↪ {name}: {said}" if name else f"↪ {said}"
    return [(INDENT, "text"), (cut(text, width - len(INDENT)), "quote")]


def _reactions(reactions: tuple[Reactions, ...], look: Look) -> list[Line]:
    """Each emoji with how many gave it; one's own stand in brackets."""
    runs: list[Run] = []
    for one in reactions[:MAX_REACTIONS]:
        text = f"{_emoji(one.emoji)} {len(one.names)}"
        is_own = look.own_name in one.names
        runs += [(f"[{text}]", "own") if is_own else (text, "text"), ("  ", "text")]
    if len(reactions) > MAX_REACTIONS:
        runs.append((f"and {len(reactions) - MAX_REACTIONS} more", "note"))
    return [[(INDENT, "text"), *line] for line in wrap(runs, look.width - len(INDENT))]


def _emoji(emoji: str) -> str:
    return cut(" ".join(harmless(emoji[:MAX_QUOTED]).split()), MAX_EMOJI)


def _pin(pin: str) -> Line:
    """The mark, and the word where there is something to know; nothing for those who are as they should be."""
    if pin == GONE:
        return [(" · not a member", "note")]
    if pin not in _PIN_STYLES:
        return []
    words = words_of(pin)
    text = words.mark if pin == "compared" else f"{words.mark} {words.word}"
    return [(f" {text}", _PIN_STYLES[pin])]


def _unsent(unsent: Unsent, look: Look) -> list[Line]:
    """Its state is beside the name, where others have the time."""
    message = unsent.message
    what = _CHANGES.get(message.kind, "")
    if message.state == "failed":
        begin = f"✗ {what} not sent" if what else "✗ not sent"
        state = f"{begin}: {message.reason}, Ctrl+R tries again, /discard gives it up"
        style = "bad"
    else:
        state, style = "… sending" if unsent.is_connected else "… waiting for the server", "note"
    state = harmless(f" {state}").replace("\n", " ")
    head = wrap([(look.own_name, "own"), (state, style)], look.width)
    if message.kind == "delete":
        body = []
    elif message.is_action:
        body = done_lines(DONE, [(look.own_name, "own")], message.text, look.width, look.own_name)
    else:
        body = text_lines(message.text, look.width, look.own_name)
    if message.reply_to:
        body.insert(0, _quote(message.reply_to, look.width))
    return head + body
