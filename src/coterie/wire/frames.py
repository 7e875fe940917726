"""The frames: requests with an id, their replies, and events that nobody asked for.

A frame is one MessagePack map, tagged by ``type``; unknown types, unknown fields and wrong sizes are refused.
Client to server travels ``Request`` alone; server to client ``Reply`` and ``Event``.
"""

from enum import IntEnum, StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from coterie.wire import limits

GroupId = Annotated[bytes, Meta(min_length=limits.GROUP_ID_SIZE, max_length=limits.GROUP_ID_SIZE)]
DeviceId = Annotated[
    bytes, Meta(min_length=limits.DEVICE_ID_SIZE, max_length=limits.DEVICE_ID_SIZE)
]
MessageId = Annotated[
    bytes, Meta(min_length=limits.MESSAGE_ID_SIZE, max_length=limits.MESSAGE_ID_SIZE)
]
Chain = Annotated[bytes, Meta(min_length=limits.CHAIN_SIZE, max_length=limits.CHAIN_SIZE)]
Token = Annotated[bytes, Meta(min_length=limits.TOKEN_SIZE, max_length=limits.TOKEN_SIZE)]
Key32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Sealed = Annotated[
    bytes, Meta(min_length=limits.WHISPER_SIZE, max_length=limits.WHISPER_SIZE)
]  # typing or presence
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=limits.MAX_NAME)]
Small = Annotated[bytes, Meta(max_length=4096)]  # OPAQUE messages, certificates
KeyPackageBytes = Annotated[bytes, Meta(max_length=limits.MAX_KEY_PACKAGE)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Kind(IntEnum):
    """The kind of a log entry; the number goes into the chain."""

    MESSAGE = 1
    PROPOSAL = 2
    COMMIT = 3
    SUCCESSOR = 4


class Code(StrEnum):
    """Why a request was refused. Clients branch on it; people read the sentence beside it."""

    NOT_AUTHENTICATED = "not-authenticated"  # login failed, for whatever cause
    NOT_LOGGED_IN = "not-logged-in"  # the request needs a login first
    VERSION = "version"  # no protocol version in common
    MALFORMED = "malformed"  # a field does not make sense
    INVITE = "invite"  # unknown, spent or expired: one answer
    NAME_TAKEN = "name-taken"
    NAME_NOT_ALLOWED = "name-not-allowed"
    NOT_FOUND = "not-found"  # no such account
    NOT_MEMBER = "not-member"  # the device is not on the group's list, or there is no such group
    NOT_KEEPER = "not-keeper"  # only a keeper may do that to the list
    EXISTS = "exists"  # a group of that id is there already
    LIST_VERSION = "list-version"  # a device list that does not follow the stored one
    TOO_LARGE = "too-large"  # refused for good
    WAIT = "wait"  # too fast; ``wait_s`` says for how long
    FULL = "full"  # the server's disk
    CLOSING = "closing"  # the server is going down: reconnect


class _Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=True):
    """What all frames share."""


# --- structures inside frames -------------------------------------------------------------------


class SignedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signed bytes, carried as they were signed. ``wire.signed`` reads them."""

    document: Annotated[bytes, Meta(max_length=65536)]
    signature: Signature


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One place in a group's log. The server stamps ``seq`` and ``device``."""

    seq: Count  # 1, 2, 3 ... without gaps
    kind: Kind
    device: DeviceId
    message_id: MessageId
    body: Annotated[bytes, Meta(max_length=limits.MAX_BODY)]


class ListChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of a group's delivery list: who may post and read, and which accounts keep the list."""

    add: Annotated[tuple[DeviceId, ...], Meta(max_length=limits.MAX_ADDS)] = ()
    remove: Annotated[tuple[DeviceId, ...], Meta(max_length=limits.MAX_REMOVES)] = ()
    add_keepers: Annotated[tuple[Name, ...], Meta(max_length=limits.MAX_KEEPERS)] = ()
    remove_keepers: Annotated[tuple[Name, ...], Meta(max_length=limits.MAX_KEEPERS)] = ()


class WelcomeFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Welcome and the devices whose inboxes refer to it; all of them in the post's ``ListChange.add``."""

    welcome: Annotated[bytes, Meta(max_length=limits.MAX_WELCOME)]
    devices: Annotated[tuple[DeviceId, ...], Meta(min_length=1, max_length=limits.MAX_ADDS)]


class DeviceKeyPackage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device's key package, taken from the server's store. One-time ones are handed out once."""

    device: DeviceId
    key_package: KeyPackageBytes
    last_resort: bool


class GroupInfoLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group that lists this device."""

    group: GroupId
    head: Count
    removed_at: Count | None = None  # the seq up to which a device taken off may still read


class InboxItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of a device's inbox: now always a Welcome."""

    number: Count  # per device, 1, 2, 3 ...
    group: GroupId
    sender: DeviceId
    welcome: bytes


# --- requests ------------------------------------------------------------------------------------


class Hello(_Frame, frozen=True):
    """The first frame. Answered by ``HelloReply``, or refused with VERSION."""

    versions: Annotated[tuple[int, ...], Meta(min_length=1, max_length=16)]


