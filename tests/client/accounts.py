"""A server that keeps accounts in a dictionary: real Noise, frames and OPAQUE, and no store."""

from dataclasses import dataclass, field

from coterie import opaque
from coterie.errors import NotAuthenticated, RemoteProtocolError
from coterie.opaque.server import ServerKeys, ServerLogin, fake_record, registration_response
from coterie.wire.frames import (
    Code,
    DeviceLogin,
    Done,
    Failed,
    LoggedIn,
    PasswordLoggedIn,
    PasswordLoginFinish,
    PasswordLoginResponse,
    PasswordLoginStart,
    RegisterFinish,
    RegisterResponse,
    RegisterStart,
    ReplyBody,
    RequestBody,
)
from coterie.wire.signed import (
    device_login_input,
    open_certificate,
    open_device_list,
    verify_signature,
)
from tests.fakes import SERVER_ID, FakeServer

NO = Failed(Code.NOT_AUTHENTICATED, "login failed")
KEYS = ServerKeys.generate()
FAKE = fake_record(KEYS)


@dataclass
class Accounts:
    """What all connections share."""

    tokens: dict[bytes, int] = field(default_factory=dict)  # uses left
    made: dict[str, RegisterFinish] = field(default_factory=dict)
    servers: list["AccountServer"] = field(default_factory=list)

    def listen(self) -> "AccountServer":
        self.servers.append(AccountServer(self))
        return self.servers[-1]


class AccountServer(FakeServer):
    """One connection to it."""

    def __init__(self, accounts: Accounts) -> None:
        super().__init__(self._answer)
        self.accounts = accounts
        self.registering: RegisterStart | None = None
        self.login: tuple[str, ServerLogin] | None = None

    def _answer(self, body: RequestBody) -> ReplyBody:
        match body:
            case RegisterStart(token, name, request):
                if not self.accounts.tokens.get(token):
                    return Failed(Code.INVITE, "this invite is not valid")
                if name in self.accounts.made:
                    return Failed(Code.NAME_TAKEN, f"{name} is taken")
                self.registering = body
                return RegisterResponse(registration_response(KEYS, request, name.encode()))
            case RegisterFinish():
                return self.register(body)
            case PasswordLoginStart(name, ke1):
                account = self.accounts.made.get(name)
                login = ServerLogin.respond(
                    KEYS,
                    account.registration_record if account else FAKE,
                    ke1,
                    credential_identifier=name.encode(),
                    context=opaque.context(self.handshake_hashes[-1]),
                    server_identity=SERVER_ID,
                    client_identity=name.encode(),
                )
                ke2, state = login
                self.login = (name, state)
                return PasswordLoginResponse(ke2)
            case PasswordLoginFinish(ke3):
                return self.finish_login(ke3)
            case DeviceLogin():
                return self.log_in(body)
            case _:
                return Done()

    def register(self, body: RegisterFinish) -> ReplyBody:
        assert self.registering is not None
        certificate, listed = open_certificate(body.certificate), open_device_list(body.device_list)
        assert certificate.name == listed.name == self.registering.name
        assert certificate.account_key == listed.account_key
        assert [(d.device, d.device_key) for d in listed.devices] == [
            (certificate.device, certificate.device_key)
        ]
        self.accounts.tokens[self.registering.token] -= 1
        self.accounts.made[self.registering.name] = body
        return Done()

    def finish_login(self, ke3: bytes) -> ReplyBody:
        assert self.login is not None
        name, state = self.login
        try:
            state.finish(ke3)
        except NotAuthenticated:
            return NO
        account = self.accounts.made[name]
        return PasswordLoggedIn(account.vault, account.device_list)

    def log_in(self, body: DeviceLogin) -> ReplyBody:
        account = self.accounts.made.get(body.name)
        if account is None:
            return NO
        devices = {d.device: d.device_key for d in open_device_list(account.device_list).devices}
        signed = device_login_input(body.name, body.device, self.handshake_hashes[-1])
        try:
            verify_signature(devices.get(body.device, bytes(32)), signed, body.signature)
        except RemoteProtocolError:
            return NO
        return LoggedIn()
