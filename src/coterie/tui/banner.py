"""What is wrong with a room, in plain words: what happened, what to do, and the key that does it. Pure."""

from typing import Literal

import msgspec

from coterie.client.api import Member, Room
from coterie.tui.words import account
from coterie.ui.clean import clean_line

Way = Literal["key", "fork", "renew", "follow", "wait"]


class Banner(msgspec.Struct, frozen=True):
    """``way`` is what the key does."""

    text: str
    way: Way


def banner(room: Room, members: tuple[Member, ...], key: str) -> Banner | None:
    """For a room with something wrong; ``key`` is the one that does what helps, as people read it."""
    match room.state:
        case "key-changed":
            changed = ", ".join(account(one.name) for one in members if one.pin == "changed")
            who = f"the key of {changed}" if changed else "a key"
            text = (
                f"⚠ {who} changed: nothing is sent before you have seen it. {key} shows what to do"
            )
            return Banner(text, "key")
        case "forked":
            text = (
                f"⚠ a member saw another log than this device: compare what you read. {key} goes on"
            )
            return Banner(text, "fork")
        case "lost" | "stuck" if room.admin:
            return Banner(f"⚠ {_happened(room)}. {key} lets it go on in a new group", "renew")
        case "lost" | "stuck" | "older-copy" | "joining":
            return Banner(f"… {_happened(room)}. You can read what is here", "wait")
        case "open" if room.reason:
            return Banner(f"⚠ {_happened(room)}. {key} goes there", "follow")
        case "removed" if "follow" in room.reason:
            return Banner(
                f"⚠ {_happened(room)}, which goes on in a new group. {key} goes there", "follow"
            )
        case _:
            return Banner(f"⚠ {_happened(room)}", "wait") if room.reason else None


def _happened(room: Room) -> str:
    """Its reason without the commands for who has no screen."""
    return clean_line(room.reason).split(": `", 1)[0].split(": where nobody does", 1)[0]
