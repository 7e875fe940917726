"""What a client does for people, as requests and results: the SDK, the command line and every other process of the
same user use these alone, whether the profile is open in their own process or in another's.
"""

from collections.abc import AsyncGenerator
from typing import Annotated, Literal, Protocol, overload

import msgspec
from msgspec import Meta

RoomRef = Annotated[
    str, Meta(min_length=1, max_length=200)
]  # a name, with or without #, or an id's beginning


MessageRef = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]  # ``Message.ref``
Number = Annotated[int, Meta(ge=0, le=2**53)]  # ``Message.number``

PinWord = Literal["self", "compared", "invited", "met", "believed", "changed", "unknown"]
AttentionWord = Literal["all", "mentions", "nothing"]
PresenceWord = Literal["online", "away", "offline", "unknown"]


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """What all share."""


# --- requests ------------------------------------------------------------------------------------


class GetStatus(_Struct, frozen=True):
    """Answered by ``Status``."""

    catch_up: bool = True  # waits, a moment at most, until all that the server has is read


class CreateRoom(_Struct, frozen=True):
    """A room with these accounts in it. Answered by ``Room`` once its first commit is in the log."""

    name: str
    members: tuple[str, ...] = ()


class ListRooms(_Struct, frozen=True):
    """Answered by ``Rooms``."""

    catch_up: bool = True


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
    reply_to: MessageRef | None = None
    thread: MessageRef | None = (
        None  # any message of the thread, or the one that it is to hang from
    )
    is_action: bool = False  # ``/me``


class EditMessage(_Struct, frozen=True):
    """Another text for a message of one's own. Answered by ``Sent``, as all that is said."""

    room: RoomRef
    message: MessageRef
    text: str
    wait: bool = True


class DeleteMessage(_Struct, frozen=True):
    """One's own, or as an admin of the room anybody's. It goes for good. Answered by ``Sent``."""

    room: RoomRef
    message: MessageRef
    wait: bool = True


class React(_Struct, frozen=True):
    """An emoji of one's own under a message, or no longer. Answered by ``Sent``."""

    room: RoomRef
    message: MessageRef
    emoji: str
    remove: bool = False
    wait: bool = True


class Resend(_Struct, frozen=True):
    """What failed is posted anew. Answered by ``Done``."""

    room: RoomRef
    ticket: str


class Discard(_Struct, frozen=True):
    """What failed, or was not posted yet, is dropped. Answered by ``Done``."""

    room: RoomRef
    ticket: str


class SetAdmin(_Struct, frozen=True):
    """Makes a member an admin, or no longer one. Answered by ``Room`` once the commit is in the log."""

    room: RoomRef
    name: str
    admin: bool = True


class ReadRoom(_Struct, frozen=True):
    """A stream of ``Message``: the newest ``last`` of what is known, and with ``follow`` what comes.

    ``Notice`` comes in between where the connection changes; without ``follow`` the stream ends by itself. With
    ``changes`` a message that was given, or lies before them, comes again when it is edited, deleted or reacted to:
    under the same number, as it is then.
    """

    room: RoomRef | None  # None: all rooms
    last: Annotated[int, Meta(ge=0, le=10_000_000)] = 50
    follow: bool = False
    catch_up: bool = True  # waits, a moment at most, until all that the server has is read
    changes: bool = False


class GetPage(_Struct, frozen=True):
    """Messages by their numbers, without waiting for the server. Answered by ``Page``.

    Before, after or around a number (at most one of them is given), else the newest. Fewer than ``limit`` where they
    are long.
    """

    room: RoomRef
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 200
    before: Number | None = None
    after: Number | None = None
    around: Number | None = None
    thread: MessageRef | None = None  # only this message and those of the thread that hangs from it


