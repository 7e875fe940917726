"""When a client turns its keys over: PROTOCOL.md section 1, "Rekey" and "Renewal".

The server has its own numbers for its own direction, and drops who has not renewed by 90 minutes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

from coterie.errors import InvalidInput
from coterie.noise.channel import REKEY_AFTER_BYTES, REKEY_AFTER_RECORDS

VARIABLE = "COTERIE_ROTATION"
REKEY_AFTER_S = 600.0  # the part of "by count, bytes or time" that needs a clock
RENEW_AFTER_S = 3600.0  # the server drops who has not renewed by 5,400


@dataclass(frozen=True, slots=True)
class Rotation:
    """Whichever comes first leads to a ``Rekey()``; a renewal comes by time alone."""

    rekey_after_records: int = REKEY_AFTER_RECORDS
    rekey_after_bytes: int = REKEY_AFTER_BYTES
    rekey_after_s: float = REKEY_AFTER_S
    renew_after_s: float = RENEW_AFTER_S

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """As ``COTERIE_ROTATION`` has it: ``rekey_after_records=100 renew_after_s=60``.

        More often than usual, to watch it; never more seldom. Raises InvalidInput.
        """
        usual = cls()
        given: dict[str, int | float] = {}
        for word in environment.get(VARIABLE, "").split():
            name, _, value = word.partition("=")
            given[name] = _number(usual, name, value)
        return replace(usual, **given)  # type: ignore[arg-type]  # each of its field's type


def _number(usual: Rotation, name: str, value: str) -> int | float:
    names = [field.name for field in fields(usual)]
    if name not in names:
        raise InvalidInput(
            f"{VARIABLE}: there is no {name!r}", hint=f"there are {', '.join(names)}"
        )
    most: int | float = getattr(usual, name)
    try:
        number = type(most)(value)
    except ValueError:
        number = type(most)(0)
    if not 1 <= number <= most:
        raise InvalidInput(f"{VARIABLE}: {name} must be a number from 1 to {most:g}")
    return number
