"""Typing and presence in all rooms of a device: PROTOCOL.md section 2, "Fleeting things".

Says what its person does, where that was asked for, and knows what the others said. Nothing is kept, waited for or
said again, and what is wrong is dropped. To how many one speaks is in docs/decisions/0017.
"""

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from coterie.client import api
from coterie.client.around import SAY_PRESENCE_EVERY_S, UNKNOWN, Around, OwnTyping, within_earshot
from coterie.client.fleeting import NONCE_SIZE, Fleeting, Presence, Whispers
from coterie.client.log import Halt
from coterie.client.room_policy import leaf_identity
from coterie.client.rooms import Rooms
from coterie.client.seams import Clock, Timer
from coterie.errors import RemoteProtocolError
from coterie.logs import get_logger, short
from coterie.mls import Group
from coterie.wire.frames import Whisper, Whispered
from coterie.wire.limits import MAX_HEARERS

log = get_logger()

MOST_GREETED = 10  # devices of a room in which who comes is told at once who is there
GREET_AFTER_S = 1.0  # once, all who came meanwhile
PresenceState = Literal["online", "away", "offline"]


@dataclass(frozen=True, slots=True)
class _Epoch:
    """What one epoch of a group needs: dropped with it, and its key too."""

    number: int
    size: int  # devices
    names: Mapping[int, str]  # of the other accounts, by leaf
    whispers: Whispers | None  # None: there are too many

    @classmethod
    def of(cls, group: Group, own_name: str) -> Self:
        """The one that ``group`` is in."""
        members = tuple(group.members())
        if len(members) > MAX_HEARERS:
            return cls(group.epoch, len(members), {}, None)
        names = {member.leaf_index: leaf_identity(member.leaf_node).name for member in members}
        others = {leaf: name for leaf, name in names.items() if name != own_name}
        return cls(group.epoch, len(members), others, Whispers.of(group))