class RegisterStart(_Frame, frozen=True):
    """Answered by ``RegisterResponse``. The invite is looked at, not yet used."""

    token: Token
    name: Name
    registration_request: Small


class RegisterFinish(_Frame, frozen=True):
    """Makes the account with its first device, and uses the invite, in one transaction. Answered by ``Done``.

    Follows ``RegisterStart`` on the same connection. The device then logs in with ``DeviceLogin``.
    """

    registration_record: Small
    vault: Annotated[bytes, Meta(max_length=16384)]
    device_list: SignedDocument
    certificate: SignedDocument


class PasswordLoginStart(_Frame, frozen=True):
    """Answered by ``PasswordLoginResponse``, for an unknown name in the same shape and by the same path."""

    name: Name
    ke1: Small


class PasswordLoginFinish(_Frame, frozen=True):
    """Answered by ``PasswordLoggedIn``, or refused with NOT_AUTHENTICATED."""

    ke3: Small


class ReplaceDeviceList(_Frame, frozen=True):
    """On a connection that logged in by password: version n+1 of the account's list, and a new certificate."""

    device_list: SignedDocument
    certificate: SignedDocument | None = None


class DeviceLogin(_Frame, frozen=True):
    """Answered by ``LoggedIn``, or refused with NOT_AUTHENTICATED whatever the cause."""

    name: Name
    device: DeviceId
    signature: Signature


class Ping(_Frame, frozen=True):
    """Answered by ``Done``: the connection lives."""


class UploadKeyPackages(_Frame, frozen=True):
    """Adds one-time key packages, and replaces the one of last resort if given. Answered by ``KeyPackageCount``."""

    one_time: Annotated[tuple[KeyPackageBytes, ...], Meta(max_length=limits.MAX_KEY_PACKAGES)]
    last_resort: KeyPackageBytes | None = None
    replace: bool = False  # deletes the one-time ones kept so far: after a new generation id


class CountKeyPackages(_Frame, frozen=True):
    """Answered by ``KeyPackageCount`` for this device."""


class FetchAccount(_Frame, frozen=True):
    """Answered by ``Account``, or refused with NOT_FOUND."""

    name: Name


class FetchKeyPackages(_Frame, frozen=True):
    """One key package for each device of the account. Answered by ``KeyPackages``."""

    name: Name


class CreateGroup(_Frame, frozen=True):
    """A new log, with this device alone on its list and its account as keeper. Answered by ``Done``.

    Again from the same device while the log is empty: answered by ``Done``, so that a retry is safe.
    """

    group: GroupId


class Post(_Frame, frozen=True):
    """Asks for a place in the log. The rules are PROTOCOL.md section 2, "Posting".

    Answered, once durable, by ``Accepted``; else at once by ``Stale``, ``Behind``, ``OutOfOrder``, ``Ahead``
    or a refusal (NOT_MEMBER, TOO_LARGE, WAIT, NOT_KEEPER, MALFORMED).
    """

    group: GroupId
    kind: Kind
    message_id: MessageId
    count: Count
    after: Count
    body: Annotated[bytes, Meta(max_length=limits.MAX_BODY)]
    list_change: ListChange | None = None
    welcome: WelcomeFor | None = None


class ChangeList(_Frame, frozen=True):
    """A change of the delivery list without an entry: who left takes himself off, a keeper puts it right.

    Answered by ``Done``, or by ``Stale`` where a commit or successor lies beyond ``after``: it may have changed who is
    in the group.
    """

    group: GroupId
    after: Count
    change: ListChange


class Fetch(_Frame, frozen=True):
    """Entries after ``after``, in order. Answered by ``Entries``."""

    group: GroupId
    after: Count
    most: Annotated[int, Meta(ge=1, le=limits.MAX_FETCH_ENTRIES)] = limits.MAX_FETCH_ENTRIES


class Subscribe(_Frame, frozen=True):
    """Says how far this device has read and asks to be told what comes. Answered by ``Subscribed`` or ``Diverged``."""

    group: GroupId
    cursor: Count
    chain: Chain


class FetchGroups(_Frame, frozen=True):
    """The groups that list this device. Answered by ``Groups``."""


class FetchInbox(_Frame, frozen=True):
    """Items after ``after``; those up to ``after`` are deleted. Answered by ``Inbox``."""

    after: Count


class CreateInvite(_Frame, frozen=True):
    """An invite for somebody else, its secret known to the inviter alone; for members. Answered by ``Done``."""

    token: Token
    uses: Annotated[int, Meta(ge=1, le=1000)]
    lifetime_s: Annotated[int, Meta(ge=60, le=400 * 86400)]


class Whisper(_Frame, frozen=True):
    """Something fleeting for whoever else hears the group now: PROTOCOL.md section 2, "Fleeting things".

    It is kept nowhere, and dropped where a reader is slow. Answered at once, by ``Done`` whether or not anybody heard
    it, or refused: NOT_MEMBER where this connection is not subscribed to the group, TOO_LARGE, WAIT.
    """

    group: GroupId
    sealed: Sealed


