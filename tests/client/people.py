"""People in memory: accounts with certified devices, and rooms of them through real commits and Welcomes.

The log is a list of entries, stamped as the server stamps them. No sockets, clock or files.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TypeVar

from coterie import identity
from coterie.client import direct, outbox, position, room_state
from coterie.client import log as logs
from coterie.client.happening import Event, Happening, Line, Said
from coterie.client.intent import Change, Intent, Newcomer, Say, Sealed
from coterie.client.log import GroupLog, Step
from coterie.client.position import Position
from coterie.client.room_policy import (
    KNOWN_EXTENSIONS,
    REQUIRED,
    ROOM_POLICY,
    check_joined,
    leaf_identity,
)
from coterie.client.room_state import RoomState
from coterie.identity import AccountKey
from coterie.mls import (
    BasicCredential,
    Capabilities,
    Extension,
    Group,
    KeyPackage,
    KeyPackageBundle,
    Lifetime,
    NewLeaf,
    TakeAll,
    commit,
    join,
    references,
    suite_of,
)
from coterie.mls.extension import ExtensionType, find_extension
from coterie.mls.framing import (
    FramedContent,
    PublicMessage,
    Sender,
    SenderType,
    WireFormat,
    encode_message,
)
from coterie.mls.message_protection import sign
from coterie.mls.proposals import Add, Proposal
from coterie.secret import Secret
from coterie.wire.frames import Entry, Kind
from coterie.wire.signed import open_device_list

NOW = 1_800_000_000.0
LIFETIME = Lifetime(int(NOW) - 86_400, int(NOW) + 86_400)
FAST = (
    1  # the suite that RFC 9420 makes mandatory: a commit takes a fifth of the default one's time
)
T = TypeVar("T")


class Ids:
    """16 bytes, each time others, and the same in each run."""

    def __init__(self, name: str) -> None:
        self._name, self._count = name, itertools.count()

    def __call__(self) -> bytes:
        return sha256(f"{self._name} {next(self._count)}".encode()).digest()[:16]


@dataclass(frozen=True)
class Device:
    """A device with the certificate of its account."""

    name: str
    account: AccountKey
    id: bytes
    leaf: NewLeaf
    suite: int = FAST

    @property
    def account_key(self) -> bytes:
        return self.account.public_key

    def key_package(self) -> KeyPackageBundle:
        return KeyPackageBundle.create(suite_of(self.suite), self.leaf, LIFETIME)


def new_device(
    name: str,
    account: AccountKey | None = None,
    *,
    number: int = 1,
    suite: int = FAST,
    device: bytes = b"",
) -> Device:
    """The first device of a new account; or with ``account`` its ``number``-th, or with the id ``device``."""
    account = account or AccountKey(Secret(sha256(name.encode()).digest()))
    device = device or sha256(f"{name}'s device {number}".encode()).digest()[:16]
    seed, device_key = suite_of(suite).signature.generate()
    certified = identity.new_device(account, name, device=device, device_key=device_key, now=NOW)
    assert open_device_list(certified.device_list).name == name
    encoded = identity.encode_certificate(certified.certificate)
    leaf = NewLeaf(
        seed,
        device_key,
        BasicCredential(identity.encode_credential(name, device)),
        Capabilities(
            versions=(1,), cipher_suites=(suite,), extensions=KNOWN_EXTENSIONS, credentials=(1,)
        ),
        (Extension(identity.CERTIFICATE_EXTENSION, encoded),),
    )
    return Device(name, account, device, leaf, suite)


@dataclass
class Kept:
    """``log.History`` in two dictionaries, with what ``Store.save_log`` and ``save_step`` do for it."""

    chains: dict[int, bytes] = field(default_factory=dict)
    used: set[tuple[bytes, bytes]] = field(default_factory=set)
    rejoins: dict[bytes, int] = field(default_factory=dict)  # message_id: count

    @classmethod
    def begin(cls, log: GroupLog) -> "Kept":
        return cls({log.cursor: log.chain})

    def chain_at(self, group_id: bytes, seq: int) -> bytes | None:
        return self.chains.get(seq)

    def has_used(self, group_id: bytes, device: bytes, message_id: bytes) -> bool:
        return (device, message_id) in self.used

    def rejoin_count(self, group_id: bytes, message_id: bytes) -> int | None:
        return self.rejoins.get(message_id)

    def save(self, step: Step) -> None:
        if step.is_handshake:
            self.chains.clear()
        self.chains[step.log.cursor] = step.log.chain
        if step.is_new_epoch:
            self.used.clear()
        elif step.used:
            self.used.add(step.used)


class Reader:
    """One device in one room, with all that happened to it."""

    def __init__(self, room: "Room", device: Device, log: GroupLog) -> None:
        self.room, self.device, self.log = room, device, log
        self.kept = Kept.begin(log)
        self.happenings: list[Happening] = []
        self.new_id: Callable[[], bytes] = Ids(f"{device.name} {device.id.hex()} {log.cursor}")

    @property
    def group(self) -> Group:
        return self.log.group

    @property
    def state(self) -> RoomState:
        return logs.state(self.log)

    @property
    def lines(self) -> list[tuple[Event, str]]:
        return [(h.event, h.text) for h in self.happenings if isinstance(h, Line)]

    @property
    def events(self) -> list[Event]:
        return [event for event, _ in self.lines]

    @property
    def texts(self) -> list[bytes]:
        """What was said, in the order of the log."""
        return [h.content for h in self.happenings if isinstance(h, Said)]

    @property
    def names(self) -> list[str]:
        """Accounts in the room."""
        return sorted({leaf_identity(m.leaf_node).name for m in self.group.members()})

    @property
    def posts(self) -> list[tuple[int, bytes, int, bytes]]:
        """Count, message_id, kind and body of what can be posted."""
        found = logs.next_posts(self.log)
        return [(count, out.message_id, sealed.kind, sealed.body) for count, out, sealed in found]

    def told(self, kind: type[T]) -> list[T]:
        """What happened of that kind."""
        return [h for h in self.happenings if isinstance(h, kind)]

    def want(self, intent: Intent) -> bytes:
        """The ticket."""
        ticket = self.new_id()
        self.log = outbox.enqueue(self.log, intent, ticket)
        return ticket

    def say(self, text: bytes) -> bytes:
        return self.want(Say(text))

    def seal(self) -> None:
        self.log, told = outbox.seal(self.log, self.new_id, NOW)
        self.happenings += told

    def read(self, entry: Entry) -> Step:
        step = logs.read(self.log, entry, self.kept, NOW)
        self.kept.save(step)
        self.log = step.log
        self.happenings += step.happenings
        return step

    def catch_up(self) -> None:
        for entry in self.room.entries[self.log.cursor :]:
            self.read(entry)

    def post(self) -> Entry | None:
        """Reads to the head, seals, and has the first post of the outbox appended; None where there is none."""
        self.catch_up()
        self.seal()
        posts = logs.next_posts(self.log)
        if not posts:
            return None
        _, out, sealed = posts[0]
        entry = self.room.append(self.device, Kind(sealed.kind), out.message_id, sealed.body)
        self.room.welcome(sealed)
        return entry

    # --- by hand, past one's own client and its rules: whoever does so reads no further -----------

    def here(self, message_id: bytes) -> Position:
        """What goes into the authenticated data now."""
        return Position(message_id, self.log.cursor, self.log.chain)

    def append(self, kind: Kind, body: bytes, message_id: bytes) -> Entry:
        return self.room.append(self.device, kind, message_id, body)

    def protect(self, text: bytes, where: Position | None = None) -> tuple[bytes, bytes]:
        """A message's id and body."""
        where = where or self.here(self.new_id())
        group, body = self.group.protect(text, authenticated_data=where.encode())
        self.log = replace(self.log, group=group)
        return where.message_id, body

    def append_message(self, text: bytes, where: Position | None = None) -> Entry:
        message_id, body = self.protect(text, where)
        return self.append(Kind.MESSAGE, body, message_id)

    def commit(
        self,
        proposals: Sequence[Proposal] = (),
        *,
        by_reference: Sequence[bytes] = (),
        where: Position | None = None,
        is_public: bool = False,
        has_wrong_tag: bool = False,
    ) -> tuple[bytes, bytes]:
        """A commit's id and body, made without asking the room's rules."""
        where = where or self.here(self.new_id())
        group = replace(self.group, policy=TakeAll())
        if has_wrong_tag:  # all but the confirmation tag is as it should be
            other = replace(group.epoch_secrets, init_secret=Secret(bytes(group.suite.nh)))
            group = replace(group, epoch_secrets=other)
        _, pending = commit(
            group,
            proposals,
            by_reference=by_reference,
            authenticated_data=where.encode(),
            is_public=is_public,
        )
        return where.message_id, pending.message

    def append_commit(
        self,
        proposals: Sequence[Proposal] = (),
        *,
        by_reference: Sequence[bytes] = (),
        has_wrong_tag: bool = False,
    ) -> Entry:
        message_id, body = self.commit(
            proposals, by_reference=by_reference, has_wrong_tag=has_wrong_tag
        )
        return self.append(Kind.COMMIT, body, message_id)

    def propose(self, proposal: Proposal, *, is_public: bool = False) -> tuple[bytes, bytes]:
        """A proposal's id and body, made without asking the room's rules."""
        message_id = self.new_id()
        group, body = replace(self.group, policy=TakeAll()).propose(
            proposal, authenticated_data=self.here(message_id).encode(), is_public=is_public
        )
        self.log = replace(self.log, group=replace(group, policy=ROOM_POLICY))
        return message_id, body

    def append_rejoin(self, bundle: KeyPackageBundle | None = None) -> Entry:
        message_id, bundle = self.new_id(), bundle or self.device.key_package()
        self.room.expect(self.device, bundle)
        body = rejoin(self.device, self.group, message_id, bundle)
        return self.append(Kind.PROPOSAL, body, message_id)


