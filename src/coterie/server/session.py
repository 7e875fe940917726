"""What one connection may ask, and the answers: everything of a connection but its bytes.

States and what each allows are one table. A request becomes one answer; several may be under way together.
"""

import hmac
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, TypeVar, assert_never

from coterie.errors import (
    CoterieError,
    NotAuthenticated,
    Refused,
    RemoteProtocolError,
    StorageError,
)
from coterie.logs import get_logger, is_debugging, short
from coterie.server.attempts import network_of
from coterie.server.database import DiskFull
from coterie.server.delivery import NOT_MEMBER, PostAnswer
from coterie.server.house import Connected, House
from coterie.server.passwords import Passwords
from coterie.server.store import PostJob
from coterie.server.writing import Transaction
from coterie.wire import frames as f
from coterie.wire import limits, stream
from coterie.wire.signed import (
    device_login_input,
    open_certificate,
    open_device_list,
    verify_signature,
)
from coterie.wire.stream import EncodedEntries

log = get_logger()
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
    f.Post,  # the most frequent is found first
    f.Ping,
    f.DeviceLogin,  # again after a renewal
    f.UploadKeyPackages,
    f.CountKeyPackages,
    f.FetchAccount,
    f.FetchKeyPackages,
    f.CreateGroup,
    f.ChangeList,
    f.Fetch,
    f.Subscribe,
    f.FetchGroups,
    f.FetchInbox,
    f.CreateInvite,
    f.Whisper,
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
_DISK_FULL = f.Failed(f.Code.FULL, "the server's disk is full: nothing was stored")
_NO_STORE = f.Failed(f.Code.FULL, "the server cannot use its database: nothing was stored")
_DUMMY_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