RequestBody = (
    Hello
    | RegisterStart
    | RegisterFinish
    | PasswordLoginStart
    | PasswordLoginFinish
    | ReplaceDeviceList
    | DeviceLogin
    | Ping
    | UploadKeyPackages
    | CountKeyPackages
    | FetchAccount
    | FetchKeyPackages
    | CreateGroup
    | Post
    | ChangeList
    | Fetch
    | Subscribe
    | FetchGroups
    | FetchInbox
    | CreateInvite
    | Whisper
)


# --- replies -------------------------------------------------------------------------------------


class Failed(_Frame, frozen=True):
    """The request was refused; nothing was done."""

    code: Code
    message: Annotated[str, Meta(max_length=500)]
    wait_s: float = 0.0


class Done(_Frame, frozen=True):
    """Done, and durable where there is something to keep."""


class HelloReply(_Frame, frozen=True):
    """The version agreed, and which server this is."""

    version: int
    server_id: Annotated[bytes, Meta(min_length=16, max_length=16)]  # made at its first start
    generation: Annotated[bytes, Meta(min_length=16, max_length=16)]  # new after each restore


class RegisterResponse(_Frame, frozen=True):
    """OPAQUE's RegistrationResponse."""

    registration_response: Small


class PasswordLoginResponse(_Frame, frozen=True):
    """OPAQUE's KE2."""

    ke2: Small


class PasswordLoggedIn(_Frame, frozen=True):
    """The account's sealed vault and its newest device list."""

    vault: Annotated[bytes, Meta(max_length=16384)]
    device_list: SignedDocument


class LoggedIn(_Frame, frozen=True):
    """The device is known and its signature holds."""


class KeyPackageCount(_Frame, frozen=True):
    """What the server keeps for this device."""

    one_time: Count
    has_last_resort: bool


class Account(_Frame, frozen=True):
    """What the directory says of an account. The document holds its name and account key."""

    device_list: SignedDocument


class KeyPackages(_Frame, frozen=True):
    """One for each device on the list that has any."""

    device_list: SignedDocument
    key_packages: tuple[DeviceKeyPackage, ...]


class Accepted(_Frame, frozen=True):
    """The post has this place in the group's log, durably."""

    message_id: MessageId
    seq: Count


class Stale(_Frame, frozen=True):
    """A commit or successor lies beyond the post's ``after``: read on, encrypt again."""

    head: Count


class Behind(_Frame, frozen=True):
    """The count was used under another id: this is an older copy of the device."""

    count: Count  # the last count that the server has of this device


class OutOfOrder(_Frame, frozen=True):
    """The count leaves a gap."""

    count: Count


class Ahead(_Frame, frozen=True):
    """The post's ``after`` lies beyond the head: the server has lost something."""

    head: Count


class Entries(_Frame, frozen=True):
    """Entries in order, without gaps; fewer than there are where they are large."""

    entries: tuple[Entry, ...]
    head: Count


class Subscribed(_Frame, frozen=True):
    """The chains agree at the cursor."""

    head: Count
    count: Count  # the last count that the server has of this device in this group


class Diverged(_Frame, frozen=True):
    """The chains differ, or the cursor is beyond the head."""

    head: Count
    successors: tuple[Entry, ...]


class Groups(_Frame, frozen=True):
    """Groups whose list holds, or held, this device; those in which it has posted first."""

    groups: tuple[GroupInfoLine, ...]


class Inbox(_Frame, frozen=True):
    """Items in order."""

    items: tuple[InboxItem, ...]


ReplyBody = (
    Failed
    | Done
    | HelloReply
    | RegisterResponse
    | PasswordLoginResponse
    | PasswordLoggedIn
    | LoggedIn
    | KeyPackageCount
    | Account
    | KeyPackages
    | Accepted
    | Stale
    | Behind
    | OutOfOrder
    | Ahead
    | Entries
    | Subscribed
    | Diverged
    | Groups
    | Inbox
)


# --- events --------------------------------------------------------------------------------------


class LogGrew(_Frame, frozen=True):
    """New entries of a subscribed group. A saved fetch, no more: where there is a gap, fetch."""

    group: GroupId
    entries: tuple[Entry, ...]
    head: Count


class InboxGrew(_Frame, frozen=True):
    """There is something in the inbox."""


class Closing(_Frame, frozen=True):
    """The server is going down in order: reconnect after ``reconnect_after_s``."""

    reconnect_after_s: float = 1.0


class Whispered(_Frame, frozen=True):
    """Another device of a subscribed group whispered. Which one stands inside, for who can open it."""

    group: GroupId
    sealed: Sealed


EventBody = LogGrew | InboxGrew | Closing | Whispered


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """Client to server."""

    id: Count
    body: RequestBody


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True, tag="r"):
    """Server to client: the answer to the request of that id."""

    id: Count
    body: ReplyBody


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True, tag="e"):
    """Server to client: nobody asked."""

    body: EventBody


FromServer = Reply | Event
