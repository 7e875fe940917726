"""A safety number as a QR code holds it: ``coterie:verify/NAME/DIGITS``, where NAME is whose screen shows it. Pure.

The 60 digits are made of both names and both keys, so who scans them compares what others compare by eye. Capitals
mean the same as small letters, and a QR code of capitals is smaller.
"""

import re
from dataclasses import dataclass

from coterie.errors import InvalidInput
from coterie.wire import names

PREFIX = "coterie:verify/"
DIGITS = 60
GROUP = 5

_CODE = re.compile(rf"{PREFIX}([^/]+)/([0-9]{{{DIGITS}}})")


@dataclass(frozen=True, slots=True)
class SafetyCode:
    """What was scanned: on the screen of ``account``, and the number there, in groups."""

    account: str
    number: str


def encode(account: str, number: str) -> str:
    """What the screen of ``account`` shows."""
    return f"{PREFIX}{account}/{''.join(number.split())}".upper()


def decode(text: str) -> SafetyCode:
    """Raises InvalidInput for what is no such code, or cut off."""
    found = _CODE.fullmatch("".join(text.split()).lower())
    if found is None or not names.is_allowed(found[1]):
        hint = f"it begins with {PREFIX}, and ends with {DIGITS} digits"
        raise InvalidInput("that is not the code of a safety number, or not all of it", hint=hint)
    groups = (found[2][at : at + GROUP] for at in range(0, DIGITS, GROUP))
    return SafetyCode(found[1], " ".join(groups))


def check(text: str, name: str, number: str) -> None:
    """Raises InvalidInput unless ``text`` was scanned on the screen of ``name``, and says the number that we see."""
    code = decode(text)
    if code.account != name:
        raise InvalidInput(f"that code is of {code.account}'s screen, not of {name}'s")
    if code.number.split() != number.split():
        raise InvalidInput(
            f"{name} sees another number: nothing was recorded",
            hint="somebody may stand between you, or one of you looks at another account of that name",
        )
