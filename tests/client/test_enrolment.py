"""Making an account and opening it by its password, with crashes and lies in between."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from coterie.client import enrolment
from coterie.client.device import Enrolled, public_key
from coterie.client.enrolment import Enrolment, Stage
from coterie.client.login import PasswordLogin, UnlockedAccount
from coterie.client.seams import LoopClock, PoolThreads, Seams
from coterie.errors import (
    InvalidInput,
    LocalProtocolError,
    NotAuthenticated,
    Refused,
    RemoteProtocolError,
    ServerNotTrusted,
    StorageError,
    Unavailable,
)
from coterie.opaque.stretch import ARGON2ID, IDENTITY, Stretch
from coterie.secret import Secret
from coterie.wire.frames import (
    Code,
    DeviceLogin,
    Failed,
    HelloReply,
    PasswordLoggedIn,
    RegisterFinish,
    RegisterResponse,
    RegisterStart,
    SignedDocument,
)
from coterie.wire.invite import Invite
from coterie.wire.signed import open_certificate, open_device_list
from tests.asynchronous import asynchronous
from tests.client.accounts import Accounts, AccountServer
from tests.fakes import (
    ADDRESS,
    FINGERPRINT,
    GENERATION,
    SERVER_ID,
    FakeNetwork,
    fake_seams,
    nobody_listens,
    settle,
)

TOKEN = b"t" * 16
INVITE = Invite(ADDRESS, FINGERPRINT, TOKEN)
PASSWORD = Secret(b"correct horse battery staple")
NOW = 1_800_000_000.0


class Newcomer:
    """Somebody with an invite for one."""

    def __init__(self, uses: int = 1) -> None:
        self.accounts = Accounts({TOKEN: uses})
        self.network = FakeNetwork(self.accounts.listen)
        self.seams = fake_seams(self.network)
        self.saved: list[Enrolled] = []
        self.stages: list[Stage] = []

    async def save(self, enrolled: Enrolled) -> None:
        assert enrolled.name not in self.accounts.made
        self.saved.append(enrolled)

    async def join(
        self,
        *,
        name: str = "alice",
        invite: Invite = INVITE,
        pending: Enrolled | None = None,
        stretch: Stretch = IDENTITY,
    ) -> Enrolled:
        return await enrolment.join(
            invite,
            name,
            PASSWORD,
            self.seams,
            before_finish=self.save,
            pending=pending,
            progress=self.stages.append,
            stretch=stretch,
        )

    async def unlock(
        self, *, name: str = "alice", password: Secret = PASSWORD, stretch: Stretch = IDENTITY
    ) -> UnlockedAccount:
        return await enrolment.password_login(
            ADDRESS, FINGERPRINT, name, password, self.seams, stretch=stretch
        )

    def on_finish(self, act: Callable[[AccountServer, RegisterFinish], None]) -> None:
        """The next connection's server does this in place of answering RegisterFinish."""

        def listen() -> AccountServer:
            server = self.accounts.listen()
            answer = server.answer

            def acting(body):  # type: ignore[no-untyped-def]
                if not isinstance(body, RegisterFinish):
                    return answer(body)
                self.network.listen = self.accounts.listen
                act(server, body)
                return None

            server.answer = acting
            return server

        self.network.listen = listen


@asynchronous
async def test_join_makes_an_account_whose_device_can_log_in() -> None:
    world = Newcomer()
    enrolled = await world.join()
    assert world.saved == [enrolled]
    assert (enrolled.server_id, enrolled.generation) == (SERVER_ID, GENERATION)
    assert (enrolled.address, enrolled.fingerprint) == (ADDRESS, FINGERPRINT)
    certificate = open_certificate(enrolled.certificate)
    assert certificate.account_key == enrolled.account_public_key
    assert certificate.device_key == public_key(enrolled.device_key)
    assert (certificate.name, certificate.device) == ("alice", enrolled.device)
    assert certificate.not_after - certificate.not_before < 400 * 86_400
    assert certificate.list_version == open_device_list(enrolled.device_list).version == 1
    assert isinstance(world.accounts.servers[0].received[-1], DeviceLogin)  # on the same connection
    assert await enrolment.is_enrolled(enrolled, world.seams)
    assert world.accounts.tokens[TOKEN] == 0
    assert world.stages == [
        Stage.CONNECTING,
        Stage.STRETCHING,
        Stage.REGISTERING,
        Stage.LOGGING_IN,
    ]
    await settle()


