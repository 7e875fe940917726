"""Memory that connections share, in bytes: for requests until they are answered, and for answers that nobody reads.

Nobody holds more than a share of it, nor more than half of what the others left: however many want all that they may
have, there is room for the next.
"""

from collections.abc import Callable, Hashable

from coterie.errors import LocalProtocolError


class Budget:
    """What each holder has of it. Who found no room is called when something was given back.

    The total may be infinite: then there is a share for everybody.
    """

    def __init__(self, total: float, share: int) -> None:
        self._total, self._share = total, share
        self._held: dict[Hashable, int] = {}
        self._sum = 0
        self._waiting: dict[object, Callable[[], object]] = {}

    @property
    def held(self) -> int:
        """Bytes, by all."""
        return self._sum

    def take(self, holder: Hashable, size: int) -> bool:
        """Whether there was room. Whoever holds nothing, and is alone, may have all that he asks for."""
        before = self._held.get(holder, 0)
        after = before + size
        is_too_much = after > self._share and before
        if is_too_much or (2 * after > self._total - (self._sum - before) and self._sum):
            return False
        self._held[holder] = after
        self._sum += size
        return True

    def give(self, holder: Hashable, size: int) -> None:
        """Something that was taken is free again; who waits is called, the first first."""
        left = self._held.get(holder, 0) - size
        if left < 0:
            raise LocalProtocolError(f"{size} bytes given back, {left + size} were taken")
        self._sum -= size
        if left:
            self._held[holder] = left
        else:
            self._held.pop(holder, None)
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        for callback in waiting.values():
            callback()

    def wait(self, who: object, callback: Callable[[], object]) -> None:
        """Calls back once, when something was given back; again and again means once."""
        self._waiting.setdefault(who, callback)

    def forget(self, who: object) -> None:
        """He waits no more."""
        self._waiting.pop(who, None)
