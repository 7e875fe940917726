"""Whether there is somebody at this terminal, and when to say so. Pure."""

from typing import Literal

State = Literal["online", "away", "offline"]
IDLE_S = 300.0  # without a key: nobody is there, or somebody who reads


class Presence:
    """``now`` is a steady clock, in seconds."""

    def __init__(self, now: float) -> None:
        self._acted_at = now
        self._said: State = "offline"

    def acted(self, now: float) -> None:
        """A key was pressed."""
        self._acted_at = now

    def news(self, now: float, *, is_focused: bool, is_said: bool) -> State | None:
        """What to say, where it is not what was said last. Who wants nothing said is told to be offline once."""
        is_there = is_focused and now - self._acted_at < IDLE_S
        state: State = "offline"
        if is_said:
            state = "online" if is_there else "away"
        if state == self._said:
            return None
        self._said = state
        return state
