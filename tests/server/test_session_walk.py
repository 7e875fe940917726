"""Connections that ask for anything in any order: every answer is one that the state allows, and of the request's kind.

The fuzzer walks the same way with bytes of its own choice: ``fuzz.server``.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.client.login import PasswordLogin
from coterie.errors import RemoteProtocolError
from coterie.opaque.stretch import IDENTITY
from coterie.server.limits import Limits
from coterie.server.session import ALLOWED, State
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire.limits import MAX_MESSAGE_BODY, WHISPER_SIZE
from tests.fakes import FakeClock, InlineThreads
from tests.server.people import Device, Person
from tests.server.test_session import HASH, PASSWORD, Client
from tests.server.world import make_house

REPLIES: MappingProxyType[type, tuple[type, ...]] = MappingProxyType(
    {
        f.Hello: (f.HelloReply,),
        f.RegisterStart: (f.RegisterResponse,),
        f.RegisterFinish: (f.Done,),
        f.PasswordLoginStart: (f.PasswordLoginResponse,),
        f.PasswordLoginFinish: (f.PasswordLoggedIn,),
        f.ReplaceDeviceList: (f.Done,),
        f.DeviceLogin: (f.LoggedIn,),
        f.Ping: (f.Done,),
        f.UploadKeyPackages: (f.KeyPackageCount,),
        f.CountKeyPackages: (f.KeyPackageCount,),
        f.FetchAccount: (f.Account,),
        f.FetchKeyPackages: (f.KeyPackages,),
        f.CreateGroup: (f.Done,),
        f.Post: (f.Accepted, f.Stale, f.Behind, f.OutOfOrder, f.Ahead),
        f.ChangeList: (f.Done, f.Stale),
        f.Fetch: (f.Entries,),
        f.Subscribe: (f.Subscribed, f.Diverged),
        f.FetchGroups: (f.Groups,),
        f.FetchInbox: (f.Inbox,),
        f.CreateInvite: (f.Done,),
        f.Whisper: (f.Done,),
    }
)
AFTER = MappingProxyType(  # the state that a right answer leads to; others leave it
    {
        f.Hello: State.ANONYMOUS,
        f.RegisterStart: State.REGISTERING,
        f.RegisterFinish: State.ANONYMOUS,
        f.PasswordLoginStart: State.LOGGING_IN,
        f.PasswordLoginFinish: State.UNLOCKED,
        f.DeviceLogin: State.LOGGED_IN,
    }
)
FINISHES = (f.RegisterFinish, f.PasswordLoginFinish)  # which end what was begun, right or wrong
GROUPS = [bytes([number]) * 16 for number in range(3)]
IDS = [bytes([number]) * 16 for number in range(6)]
TOKENS = [b"t" * 16, b"u" * 16]
CONNECTIONS = 3
# The server cannot fail in any of these: there is room, and its database is sound.
NEVER = (f.Code.FULL, f.Code.CLOSING)


class World:
    """A new server with two people on it, one of two devices. The same at each beginning."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.house = make_house(folder, InlineThreads(), self.clock, Limits())
        self.anna, self.ben = Person("anna"), Person("ben")
        for person, token in ((self.anna, b"1" * 16), (self.ben, b"2" * 16)):
            person.register(self.house.store, token=token, now=self.clock.now())
        self.phone = self.anna.add_device(self.house.store)
        self.stranger = Device("anna")
        self.listed = {device.device for device in (self.anna.first, self.phone, self.ben.first)}
        self.connections = [self.connect() for _ in range(CONNECTIONS)]

    def connect(self) -> Client:
        return Client(self.house)

    @property
    def devices(self) -> tuple[Device, ...]:
        return self.anna.first, self.phone, self.ben.first, self.stranger

    async def close(self) -> None:
        for client in self.connections:
            client.session.close()
        await self.house.writer.drain()
        self.house.store.close()


Step = Callable[[World, Client], f.RequestBody]


@dataclass(frozen=True)
class Login:
    """As one of the devices, signed for this channel or for another."""

    device: int
    is_right: bool

    def __call__(self, world: World, client: Client) -> f.RequestBody:
        return world.devices[self.device].login(HASH if self.is_right else bytes(32))


@dataclass(frozen=True)
class Revoke:
    """A list without the phone, in this version, from a connection that is as after anna's right password."""

    version: int

    def __call__(self, world: World, client: Client) -> f.RequestBody:
        if client.session.state is State.LOGGING_IN:
            client.session.state, client.session.name = State.UNLOCKED, "anna"
        return f.ReplaceDeviceList(
            world.anna.device_list(world.anna.first, version=self.version)[0]
        )


