"""What the screens say about rooms, people and the connection. Pure; text from others is cleaned here."""

from coterie.client.api import Member, Room, SafetyNumber, Status
from coterie.ui.clean import clean_line
from coterie.ui.commands import COMMANDS
from coterie.ui.keymap import KEYS
from coterie.ui.pins import words_of

DIGIT_GROUPS_A_LINE = 4


def room_mark(room: Room) -> str:
    """A room's name as people know it."""
    return f"#{clean_line(room.name)}"


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def room_hint(room: Room, unread: int, mentions: int) -> str:
    """Behind its name: what is new, and what is wrong."""
    new = f"{unread} new" + (f", {mentions} for you" if mentions else "") if unread else ""
    state = clean_line(room.reason)
    return " · ".join(part for part in (new, counted(room.members, "member"), state) if part)


def header(room: Room, members: tuple[Member, ...], *, is_connected: bool) -> str:
    """The room, how many are in it, how many of the others were verified, and what waits for the server."""
    parts = [room_mark(room), counted(room.members, "member")]
    others = [member for member in members if member.pin != "self"]
    verified = sum(member.pin == "compared" for member in others)
    if any(member.pin == "changed" for member in others):
        parts.append("⚠ key changed")
    elif others and verified == len(others):
        parts.append("✓ all verified")
    elif others:
        parts.append(f"{verified} of {len(others)} verified")
    if room.waiting and not is_connected:  # else it is there in a moment
        parts.append(f"… {room.waiting} waiting")
    if room.topic:
        parts.append(clean_line(room.topic))
    return " · ".join(parts)


def member_hint(member: Member) -> str:
    """Behind a member's name."""
    words = words_of(member.pin)
    mark = f"{words.mark} {words.word}".strip()
    devices = counted(len(member.devices), "device")
    return " · ".join(part for part in (mark, "admin" if member.admin else "", devices) if part)


def safety_number(number: SafetyNumber) -> str:
    """The number in groups, and what there is to know about the key."""
    name, words = clean_line(number.name), words_of(number.pin)
    digits = "".join(number.number.split())
    groups = [digits[at : at + 5] for at in range(0, len(digits), 5)]
    rows = [
        "    " + " ".join(groups[at : at + DIGIT_GROUPS_A_LINE])
        for at in range(0, len(groups), DIGIT_GROUPS_A_LINE)
    ]
    return "\n".join(
        [
            f"{words.mark} {words.word}".strip(),
            f"{name} {words.sentence}",
            "",
            *rows,
            "",
            f"{name} sees a number for you, too: read them to each other, over the telephone or in person.",
            "If they are the same, no server stands between you.",
        ]
    )


def status(status: Status) -> str:
    """How things are with this profile."""
    rows = (
        ("account", status.account),
        ("account key", status.account_key),
        ("device", status.device),
        ("server", f"{status.server}, {status.connection}"),
        ("fingerprint", status.fingerprint),
        ("safety number", status.safety_number),
        ("profile", status.profile),
        ("its key", status.key_custody),
    )
    return "\n".join(f"{name:<14} {clean_line(value)}" for name, value in rows)


def help_text() -> str:
    """The keys and the commands."""
    keys = [f"{key.shown:<11} {key.help}" for key in KEYS]
    width = max(len(command.usage) for command in COMMANDS.values())
    commands = [f"{command.usage:<{width}}  {command.help}" for command in COMMANDS.values()]
    slash = f"{'//':<{width}}  sends a slash"
    return "\n".join(["Keys", *keys, "", "Commands", *commands, slash])
