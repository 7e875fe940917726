"""Why a room cannot go on as it is, and what a person can do about it, as the commands that do it."""

import shlex
from types import MappingProxyType

from coterie.client.direct import partner
from coterie.client.group_log import GroupLog, Halt, state

REASONS = MappingProxyType(
    {
        Halt.JOINING: "this device is still joining the room",
        Halt.STUCK: "a commit did not open here: this device asks the room to let it in anew",
        Halt.OLDER_COPY: "this profile is an older copy of itself: it asks the room to let it in anew",
        Halt.FORKED: "a member saw another log than this device",
        Halt.LOST: "the server has less of this room than this device",
        Halt.REMOVED: "you are no longer in this room",
    }
)
WAITS_FOR_A_PERSON = (Halt.FORKED, Halt.LOST)


def follow_command(log: GroupLog, *, made_by: str = "", accept: tuple[str, ...] = ()) -> str:
    """Goes on where an admin says. A room's name is its admins' choice, and must not run anything in a shell."""
    words = ["coterie", "room", "follow", _name(log)]
    words += ["--made-by", made_by] if made_by else []
    for word in accept:
        words += ["--accept", word]
    return shlex.join(words)


def renew_command(log: GroupLog, *, instead_of: str = "") -> str:
    """Makes a new group."""
    words = ["coterie", "room", "renew", _name(log)]
    return shlex.join([*words, *(["--instead-of", instead_of] if instead_of else [])])


def acknowledge_command(log: GroupLog) -> str:
    """Says that its fork was seen. ``@name`` would acknowledge that account's key."""
    name = state(log).room_id.hex()[:8] if partner(log) else state(log).name
    return shlex.join(["coterie", "acknowledge", name])


def _name(log: GroupLog) -> str:
    """As a command takes it."""
    other = partner(log)
    return f"@{other}" if other else state(log).name


def remedy(log: GroupLog, *, is_admin: bool, is_invited: bool) -> str:
    """Empty where there is nothing. ``is_invited``: an invitation to a second group of the room waits."""
    if log.halt is Halt.REMOVED:
        return f"`{follow_command(log)}` goes to the new group of it" if is_invited else ""
    if log.successor and log.declined:
        ways = [follow_command(log, accept=log.strange)] if log.strange else []
        ways += [follow_command(log, made_by=by) for by, _, _ in log.rivals]
        ways += [renew_command(log, instead_of=log.successor_by)] if is_admin else []
        return " or ".join(f"`{way}`" for way in ways)
    if log.successor:
        return f"`{follow_command(log)}`"
    if log.halt is Halt.FORKED:
        return f"`{acknowledge_command(log)}`"
    if log.halt is Halt.STUCK and is_admin:
        return f"where nobody does, `{renew_command(log)}`"
    if log.halt is Halt.LOST:
        return f"`{renew_command(log)}`" + ("" if is_admin else ", by an admin")
    return ""
