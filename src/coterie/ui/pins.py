"""How a client came to an account's key: the mark, the word and the sentence, the same in all interfaces.

There is always a word beside the mark, never colour or sign alone. PROTOCOL.md section 3, "Pins".
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class PinWords(msgspec.Struct, frozen=True):
    """``sentence`` follows a name."""

    mark: str
    word: str
    sentence: str

    @property
    def marked(self) -> str:
        """The word behind its mark, if it has one."""
        return f"{self.mark} {self.word}".strip()


PINS: Mapping[str, PinWords] = MappingProxyType(
    {
        "self": PinWords(" ", "you", "is this account"),
        "compared": PinWords("✓", "verified", "has the key whose safety number you compared"),
        "invited": PinWords(" ", "invited", "has the key that came with an invite"),
        "met": PinWords(" ", "met in a room", "has the key that a member of a room knew"),
        "believed": PinWords(
            "!", "unverified", "has the key that the server named, which nobody compared"
        ),
        "changed": PinWords(
            "⚠",
            "key changed",
            "came with another key: nothing is sent there until you acknowledge it",
        ),
        "earlier": PinWords(
            "?", "earlier key", "wrote this with a key that another one has replaced"
        ),
        "unknown": PinWords("?", "unknown", "has no key that this device knows"),
    }
)


def words_of(pin: str) -> PinWords:
    """Those of a pin; one that this version does not know is shown as it is."""
    return PINS.get(pin, PinWords("?", pin, f"has a key that came in a way unknown here: {pin}"))