class Search(_Struct, frozen=True):
    """``query`` as a person types it: words, and ``from: in: before: after: has:link``. Answered by ``Found``."""

    query: str
    room: RoomRef | None = None  # None: all rooms
    before: Number | None = None  # a number: what is older
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Watch(_Struct, frozen=True):
    """A stream for a screen: all that changes, until it is closed. Each result is how something now *is*.

    It begins with ``Connection``, each ``Room``, and each ``Pending`` and ``Around`` that is not empty. Then come
    ``Message`` (new where its number is, or because something that it shows is otherwise: its text, reactions, replies,
    or what it answers), ``Room``, ``Pending``, ``Around``, ``Connection`` and ``Notice``; a room before what was said
    in it, a message before it is gone from what is being sent. A reader that is too slow to be told of each message
    gets ``Missed``, and asks for its pages anew.
    """


class MarkRead(_Struct, frozen=True):
    """The person has seen the room up to this number, or wants it unread behind it. Answered by ``Room``."""

    room: RoomRef
    to: Number | None = None  # None: all


class GetPending(_Struct, frozen=True):
    """What of a room is in no log yet. Answered by ``Pending``."""

    room: RoomRef


class GetDraft(_Struct, frozen=True):
    """Answered by ``Draft``."""

    room: RoomRef


class SetDraft(_Struct, frozen=True):
    """What was begun in a room and not sent; empty for none. Answered by ``Done``."""

    room: RoomRef
    text: str


class SetAttention(_Struct, frozen=True):
    """How much of a room rings. Answered by ``Room``."""

    room: RoomRef
    attention: AttentionWord


class ChangeRoom(_Struct, frozen=True):
    """An admin gives it another name or topic. Answered by ``Room`` once the commit is in the log."""

    room: RoomRef
    name: str | None = None
    topic: str | None = None


class OpenDirect(_Struct, frozen=True):
    """The direct messages with one account, begun where there are none. Answered by ``Room``."""

    name: str


class SayTyping(_Struct, frozen=True):
    """A key was pressed in the room's composer, or (``is_over``) it was emptied. Answered by ``Done`` at once."""

    room: RoomRef
    is_over: bool = False


class SayPresence(_Struct, frozen=True):
    """Whether there is somebody at this device. Answered by ``Done`` at once."""

    state: Literal["online", "away", "offline"]


class VerifyAccount(_Struct, frozen=True):
    """Answered by ``SafetyNumber``. With ``compared`` the person says that both sides saw the same number."""

    name: str
    compared: bool = False
    number: str = ""  # with ``compared``: the one that the person saw; where it is another one now, nothing is recorded


class Acknowledge(_Struct, frozen=True):
    """The person has seen a warning of a room (a forked log) or of an account (a changed key). Answered by ``Done``."""

    room: RoomRef | None = None
    name: str | None = None