class Room:
    """A group with its log, and everybody in it."""

    def __init__(self, suite: int = FAST, group_id: bytes = b"G" * 16) -> None:
        self.suite, self.group_id = suite, group_id
        self.entries: list[Entry] = []
        self.readers: dict[bytes, Reader] = {}
        self._waiting: dict[bytes, tuple[Device, KeyPackageBundle]] = {}
        self._welcomes: list[tuple[Device, KeyPackageBundle, bytes]] = []

    def create(self, device: Device, state: RoomState) -> Reader:
        made = logs.create(new_group(device, state, self.suite, self.group_id), device.id, NOW)
        reader = self.readers[device.id] = Reader(self, device, made)
        return reader

    def newcomer(self, device: Device) -> Newcomer:
        """As the directory would give it."""
        bundle = device.key_package()
        self.expect(device, bundle)
        return Newcomer(device.name, device.id, bundle.key_package.encode())

    def expect(self, device: Device, bundle: KeyPackageBundle) -> None:
        """A Welcome for it will be taken."""
        self._waiting[bundle.key_package.reference()] = (device, bundle)

    def append(self, device: Device, kind: Kind, message_id: bytes, body: bytes) -> Entry:
        """As the server stamps it, whatever it is."""
        entry = Entry(len(self.entries) + 1, kind, device.id, message_id, body)
        self.entries.append(entry)
        return entry

    def welcome(self, sealed: Sealed) -> None:
        """Whom the Welcome is for joins at once."""
        if sealed.welcome is None:
            return
        for reference in references(sealed.welcome):
            device, bundle = self._waiting.pop(reference)
            self.readers[device.id] = self.join(device, bundle, sealed.welcome)

    def join(self, device: Device, bundle: KeyPackageBundle, welcome: bytes) -> Reader:
        """As ``sync`` does it."""
        joined = join(welcome, bundle, device.leaf.signature_private, policy=ROOM_POLICY)
        check_joined(joined.group)
        begins = find_extension(joined.group_info_extensions, position.EXTENSION_TYPE)
        assert begins is not None
        log = logs.join(joined.group, device.id, position.decode(begins), NOW)
        return Reader(self, device, log)

    def kinds(self, start: int = 0) -> list[Kind]:
        """Of the entries behind ``start``."""
        return [entry.kind for entry in self.entries[start:]]

    def everybody(self) -> list[Reader]:
        return list(self.readers.values())

    def catch_up(self) -> None:
        for reader in self.everybody():
            reader.catch_up()

    def settle(self, most: int = 100) -> None:
        """Everybody posts in turn until nobody has anything to post. All have read everything then."""
        for _ in range(most):
            if not [entry for reader in self.everybody() if (entry := reader.post())]:
                self.catch_up()
                return
        raise AssertionError(f"not settled after {most} rounds")


