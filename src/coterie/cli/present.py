"""Results as lines: for people, or as JSON for programs.

Nothing from others can reach a terminal raw: text is cleaned, and the JSON is ASCII alone.
"""

import json
from collections.abc import Iterator
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from coterie.cli.message_line import CONTINUED, message_line, room_mark
from coterie.client.api import (
    Done,
    Draft,
    Found,
    Hit,
    Member,
    Members,
    Message,
    Notice,
    Page,
    Pending,
    Result,
    Room,
    Rooms,
    SafetyNumber,
    Sent,
    Status,
)
from coterie.ui.clean import clean, clean_line
from coterie.ui.pins import words_of

DIGIT_GROUPS_A_LINE = 4


def lines(  # noqa: PLR0912  # one case a result
    result: Result, *, is_json: bool, with_numbers: bool = False
) -> Iterator[str]:
    """Those of one result. As JSON it is an object a line: a list gives one for each of its parts."""
    if is_json:
        yield from map(_json, _parts(result))
        return
    match result:
        case Done() | Sent():
            return  # quiet when all is well
        case Notice(text):
            yield clean_line(text)
        case Message():
            yield message_line(result, with_number=with_numbers)
        case Page(messages):
            for message in messages:
                yield message_line(message, with_number=with_numbers)
        case Pending(_, messages):
            for message in messages:
                yield _pending(message)
        case Found(hits):
            for hit in hits:
                yield _hit(hit)
        case Draft(text):
            yield from clean(text).split("\n")
        case Room():
            yield from _table([_room_row(result)])
        case Rooms(rooms):
            yield from _table([_room_row(room) for room in rooms])
        case Members(members):
            yield from _table([_member_row(member) for member in members])
        case SafetyNumber():
            yield from _safety_number(result)
        case Status():
            yield from _status(result)
        case _:
            assert_never(result)


def grouped(hexadecimal: str, size: int = 4) -> str:
    """In groups, for eyes."""
    return " ".join(hexadecimal[at : at + size] for at in range(0, len(hexadecimal), size))


def _room_row(room: Room) -> tuple[str, ...]:
    return (
        room_mark(room.name, is_direct=bool(room.direct)),
        room.room_id[:8],
        _count(room.members, "member"),
        "admin" if room.admin else "",
        f"{room.unread} unread" if room.unread else "",
        f"{room.mentions} for you" if room.mentions else "",
        _count(room.waiting, "message") + " waiting" if room.waiting else "",
        {"all": "", "mentions": "only mentions ring", "nothing": "muted"}[room.attention],
        clean_line(room.reason or (room.topic if room.state == "open" else room.state)),
    )


def _member_row(member: Member) -> tuple[str, ...]:
    words = words_of(member.pin)
    return (
        clean_line(member.name),
        "admin" if member.admin else "",
        f"{words.mark} {clean_line(words.word)}",
        "device " + " ".join(device[:8] for device in member.devices),
    )


def _hit(hit: Hit) -> str:
    """Where it is, and the words around what was found."""
    message = hit.message
    excerpt = f"{'…' if hit.is_cut_before else ''}{hit.excerpt}{'…' if hit.is_cut_after else ''}"
    return message_line(replace(message, text=excerpt), with_room=True, with_number=True)


def _pending(message: Message) -> str:
    """What waits, or why it failed; by its ticket."""
    what = "" if message.kind == "text" else f"{clean_line(message.kind)}: "
    state = "waits" if message.state == "sending" else f"failed: {clean_line(message.reason)}"
    return f"{message.ticket}  {state}  {what}{clean_line(message.text)}"


def _safety_number(number: SafetyNumber) -> Iterator[str]:
    groups = grouped("".join(number.number.split()), 5).split()
    yield f"safety number of {clean_line(number.name)} and you:"
    for at in range(0, len(groups), DIGIT_GROUPS_A_LINE):
        yield CONTINUED + " ".join(groups[at : at + DIGIT_GROUPS_A_LINE])
    yield f"{clean_line(number.name)} {clean_line(words_of(number.pin).sentence)}"


def _status(status: Status) -> Iterator[str]:
    yield from _table(
        [
            ("account", clean_line(status.account)),
            ("account key", clean_line(status.account_key)),
            ("device", clean_line(status.device)),
            ("server", clean_line(f"{status.server}, {status.connection}")),
            ("fingerprint", clean_line(status.fingerprint)),
            ("safety number", clean_line(status.safety_number)),
            ("profile", clean_line(status.profile)),
            ("its key", clean_line(status.key_custody)),
        ]
    )
    for room in status.rooms:
        yield ""
        yield from _table([_room_row(room)])
        yield f"{CONTINUED}group {room.group}, epoch {room.epoch}, read to {room.cursor}"
        yield f"{CONTINUED}chain {room.chain}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as their widest cell, those without any content left out."""
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _parts(result: Result) -> tuple[msgspec.Struct, ...]:
    match result:
        case Rooms(rooms):
            return rooms
        case Members(members):
            return members
        case Page(messages) | Pending(_, messages):
            return messages
        case Found(hits):
            return hits
        case _:
            return (result,)


def _json(struct: msgspec.Struct) -> str:
    return json.dumps(_fields(struct))


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    """By name, without the tag that tells results apart on the socket."""

    def plain(value: Any) -> Any:
        if isinstance(value, msgspec.Struct):
            return _fields(value)
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in msgspec.structs.asdict(struct).items()}