@dataclass(frozen=True)
class Listed:
    """A change of a list: who is put on and taken off, by number."""

    add: tuple[int, ...]
    remove: tuple[int, ...]
    keepers: tuple[str, ...]
    no_keepers: tuple[str, ...]

    def change(self, world: World) -> f.ListChange:
        add, remove = (
            tuple(world.devices[number].device for number in numbers)
            for numbers in (self.add, self.remove)
        )
        return f.ListChange(add, remove, self.keepers, self.no_keepers)


@dataclass(frozen=True)
class Posted:
    """With a list change and a Welcome for those who are put on, or for somebody else."""

    post: f.Post
    listed: Listed | None
    welcomed: tuple[int, ...]

    def __call__(self, world: World, client: Client) -> f.RequestBody:
        devices = tuple(world.devices[number].device for number in self.welcomed)
        post = self.post
        return f.Post(
            post.group,
            post.kind,
            post.message_id,
            post.count,
            post.after,
            post.body,
            self.listed.change(world) if self.listed else None,
            f.WelcomeFor(b"welcome", devices) if devices else None,
        )


@dataclass(frozen=True)
class Changed:
    """A list change without an entry."""

    group: bytes
    after: int
    listed: Listed

    def __call__(self, world: World, client: Client) -> f.RequestBody:
        return f.ChangeList(self.group, self.after, self.listed.change(world))


@dataclass(frozen=True)
class Asked:
    """A request as it is."""

    body: f.RequestBody

    def __call__(self, world: World, client: Client) -> f.RequestBody:
        return self.body


def asked(kind: Callable[..., f.RequestBody], *fields: st.SearchStrategy[Any]) -> Any:
    return st.builds(lambda *values: Asked(kind(*values)), *fields)


groups, numbers = st.sampled_from(GROUPS), st.integers(0, 3)
small, documents = (
    st.binary(max_size=200),
    st.builds(f.SignedDocument, st.binary(max_size=80), st.binary(min_size=64, max_size=64)),
)
counts = st.one_of(st.integers(0, 4), st.just(2**63 - 1))
people = st.sampled_from(["anna", "ben", "nobody", "Ä!", "new"])
some = st.lists(numbers, max_size=3).map(tuple)
keepers = st.lists(people, max_size=2).map(tuple)
lists = st.builds(Listed, some, some, keepers, keepers)
posts = st.builds(
    f.Post,
    groups,
    st.sampled_from(f.Kind),
    st.sampled_from(IDS),
    counts,
    counts,
    st.sampled_from([b"", b"body", bytes(MAX_MESSAGE_BODY + 1)]),
)
KE1 = PasswordLogin("anna", PASSWORD, IDENTITY).start().ke1
steps: st.SearchStrategy[Step] = st.one_of(
    asked(f.Hello, st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple)),
    asked(f.Hello, st.just((1,))),
    asked(f.RegisterStart, st.sampled_from(TOKENS), people, small),
    asked(f.RegisterFinish, small, small, documents, documents),
    asked(f.PasswordLoginStart, st.just("nobody"), st.one_of(st.just(KE1), small)),
    asked(f.PasswordLoginFinish, small),
    asked(f.ReplaceDeviceList, documents, st.none() | documents),
    st.builds(Revoke, st.integers(1, 4)),
    st.builds(Login, numbers, st.booleans()),
    st.builds(Login, numbers, st.just(True)),
    asked(f.Ping),
    asked(
        lambda one_time, last, replace: f.UploadKeyPackages(one_time, last, replace=replace),
        st.lists(small, max_size=3).map(tuple),
        st.none() | small,
        st.booleans(),
    ),
    asked(f.CountKeyPackages),
    asked(f.FetchAccount, people),
    asked(f.FetchKeyPackages, people),
    asked(f.CreateGroup, groups),
    st.builds(Posted, posts, st.none() | lists, some),
    st.builds(Posted, posts, st.none(), st.just(())),
    st.builds(Changed, groups, counts, lists),
    asked(f.Fetch, groups, counts, st.integers(1, 1_000)),
    asked(f.Subscribe, groups, counts, st.sampled_from([*map(chain.first, GROUPS), bytes(32)])),
    asked(f.FetchGroups),
    asked(f.FetchInbox, counts),
    asked(f.CreateInvite, st.sampled_from(TOKENS), st.integers(1, 3), st.just(60)),
    asked(f.Whisper, groups, st.just(bytes(WHISPER_SIZE))),
)
walks = st.lists(
    st.tuples(st.integers(0, CONNECTIONS - 1), st.sampled_from([0.0, 1.0, 3600.0]), steps),
    max_size=50,
)