class Whispering:
    """Rooms are named by their ids. ``send`` gives a whisper to the connection, where there is one.

    ``on_around`` is called when ``around`` of a room has changed, also where it did by time.
    """

    def __init__(
        self, rooms: Rooms, own_name: str, clock: Clock, send: Callable[[Whisper], object]
    ) -> None:
        self._rooms = rooms
        self._own_name = own_name
        self._clock = clock
        self._send = send
        self.on_around: Callable[[bytes], object] = lambda room_id: None
        self._is_connected = False
        self._epochs: dict[bytes, _Epoch] = {}  # by group, those that were needed
        self._numbers = {group_id: self._number(group_id) for group_id in rooms.shown()}
        self._arounds: dict[bytes, Around] = {}
        self._told: dict[bytes, api.Around] = {}  # what ``on_around`` was last called for
        self._typing: dict[bytes, OwnTyping] = {}
        self._state: PresenceState | Literal["unknown"] = UNKNOWN  # what is said, if anything is
        self._again: Timer | None = None
        self._to_greet: set[bytes] = set()  # rooms in which somebody has come
        self._greeting: Timer | None = None
        self._lapse: Timer | None = None
        self._lapses_at = math.inf

    # --- what the person does ------------------------------------------------------------------

    def typed(self, room_id: bytes) -> None:
        """A key was pressed in its composer; one in a few seconds is told."""
        self._say(room_id, self._composer(room_id).typed(self._clock.monotonic()))

    def emptied(self, room_id: bytes) -> None:
        """Nothing is in its composer any more, and nothing was sent."""
        self._say(room_id, self._composer(room_id).emptied(self._clock.monotonic()))

    def sent(self, room_id: bytes) -> None:
        """What was in its composer is on its way, and tells the others by itself."""
        self._composer(room_id).sent()

    def _composer(self, room_id: bytes) -> OwnTyping:
        return self._typing.setdefault(room_id, OwnTyping())

    def present(self, state: PresenceState) -> None:
        """Whether there is somebody: said now, and each minute until it is "offline". Before the first call nothing
        is ever said.
        """
        before, self._state = self._state, state
        if state != before and (before, state) != (UNKNOWN, "offline"):
            self._say_presence()

    @property
    def _is_there(self) -> bool:
        return self._state in ("online", "away")

    def looked(self) -> None:
        """Its person is in a room for the first time, where nothing was said of that before."""
        if self._is_there:
            self._say_presence()

    # --- the connection ------------------------------------------------------------------------

    def connected(self) -> None:
        """All logs are read and listened to."""
        self._is_connected = True
        if self._is_there:
            self._say_presence()

    def disconnected(self) -> None:
        """Nobody hears anything."""
        self._is_connected = False
        self._forget_again()
        self._to_greet.clear()
        if self._greeting is not None:
            self._greeting.cancel()

    def close(self) -> None:
        """Says that nobody is there any more, if ever somebody was said to be."""
        self.present("offline")
        self.disconnected()
        self._epochs.clear()
        self._arounds.clear()
        if self._lapse is not None:
            self._lapse.cancel()

    def heard(self, body: Whispered) -> None:
        """What the server brought."""
        if not self._is_connected or body.group not in self._rooms:
            return
        epoch = self._epoch(body.group)
        if epoch.whispers is None:
            return
        try:
            leaf, thing = epoch.whispers.open(body.sealed, self._now_ms())
        except RemoteProtocolError as error:
            log.debug("whisper-dropped", group=short(body.group), reason=str(error))
            return
        if leaf in epoch.names:  # else it is another device of ours
            self._take(self._rooms.room_id(body.group), epoch, epoch.names[leaf], thing)

    def _take(self, room_id: bytes, epoch: _Epoch, name: str, thing: Fleeting) -> None:
        around, now = self._arounds.setdefault(room_id, Around()), self._clock.monotonic()
        was_there = around.presence(name, now) in ("online", "away")
        around.heard(name, thing, now)
        if isinstance(thing, Presence) and thing.state != "offline" and not was_there:
            self._greet(room_id, epoch)
        self._look(room_id)

    # --- the logs ------------------------------------------------------------------------------

    def said(self, room_id: bytes, name: str) -> None:
        """A message of that account has come: it types no more."""
        if room_id in self._arounds:
            self._arounds[room_id].said(name)
            self._look(room_id)

    def stepped(self) -> None:
        """A log may be in another epoch: keys of the one before are dropped, who left is not around any more, and who
        has come is greeted.
        """
        for group_id, epoch in tuple(self._epochs.items()):
            if self._number(group_id) != epoch.number:
                del self._epochs[group_id]
        begun = [one for one in self._rooms.shown() if self._number(one) != self._numbers.get(one)]
        for group_id in begun:
            self._numbers[group_id] = self._number(group_id)
            room_id = self._rooms.room_id(group_id)
            if self._is_connected and self._is_there:
                self._greet(room_id, self._epoch(group_id))
            self._look(room_id)

    def _number(self, group_id: bytes) -> int | None:
        """Of the epoch that a group is in; None where its log is gone."""
        return self._rooms.log(group_id).group.epoch if group_id in self._rooms else None

    # --- what is known -------------------------------------------------------------------------

    def around(self, room_id: bytes) -> api.Around:
        """The others who are in the room now, and of whom something is known."""
        around = self._arounds.get(room_id)
        group_id = self._rooms.group_of(room_id) if around is not None else None
        if around is None or group_id is None:
            return _nobody(room_id)
        here, now = set(self._epoch(group_id).names.values()), self._clock.monotonic()
        present = {name: word for name, word in around.present(now).items() if name in here}
        typing = tuple(name for name in around.typing(now) if name in here)
        return api.Around(room_id.hex(), typing, present)

    def _look(self, room_id: bytes) -> None:
        """Tells of what has changed in a room, and is woken when something next will by itself."""
        answer, around = self.around(room_id), self._arounds.get(room_id)
        if answer != self._told.get(room_id, _nobody(room_id)):
            self._told[room_id] = answer
            self.on_around(room_id)
        due = around.changes_at(self._clock.monotonic()) if around is not None else math.inf
        if due < math.inf:
            self._look_again_at(due)
        else:
            self._arounds.pop(room_id, None)

    def _look_again_at(self, due: float) -> None:
        if due >= self._lapses_at:
            return
        if self._lapse is not None:
            self._lapse.cancel()
        self._lapses_at = due
        self._lapse = self._clock.call_later(due - self._clock.monotonic(), self._lapsed)

    def _lapsed(self) -> None:
        self._lapse, self._lapses_at = None, math.inf
        for room_id in tuple(self._arounds):
            self._look(room_id)

    # --- saying --------------------------------------------------------------------------------

    def _say(self, room_id: bytes, thing: Fleeting | None) -> None:
        if thing is None:
            return  # most keys: it was said a moment ago
        group_id = self._rooms.group_of(room_id)
        if group_id is None or not self._may_speak(group_id):
            return
        whispers = self._epoch(group_id).whispers
        if whispers is not None:
            sealed = whispers.seal(thing, self._now_ms(), secrets.token_bytes(NONCE_SIZE))
            self._send(Whisper(group_id, sealed))

    def _may_speak(self, group_id: bytes) -> bool:
        """Whether a message could be sent now: a fork or a changed key stops this too."""
        is_open = self._rooms.log(group_id).halt is Halt.OPEN
        return self._is_connected and is_open and not self._rooms.strangers(group_id)

    def _say_presence(self) -> None:
        self._forget_again()
        sizes = {}
        for group_id in self._rooms.shown():
            room_id = self._rooms.room_id(group_id)
            if self._may_speak(group_id) and self._rooms.has_looked(room_id):
                sizes[room_id] = self._epoch(group_id).size
        for room_id in within_earshot(sizes):
            self._say_presence_in(room_id)
        if self._is_connected and self._state != "offline":
            self._again = self._clock.call_later(SAY_PRESENCE_EVERY_S, self._say_presence)

    def _say_presence_in(self, room_id: bytes) -> None:
        if self._state != UNKNOWN and self._rooms.has_looked(room_id):
            self._say(room_id, Presence(self._state))

    def _greet(self, room_id: bytes, epoch: _Epoch) -> None:
        """Somebody has come, who would else learn of us within a minute. Ends by itself: we are new to him once."""
        if not self._is_there or epoch.size > MOST_GREETED:
            return
        if not self._to_greet:
            self._greeting = self._clock.call_later(GREET_AFTER_S, self._greet_all)
        self._to_greet.add(room_id)

    def _greet_all(self) -> None:
        rooms, self._to_greet = self._to_greet, set()
        for room_id in sorted(rooms):
            self._say_presence_in(room_id)

    def _forget_again(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None

    # --- epochs and time -----------------------------------------------------------------------

    def _epoch(self, group_id: bytes) -> _Epoch:
        group = self._rooms.log(group_id).group
        known = self._epochs.get(group_id)
        if known is None or known.number != group.epoch:
            known = self._epochs[group_id] = _Epoch.of(group, self._own_name)
        return known

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)


def _nobody(room_id: bytes) -> api.Around:
    return api.Around(room_id.hex(), (), {})