@asynchronous
async def test_password_opens_the_vault_and_gives_the_account_key() -> None:
    world = Newcomer()
    enrolled = await world.join()
    unlocked = await world.unlock()
    assert unlocked.account_key.public_key == enrolled.account_public_key
    assert unlocked.device_list == enrolled.device_list
    shown = repr((enrolled, unlocked, world.accounts.made))
    assert repr(unlocked.account_key.seed.expose())[2:-1] not in shown
    assert repr(enrolled.device_key.expose())[2:-1] not in shown
    await settle()


@asynchronous
async def test_wrong_password_and_unknown_name_fail_alike() -> None:
    world = Newcomer()
    await world.join()
    sentences = set()
    for name, password in (("alice", Secret(b"wrong")), ("nobody", PASSWORD)):
        with pytest.raises(NotAuthenticated) as caught:
            await world.unlock(name=name, password=password)
        sentences.add(str(caught.value))
    assert sentences == {"wrong name or password"}
    await settle()


@asynchronous
async def test_too_many_attempts_are_told_as_something_to_wait_for() -> None:
    world = Newcomer()

    def listen() -> AccountServer:
        server = world.accounts.listen()
        server.answer = lambda body: Failed(Code.WAIT, "too many attempts", wait_s=30.0)
        return server

    world.network.listen = listen
    with pytest.raises(Unavailable, match="too many attempts") as caught:
        await world.unlock()
    assert caught.value.wait_s == 30.0
    await settle()


@asynchronous
async def test_argon2id_in_a_thread_gives_the_account_that_the_password_opens() -> None:
    world = Newcomer()
    threads = PoolThreads()
    world.seams = Seams(world.network, threads, LoopClock())
    enrolled = await world.join(stretch=ARGON2ID)
    unlocked = await world.unlock(stretch=ARGON2ID)
    assert unlocked.account_key.public_key == enrolled.account_public_key
    threads.close()
    await settle()


