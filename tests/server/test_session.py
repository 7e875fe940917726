"""One connection's requests in every state, without a socket."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coterie.client.device import Enrolled
from coterie.client.enrolment import Enrolment
from coterie.client.login import PasswordLogin
from coterie.errors import NotAuthenticated, RemoteProtocolError, StorageError
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret
from coterie.server import attempts
from coterie.server.attempts import Attempts
from coterie.server.database import DiskFull
from coterie.server.fair import FairThreads
from coterie.server.house import House
from coterie.server.limits import Limits
from coterie.server.session import Session, State
from coterie.server.store import PostJob
from coterie.wire import chain
from coterie.wire import frames as f
from coterie.wire.invite import Address, Invite
from coterie.wire.limits import WHISPER_SIZE
from tests.asynchronous import asynchronous
from tests.decoded import decoded
from tests.fakes import FakeClock, InlineThreads, settle
from tests.server.people import GROUP, Device, Person, count
from tests.server.statements import statements
from tests.server.test_bus import Heard
from tests.server.test_writer import HeldThreads
from tests.server.world import make_house, post

LIMITS = Limits()
PASSWORD = Secret(b"correct horse battery staple")
HASH = b"h" * 32
DOCUMENT = f.SignedDocument(b"", bytes(64))
NO = f.Failed(f.Code.NOT_AUTHENTICATED, "login failed")

BODIES: dict[str, f.RequestBody] = {
    type(body).__name__: body
    for body in (
        f.Hello((1,)),
        f.RegisterStart(b"t" * 16, "ben", b""),
        f.RegisterFinish(b"", b"", DOCUMENT, DOCUMENT),
        f.PasswordLoginStart("ben", b""),
        f.PasswordLoginFinish(b""),
        f.ReplaceDeviceList(DOCUMENT),
        f.DeviceLogin("ben", b"d" * 16, bytes(64)),
        f.Ping(),
        f.UploadKeyPackages(()),
        f.CountKeyPackages(),
        f.FetchAccount("ben"),
        f.FetchKeyPackages("ben"),
        f.CreateGroup(GROUP),
        f.Post(GROUP, f.Kind.MESSAGE, b"m" * 16, 1, 0, b""),
        f.ChangeList(GROUP, 0, f.ListChange()),
        f.Fetch(GROUP, 0),
        f.Subscribe(GROUP, 0, bytes(32)),
        f.FetchGroups(),
        f.FetchInbox(0),
        f.CreateInvite(b"t" * 16, 1, 60),
        f.Whisper(GROUP, bytes(WHISPER_SIZE)),
    )
}
BEGINNINGS = {"RegisterStart", "PasswordLoginStart", "DeviceLogin", "Ping"}
OF_A_CONNECTION = {"Hello", "RegisterFinish", "PasswordLoginFinish", "ReplaceDeviceList"}
ALLOWED = {
    State.AWAITING_HELLO: {"Hello"},
    State.ANONYMOUS: BEGINNINGS,
    State.REGISTERING: BEGINNINGS | {"RegisterFinish"},
    State.LOGGING_IN: BEGINNINGS | {"PasswordLoginFinish"},
    State.UNLOCKED: BEGINNINGS | {"ReplaceDeviceList"},
    State.LOGGED_IN: BODIES.keys() - OF_A_CONNECTION - BEGINNINGS | {"DeviceLogin", "Ping"},
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = make_house(tmp_path, InlineThreads(), FakeClock())
    yield made
    made.store.close()


@dataclass
class Client:
    """A session, asked as a connection does."""

    house: House
    address: str = "192.0.2.1"
    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        self.session = Session(self.house, self.address, self.heard)
        self.session.handshake_hash = HASH

    async def ask(self, body: f.RequestBody) -> f.ReplyBody:
        return self.session.admit(body) or decoded(await self.session.answer(body))

    async def greet(self) -> "Client":
        assert isinstance(await self.ask(f.Hello((1,))), f.HelloReply)
        return self

    async def log_in(self, device: Device) -> "Client":
        await self.greet()
        assert await self.ask(device.login(HASH)) == f.LoggedIn()
        return self

    @property
    def hello(self) -> f.HelloReply:
        store = self.house.store
        return f.HelloReply(1, store.server_id, store.generation)

    async def register(self, name: str, token: bytes) -> Enrolled:
        enrolment = Enrolment(Invite(Address("h", 1), HASH, token), name, PASSWORD, IDENTITY)
        response = await self.ask(enrolment.start())
        assert isinstance(response, f.RegisterResponse), response
        finish, enrolled = enrolment.finish(response, self.hello, self.house.clock.now())
        assert await self.ask(finish) == f.Done()
        return enrolled

    async def guess(self, name: str, password: Secret = PASSWORD) -> f.ReplyBody:
        """A login by password: what the server says at its end."""
        login = PasswordLogin(name, password, IDENTITY)
        response = await self.ask(login.start())
        if not isinstance(response, f.PasswordLoginResponse):
            return response
        try:
            finish = login.finish(response, self.house.store.server_id, HASH)
        except NotAuthenticated:  # a client that is honest stops here
            finish = f.PasswordLoginFinish(bytes(64))
        return await self.ask(finish)


def invite(house: House, uses: int = 1) -> bytes:
    token = token_bytes(16)
    now = house.clock.now()
    house.store.do(lambda t: t.accounts.create_invite(token, uses, 60.0), now)
    return token


def person(house: House, name: str) -> Person:
    return Person(name).register(house.store, token=token_bytes(16), now=house.clock.now())


def code(reply: f.ReplyBody) -> f.Code | None:
    return reply.code if isinstance(reply, f.Failed) else None


# --- states --------------------------------------------------------------------------------------


def test_every_request_is_in_the_table() -> None:
    assert {cls.__name__ for cls in f.RequestBody.__args__} == BODIES.keys()
    assert ALLOWED.keys() == set(State)


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@pytest.mark.parametrize("name", BODIES)
def test_request_is_admitted_in_its_states_alone(house: House, state: State, name: str) -> None:
    session = Client(house).session
    session.state = state
    if name in ALLOWED[state]:
        assert session.admit(BODIES[name]) is None
    elif state is State.AWAITING_HELLO:
        with pytest.raises(RemoteProtocolError, match=f"{name} before Hello"):
            session.admit(BODIES[name])
    else:
        assert code(session.admit(BODIES[name]) or f.Done()) is f.Code.NOT_LOGGED_IN


@pytest.mark.parametrize("name", BODIES)
def test_renewed_channel_is_of_no_use_before_the_device_has_signed_it(
    house: House, name: str
) -> None:
    session = Client(house).session
    session.state = State.LOGGED_IN
    session.renewed(b"n" * 32)
    assert (session.admit(BODIES[name]) is None) == (name == "DeviceLogin")
    assert not session.is_logged_in


@asynchronous
async def test_states_follow_each_other(tmp_path: Path) -> None:
    house = make_house(tmp_path, InlineThreads(), FakeClock())
    client = Client(house)
    states = [client.session.state]
    await client.greet()
    states.append(client.session.state)
    enrolment = Enrolment(Invite(Address("h", 1), HASH, invite(house)), "ben", PASSWORD, IDENTITY)
    response = await client.ask(enrolment.start())
    states.append(client.session.state)
    assert isinstance(response, f.RegisterResponse)
    finish, enrolled = enrolment.finish(response, client.hello, house.clock.now())
    assert await client.ask(finish) == f.Done()
    states.append(client.session.state)
    login = PasswordLogin("ben", PASSWORD, IDENTITY)
    ke2 = await client.ask(login.start())
    states.append(client.session.state)
    assert isinstance(ke2, f.PasswordLoginResponse)
    ke3 = login.finish(ke2, house.store.server_id, HASH)
    assert isinstance(await client.ask(ke3), f.PasswordLoggedIn)
    states.append(client.session.state)
    assert await client.ask(enrolled.identity.login(HASH)) == f.LoggedIn()
    states.append(client.session.state)
    assert states == [
        State.AWAITING_HELLO,
        State.ANONYMOUS,
        State.REGISTERING,
        State.ANONYMOUS,
        State.LOGGING_IN,
        State.UNLOCKED,
        State.LOGGED_IN,
    ]
    house.store.close()


@asynchronous
async def test_version_that_nobody_speaks_is_refused_and_a_common_one_agreed(
    house: House,
) -> None:
    client = Client(house)
    assert code(await client.ask(f.Hello((2, 3)))) is f.Code.VERSION
    assert client.session.state is State.AWAITING_HELLO
    assert await client.ask(f.Hello((3, 1))) == client.hello


# --- registration --------------------------------------------------------------------------------


@asynchronous
async def test_invite_for_one_makes_one_account(house: House) -> None:
    token = invite(house)
    client = await Client(house).greet()
    await client.register("ben", token)
    spent = await client.ask(f.RegisterStart(token, "carl", b""))
    assert code(spent) is f.Code.INVITE


@pytest.mark.parametrize("name", ["B", "ben ", "Ben", "b" * 33, "bén"])
@asynchronous
async def test_name_that_is_not_allowed_is_refused_before_the_invite_is_looked_at(
    house: House, name: str
) -> None:
    client = await Client(house).greet()
    refused = await client.ask(f.RegisterStart(b"?" * 16, name, b""))
    assert code(refused) is f.Code.NAME_NOT_ALLOWED


@asynchronous
async def test_only_who_holds_an_invite_learns_that_a_name_is_taken(house: House) -> None:
    person(house, "ben")
    client = await Client(house).greet()
    answers = [await client.ask(f.RegisterStart(b"?" * 16, name, b"")) for name in ("ben", "carl")]
    assert answers[0] == answers[1]
    assert code(answers[0]) is f.Code.INVITE
    taken = await client.ask(f.RegisterStart(invite(house), "ben", b""))
    assert code(taken) is f.Code.NAME_TAKEN


@asynchronous
async def test_registration_that_does_not_fit_together_is_refused_and_uses_nothing(
    house: House,
) -> None:
    token = invite(house)
    client = await Client(house).greet()
    other, mallory = Person("ben"), Person("mallory")
    signed, _ = other.device_list(other.first, version=1)
    of_mallory = mallory.device_list(mallory.first, version=1)[0]
    lies: list[dict[str, Any]] = [
        {"registration_record": bytes(192)},
        {
            "device_list": of_mallory,
            "certificate": mallory.certificate(mallory.first, version=1)[0],
        },
        {"device_list": signed},
        {"certificate": DOCUMENT},
        {
            "device_list": signed,
            "certificate": other.certificate(Device("ben"), version=1)[0],
        },
        {
            "device_list": other.device_list(other.first, version=2)[0],
            "certificate": other.certificate(other.first, version=2)[0],
        },
    ]
    for lie in lies:
        house.registrations = Attempts()  # so many tries under one name would have to wait
        enrolment = Enrolment(Invite(Address("h", 1), HASH, token), "ben", PASSWORD, IDENTITY)
        response = await client.ask(enrolment.start())
        assert isinstance(response, f.RegisterResponse)
        finish, _ = enrolment.finish(response, client.hello, 0.0)
        refused = await client.ask(msgspec.structs.replace(finish, **lie))
        assert code(refused) is f.Code.MALFORMED, lie.keys()
        assert client.session.state is State.ANONYMOUS
    await client.register("ben", token)


@asynchronous
async def test_device_id_of_another_account_is_refused(house: House) -> None:
    """Else a newcomer could take over who is known under that id."""
    first = person(house, "ben").first
    mallory = Person("mallory")
    mallory.first = Device("mallory", first.device)
    client = await Client(house).greet()
    enrolment = Enrolment(
        Invite(Address("h", 1), HASH, invite(house)), "mallory", PASSWORD, IDENTITY
    )
    response = await client.ask(enrolment.start())
    assert isinstance(response, f.RegisterResponse)
    finish, _ = enrolment.finish(response, client.hello, 0.0)
    lie = msgspec.structs.replace(
        finish,
        device_list=mallory.device_list(mallory.first, version=1)[0],
        certificate=mallory.certificate(mallory.first, version=1)[0],
    )
    assert code(await client.ask(lie)) is f.Code.MALFORMED
    assert house.store.reading.account("mallory") is None


@asynchronous
async def test_wrong_invites_are_limited_by_address_and_hold_up_nobody_else(house: House) -> None:
    """All registrations counted under one name: a stranger could stop everybody's."""
    stranger = await Client(house, "198.51.100.1").greet()
    wrong = f.RegisterStart(b"?" * 16, "ben", b"")
    for _ in range(LIMITS.login_attempts):
        assert code(await stranger.ask(wrong)) is f.Code.INVITE
    refused = await stranger.ask(wrong)
    assert code(refused) is f.Code.WAIT
    newcomer = await Client(house, "192.0.2.1").greet()
    await newcomer.register("ben", invite(house))