RoomChange = (  # answered by ``Room``
    AddMembers
    | RemoveMember
    | LeaveRoom
    | SetAdmin
    | ChangeRoom
    | RenewRoom
    | FollowRoom
    | MarkRead
    | SetAttention
)
RoomRequest = (
    RoomChange
    | ListMembers
    | SendText
    | EditMessage
    | DeleteMessage
    | React
    | Resend
    | Discard
    | GetPage
    | GetPending
    | GetDraft
    | SetDraft
    | SayTyping
)
StreamRequest = ReadRoom | Watch
Request = (
    RoomRequest
    | StreamRequest
    | GetStatus
    | CreateRoom
    | ListRooms
    | OpenDirect
    | Search
    | SayPresence
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
    direct: str = ""  # the other's name, where it is a direct message
    unread: int = 0
    mentions: int = (
        0  # of the unread: those for this person; in direct messages that is all of them
    )
    attention: AttentionWord = "all"
    newest: int = 0  # the number of its newest message
    read_to: int = 0  # the number of the last one that was seen
    has_draft: bool = False
    # Another number once the key or the devices of somebody in it are known otherwise: ``Members`` is to be asked
    # anew, as in another epoch.
    people: int = 0


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
    ticket: str = ""  # of what was not waited for
    device: str = ""

    @property
    def ref(self) -> str:
        """As ``Message.ref``; of what was not waited for, nothing that names a message."""
        return self.device + self.message_id


class Notice(_Struct, frozen=True):
    """A sentence about the connection, in a stream of messages: for people, never part of a room."""

    text: str


class Quote(_Struct, frozen=True):
    """What a reply answers, as it now is. Without a sender: it was said before this device was in the room."""

    ref: str
    number: int = 0
    sender: str = ""
    text: str = ""  # its beginning, on one line
    is_deleted: bool = False


class Reactions(_Struct, frozen=True):
    """One emoji under a message, and from whom, in the order in which they came."""

    emoji: str
    names: tuple[str, ...]


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
    number: int = 0  # its place in all that this client has; 0 for what is in no log yet
    reply_to: Quote | None = None
    thread: str = ""  # the reference of the message that its thread hangs from
    replies: int = 0  # in the thread that hangs from this one, as far as 5,000 are counted
    is_action: bool = False
    mentions_me: bool = False
    edited: str = ""  # ISO 8601 in UTC
    deleted_by: str = ""  # then its text is gone
    reactions: tuple[Reactions, ...] = ()
    # What is in the outbox: "sending"; "failed", and why. A message in the log: "changing" while an edit, a deletion
    # or a reaction of ours is on its way.
    state: Literal["", "sending", "failed", "changing"] = ""
    reason: str = ""
    ticket: str = ""  # of what is in the outbox, for ``Resend`` and ``Discard``
    # A person has acknowledged another key of its sender since: what the pin says is not said of who wrote this.
    has_earlier_key: bool = False

    @property
    def ref(self) -> str:
        """The name of a message in requests: two devices may choose one id."""
        return self.device + self.message_id


class Page(_Struct, frozen=True):
    """Oldest first."""

    messages: tuple[Message, ...]
    has_older: bool
    has_newer: bool


class Pending(_Struct, frozen=True):
    """All of a room that is in no log yet, oldest first: being sent, and failed. ``kind`` says what it is: "text",
    "edit", "delete" or "reaction"; of those ``reply_to`` is the message that they change.
    """

    room_id: str
    messages: tuple[Message, ...]
    more: int = 0  # older ones, where they are too many to be listed


class Around(_Struct, frozen=True):
    """The others of a room: who is typing, in the order in which they began, and who is there."""

    room_id: str
    typing: tuple[str, ...]
    presence: dict[str, PresenceWord]


class Connection(_Struct, frozen=True):
    """``state`` for programs, ``text`` for people."""

    state: Literal["connecting", "catching-up", "connected", "refused"]
    text: str


class Missed(_Struct, frozen=True):
    """More has changed than this reader could be told of."""


class Hit(_Struct, frozen=True):
    """A message that a search found; ``found`` is where in ``excerpt`` what was looked for begins and ends."""

    message: Message
    excerpt: str  # on one line, not cleaned
    found: tuple[tuple[int, int], ...]
    is_cut_before: bool = False
    is_cut_after: bool = False


class Found(_Struct, frozen=True):
    """Newest first."""

    hits: tuple[Hit, ...]
    has_more: bool
    is_complete: bool = (
        True  # False: so much is new that not all was looked through; the rest follows when idle
    )


class Draft(_Struct, frozen=True):
    """What was begun in a room."""

    text: str


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


Read = Message | Notice  # by ``ReadRoom``
Update = Message | Room | Pending | Around | Connection | Notice | Missed  # by ``Watch``
Result = (
    Done
    | Room
    | Rooms
    | Members
    | Sent
    | Notice
    | Message
    | Page
    | Pending
    | Found
    | Draft
    | SafetyNumber
    | Status
)


class Backend(Protocol):
    """Answers requests: in this process, or over the local socket of the one that holds the profile.

    Both raise the errors of ``coterie.errors``.
    """

    async def call(self, request: Request) -> Result:
        """The one result of a request; of a stream, its end."""

    @overload
    def stream(self, request: ReadRoom) -> AsyncGenerator[Read, None]: ...
    @overload
    def stream(self, request: Watch) -> AsyncGenerator[Update, None]: ...
    def stream(self, request: StreamRequest) -> AsyncGenerator[Update, None]:
        """The results of such a request, as they come. Close it (``aclosing``) to end one that goes on."""
