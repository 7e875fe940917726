"""What every message of a room carries in its authenticated data: PROTOCOL.md section 2, "Chain"."""

from dataclasses import dataclass

from coterie.errors import RuleViolation

EXTENSION_TYPE = 0xF0C2  # in a Welcome's GroupInfo: where the newcomer begins
_SIZE = 16 + 8 + 32


@dataclass(frozen=True, slots=True)
class Position:
    """A message's own id, and how far its sender had read the log when it encrypted."""

    message_id: bytes  # 16 bytes
    seq: int
    chain: bytes  # 32 bytes: the running hash at ``seq``

    def encode(self) -> bytes:
        """56 bytes."""
        return self.message_id + self.seq.to_bytes(8, "big") + self.chain


def decode(encoded: bytes) -> Position:
    """Raises RuleViolation."""
    if len(encoded) != _SIZE:
        raise RuleViolation("authenticated-data", f"{len(encoded)} bytes, must be {_SIZE}")
    return Position(encoded[:16], int.from_bytes(encoded[16:24], "big"), encoded[24:])
