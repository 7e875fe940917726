"""Which attacks there are, so that their list costs no import of what they do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Attack(NamedTuple):
    """``against`` names its two functions: against Coterie, and in ``plain`` against the naive chat."""

    summary: str
    module: str
    function: str


def _in(module: str, function: str, summary: str) -> Attack:
    return Attack(summary, f"coterie.attacks.{module}", function)


ATTACKS: Mapping[str, Attack] = MappingProxyType(
    {
        "replay": _in("records", "replay", "Send again what was recorded: a record, a connection."),
        "flip": _in("records", "flip", "Change one bit of a record on its way."),
        "truncate": _in("records", "truncate", "Cut a record short, or the connection."),
        "reorder": _in("records", "reorder", "Have two records change places."),
        "impostor": _in("servers", "impostor", "Pose as the server, with a key of one's own."),
        "mitm": _in(
            "servers", "man_in_the_middle", "Stand between client and server, with keys for both."
        ),
        "sniff": _in("servers", "sniff", "Look for the password on the wire and on the disk."),
        "guess": _in("guessing", "guess", "Guess passwords from a stolen server database."),
        "alter": _in("lying_server", "alter", "As the operator, change a message in the log."),
        "withhold": _in("lying_server", "withhold", "As the operator, keep messages back."),
        "fork": _in("lying_server", "fork", "As the operator, show two people two logs."),
        "add-device": _in(
            "lying_server", "add_device", "As the operator, let a device of one's own into a room."
        ),
    }
)
PLAIN = "coterie.attacks.plain"