def new_group(
    device: Device, state: RoomState, suite: int = FAST, group_id: bytes = b"G" * 16
) -> Group:
    """A group of one."""
    return Group.create(
        suite_of(suite),
        group_id,
        device.leaf,
        LIFETIME,
        extensions=extensions_of(state),
        policy=ROOM_POLICY,
    )


def extensions_of(state: RoomState) -> tuple[Extension, ...]:
    return (
        Extension(ExtensionType.REQUIRED_CAPABILITIES, REQUIRED.encode()),
        Extension(room_state.EXTENSION_TYPE, room_state.encode(state)),
    )


def new_state(*admins: Device, room_id: bytes = b"R" * 16, name: str = "ops") -> RoomState:
    keys = tuple(dict.fromkeys(admin.account_key for admin in admins))
    return RoomState(room_state.RULES_VERSION, room_id, name, "", keys)


def direct_room(
    one: Device | None = None, other: Device | None = None, group_id: bytes = b"G" * 16
) -> tuple["Room", list["Reader"]]:
    """The direct messages of two, alice and bobb unless others are given, which the first has begun."""
    one, other = one or new_device("alice"), other or new_device("bobb")
    room = Room(group_id=group_id)
    reader = room.create(one, direct.new_state(one.account_key, other.account_key))
    reader.want(Change(adds=(room.newcomer(other),)))
    room.settle()
    return room, [reader, room.readers[other.id]]