@asynchronous
async def test_many_join_from_one_address(house: House) -> None:
    token = invite(house, uses=20)
    for number in range(20):
        client = await Client(house).greet()
        await client.register(f"person{number}", token)


@asynchronous
async def test_evaluations_under_a_free_name_are_limited(house: House) -> None:
    """With an invite one could try passwords on a name to come, and compare once the database is stolen."""
    token = invite(house)
    client = await Client(house).greet()

    def start(name: str) -> f.RegisterStart:
        return Enrolment(Invite(Address("h", 1), HASH, token), name, PASSWORD, IDENTITY).start()

    for _ in range(LIMITS.login_attempts):
        assert isinstance(await client.ask(start("ben")), f.RegisterResponse)
    assert code(await client.ask(start("ben"))) is f.Code.WAIT
    other = await Client(house, "198.51.100.1").greet()
    assert code(await other.ask(start("ben"))) is f.Code.WAIT
    wrong = f.RegisterStart(b"?" * 16, "ben", b"")
    assert code(await other.ask(wrong)) is f.Code.INVITE  # it learns nothing of who else tries
    await client.register("carl", token)


@asynchronous
async def test_registrations_that_are_begun_push_no_guesses_out_of_memory(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MAX_REMEMBERED", 10)
    client = await Client(house).greet()
    for _ in range(LIMITS.login_attempts):
        await client.guess("ben")
    newcomer = Invite(Address("h", 1), HASH, invite(house))
    for number in range(20):
        started = Enrolment(newcomer, f"person{number}", PASSWORD, IDENTITY).start()
        assert isinstance(await client.ask(started), f.RegisterResponse)
    assert code(await client.guess("ben")) is f.Code.WAIT


# --- logins --------------------------------------------------------------------------------------


@asynchronous
async def test_unknown_name_and_wrong_password_are_answered_alike(house: House) -> None:
    client = await Client(house).greet()
    await client.register("ben", invite(house))
    ke2 = []
    for name in ("ben", "nobody"):
        login = PasswordLogin(name, Secret(b"wrong"), IDENTITY)
        ke2.append(await client.ask(login.start()))
    assert [type(answer) for answer in ke2] == [f.PasswordLoginResponse] * 2
    assert len({len(msgspec.msgpack.encode(answer)) for answer in ke2}) == 1
    ends = [await client.guess(name, Secret(b"wrong")) for name in ("ben", "nobody")]
    assert ends == [NO, NO]


@asynchronous
async def test_unknown_name_has_an_oprf_key_of_its_own_that_stays(house: House) -> None:
    """Asked twice with one blinded element, it answers the same, as a real name does."""
    await (await Client(house).greet()).register("ben", invite(house))
    answers: dict[str, list[bytes]] = {}
    for name in ("ben", "nobody", "noone"):
        start = PasswordLogin(name, PASSWORD, IDENTITY).start()
        client = await Client(house, f"192.0.2.{len(answers)}").greet()
        for _ in range(2):
            response = await client.ask(start)
            assert isinstance(response, f.PasswordLoginResponse)
            answers.setdefault(name, []).append(response.ke2[:32])
    assert all(first == second for first, second in answers.values())
    assert len({first for first, _ in answers.values()}) == 3


@asynchronous
async def test_guesses_are_limited_alike_for_names_that_exist_and_that_do_not(
    tmp_path: Path,
) -> None:
    """Everything that is told about a name is the same, guess by guess."""
    told = [
        await guess_until_it_hurts(make_house(tmp_path / name, InlineThreads(), FakeClock()), name)
        for name in ("ben", "nobody")
    ]
    assert told[0] == told[1]
    assert [code(answer) for answer in told[0]].count(f.Code.WAIT) >= 3


async def guess_until_it_hurts(house: House, name: str) -> list[f.ReplyBody]:
    """All answers to wrong guesses from many addresses, each made when it was said to be allowed."""
    told = []
    await (await Client(house).greet()).register("ben", invite(house))
    for number in range(12):
        client = await Client(house, f"192.0.2.{number}").greet()
        told.append(await client.guess(name, Secret(b"wrong")))
        if isinstance(told[-1], f.Failed) and told[-1].wait_s:
            assert isinstance(house.clock, FakeClock)
            await house.clock.advance(told[-1].wait_s)
    house.store.close()
    return told


@asynchronous
async def test_guesses_from_one_address_at_many_names_are_limited(house: House) -> None:
    client = await Client(house).greet()
    for number in range(LIMITS.login_attempts):
        assert await client.guess(f"name{number}") == NO
    assert code(await client.guess("another")) is f.Code.WAIT
    neighbour = await Client(house, "192.0.2.2").greet()
    assert await neighbour.guess("another") == NO


@asynchronous
async def test_login_that_was_begun_counts_though_it_is_never_ended(house: House) -> None:
    for _ in range(LIMITS.login_attempts):
        client = await Client(house).greet()
        await client.ask(PasswordLogin("ben", PASSWORD, IDENTITY).start())
    client = await Client(house).greet()
    refused = await client.ask(PasswordLogin("ben", PASSWORD, IDENTITY).start())
    assert code(refused) is f.Code.WAIT


@asynchronous
async def test_right_password_frees_the_name_for_who_mistyped_it(house: House) -> None:
    client = await Client(house).greet()
    await client.register("ben", invite(house))
    for number in range(4):
        mistyping = await Client(house, f"192.0.2.{number}").greet()
        assert await mistyping.guess("ben", Secret(b"wrong")) == NO
    for number in range(10):
        right = await Client(house, f"198.51.100.{number}").greet()
        assert isinstance(await right.guess("ben"), f.PasswordLoggedIn)


@asynchronous
async def test_one_answer_ends_a_login_and_a_second_needs_a_new_one(house: House) -> None:
    client = await Client(house).greet()
    await client.register("ben", invite(house))
    login = PasswordLogin("ben", PASSWORD, IDENTITY)
    response = await client.ask(login.start())
    assert isinstance(response, f.PasswordLoginResponse)
    finish = login.finish(response, house.store.server_id, HASH)
    assert await client.ask(f.PasswordLoginFinish(bytes(64))) == NO
    assert code(await client.ask(finish)) is f.Code.NOT_LOGGED_IN


@asynchronous
async def test_login_that_was_relayed_from_another_channel_fails(house: House) -> None:
    client = await Client(house).greet()
    await client.register("ben", invite(house))
    relay = await Client(house).greet()
    relay.session.handshake_hash = b"r" * 32
    assert await relay.guess("ben") == NO


@asynchronous
async def test_unknown_revoked_and_wrong_devices_get_one_answer(house: House) -> None:
    ben, carl = person(house, "ben"), person(house, "carl")
    phone = ben.add_device(house.store)
    ben.replace_list(house.store, ben.first)
    wrong = [
        Device("ben").login(HASH),
        Device("ben", ben.first.device).login(HASH),
        phone.login(HASH),
        ben.first.login(b"other".ljust(32)),
        Device("carl", ben.first.device, ben.first.key).login(HASH),
        Device("nobody", ben.first.device, ben.first.key).login(HASH),
        Device("\U0001f600" * 63, ben.first.device, ben.first.key).login(HASH),
    ]
    client = await Client(house).greet()
    assert [await client.ask(login) for login in wrong] == [NO] * len(wrong)
    assert client.session.state is State.ANONYMOUS
    assert await client.ask(ben.first.login(HASH)) == f.LoggedIn()
    assert await client.ask(carl.first.login(HASH)) == NO
    assert client.session.device == ben.first.device


@asynchronous
async def test_device_that_is_revoked_while_it_logs_in_is_refused(house: House) -> None:
    """Its row was read, then the revocation came, then the login went on: it stayed."""
    ben = person(house, "ben")
    phone = ben.add_device(house.store)
    client = await Client(house).greet()

    class Revoking(InlineThreads):
        """The revocation comes while the signature is checked."""

        async def run(self, function, *args):  # type: ignore[no-untyped-def]
            result = await super().run(function, *args)
            if phone.device not in revoked:
                revoked.add(phone.device)
                ben.replace_list(house.store, ben.first)
            return result

    revoked: set[bytes] = set()
    house.heavy = FairThreads(Revoking(), 1)
    assert await client.ask(phone.login(HASH)) == NO
    assert revoked
    assert not client.session.is_logged_in


@asynchronous
async def test_what_a_device_has_queued_behind_its_revocation_is_not_done(house: House) -> None:
    """A thief's last requests, on their way when he was found, made a room and posted."""
    ben = person(house, "ben")
    phone = ben.add_device(house.store)
    client = await Client(house).log_in(phone)
    assert await client.ask(f.CreateGroup(GROUP)) == f.Done()
    threads = HeldThreads()
    house.writer._threads = threads
    signed, listed = ben.device_list(ben.first, version=ben.version + 1)
    other = bytes(16)
    asked = [
        asyncio.create_task(house.writer.do(PostJob(post(GROUP, 1), phone.device))),
        asyncio.create_task(
            house.writer.do(lambda t: t.accounts.replace_device_list(signed, listed, None))
        ),
        *(
            asyncio.create_task(client.ask(body))
            for body in (
                post(GROUP, 2),
                f.CreateGroup(other),
                f.CreateInvite(b"i" * 16, 1, 60),
                f.UploadKeyPackages((b"package",)),
                f.ChangeList(GROUP, 0, f.ListChange(add=(ben.first.device,))),
            )
        ),
    ]
    await settle()
    for _ in range(2):
        threads.release()
        await settle()
    accepted, done, *refused = await asyncio.gather(*asked)
    assert isinstance(accepted, f.Accepted)
    assert done == f.Done()
    assert [code(answer) for answer in refused] == [
        f.Code.NOT_MEMBER,
        *[f.Code.NOT_AUTHENTICATED] * 4,
    ]
    assert client.heard.revocations == 1
    assert (count(house.store, "log_group"), count(house.store, "entry")) == (1, 1)
    assert count(house.store, "key_package") == 0


@asynchronous
async def test_stranger_cannot_tell_a_group_that_exists_from_one_that_does_not(
    house: House,
) -> None:
    """Neither by the answer nor by the statements that are run for it."""
    anna = await Client(house).log_in(person(house, "anna").first)
    assert await anna.ask(f.CreateGroup(GROUP)) == f.Done()
    assert isinstance(await anna.ask(post(GROUP, 1)), f.Accepted)
    stranger = await Client(house).log_in(person(house, "mallory").first)
    told = []
    for group in (GROUP, bytes(16)):
        for body in (
            f.Fetch(group, 0),
            f.Subscribe(group, 0, chain.first(group)),
            f.Post(group, f.Kind.MESSAGE, b"m" * 16, 1, 0, b""),
            f.Post(group, f.Kind.COMMIT, b"m" * 16, 9, 9, b"", f.ListChange(remove=(b"d" * 16,))),
            f.ChangeList(group, 0, f.ListChange(remove=(b"d" * 16,))),
            f.Whisper(group, bytes(WHISPER_SIZE)),
        ):
            with statements() as seen:
                answer = await stranger.ask(body)
            told.append((answer, [re.sub("'[^']*'", "?", text) for text in seen]))
    assert [code(answer) for answer, _ in told] == [f.Code.NOT_MEMBER] * len(told)
    assert told[: len(told) // 2] == told[len(told) // 2 :]


@asynchronous
async def test_list_is_replaced_on_an_unlocked_connection_and_the_revoked_device_dropped(
    house: House,
) -> None:
    client = await Client(house).greet()
    enrolled = await client.register("ben", invite(house))
    other = await Client(house).greet()
    assert await other.ask(enrolled.identity.login(HASH)) == f.LoggedIn()
    login = PasswordLogin("ben", PASSWORD, IDENTITY)
    response = await client.ask(login.start())
    assert isinstance(response, f.PasswordLoginResponse)
    logged_in = await client.ask(login.finish(response, house.store.server_id, HASH))
    assert isinstance(logged_in, f.PasswordLoggedIn)
    unlocked = login.open(logged_in)
    seed = unlocked.account_key.seed.expose()
    ben, phone = Person("ben", Ed25519PrivateKey.from_private_bytes(seed)), Device("ben")
    signed, _ = ben.device_list(phone, version=2)
    certificate, _ = ben.certificate(phone, version=2)
    assert await client.ask(f.ReplaceDeviceList(signed, certificate)) == f.Done()
    await house.writer.drain()
    assert other.heard.revocations == 1
    again = await Client(house).greet()
    assert await again.ask(enrolled.identity.login(HASH)) == NO
    assert await again.ask(phone.login(HASH)) == f.LoggedIn()


@asynchronous
async def test_account_may_publish_so_many_lists_and_then_waits(house: House) -> None:
    """Over all its connections. Each list may bring a device, with a device's quotas."""
    ben, lists = person(house, "ben"), LIMITS.device_lists_per_hour
    answers = []
    for version in range(2, lists + 3):
        client = await Client(house).greet()
        client.session.state, client.session.name = State.UNLOCKED, "ben"
        signed, _ = ben.device_list(ben.first, version=version)
        answers.append(code(await client.ask(f.ReplaceDeviceList(signed))))
    assert answers == [None] * lists + [f.Code.WAIT]


@asynchronous
async def test_list_of_another_account_is_refused(house: House) -> None:
    carl = person(house, "carl")
    client = await Client(house).greet()
    await client.register("ben", invite(house))
    assert isinstance(await client.guess("ben"), f.PasswordLoggedIn)
    signed, _ = carl.device_list(carl.first, version=2)
    assert code(await client.ask(f.ReplaceDeviceList(signed))) is f.Code.MALFORMED


# --- logs ----------------------------------------------------------------------------------------


@asynchronous
async def test_stranger_who_subscribes_hears_nothing_and_a_member_everything(house: House) -> None:
    anna, ben = person(house, "anna").first, person(house, "ben").first
    annas, bens = await Client(house).log_in(anna), await Client(house).log_in(ben)
    await annas.ask(f.CreateGroup(GROUP))
    subscribe = f.Subscribe(GROUP, 0, chain.first(GROUP))
    assert await annas.ask(subscribe) == f.Subscribed(0, 0)
    assert code(await bens.ask(subscribe)) is f.Code.NOT_MEMBER
    await annas.ask(post(GROUP, 1))
    await house.writer.drain()
    assert [head for _, head, _ in annas.heard.logs] == [1]
    assert bens.heard.logs == []
    annas.session.close()
    assert (house.bus._groups, list(house.bus._devices)) == ({}, [ben.device])


@asynchronous
async def test_groups_that_a_device_may_not_hear_take_no_memory(house: House) -> None:
    anna = await Client(house).log_in(person(house, "anna").first)
    for number in range(20):
        unknown = f.Subscribe(number.to_bytes(16, "big"), 0, bytes(32))
        assert code(await anna.ask(unknown)) is f.Code.NOT_MEMBER
    assert anna.session._groups == set()
    assert house.bus._groups == {}


@asynchronous
async def test_device_that_was_taken_off_may_look_but_hears_nothing_more(house: House) -> None:
    anna, ben = person(house, "anna").first, person(house, "ben").first
    annas, bens = await Client(house).log_in(anna), await Client(house).log_in(ben)
    await annas.ask(f.CreateGroup(GROUP))
    add = f.ListChange(add=(ben.device,))
    await annas.ask(post(GROUP, 1, kind=f.Kind.COMMIT, change=add))
    off = f.ListChange(remove=(ben.device,))
    await annas.ask(post(GROUP, 2, kind=f.Kind.COMMIT, after=1, change=off))
    subscribe = f.Subscribe(GROUP, 0, chain.first(GROUP))
    assert await bens.ask(subscribe) == f.Subscribed(2, 0)
    await annas.ask(post(GROUP, 3, after=2))
    await house.writer.drain()
    assert bens.heard.logs == []


@asynchronous
async def test_newcomer_of_a_non_keeper_may_post_once_its_inbox_was_fetched(house: House) -> None:
    people = {name: person(house, name).first for name in ("anna", "ben", "carl")}
    clients = {n: await Client(house).log_in(device) for n, device in people.items()}
    await clients["anna"].ask(f.CreateGroup(GROUP))
    add = f.ListChange(add=(people["ben"].device,))
    await clients["anna"].ask(post(GROUP, 1, kind=f.Kind.COMMIT, change=add))
    carl = people["carl"].device
    commit = post(
        GROUP,
        1,
        kind=f.Kind.COMMIT,
        after=1,
        change=f.ListChange(add=(carl,)),
        welcome=f.WelcomeFor(b"welcome", (carl,)),
    )
    assert isinstance(await clients["ben"].ask(commit), f.Accepted)
    await house.writer.drain()
    assert len(clients["carl"].heard.inboxes) == 1
    early = post(GROUP, 1, after=2)
    assert code(await clients["carl"].ask(early)) is f.Code.NOT_MEMBER
    inbox = await clients["carl"].ask(f.FetchInbox(0))
    assert isinstance(inbox, f.Inbox)
    assert await clients["carl"].ask(early) == f.Accepted(early.message_id, 3)
    assert await clients["carl"].ask(f.FetchInbox(1)) == f.Inbox(())


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DiskFull(), "the server's disk is full"),
        (StorageError("coterie.db is damaged: /secret/path"), "cannot use its database"),
    ],
    ids=["full", "damaged"],
)
@asynchronous
async def test_store_that_fails_is_a_refusal_that_tells_nothing_else(
    house: House, error: StorageError, sentence: str
) -> None:
    class Failing(InlineThreads):
        async def run(self, function, *args):  # type: ignore[no-untyped-def]
            raise error

    client = await Client(house).log_in(person(house, "ben").first)
    house.writer._threads = Failing()
    house.reads = FairThreads(Failing(), 1)
    for body in (f.CreateGroup(GROUP), f.Fetch(GROUP, 0)):
        refused = await client.ask(body)
        assert isinstance(refused, f.Failed)
        assert refused.code is f.Code.FULL
        assert sentence in refused.message
        assert "/" not in refused.message


@asynchronous
async def test_who_reads_much_lets_the_others_read_between(house: House) -> None:
    """Two reads of one account that take seconds kept everybody else from reading: they stood in one line."""

    class Slow(InlineThreads):
        gate = asyncio.Semaphore(0)

        async def run(self, function, *args):  # type: ignore[no-untyped-def]
            await self.gate.acquire()
            return function(*args)

    clients = {
        name: await Client(house).log_in(person(house, name).first) for name in ("mallory", "ben")
    }
    house.reads = FairThreads(Slow(), 1)
    answered: list[str] = []

    async def ask(name: str) -> None:
        await clients[name].ask(f.FetchGroups())
        answered.append(name)

    asked = ["mallory"] * 4 + ["ben"]
    async with asyncio.TaskGroup() as tasks:
        for name in asked:
            tasks.create_task(ask(name))
        await settle()
        for _ in asked:
            Slow.gate.release()
    assert answered == ["mallory", "mallory", "ben", "mallory", "mallory"]
