"""Handshake patterns as a table: Noise section 7, and the deferred ones of section 7.6 and appendix 18.

``->`` is the initiator. Tokens above ``...`` are pre-messages.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Token(StrEnum):
    """Noise section 7.1; ``e1`` and ``ekem1`` are of the HFS extension."""

    E = "e"
    S = "s"
    EE = "ee"
    ES = "es"
    SE = "se"
    SS = "ss"
    E1 = "e1"
    EKEM1 = "ekem1"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Who sends what. Message 0 is the initiator's, then they alternate."""

    name: str
    initiator_pre: tuple[Token, ...]
    responder_pre: tuple[Token, ...]
    messages: tuple[tuple[Token, ...], ...]

    @property
    def is_one_way(self) -> bool:
        """Whether the responder never sends: section 7.4."""
        return len(self.messages) == 1


_TABLE = """
N:    <- s | ... | -> e es
K:    -> s | <- s | ... | -> e es ss
X:    <- s | ... | -> e es s ss

NN:   -> e | <- e ee
NK:   <- s | ... | -> e es | <- e ee
NX:   -> e | <- e ee s es
KN:   -> s | ... | -> e | <- e ee se
KK:   -> s | <- s | ... | -> e es ss | <- e ee se
KX:   -> s | ... | -> e | <- e ee se s es
XN:   -> e | <- e ee | -> s se
XK:   <- s | ... | -> e es | <- e ee | -> s se
XX:   -> e | <- e ee s es | -> s se
IN:   -> e s | <- e ee se
IK:   <- s | ... | -> e es s ss | <- e ee se
IX:   -> e s | <- e ee se s es

NK1:  <- s | ... | -> e | <- e ee es
NX1:  -> e | <- e ee s | -> es
X1N:  -> e | <- e ee | -> s | <- se
X1K:  <- s | ... | -> e es | <- e ee | -> s | <- se
XK1:  <- s | ... | -> e | <- e ee es | -> s se
X1K1: <- s | ... | -> e | <- e ee es | -> s | <- se
X1X:  -> e | <- e ee s es | -> s | <- se
XX1:  -> e | <- e ee s | -> es s se
X1X1: -> e | <- e ee s | -> es s | <- se
K1N:  -> s | ... | -> e | <- e ee | -> se
K1K:  -> s | <- s | ... | -> e es | <- e ee | -> se
KK1:  -> s | <- s | ... | -> e | <- e ee se es
K1K1: -> s | <- s | ... | -> e | <- e ee es | -> se
K1X:  -> s | ... | -> e | <- e ee s es | -> se
KX1:  -> s | ... | -> e | <- e ee se s | -> es
K1X1: -> s | ... | -> e | <- e ee s | -> se es
I1N:  -> e s | <- e ee | -> se
I1K:  <- s | ... | -> e es s | <- e ee | -> se
IK1:  <- s | ... | -> e s | <- e ee se es
I1K1: <- s | ... | -> e s | <- e ee es | -> se
I1X:  -> e s | <- e ee s es | -> se
IX1:  -> e s | <- e ee se s | -> es
I1X1: -> e s | <- e ee s | -> se es

NXhfs: -> e e1 | <- e ee ekem1 s es
"""


def _parse(line: str) -> Pattern:
    name, _, rest = line.partition(":")
    steps = [step.split() for step in rest.split("|")]
    pre: dict[str, tuple[Token, ...]] = {"->": (), "<-": ()}
    if ["..."] in steps:
        at = steps.index(["..."])
        pre |= {step[0]: tuple(map(Token, step[1:])) for step in steps[:at]}
        steps = steps[at + 1 :]
    messages = tuple(tuple(map(Token, step[1:])) for step in steps)
    return Pattern(name.strip(), pre["->"], pre["<-"], messages)


PATTERNS = MappingProxyType(
    {pattern.name: pattern for line in _TABLE.splitlines() if line for pattern in [_parse(line)]}
)
