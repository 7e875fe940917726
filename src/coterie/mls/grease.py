"""Values that mean nothing, sent so that others stay used to what they do not know: RFC 9420 section 13.5.

Received ones have no rule of their own, on purpose: they are handled as any unknown value is.
"""

import secrets
from dataclasses import replace

from coterie.mls.extension import Capabilities, Extension

GREASE = tuple(0x0A0A + 0x1010 * step for step in range(15))  # 0x0A0A to 0xEAEA
_MAX_DATA = 16  # bytes in an extension: "a randomly sized amount of random data"


def grease_extension() -> Extension:
    """For a KeyPackage or a GroupInfo; in a leaf its type must be among the capabilities."""
    return Extension(secrets.choice(GREASE), secrets.token_bytes(secrets.randbelow(_MAX_DATA + 1)))


def greased(capabilities: Capabilities) -> Capabilities:
    """With one random value more in each list but the versions: 8 bytes. For what is sent, not for one's own use."""
    return replace(
        capabilities,
        cipher_suites=_with_one(capabilities.cipher_suites),
        extensions=_with_one(capabilities.extensions),
        proposals=_with_one(capabilities.proposals),
        credentials=_with_one(capabilities.credentials),
    )


def _with_one(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return (*numbers, secrets.choice([value for value in GREASE if value not in numbers]))
