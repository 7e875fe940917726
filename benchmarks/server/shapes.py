"""The shapes of load: how many rooms of how many, and who sends."""

import struct
from dataclasses import dataclass

BODY_SIZE = 470  # bytes: what MLS makes of a text of 256
FRAME_SIZE = 560  # bytes of such a post with its frame, for the floors
TIME = struct.Struct(">d")  # at the beginning of a body, and of a floor's frame: when it was sent
PADDING = bytes(BODY_SIZE - TIME.size)


@dataclass(frozen=True, slots=True)
class Shape:
    """So many rooms, all alike."""

    rooms: int
    members: int  # of each room
    senders: int  # of them
    window: int  # posts of one sender under way, at saturation

    @property
    def name(self) -> str:
        return f"{self.rooms}x{self.members}"

    @property
    def connections(self) -> int:
        return self.rooms * self.members


SHAPES = {
    shape.name: shape
    for shape in (Shape(20, 50, 2, 16), Shape(1, 500, 16, 16), Shape(250, 2, 1, 8))
}