@pytest.mark.parametrize("name", ["", "a", "Alice", "al ice", "älice", "alice\n", "x" * 33])
def test_name_that_is_not_allowed_is_refused_before_anything_is_sent(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a name") as caught:
        Enrolment(INVITE, name, PASSWORD, IDENTITY)
    assert "2 to 32" in caught.value.hint


@asynchronous
async def test_spent_invite_and_taken_name_are_refused_with_a_hint() -> None:
    world = Newcomer(uses=2)
    await world.join()
    with pytest.raises(Refused, match="alice is taken") as taken:
        await world.join()
    assert (taken.value.code, taken.value.hint) == (Code.NAME_TAKEN, "choose another name")
    world.accounts.tokens[TOKEN] = 0
    with pytest.raises(Refused) as spent:
        await world.join(name="bobb")
    assert (spent.value.code, spent.value.hint) == (Code.INVITE, "ask for a new invite")
    assert len(world.saved) == 1
    await settle()


@asynchronous
async def test_server_with_another_key_learns_nothing_about_the_registration() -> None:
    world = Newcomer()
    with pytest.raises(ServerNotTrusted):
        await world.join(invite=replace(INVITE, fingerprint=bytes(32)))
    assert world.accounts.servers[0].received == []
    await settle()


# --- crashes ---------------------------------------------------------------------------------------


@asynchronous
async def test_profile_that_cannot_be_saved_makes_no_account() -> None:
    world = Newcomer()

    async def full(enrolled: Enrolled) -> None:
        raise StorageError("the disk is full")

    world.save = full  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        await world.join()
    assert world.accounts.made == {}
    assert world.accounts.tokens[TOKEN] == 1
    await settle()


@asynchronous
async def test_cut_before_the_server_made_the_account_is_tried_again_with_the_same_invite() -> None:
    world = Newcomer()
    world.on_finish(lambda server, body: server.cut())
    with pytest.raises(Unavailable, match="was cut") as caught:
        await world.join()
    assert "run the same command again" in caught.value.hint
    enrolled = await world.join(pending=world.saved[0])
    assert enrolled == world.saved[1] != world.saved[0]
    assert await enrolment.is_enrolled(enrolled, world.seams)
    await settle()


@asynchronous
async def test_cut_after_the_server_made_the_account_is_no_failure() -> None:
    world = Newcomer()

    def make_and_cut(server: AccountServer, body: RegisterFinish) -> None:
        server.register(body)
        server.cut()

    world.on_finish(make_and_cut)
    assert await world.join() == world.saved[0]
    await settle()


@asynchronous
async def test_crash_after_the_server_made_the_account_is_resumed_without_spending_anything() -> (
    None
):
    world = Newcomer()

    def make_and_die(server: AccountServer, body: RegisterFinish) -> None:
        server.register(body)
        server.cut()
        world.network.listen = nobody_listens

    world.on_finish(make_and_die)
    with pytest.raises(Unavailable, match="nothing listens") as caught:
        await world.join()
    assert "run the same command again" in caught.value.hint
    world.network.listen = world.accounts.listen
    assert await world.join(pending=world.saved[0]) == world.saved[0]
    assert len(world.saved) == 1
    assert not any(isinstance(b, RegisterStart) for b in world.accounts.servers[-1].received)
    await settle()


@asynchronous
async def test_account_that_the_server_made_late_is_found_to_be_ours() -> None:
    """The earlier try reaches the server's store only after the device has asked for itself in vain."""
    world = Newcomer()
    kept: list[tuple[AccountServer, RegisterFinish]] = []

    def hold(server: AccountServer, body: RegisterFinish) -> None:
        kept.append((server, body))
        server.cut()

    world.on_finish(hold)
    with pytest.raises(Unavailable):
        await world.join()
    pending = world.saved[0]

    def listen() -> AccountServer:
        if kept and len(world.accounts.servers) == 3:  # the second try has asked once
            server, body = kept.pop()
            server.register(body)
        return world.accounts.listen()

    world.network.listen = listen
    assert await world.join(pending=pending) == pending
    assert not kept
    await settle()


@asynchronous
async def test_what_is_pending_of_another_name_or_server_is_left_alone() -> None:
    world = Newcomer(uses=2)
    alice = await world.join()
    bobb = await world.join(name="bobb", pending=alice)
    assert bobb.name == "bobb"
    await settle()


@asynchronous
async def test_server_that_does_not_know_the_device_it_registered_is_found_out() -> None:
    world = Newcomer()

    def forget(server: AccountServer, body: RegisterFinish) -> None:
        server.answer = lambda body: Failed(Code.NOT_AUTHENTICATED, "login failed")
        server.reply(3, server.register(body))

    world.on_finish(forget)
    with pytest.raises(RemoteProtocolError, match="does not know its device"):
        await world.join()
    await settle()


# --- lies ------------------------------------------------------------------------------------------


@asynchronous
async def test_vault_or_list_of_another_account_is_refused() -> None:
    world = Newcomer(uses=2)
    await world.join()
    await world.join(name="bobb")
    alice, bobb = world.accounts.made["alice"], world.accounts.made["bobb"]
    lies = [
        (bobb.vault, alice.device_list, "does not open"),
        (alice.vault, bobb.device_list, "not of this account"),
        (b"", alice.device_list, "vault of version none"),
    ]
    for vault, device_list, sentence in lies:
        world.accounts.made["alice"] = RegisterFinish(
            alice.registration_record, vault, device_list, alice.certificate
        )
        with pytest.raises(RemoteProtocolError, match=sentence):
            await world.unlock()
    await settle()


@asynchronous
async def test_login_relayed_through_another_channel_fails() -> None:
    world = Newcomer()
    await world.join()
    server = world.accounts.listen()
    server.handshake_hashes.append(bytes(32))
    login = PasswordLogin("alice", PASSWORD, IDENTITY)
    answer = server.answer(login.start())
    with pytest.raises(NotAuthenticated):
        login.finish(answer, SERVER_ID, b"\x01" * 32)  # type: ignore[arg-type]
    await settle()


def test_login_is_not_opened_before_it_is_finished() -> None:
    login = PasswordLogin("alice", PASSWORD, IDENTITY)
    with pytest.raises(LocalProtocolError):
        login.open(PasswordLoggedIn(b"", SignedDocument(b"", bytes(64))))


def test_registration_response_that_makes_no_sense_is_refused() -> None:
    started = Enrolment(INVITE, "alice", PASSWORD, IDENTITY)
    hello = HelloReply(version=1, server_id=SERVER_ID, generation=GENERATION)
    for response in (b"", bytes(64), b"\xff" * 64):
        with pytest.raises(RemoteProtocolError):
            started.finish(RegisterResponse(response), hello, NOW)