class Session:
    """One connection's state. ``listener`` is how it is told of what grows. ``number`` finds it in the log.

    The caller asks ``admit`` in the order in which requests came, and answers those that are ``exclusive`` before it
    looks at the next: so the state in which a request is judged is the one in which it was sent.
    """

    def __init__(self, house: House, address: str, listener: Connected, number: int = 0) -> None:
        self._house = house
        self._number = number
        self.network = network_of(address)
        self._listener = listener
        self.state = State.AWAITING_HELLO
        self.device = b""
        self.name = ""
        self.handshake_hash = b""  # set when the channel is there, and again after a renewal
        self._needs_login = False  # a renewal was made and not yet signed
        self._passwords = Passwords(house, self.network, number)
        self._groups: set[bytes] = set()

    @property
    def account(self) -> str:
        """Whom what it uses is counted for: the account, or the address of who has not logged in."""
        return f"name {self.name}" if self.state is State.LOGGED_IN else f"address {self.network}"

    @property
    def is_logged_in(self) -> bool:
        """As a device that has signed the newest exchange."""
        return self.state is State.LOGGED_IN and not self._needs_login

    def close(self) -> None:
        """The connection has ended."""
        if self.device:
            self._house.bus.log_out(self.device, self._listener)
            self._leave()
        for group_id in self._groups:
            self._house.bus.unsubscribe(group_id, self._listener)
        self._groups.clear()
        del self._listener  # which has this session: so both are free without a search for garbage

    def renewed(self, handshake_hash: bytes) -> None:
        """The channel has new keys: the device signs them before it asks for anything else."""
        self.handshake_hash = handshake_hash
        self._needs_login = self.state is State.LOGGED_IN

    def exclusive(self, body: f.RequestBody) -> bool:
        """Whether the request may change what is allowed."""
        return self.state is not State.LOGGED_IN or isinstance(body, f.DeviceLogin)

    def admit(self, body: f.RequestBody) -> f.Failed | None:
        """None where the request is allowed now, in this state and so soon. Raises RemoteProtocolError before Hello."""
        if isinstance(body, ALLOWED[self.state]) and (
            not self._needs_login or isinstance(body, f.DeviceLogin)
        ):
            if self.state not in (State.LOGGED_IN, State.UNLOCKED):
                return None
            now = self._house.clock.monotonic()
            return self._house.quotas.refusal(body, self.device, self.name, now)
        if self.state is State.AWAITING_HELLO:
            raise RemoteProtocolError(f"{type(body).__name__} before Hello")
        return f.Failed(
            f.Code.NOT_LOGGED_IN, f"{type(body).__name__} is not allowed now: log in first"
        )

    async def answer(self, body: f.RequestBody) -> f.ReplyBody | EncodedEntries:
        """The reply to one request that was admitted; refusals are replies."""
        try:
            return await self._answer(body)
        except CoterieError as error:
            return _failed(error)

    def post(self, post: f.Post, done: Callable[[Any], None]) -> None:
        """Like ``answer``, without a task that waits: ``done`` is called with what ``posted`` takes."""
        self._house.writer.submit(PostJob(post, self.device), done)

    def posted(self, post: f.Post, result: PostAnswer | Exception) -> f.ReplyBody:
        """The reply to a post. Raises what is a bug."""
        reply = _failed(result) if isinstance(result, Exception) else result
        if is_debugging():
            log.debug(
                "posted",
                group=short(post.group),
                kind=post.kind.name,
                size=len(post.body),
                answer=type(reply).__name__,
                seq=getattr(reply, "seq", None),
            )
        return reply

    async def _answer(self, body: f.RequestBody) -> f.ReplyBody | EncodedEntries:  # noqa: PLR0912  # one case a request
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
                self.state = State.ANONYMOUS  # whatever comes of it
                return await self._passwords.finish_registration(body)
            case f.PasswordLoginStart():
                return await self._password_start(body)
            case f.PasswordLoginFinish(ke3):
                self.state = State.ANONYMOUS
                self.name, reply = await self._passwords.finish_login(ke3)
                self.state = State.UNLOCKED
                return reply
            case f.ReplaceDeviceList(signed, certificate):
                return await self._replace_list(signed, certificate)
            case f.DeviceLogin():
                return await self._device_login(body)
            case f.UploadKeyPackages(one_time, last_resort, replace):
                return await self._do(
                    lambda t: t.directory.add_key_packages(
                        device, one_time, last_resort, replace=replace
                    )
                )
            case f.CountKeyPackages():
                now = house.clock.now()
                return await self._read(read.count_key_packages, device, now)
            case f.FetchAccount(name):
                account = await self._read(read.account, name)
                if account is None:
                    return f.Failed(f.Code.NOT_FOUND, f"there is no account {name}")
                return f.Account(account.device_list)
            case f.FetchKeyPackages(name):
                return await self._do(lambda t: t.directory.take_key_packages(name))
            case f.CreateGroup(group_id):
                name = self.name
                return await self._do(lambda t: t.logs.create_group(group_id, device, name))
            case f.Post():
                return self.posted(body, await house.writer.do(PostJob(body, device)))
            case f.ChangeList():
                return await self._do(lambda t: t.logs.change_list(body, device))
            case f.Fetch(group_id, after, most):
                return await self._read(read.entries, group_id, device, after, most)
            case f.Subscribe(group_id, cursor, chain):
                return await self._subscribe(group_id, cursor, chain)
            case f.FetchGroups():
                return await self._read(read.groups_of, device)
            case f.FetchInbox(after):
                return await self._fetch_inbox(after)
            case f.CreateInvite(token, uses, lifetime_s):
                return await self._do(lambda t: t.accounts.create_invite(token, uses, lifetime_s))
            case f.Whisper():
                return self._whisper(body)
            case _:
                assert_never(body)

    def _read(self, function: Callable[..., R], *args: object) -> Awaitable[R]:
        """On a thread, in its account's turn."""
        return self._house.reads.run(self.account, function, *args)

    async def _do(self, job: Callable[[Transaction], R]) -> R:
        """Of a device that is not revoked by then: what is queued behind its revocation is not done."""
        device = self.device if self.state is State.LOGGED_IN else b""

        def checked(transaction: Transaction) -> R:
            if device:
                transaction.accounts.check_device(device)
            return job(transaction)

        done: R = await self._house.writer.do(checked)
        return done

    def _hello(self, versions: tuple[int, ...]) -> f.ReplyBody:
        if limits.VERSION not in versions:
            return f.Failed(f.Code.VERSION, f"this server speaks version {limits.VERSION}")
        self.state = State.ANONYMOUS
        store = self._house.store
        return f.HelloReply(limits.VERSION, store.server_id, store.generation)

    # --- login ---------------------------------------------------------------------------------

    async def _register_start(self, body: f.RegisterStart) -> f.ReplyBody:
        reply = await self._passwords.start_registration(body)
        if isinstance(reply, f.RegisterResponse):
            self.state = State.REGISTERING
        return reply

    async def _password_start(self, body: f.PasswordLoginStart) -> f.ReplyBody:
        reply = await self._passwords.start_login(body, self.handshake_hash)
        if isinstance(reply, f.PasswordLoginResponse):
            self.state = State.LOGGING_IN
        return reply

    async def _replace_list(
        self, signed: f.SignedDocument, certificate: f.SignedDocument | None
    ) -> f.ReplyBody:
        device_list = open_device_list(signed)
        opened = open_certificate(certificate) if certificate is not None else None
        if device_list.name != self.name or (opened is not None and opened.name != self.name):
            return f.Failed(f.Code.MALFORMED, "the list is another account's")
        return await self._do(lambda t: t.accounts.replace_device_list(signed, device_list, opened))

    async def _device_login(self, body: f.DeviceLogin) -> f.ReplyBody:
        """Unknown, revoked and wrong are one answer, after the same work."""
        house = self._house
        found = await self._read(house.store.reading.device, body.device)
        is_known = (
            found is not None
            and not found.is_revoked
            and hmac.compare_digest(found.name.encode(), body.name.encode())
        )
        key = found.device_key if found is not None and is_known else _DUMMY_KEY
        signed = device_login_input(body.name, body.device, self.handshake_hash)
        try:
            await house.heavy.run(self.network, verify_signature, key, signed, body.signature)
        except RemoteProtocolError:
            is_known = False
        if not is_known or (self.device and self.device != body.device):
            log.info("device-login-refused", connection=self._number)
            return _NOT_AUTHENTICATED
        # Listening first, looking second: who is revoked in between is either found here or dropped.
        house.bus.log_in(body.device, self._listener)
        self._enter(body.device)
        self.device = body.device  # from here on ``close`` ends the listening
        found = await self._read(house.store.reading.device, body.device)
        if found is None or found.is_revoked:
            log.info("device-login-refused", connection=self._number)
            return _NOT_AUTHENTICATED
        self._needs_login = False
        self.name, self.state = body.name, State.LOGGED_IN
        log.debug("device-logged-in", device=short(self.device), connection=self._number)
        return f.LoggedIn()

    def _enter(self, device: bytes) -> None:
        """Counts this connection for the device. Where there are too many, the oldest ends: it may be half open."""
        connections = self._house.devices.setdefault(device, [])
        if self._listener not in connections:
            connections.append(self._listener)
        while len(connections) > self._house.limits.connections_per_device:
            connections.pop(0).displaced()  # off the list at once: it may be told so only later

    def _leave(self) -> None:
        connections = self._house.devices.get(self.device, [])
        if self._listener in connections:
            connections.remove(self._listener)
        if not connections:
            self._house.devices.pop(self.device, None)

    # --- logs ----------------------------------------------------------------------------------

    async def _subscribe(self, group_id: bytes, cursor: int, chain: bytes) -> f.ReplyBody:
        house = self._house
        read = house.store.reading.subscribe
        if group_id not in self._groups and len(self._groups) >= house.limits.subscriptions:
            most = house.limits.subscriptions
            return f.Failed(f.Code.TOO_LARGE, f"a connection may subscribe to {most} groups")
        # Subscribed first, looked second, confirmed third: what comes in between is told, and only to a member.
        house.bus.subscribe(group_id, self.device, self._listener)
        self._groups.add(group_id)
        answer, is_listed = await self._read(read, group_id, self.device, cursor, chain)
        if is_listed and not house.bus.confirm(group_id, self._listener):
            answer, _ = await self._read(read, group_id, self.device, cursor, chain)
        elif not is_listed:
            house.bus.unsubscribe(group_id, self._listener)
            self._groups.discard(group_id)
        return answer

    def _whisper(self, body: f.Whisper) -> f.ReplyBody:
        """Passed on now, or never. Whoever is not on the list any more is not subscribed any more."""
        house, now = self._house, self._house.clock.monotonic()
        crowd = house.bus.crowd(body.group, self._listener)
        if not crowd:
            return NOT_MEMBER
        is_too_large = crowd > limits.MAX_HEARERS  # counted first: to list thousands takes time
        hearers = [] if is_too_large else house.bus.hearers(body.group, self._listener)
        if wait_s := house.quotas.whispers.spend(self.device, max(len(hearers), 1), now=now):
            return f.Failed(f.Code.WAIT, "too many whispers", wait_s=wait_s)
        if is_too_large:
            return f.Failed(f.Code.TOO_LARGE, "nobody whispers in a group of so many devices")
        if hearers:
            frame = stream.encode_frame(f.Event(f.Whispered(body.group, body.sealed)))
            for hearer in hearers:
                hearer.whispered(frame)
        return f.Done()

    async def _fetch_inbox(self, after: int) -> f.ReplyBody:
        house, device = self._house, self.device
        if after:
            await self._do(lambda t: t.inboxes.delete_taken(device, after))
        inbox, silent = await self._read(house.store.reading.inbox, device, after)
        if silent:  # "may not post before it has fetched its Welcome"
            await self._do(lambda t: t.inboxes.welcomed(device, silent))
        return inbox


def _failed(error: Exception) -> f.Failed:
    """What a refusal or a failure says. Raises it where it is neither."""
    match error:
        case Refused():
            return f.Failed(f.Code(error.code), str(error))
        case NotAuthenticated():
            return _NOT_AUTHENTICATED
        case StorageError():
            log.error("storage", error=str(error))
            return _DISK_FULL if isinstance(error, DiskFull) else _NO_STORE
        case RemoteProtocolError():
            return f.Failed(f.Code.MALFORMED, str(error)[:500])
        case _:
            raise error
