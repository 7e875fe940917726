"""Registration and login by password: OPAQUE, RFC 9807 section 3, in two requests each.

Until the second of them nothing is known of who asks but an address, so what can be guessed is delayed here.
"""

from coterie.errors import NotAuthenticated
from coterie.logs import get_logger
from coterie.opaque import context
from coterie.opaque.server import ServerLogin, check_record, registration_response
from coterie.server.house import House
from coterie.wire import frames as f
from coterie.wire import names
from coterie.wire.signed import open_certificate, open_device_list

log = get_logger()


class Passwords:
    """One connection's registration or login, between its first request and its second."""

    def __init__(self, house: House, network: str, number: int) -> None:
        self._house, self._network, self._number = house, network, number
        self._address = f"address {network}"  # for whom is read
        self._registering: f.RegisterStart | None = None
        self._login: tuple[str, ServerLogin] | None = None

    async def start_registration(self, body: f.RegisterStart) -> f.ReplyBody:
        """RegisterResponse, or why not. Raises Refused."""
        if not names.is_allowed(body.name):
            return f.Failed(f.Code.NAME_NOT_ALLOWED, f"a name is {names.RULE}")
        house, key = self._house, f"registration {self._network}"
        wait_s = house.attempts.begin(key, now=house.clock.monotonic())
        if wait_s:
            return _wait(wait_s)
        await house.reads.run(
            self._address,
            house.store.reading.check_registration,
            body.token,
            body.name,
            house.clock.now(),
        )
        house.attempts.take_back(key)  # an office that joins together does not wait for itself
        # Who could evaluate guesses under a name to come would compare them once the database is stolen.
        wait_s = house.registrations.begin(body.name, now=house.clock.monotonic())
        if wait_s:
            return _wait(wait_s)
        response = await house.heavy.run(
            self._network,
            registration_response,
            house.keys.opaque,
            body.registration_request,
            body.name.encode(),
        )
        self._registering = body
        return f.RegisterResponse(response)

    async def finish_registration(self, body: f.RegisterFinish) -> f.ReplyBody:
        """Done: there is an account. Raises RemoteProtocolError, Refused."""
        started, self._registering = self._registering, None
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
        done: f.ReplyBody = await self._house.writer.do(
            lambda t: t.accounts.register(
                started.token,
                body.registration_record,
                body.vault,
                body.device_list,
                device_list,
                certificate,
            )
        )
        self._house.registrations.forget(started.name)
        log.info("account-made", connection=self._number)
        return done

    async def start_login(self, body: f.PasswordLoginStart, handshake_hash: bytes) -> f.ReplyBody:
        """Known and unknown names take the same path: a record is read, or the fake one is; then the same work."""
        house, keys = self._house, self._house.keys.opaque
        wait_s = house.attempts.begin(*self._attempt_of(body.name), now=house.clock.monotonic())
        if wait_s:
            return _wait(wait_s)
        found = await house.reads.run(self._address, house.store.reading.opaque_record, body.name)
        record = house.fake_record if found is None else found

        def respond() -> tuple[bytes, ServerLogin]:
            return ServerLogin.respond(
                keys,
                record,
                body.ke1,
                credential_identifier=body.name.encode(),
                context=context(handshake_hash),
                server_identity=house.store.server_id,
                client_identity=body.name.encode(),
            )

        ke2, login = await house.heavy.run(self._network, respond)
        self._login = body.name, login
        return f.PasswordLoginResponse(ke2)

    async def finish_login(self, ke3: bytes) -> tuple[str, f.PasswordLoggedIn]:
        """The name whose password it is, too. Raises NotAuthenticated."""
        login, self._login = self._login, None
        if login is None:
            raise NotAuthenticated("login failed")
        name, server_login = login
        server_login.finish(ke3)  # raises NotAuthenticated
        account = await self._house.reads.run(
            self._address, self._house.store.reading.account, name
        )
        if account is None:
            raise NotAuthenticated("login failed")
        of_name, of_network = self._attempt_of(name)
        self._house.attempts.forget(of_name)
        self._house.attempts.take_back(of_network)
        return name, f.PasswordLoggedIn(account.vault, account.device_list)

    def _attempt_of(self, name: str) -> tuple[str, str]:
        """What a guess at a password counts for. The same for names that do not exist."""
        return f"name {name}", f"address {self._network}"


def _wait(wait_s: float) -> f.Failed:
    return f.Failed(f.Code.WAIT, f"too many attempts: wait {wait_s:.0f} s", wait_s=wait_s)
