"""What can stand on the command line: each is checked there, so that a wrong one is exit status 2.

All take what was typed and raise Misuse.
"""

import re
from typing import TYPE_CHECKING

import click

from coterie.cli.misuse import Misuse
from coterie.errors import InvalidInput

if TYPE_CHECKING:
    from coterie.wire.invite import Address, Invite

MAX_ROOM = 200  # characters, as client.api.RoomRef
MAX_DURATION_S = 3_650 * 86_400  # ten years: what is longer was a slip
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


NUMBER = click.IntRange(1, 2**63 - 1)  # of a message


def text(typed: str) -> str:
    """Any text."""
    try:
        typed.encode()
    except UnicodeEncodeError:
        raise Misuse(f"not UTF-8: {_shown(typed)}") from None
    return typed


def room(typed: str) -> str:
    """A room's name, with or without #, or the beginning of its id."""
    if not 1 <= len(text(typed)) <= MAX_ROOM or typed == "#":
        raise Misuse(f"a room's name has 1 to {MAX_ROOM} characters")
    return typed


def account(typed: str) -> str:
    """An account's name, without the @ that it may be written with."""
    from coterie.wire import names

    name = typed.removeprefix("@")
    if not names.is_allowed(name):
        raise Misuse(f"{_shown(name)} cannot be a name", hint=f"a name is {names.RULE}")
    return name


def invite(typed: str) -> "Invite":
    """``coterie://HOST:PORT/#...``, or ``coteries://`` with TLS."""
    from coterie.wire.invite import decode_invite

    try:
        return decode_invite(text(typed))
    except InvalidInput as error:
        raise Misuse(str(error), hint=error.hint) from error


def host_port(typed: str) -> str:
    """``HOST:PORT``, HOST, or ``[ADDRESS]:PORT`` for IPv6, as it was typed."""
    address(typed)
    return typed


def address(typed: str) -> "Address":
    """The same, read; ``coteries://`` before it means TLS."""
    from coterie.wire.invite import decode_address

    try:
        return decode_address(text(typed))
    except InvalidInput as error:
        raise Misuse(str(error), hint=error.hint) from error


def pin(typed: str) -> bytes:
    """``sha256//...``, of a certificate's key."""
    from coterie.wire.tls import decode_pin

    try:
        return decode_pin(text(typed))
    except InvalidInput as error:
        raise Misuse(str(error), hint=error.hint) from error


def duration(typed: str) -> float:
    """A number and s, m, h or d, as seconds."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", typed)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not seconds:
        raise Misuse(f"not a duration: {_shown(typed)}", hint="write 90s, 15m, 12h or 7d")
    if seconds > MAX_DURATION_S:
        raise Misuse(f"{typed} is longer than {MAX_DURATION_S // 86_400}d")
    return float(seconds)


def _shown(typed: str) -> str:
    """For an error: the beginning, whatever the bytes are."""
    return f"'{typed[:80].encode(errors='backslashreplace').decode()}'"