def new_room(*names: str, suite: int = FAST, admins: int = 1) -> tuple[Room, list[Reader]]:
    """A room of accounts with a device each, all in the same epoch, healed; the first ``admins`` are admins."""
    return room_of([new_device(name, suite=suite) for name in names], admins=admins)


def room_of(devices: Sequence[Device], *, admins: int = 1) -> tuple[Room, list[Reader]]:
    """The same, of these devices."""
    first, *others = devices
    room = Room(first.suite)
    founder = room.create(first, new_state(*devices[:admins]))
    if others:
        founder.want(Change(adds=tuple(room.newcomer(device) for device in others)))
    room.settle()
    for reader in room.everybody():
        reader.log = replace(reader.log, heal_first=False)
        reader.happenings.clear()
    return room, [room.readers[device.id] for device in devices]


def twin_of(member: Reader, device: bytes) -> tuple[Reader, Entry]:
    """A device of the same account with an id that is another's already, and the commit that adds it."""
    room, here = member.room, member.here(member.new_id())
    twin = new_device(member.device.name, member.device.account, device=device)
    bundle = twin.key_package()
    _, pending = commit(
        member.group,
        (Add(bundle.key_package),),
        authenticated_data=here.encode(),
        group_info_extensions=(Extension(position.EXTENSION_TYPE, here.encode()),),
    )
    entry = member.append(Kind.COMMIT, pending.message, here.message_id)
    assert pending.welcome is not None
    reader = room.join(twin, bundle, pending.welcome)
    reader.read(entry)
    member.log = replace(member.log, group=pending.group, cursor=entry.seq)
    return reader, entry


def append_first(reader: Reader) -> None:
    """The first of its posts, without the Welcome: the newcomers of a crowd need not join to be members."""
    reader.catch_up()
    reader.seal()
    (_, out, sealed), *_ = logs.next_posts(reader.log)
    reader.append(Kind(sealed.kind), sealed.body, out.message_id)


def crowd_of(number: int) -> tuple[list[Device], tuple[Newcomer, ...]]:
    devices = [new_device(f"guest{n}") for n in range(number)]
    packages = [device.key_package().key_package.encode() for device in devices]
    return devices, tuple(
        Newcomer(device.name, device.id, package)
        for device, package in zip(devices, packages, strict=True)
    )


def rejoin(
    device: Device, group: Group, message_id: bytes, bundle: KeyPackageBundle | None = None
) -> bytes:
    """An external Add proposal of a device for itself (RFC 9420 section 12.1.8), for the epoch of ``group``."""
    package = (bundle or device.key_package()).key_package
    return external_proposal(device, group, Add(package), message_id)


def external_proposal(
    device: Device, group: Group, proposal: Proposal, authenticated_data: bytes
) -> bytes:
    framed = FramedContent(
        group.group_id,
        group.epoch,
        Sender(SenderType.NEW_MEMBER_PROPOSAL),
        authenticated_data,
        proposal,
    )
    content = sign(
        group.suite,
        WireFormat.PUBLIC_MESSAGE,
        framed,
        group.context,
        device.leaf.signature_private,
    )
    return encode_message(PublicMessage(content.content, content.auth))


def added(device: Device) -> Add:
    """An Add of that device by a fresh key package."""
    return Add(KeyPackage.from_bytes(device.key_package().key_package.encode()))


def same_everywhere(readers: Sequence[Reader], what: Callable[[Reader], T]) -> T:
    """What is alike for all of them."""
    first, *others = [what(reader) for reader in readers]
    assert all(other == first for other in others)
    return first
