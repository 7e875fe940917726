"""What the screens say about rooms, people and the connection. Pure; text from others is cleaned here."""

from collections.abc import Collection, Iterable
from textwrap import wrap

from coterie.client.api import Member, Room, Status
from coterie.errors import CoterieError
from coterie.tui.wrapping import cut, harmless
from coterie.ui.clean import clean_line
from coterie.ui.commands import SCREEN_COMMANDS
from coterie.ui.keymap import KEYS, SELECT_KEYS, Key
from coterie.ui.pins import words_of
from coterie.ui.plain import plain_words

TOLD_APART = 4  # characters of an id: enough among the rooms of one person
MAX_NAME = 32  # cells; an account's name is no longer, and a hostile server's is cut
FOOTER = "^K switch · ^J newline · F1 help"
MUTED = {"mentions": "mentions ring", "nothing": "nothing rings"}


PRESENT = {"online": "●", "away": "◐"}  # of whom nothing is known, like those who are not there: ○


def account(name: str) -> str:
    """As it can be shown: a hostile server's may be anything."""
    return cut(clean_line(name), MAX_NAME)


def beginning(text: str, most: int) -> str:
    """Of a message on one line, without marks: of so many characters of it, since a line shows few."""
    return plain_words(harmless(text[:most]))


def room_mark(room: Room) -> str:
    """A room's name as people know it, or whom the direct messages are with."""
    return f"@{account(room.direct)}" if room.direct else f"#{clean_line(room.name)}"


def told_apart(room: Room, twins: Collection[str]) -> str:
    """Behind a name that several rooms have: the beginning of its id, by which it is found, too."""
    is_twin = not room.direct and room.name in twins
    return f" ~{room.room_id[:TOLD_APART]}" if is_twin else ""


def side_name(room: Room, presence: str, pin: str) -> str:
    """A room in the list; of direct messages, whether the other is there and how the key came here."""
    if not room.direct:
        return f"# {clean_line(room.name)}"
    mark = words_of(pin).mark if pin in ("compared", "believed", "changed") else ""
    return f"{PRESENT.get(presence, '○')} {account(room.direct)} {mark}".rstrip()


def news(room: Room, *, has_draft: bool) -> str:
    """Behind it: how much is new, whether some is for this person, what was begun, and that something is wrong."""
    parts = [str(room.unread) if room.unread else "", "@" if room.mentions else ""]
    parts += ["✎" if has_draft else "", "⚠" if room.reason else ""]
    return " ".join(part for part in parts if part)


def typing(names: tuple[str, ...]) -> str:
    """Who is."""
    shown = [account(name) for name in names[:2]]
    match shown:
        case []:
            return ""
        case [one]:
            return f"{one} is typing…"
        case _ if len(names) > len(shown):
            return f"{', '.join(shown)} and {len(names) - len(shown)} more are typing…"
        case _:
            return f"{' and '.join(shown)} are typing…"


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def room_hint(room: Room) -> str:
    """Behind its name: what is new, how many are in it, what rings, and what is wrong."""
    new = f"{room.unread} new" + (f", {room.mentions} for you" if room.mentions else "")
    parts = [new if room.unread else "", "" if room.direct else counted(room.members, "member")]
    parts += [MUTED.get(room.attention, ""), clean_line(room.reason)]
    return " · ".join(part for part in parts if part)


def header(room: Room, members: tuple[Member, ...], *, is_connected: bool) -> str:
    """The room, how many are in it, how many of the others were verified, and what waits for the server."""
    parts = [room_mark(room)] + ([] if room.direct else [counted(room.members, "member")])
    others = [member for member in members if member.pin != "self"]
    verified = sum(member.pin == "compared" for member in others)
    if any(member.pin == "changed" for member in others):
        parts.append("⚠ key changed")
    elif others and verified == len(others):
        parts.append("✓ verified" if room.direct else "✓ all verified")
    elif room.direct:
        parts += [words_of(member.pin).marked for member in others]
    elif others:
        parts.append(f"{verified} of {len(others)} verified")
    if room.waiting and not is_connected:  # else it is there in a moment
        parts.append(f"… {room.waiting} waiting")
    if room.attention != "all":
        parts.append(MUTED[room.attention])
    if room.topic:
        parts.append(clean_line(room.topic))
    return " · ".join(parts)


def member_hint(member: Member) -> str:
    """Behind a member's name."""
    pin = words_of(member.pin).marked
    devices = counted(len(member.devices), "device")
    return " · ".join(part for part in (pin, "admin" if member.admin else "", devices) if part)


def status(status: Status, width: int) -> str:
    """How things are with this profile, in lines of so many cells."""
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
    return _columns([(name, clean_line(value)) for name, value in rows], width)


def help_text(width: int) -> str:
    """The keys and the commands, in lines of so many cells."""
    commands = [(command.usage, command.help) for command in SCREEN_COMMANDS.values()]
    parts = (
        ("Keys", [(key.shown, key.help) for key in KEYS]),
        ("While a message is selected", [(key.shown, key.help) for key in SELECT_KEYS]),
        ("Commands", [*commands, ("//", "sends a slash")]),
    )
    return "\n\n".join(f"{head}\n{_columns(rows, width)}" for head, rows in parts)


def _columns(rows: list[tuple[str, str]], width: int) -> str:
    """The second one is wrapped under itself; below the first, where that leaves it no room."""
    first = max(len(name) for name, _ in rows) + 2
    if first > width // 2:
        first = 4
    lines: list[str] = []
    for name, text in rows:
        told = wrap(text, width - first) or [""]
        if len(name) + 2 > first:
            lines.append(name)
        else:
            lines.append(f"{name:<{first}}{told.pop(0)}".rstrip())
        lines += [" " * first + line for line in told]
    return "\n".join(lines)


def error_line(error: CoterieError) -> str:
    """What went wrong, and what can be done, on one line."""
    return f"{error} — {error.hint}" if error.hint else str(error)


def select_hint(keys: Iterable[Key]) -> str:
    """What they do now."""
    return " · ".join([*(f"{key.shown} {key.help}" for key in keys), "Esc back"])


def first_steps(account_name: str, server: str) -> str:
    """In place of messages where there is no room yet."""
    name = account(account_name)
    steps = (
        ("/create ROOM NAME …", "makes a room with these people"),
        ("/msg NAME", "begins direct messages with one"),
        ("F1", "lists all keys and commands"),
    )
    width = max(len(typed) for typed, _ in steps)
    return "\n".join(
        [
            f"You are {name} on {clean_line(server)}.",
            "There is no room yet.",
            "",
            *(f"{typed:<{width}}  {does}" for typed, does in steps),
            "",
            f"Others add you to their rooms by that name: {name}",
        ]
    )
