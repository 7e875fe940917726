"""Results as lines: for people, or as JSON for programs.

Nothing from others can reach a terminal raw: text is cleaned, and the JSON is ASCII alone.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, assert_never

import msgspec

from coterie.client.api import (
    Done,
    Member,
    Members,
    Message,
    Notice,
    Result,
    Room,
    Rooms,
    SafetyNumber,
    Sent,
    Status,
)
from coterie.ui.clean import clean, clean_line
from coterie.ui.pins import words_of

CONTINUED = "    "  # before the further lines of a message: they can't pass for another message
DIGIT_GROUPS_A_LINE = 4


def lines(result: Result, *, is_json: bool) -> Iterator[str]:
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
            yield message(result)
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


def message(message: Message, *, with_room: bool = False) -> str:
    """One message: time here, sender, text. A line of the system has a star in the sender's place."""
    room = f"{room_mark(message.room)} " if with_room else ""
    match message.kind:
        case "text":
            who, text = f"{clean_line(message.sender)} ", message.text
        case "line":
            who, text = "*", message.text
        case kind:
            who = f"{clean_line(message.sender)} "
            text = f"[{clean_line(kind) or 'something'}: this version cannot show it]"
    first, *rest = clean(text).split("\n")
    head = f"{local_time(message.time)} {room}{who} {first}"
    return "\n".join([head, *(CONTINUED + line for line in rest)])


def local_time(time: str) -> str:
    """To the minute, on the clock of who reads. A sender's clock can be anything, so it never fails."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return clean_line(time)[:16]


def room_mark(name: str) -> str:
    """A room's name as people know it."""
    return f"#{clean_line(name)}"


def grouped(hexadecimal: str, size: int = 4) -> str:
    """In groups, for eyes."""
    return " ".join(hexadecimal[at : at + size] for at in range(0, len(hexadecimal), size))


def _room_row(room: Room) -> tuple[str, ...]:
    return (
        room_mark(room.name),
        room.room_id[:8],
        _count(room.members, "member"),
        "admin" if room.admin else "",
        _count(room.waiting, "message") + " waiting" if room.waiting else "",
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