async def take(world: World, number: int, step: Step) -> f.ReplyBody | None:
    """One request of one connection, and what has to be true of its answer; None where it broke the protocol."""
    client = world.connections[number]
    session, body = client.session, step(world, client)
    before, is_allowed = session.state, isinstance(body, ALLOWED[session.state])
    try:
        reply = await client.ask(body)
    except RemoteProtocolError:
        assert before is State.AWAITING_HELLO
        assert not is_allowed
        session.close()  # as a connection does
        world.connections[number] = world.connect()
        return None
    if isinstance(reply, f.Failed):
        assert reply.code not in NEVER, reply
        assert is_allowed or reply.code is f.Code.NOT_LOGGED_IN
        is_over = is_allowed and isinstance(body, FINISHES)
        assert session.state is (State.ANONYMOUS if is_over else before)
    else:
        assert is_allowed
        assert isinstance(reply, REPLIES[type(body)])
        assert session.state is AFTER.get(type(body), before)
    if isinstance(reply, f.LoggedIn):
        assert isinstance(step, Login)
        assert step.is_right
        assert session.device in world.listed
    if isinstance(body, f.ReplaceDeviceList) and reply == f.Done():
        world.listed.discard(world.phone.device)
    for place, other in enumerate(world.connections):
        if other.heard.revocations:
            other.session.close()
            world.connections[place] = world.connect()
    return reply


async def walk(world: World, steps: list[tuple[int, float, Step]]) -> list[f.ReplyBody | None]:
    """All of them, where one connection is nobody's yet, and an end that leaves nothing behind."""
    try:
        for number, device in enumerate((world.phone, world.ben.first)):
            await world.connections[number].log_in(device)
        replies = []
        for number, delay_s, step in steps:
            await world.clock.advance(delay_s)
            replies.append(await take(world, number, step))
        return replies
    finally:
        await world.close()
        assert (world.house.bus._groups, world.house.bus._devices) == ({}, {})
        assert world.house.devices == {}


def walked(steps: list[tuple[int, float, Step]]) -> list[f.ReplyBody | None]:
    """In a world of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_walked(Path(folder), steps))


async def _walked(folder: Path, steps: list[tuple[int, float, Step]]) -> list[f.ReplyBody | None]:
    return await walk(World(folder), steps)


def test_every_request_has_its_replies() -> None:
    assert set(REPLIES) == set(get_args(f.RequestBody))


@given(walks)
@settings(max_examples=20, deadline=None)
def test_every_answer_is_one_that_the_state_allows(steps: list[tuple[int, float, Step]]) -> None:
    walked(steps)


def test_walk_reaches_what_needs_several_steps_in_order() -> None:
    """So that the one above is no walk on the spot."""
    group, post = GROUPS[0], f.Post(GROUPS[0], f.Kind.COMMIT, IDS[0], 1, 0, b"body")
    replies = walked(
        [
            (0, 0.0, Asked(f.CreateGroup(group))),
            (0, 0.0, Posted(post, Listed((2,), (), ("ben",), ()), (2,))),
            (1, 0.0, Asked(f.FetchInbox(0))),
            (1, 0.0, Asked(f.Fetch(group, 0))),
            (2, 0.0, Asked(f.Ping())),
            (2, 0.0, Asked(f.Hello((1,)))),
            (2, 0.0, Asked(f.PasswordLoginStart("nobody", KE1))),
            (2, 0.0, Revoke(3)),
            (2, 0.0, Login(1, is_right=True)),
            (0, 0.0, Asked(f.FetchGroups())),
        ]
    )
    kinds = [type(reply) for reply in replies]
    assert kinds == [
        f.Done,
        f.Accepted,
        f.Inbox,
        f.Entries,
        type(None),
        f.HelloReply,
        f.PasswordLoginResponse,
        f.Done,
        f.Failed,
        type(None),
    ]


@pytest.mark.parametrize(
    ("sabotaged", "step"),
    [
        ("coterie.server.session.verify_signature", Login(0, is_right=False)),
        ("coterie.server.session.Session.admit", Asked(f.CountKeyPackages())),
    ],
    ids=["signatures are not checked", "states are not checked"],
)
def test_answer_that_the_state_forbids_is_told(
    monkeypatch: pytest.MonkeyPatch, sabotaged: str, step: Step
) -> None:
    """The walk can fail."""
    monkeypatch.setattr(sabotaged, lambda *_: None)
    with pytest.raises(AssertionError):
        walked([(2, 0.0, Asked(f.Hello((1,)))), (2, 0.0, step)])
