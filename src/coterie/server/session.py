"""What one connection may ask, and the answers: everything of a connection but its bytes.

States and what each allows are one table. A request becomes one answer; several may be under way together.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TypeVar, assert_never

import structlog

from coterie.errors import NotAuthenticated, Refused, RemoteProtocolError, StorageError
from coterie.logs import short
from coterie.opaque import context
from coterie.opaque.server import ServerLogin, check_record, fake_record, registration_response
from coterie.server.attempts import Attempts
from coterie.server.bus import Bus, Listener
from coterie.server.keys import Keys
from coterie.server.seams import Clock, Threads
from coterie.server.store import PostJob, Store
from coterie.server.writer import Writer
from coterie.server.writing import Transaction
from coterie.wire import frames as f
from coterie.wire import limits, names
from coterie.wire.signed import (
    device_login_input,
    open_certificate,
    open_device_list,
    verify_signature,
)

log = structlog.get_logger()
R = TypeVar("R")


class State(Enum):
    """How far a connection has come."""

    AWAITING_HELLO = auto()
    ANONYMOUS = auto()
    REGISTERING = auto()
    LOGGING_IN = auto()  # by password: KE2 is sent
    UNLOCKED = auto()  # by password
    LOGGED_IN = auto()  # as a device


_BEGINNINGS = (f.RegisterStart, f.PasswordLoginStart, f.DeviceLogin, f.Ping)
_DEVICE = (
    f.Ping,
    f.DeviceLogin,  # again after a renewal
    f.UploadKeyPackages,
    f.CountKeyPackages,
    f.FetchAccount,
    f.FetchKeyPackages,
    f.CreateGroup,
    f.Post,
    f.ChangeList,
    f.Fetch,
    f.Subscribe,
    f.FetchGroups,
    f.FetchInbox,
    f.CreateInvite,
)
ALLOWED: MappingProxyType[State, tuple[type, ...]] = MappingProxyType(
    {
        State.AWAITING_HELLO: (f.Hello,),
        State.ANONYMOUS: _BEGINNINGS,
        State.REGISTERING: (f.RegisterFinish, *_BEGINNINGS),
        State.LOGGING_IN: (f.PasswordLoginFinish, *_BEGINNINGS),
        State.UNLOCKED: (f.ReplaceDeviceList, *_BEGINNINGS),
        State.LOGGED_IN: _DEVICE,
    }
)

_NOT_AUTHENTICATED = f.Failed(f.Code.NOT_AUTHENTICATED, "login failed")
_DUMMY_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@dataclass(frozen=True, slots=True)
class House:
    """What all connections share."""

    store: Store
    writer: Writer
    bus: Bus
    keys: Keys
    attempts: Attempts
    clock: Clock
    threads: Threads  # for key exchanges and logins
    readers: Threads


class Session:
    """One connection's state. ``listener`` is how it is told of what grows."""

    def __init__(self, house: House, address: str, listener: Listener) -> None:
        self._house = house
        self._address = address
        self._listener = listener
        self.state = State.AWAITING_HELLO
        self.device = b""
        self.name = ""
        self.handshake_hash = b""  # set when the channel is there, and again after a renewal
        self.needs_login = False  # a renewal was made and not yet signed
        self._registering: f.RegisterStart | None = None
        self._login: tuple[str, ServerLogin] | None = None
        self._groups: set[bytes] = set()

    def close(self) -> None:
        """The connection has ended."""
        if self.device:
            self._house.bus.log_out(self.device, self._listener)
        for group_id in self._groups:
            self._house.bus.unsubscribe(group_id, self._listener)
        self._groups.clear()

    def renewed(self, handshake_hash: bytes) -> None:
        """The channel has new keys: the device signs them before it asks for anything else."""
        self.handshake_hash = handshake_hash
        self.needs_login = self.state is State.LOGGED_IN

    async def answer(self, body: f.RequestBody) -> f.ReplyBody:
        """The reply to one request; refusals are replies. Raises RemoteProtocolError where it is out of place."""
        if not isinstance(body, ALLOWED[self.state]) or (
            self.needs_login and not isinstance(body, f.DeviceLogin)
        ):
            if self.state is State.AWAITING_HELLO:
                raise RemoteProtocolError(f"{type(body).__name__} before Hello")
            return f.Failed(
                f.Code.NOT_LOGGED_IN, f"{type(body).__name__} is not allowed now: log in first"
            )
        try:
            return await self._answer(body)
        except Refused as error:
            return f.Failed(f.Code(error.code), str(error))
        except NotAuthenticated:
            return _NOT_AUTHENTICATED
        except StorageError as error:
            log.error("storage", error=str(error))
            return f.Failed(f.Code.FULL, str(error))
        except RemoteProtocolError as error:
            return f.Failed(f.Code.MALFORMED, str(error)[:500])

    async def _answer(self, body: f.RequestBody) -> f.ReplyBody:  # noqa: PLR0912  # one case a request
        house, device = self._house, self.device
        read = house.store.reading
        match body:
            case f.Hello(versions):
                return self._hello(versions)
            case f.Ping():
                return f.Done()
            case f.RegisterStart():
                return await self._register_start(body)
            case f.RegisterFinish():
                return await self._register_finish(body)
            case f.PasswordLoginStart():
                return await self._password_start(body)
            case f.PasswordLoginFinish(ke3):
                return await self._password_finish(ke3)
            case f.ReplaceDeviceList(signed, certificate):
                return await self._replace_list(signed, certificate)
            case f.DeviceLogin():
                return await self._device_login(body)
            case f.UploadKeyPackages(one_time, last_resort, replace):
                return await self._do(
                    lambda t: t.add_key_packages(device, one_time, last_resort, replace=replace)
                )
            case f.CountKeyPackages():
                return await house.readers.run(read.count_key_packages, device)
            case f.FetchAccount(name):
                account = await house.readers.run(read.account, name)
                if account is None:
                    return f.Failed(f.Code.NOT_FOUND, f"there is no account {name}")
                return f.Account(account.device_list)
            case f.FetchKeyPackages(name):
                return await self._do(lambda t: t.take_key_packages(name))
            case f.CreateGroup(group_id):
                return await self._do(lambda t: t.create_group(group_id, device, self.name))
            case f.Post():
                return await self._post(body)
            case f.ChangeList():
                return await self._do(lambda t: t.change_list(body, device))
            case f.Fetch(group_id, after, most):
                return await house.readers.run(read.entries, group_id, device, after, most)
            case f.Subscribe(group_id, cursor, chain):
                return await self._subscribe(group_id, cursor, chain)
            case f.FetchGroups():
                return await house.readers.run(read.groups_of, device)
            case f.FetchInbox(after):
                if after:
                    await self._do(lambda t: t.read_inbox(device, after))
                return await house.readers.run(read.inbox, device, after)
            case f.CreateInvite(token, uses, lifetime_s):
                return await self._do(lambda t: t.create_invite(token, uses, lifetime_s))
            case _:
                assert_never(body)

    async def _do(self, job: Callable[[Transaction], R]) -> R:
        done: R = await self._house.writer.do(job)
        return done

    def _hello(self, versions: tuple[int, ...]) -> f.ReplyBody:
        if limits.VERSION not in versions:
            return f.Failed(f.Code.VERSION, f"this server speaks version {limits.VERSION}")
        self.state = State.ANONYMOUS
        store = self._house.store
        return f.HelloReply(limits.VERSION, store.server_id, store.generation)

    # --- registration --------------------------------------------------------------------------

    async def _register_start(self, body: f.RegisterStart) -> f.ReplyBody:
        if not names.is_allowed(body.name):
            return f.Failed(f.Code.NAME_NOT_ALLOWED, f"a name is {names.RULE}")
        wait_s = self._attempt("", f"register {self._address}")
        if wait_s:
            return _wait(wait_s)

        def check(transaction: Transaction) -> None:
            transaction.check_registration(body.token, body.name)

        await self._do(check)
        response = await self._house.threads.run(
            registration_response,
            self._house.keys.opaque,
            body.registration_request,
            body.name.encode(),
        )
        self._registering, self.state = body, State.REGISTERING
        return f.RegisterResponse(response)

    async def _register_finish(self, body: f.RegisterFinish) -> f.ReplyBody:
        started, self._registering, self.state = self._registering, None, State.ANONYMOUS
        if started is None:
            return f.Failed(f.Code.MALFORMED, "RegisterFinish without RegisterStart")
        check_record(body.registration_record)
        device_list = open_device_list(body.device_list)
        certificate = open_certificate(body.certificate)
        listed = {(one.device, one.device_key) for one in device_list.devices}
        is_consistent = (
            device_list.name == certificate.name == started.name
            and device_list.account_key == certificate.account_key
            and device_list.version == certificate.list_version == 1
            and listed == {(certificate.device, certificate.device_key)}
        )
        if not is_consistent:
            return f.Failed(f.Code.MALFORMED, "certificate and device list do not agree")
        done: f.ReplyBody = await self._do(
            lambda t: t.register(
                started.token,
                body.registration_record,
                body.vault,
                body.device_list,
                device_list,
                certificate,
            )
        )
        self._house.attempts.succeeded("", f"register {self._address}")
        log.info("account-made")
        return done

    # --- login ---------------------------------------------------------------------------------

    async def _password_start(self, body: f.PasswordLoginStart) -> f.ReplyBody:
        """Known and unknown names take the same path: a record is read, or the fake one is; then the same work."""
        house = self._house
        wait_s = self._attempt(body.name, self._address)
        if wait_s:
            return _wait(wait_s)
        account = await house.readers.run(house.store.reading.account, body.name)
        keys = house.keys.opaque
        record = fake_record(keys) if account is None else account.opaque_record

        def respond() -> tuple[bytes, ServerLogin]:
            return ServerLogin.respond(
                keys,
                record,
                body.ke1,
                credential_identifier=body.name.encode(),
                context=context(self.handshake_hash),
                server_identity=house.store.server_id,
                client_identity=body.name.encode(),
            )

        ke2, login = await house.threads.run(respond)
        self._login, self.state = (body.name, login), State.LOGGING_IN
        return f.PasswordLoginResponse(ke2)

    async def _password_finish(self, ke3: bytes) -> f.ReplyBody:
        login, self._login, self.state = self._login, None, State.ANONYMOUS
        if login is None:
            return _NOT_AUTHENTICATED
        name, server_login = login
        server_login.finish(ke3)  # raises NotAuthenticated
        account = await self._house.readers.run(self._house.store.reading.account, name)
        if account is None:
            return _NOT_AUTHENTICATED
        self._house.attempts.succeeded(name, self._address)
        self.name, self.state = name, State.UNLOCKED
        return f.PasswordLoggedIn(account.vault, account.device_list)

    async def _replace_list(
        self, signed: f.SignedDocument, certificate: f.SignedDocument | None
    ) -> f.ReplyBody:
        device_list = open_device_list(signed)
        opened = open_certificate(certificate) if certificate is not None else None
        if device_list.name != self.name or (opened is not None and opened.name != self.name):
            return f.Failed(f.Code.MALFORMED, "the list is another account's")
        return await self._do(lambda t: t.replace_device_list(signed, device_list, opened))

    async def _device_login(self, body: f.DeviceLogin) -> f.ReplyBody:
        """Unknown, revoked and wrong are one answer, after the same work."""
        house = self._house
        found = await house.readers.run(house.store.reading.device, body.device)
        is_known = (
            found is not None
            and not found.is_revoked
            and hmac.compare_digest(found.name.encode(), body.name.encode())
        )
        key = found.device_key if found is not None and is_known else _DUMMY_KEY
        signed = device_login_input(body.name, body.device, self.handshake_hash)
        try:
            await house.threads.run(verify_signature, key, signed, body.signature)
        except RemoteProtocolError:
            is_known = False
        if not is_known or (self.device and self.device != body.device):
            log.info("device-login-refused")
            return _NOT_AUTHENTICATED
        self.needs_login = False
        if self.state is not State.LOGGED_IN:
            self.name, self.device, self.state = body.name, body.device, State.LOGGED_IN
            house.bus.log_in(self.device, self._listener)
        log.debug("device-logged-in", device=short(self.device))
        return f.LoggedIn()

    def _attempt(self, name: str, address: str) -> float:
        """Seconds to wait; 0 where the attempt is allowed, and counted."""
        attempts, now = self._house.attempts, self._house.clock.monotonic()
        wait_s = attempts.wait_s(name, address, now)
        if not wait_s:
            attempts.begin(name, address, now)
        return wait_s

    # --- logs ----------------------------------------------------------------------------------

    async def _post(self, post: f.Post) -> f.ReplyBody:
        job = PostJob(post, self.device, self._house.clock.monotonic())
        posted = await self._house.writer.do(job)
        answer: f.ReplyBody = posted.answer
        log.debug(
            "posted",
            group=short(post.group),
            kind=post.kind.name,
            size=len(post.body),
            answer=type(answer).__name__,
            seq=getattr(answer, "seq", None),
        )
        return answer

    async def _subscribe(self, group_id: bytes, cursor: int, chain: bytes) -> f.ReplyBody:
        house = self._house
        # Subscribed first, looked second: what comes in between is pushed, and a client drops what it has.
        house.bus.subscribe(group_id, self._listener)
        self._groups.add(group_id)
        answer: f.ReplyBody = await house.readers.run(
            house.store.reading.subscribe, group_id, self.device, cursor, chain
        )
        if not isinstance(answer, f.Subscribed):
            house.bus.unsubscribe(group_id, self._listener)
            self._groups.discard(group_id)
        return answer


def _wait(wait_s: float) -> f.Failed:
    return f.Failed(f.Code.WAIT, f"too many attempts: wait {wait_s:.0f} s", wait_s=wait_s)
