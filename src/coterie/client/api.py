"""What a client does for people, as requests and results: the SDK, the command line and every other process of the
same user use these alone, whether the profile is open in their own process or in another's.
"""

from collections.abc import AsyncGenerator
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

RoomRef = Annotated[
    str, Meta(min_length=1, max_length=200)
]  # a name, with or without #, or an id's beginning


PinWord = Literal["self", "compared", "invited", "met", "believed", "changed", "unknown"]


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """What all share."""


# --- requests ------------------------------------------------------------------------------------


class GetStatus(_Struct, frozen=True):
    """Answered by ``Status``."""


class CreateRoom(_Struct, frozen=True):
    """A room with these accounts in it. Answered by ``Room`` once its first commit is in the log."""

    name: str
    members: tuple[str, ...] = ()


class ListRooms(_Struct, frozen=True):
    """Answered by ``Rooms``."""


class ListMembers(_Struct, frozen=True):
    """Answered by ``Members``."""

    room: RoomRef


class AddMembers(_Struct, frozen=True):
    """Answered by ``Room`` once the commit is in the log."""

    room: RoomRef
    names: tuple[str, ...]


class RemoveMember(_Struct, frozen=True):
    """Answered by ``Room`` once the commit is in the log."""

    room: RoomRef
    name: str


class LeaveRoom(_Struct, frozen=True):
    """Answered by ``Room`` once the proposal is in the log; others commit it."""

    room: RoomRef


class RenewRoom(_Struct, frozen=True):
    """An admin has the room go on in a new group. Answered by ``Room`` once it lives there."""

    room: RoomRef
    instead_of: str = ""  # the admin who made one that is no good here


class FollowRoom(_Struct, frozen=True):
    """Goes on in the group that an admin made. Answered by ``Room`` once the room lives there for this device."""

    room: RoomRef
    made_by: str = ""  # of several, where the first one is no good: whose
    accept: tuple[
        str, ...
    ] = ()  # what it may have that the room lacks, in the words of the refusal


class SendText(_Struct, frozen=True):
    """Answered by ``Sent`` when the server has stored it durably."""

    room: RoomRef
    text: str
    wait: bool = True  # False: answered as soon as it is in the outbox, with seq 0


class SetAdmin(_Struct, frozen=True):
    """Makes a member an admin, or no longer one. Answered by ``Room`` once the commit is in the log."""

    room: RoomRef
    name: str
    admin: bool = True


class ReadRoom(_Struct, frozen=True):
    """A stream of ``Message``: the newest ``last`` of what is known, and with ``follow`` what comes.

    ``Notice`` comes in between where the connection changes; without ``follow`` the stream ends by itself.
    """

    room: RoomRef | None  # None: all rooms
    last: Annotated[int, Meta(ge=0, le=10_000_000)] = 50
    follow: bool = False
    catch_up: bool = True  # waits, a moment at most, until all that the server has is read


class VerifyAccount(_Struct, frozen=True):
    """Answered by ``SafetyNumber``. With ``compared`` the person says that both sides saw the same number."""

    name: str
    compared: bool = False
    number: str = ""  # with ``compared``: the one that the person saw; where it is another one now, nothing is recorded


class Acknowledge(_Struct, frozen=True):
    """The person has seen a warning of a room (a forked log) or of an account (a changed key). Answered by ``Done``."""

    room: RoomRef | None = None
    name: str | None = None


Request = (
    GetStatus
    | CreateRoom
    | ListRooms
    | ListMembers
    | AddMembers
    | RemoveMember
    | LeaveRoom
    | SetAdmin
    | RenewRoom
    | FollowRoom
    | SendText
    | ReadRoom
    | VerifyAccount
    | Acknowledge
)


# --- results -------------------------------------------------------------------------------------


class Done(_Struct, frozen=True):
    """Done."""


class Room(_Struct, frozen=True):
    """One line of the list of rooms."""

    room_id: str
    name: str
    topic: str
    members: int
    admin: bool
    group: str
    epoch: int
    cursor: int
    chain: str  # to compare out of band
    waiting: int  # posts in the outbox
    state: str  # "open", or in a word why nothing can be sent
    reason: str = ""  # a sentence for it


class Rooms(_Struct, frozen=True):
    """All rooms, by name."""

    rooms: tuple[Room, ...]


class Member(_Struct, frozen=True):
    """One account of a room."""

    name: str
    admin: bool
    devices: tuple[str, ...]
    pin: PinWord


class Members(_Struct, frozen=True):
    """By name."""

    members: tuple[Member, ...]


class Sent(_Struct, frozen=True):
    """Where the message is in the log."""

    room: str
    seq: int
    message_id: str


class Notice(_Struct, frozen=True):
    """A sentence about the connection, in a stream of messages: for people, never part of a room."""

    text: str


class Message(_Struct, frozen=True):
    """One line of a timeline. ``text`` is as its sender wrote it: clean it before you show it."""

    room: str
    room_id: str
    seq: int
    message_id: str
    sender: str
    device: str
    time: str  # ISO 8601 in UTC: the sender's clock for a text, ours for a line of the system
    kind: str  # "text", "line" (the system's), or a kind that this version does not know
    text: str
    event: str = ""  # of a line: ``happening.Event``, for scripts


class SafetyNumber(_Struct, frozen=True):
    """60 digits that both sides see alike, and how this client came to the account's key."""

    name: str
    number: str
    pin: str


class Status(_Struct, frozen=True):
    """All that is to be known about this profile."""

    server: str
    fingerprint: str
    connection: str  # "connected", "connecting", or a sentence
    account: str
    account_key: str
    device: str
    profile: str
    key_custody: str
    rooms: tuple[Room, ...]
    safety_number: str = ""  # this account's own 30 digits


Result = Done | Room | Rooms | Members | Sent | Notice | Message | SafetyNumber | Status


class Backend(Protocol):
    """Answers requests: in this process, or over the local socket of the one that holds the profile.

    Both raise the errors of ``coterie.errors``.
    """

    async def call(self, request: Request) -> Result:
        """The one result of a request; of a stream, its end."""

    def stream(self, request: ReadRoom) -> AsyncGenerator[Message | Notice, None]:
        """The results of ``ReadRoom``, as they come. Close it (``aclosing``) to end one that follows."""
