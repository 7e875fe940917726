"""What was begun in each room and not sent: kept by the client, so that it is there after a restart."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from coterie.client.api import Done, Draft, GetDraft, Room, SetDraft
from coterie.tui.asking import Asking

SAVED_AFTER_S = 0.5  # without a key: a crash costs the last word at most


class Drafts:
    """``spawn`` has work done in the background."""

    def __init__(
        self,
        ask: Asking,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        saved_after_s: float = SAVED_AFTER_S,
    ) -> None:
        self._ask, self._spawn, self._saved_after_s = ask, spawn, saved_after_s
        self._known: dict[str, str] = {}
        self._unsaved: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def unsaved(self) -> dict[str, str]:
        """What is not saved yet, by room."""
        return {key: self._known[key] for key in self._unsaved}

    def take_over(self, unsaved: Mapping[str, str]) -> None:
        """What the screen before this one could not save any more."""
        for key, text in unsaved.items():
            self.keep(key, text)

    def of(self, key: str) -> str:
        """As far as it is known. ``key`` is a room's id, or anything else for what is kept for now alone."""
        return self._known.get(key, "")

    async def load(self, room: Room) -> str:
        """That of a room, from where it is kept: after a crash the room itself may not know yet that there is one."""
        if room.room_id not in self._known:
            draft = await self._ask(GetDraft(room.room_id), Draft)
            self._known.setdefault(room.room_id, draft.text)  # unless something was typed meanwhile
        return self.of(room.room_id)

    def keep(self, key: str, text: str, *, is_room: bool = True) -> None:
        """It is saved a moment after the last key, or with ``save``."""
        if self.of(key) == text:
            return
        self._known[key] = text
        if is_room:
            self._unsaved.add(key)
            self.stop_waiting()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._saved_after_s, self._due)

    async def save(self) -> None:
        """Now. Raises what the client does; what it did not save stays to be saved."""
        self.stop_waiting()
        while self._unsaved:
            room_id = next(iter(self._unsaved))
            text = self._known[room_id]
            await self._ask(SetDraft(room_id, text), Done)
            if self._known[room_id] == text:  # else another key came meanwhile
                self._unsaved.discard(room_id)

    def _due(self) -> None:
        self._timer = None
        self._spawn(self.save())

    def stop_waiting(self) -> None:
        """What is not saved yet waits for ``save``."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
