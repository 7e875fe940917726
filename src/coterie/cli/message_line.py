"""A message as a line, and what became of it as a sentence. Nothing from others reaches the terminal raw."""

from collections.abc import Iterator
from datetime import datetime

from coterie.client.api import Message, Quote
from coterie.ui.clean import clean, clean_line

CONTINUED = "    "  # before the further lines of a message: they can't pass for another message
DIRECT_ID_SIZE = 64  # hexadecimal digits of a direct room's id; other rooms have half of them


def message_line(message: Message, *, with_room: bool = False, with_number: bool = False) -> str:
    """One message: time here, sender, text. A line of the system has a star in the sender's place."""
    number = f"{message.number} " if with_number else ""
    room = f"{_room(message)} " if with_room else ""
    first, *rest = f"{_said(message)}{_marks(message)}".split("\n")
    head = f"{number}{local_time(message.time)} {room}{first}"
    return "\n".join([head, *(CONTINUED + line for line in rest)])


def changes(before: Message, now: Message, *, with_room: bool = False) -> Iterator[str]:
    """A sentence for each thing that became of a message since: who did what, to which number."""
    which = f"{now.number} in {_room(now)}" if with_room else f"{now.number}"
    if now.deleted_by and not before.deleted_by:
        yield f"{clean_line(now.deleted_by)} deleted {which}"
        return
    if now.edited != before.edited or now.text != before.text:
        first, *rest = clean(now.text).split("\n")
        lines = [f"{clean_line(now.sender)} edited {which}: {first}"]
        yield "\n".join([*lines, *(CONTINUED + line for line in rest)])
    had = {(one.emoji, name) for one in before.reactions for name in one.names}
    has = {(one.emoji, name) for one in now.reactions for name in one.names}
    for emoji, name in sorted(has - had):
        yield f"{clean_line(name)} reacted {clean_line(emoji)} to {which}"
    for emoji, name in sorted(had - has):
        yield f"{clean_line(name)} took {clean_line(emoji)} from {which}"


def local_time(time: str) -> str:
    """To the minute, on the clock of who reads. A sender's clock can be anything, so it never fails."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return clean_line(time)[:16]


def room_mark(name: str, *, is_direct: bool = False) -> str:
    """A room's name as people know it; that of direct messages is who is at the other end."""
    return f"{'@' if is_direct else '#'}{clean_line(name)}"


def _room(message: Message) -> str:
    return room_mark(message.room, is_direct=len(message.room_id) == DIRECT_ID_SIZE)


def _said(message: Message) -> str:
    sender = clean_line(message.sender)
    if message.kind == "line":
        return f"* {clean(message.text)}"
    if message.deleted_by:
        by = "" if message.deleted_by == message.sender else f" by {clean_line(message.deleted_by)}"
        return f"{sender}  [deleted{by}]"
    if message.kind != "text":
        what = clean_line(message.kind) or "something"
        return f"{sender}  [{what}: this version cannot show it]"
    if message.reply_to is not None:
        return f"{sender} → {_answered(message.reply_to)}: {clean(message.text)}"
    if message.is_action:
        return f"{sender} {clean(message.text)}"
    return f"{sender}{' in a thread:' if message.thread else ' '} {clean(message.text)}"


def _answered(quote: Quote) -> str:
    if not quote.sender:
        return "something before your time"
    return f"{clean_line(quote.sender)} {quote.number}{', deleted' if quote.is_deleted else ''}"


def _marks(message: Message) -> str:
    """What stands behind the text, in words."""
    if message.deleted_by:
        return ""
    marks = [" (edited)"] if message.edited else []
    if message.has_earlier_key:
        marks.append(" (earlier key)")
    if message.state == "failed":
        marks.append(f" (not sent: {clean_line(message.reason)})")
    elif message.state == "sending":
        marks.append(" (sending)")
    marks += [
        f" [{clean_line(one.emoji)} {', '.join(map(clean_line, one.names))}]"
        for one in message.reactions
    ]
    if message.replies:
        marks.append(f" [{message.replies} in its thread]")
    return "".join(marks)
