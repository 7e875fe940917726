"""A new account with its first device, and an account unlocked by its password: OPAQUE over a connection.

A crash at any moment of ``join`` loses nothing: what makes the account is saved before the server is asked for it,
and a device login tells afterwards whether it was made. PROTOCOL.md sections 1 and 3.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum

from coterie.client.connection import Connection
from coterie.client.device import Enrolled, public_key
from coterie.client.login import PasswordLogin, UnlockedAccount
from coterie.client.seams import Seams
from coterie.errors import (
    InvalidInput,
    NotAuthenticated,
    Refused,
    RemoteProtocolError,
    Unavailable,
)
from coterie.identity import KEY_SIZE, AccountKey, Vault, new_device
from coterie.logs import get_logger
from coterie.opaque.client import ClientRegistration
from coterie.opaque.stretch import ARGON2ID, Stretch
from coterie.secret import Secret
from coterie.wire import names
from coterie.wire.frames import (
    Done,
    HelloReply,
    PasswordLoggedIn,
    PasswordLoginResponse,
    RegisterFinish,
    RegisterResponse,
    RegisterStart,
)
from coterie.wire.invite import Address, Invite
from coterie.wire.limits import DEVICE_ID_SIZE

log = get_logger()


class Stage(StrEnum):
    """What a person waits for."""

    CONNECTING = "connecting"
    STRETCHING = "stretching the password"
    REGISTERING = "making the account"
    LOGGING_IN = "logging in"


Progress = Callable[[Stage], object]


class Enrolment:
    """One registration, without I/O: two steps, in order. Raises InvalidInput for a name that is not allowed."""

    def __init__(
        self, invite: Invite, name: str, password: Secret, stretch: Stretch = ARGON2ID
    ) -> None:
        if not names.is_allowed(name):
            raise InvalidInput(f"{name[:80]!r} cannot be a name", hint=f"a name is {names.RULE}")
        self._invite, self._name = invite, name
        self._registration = ClientRegistration(password, stretch)

    def start(self) -> RegisterStart:
        """The first request."""
        return RegisterStart(
            token=self._invite.token,
            name=self._name,
            registration_request=self._registration.request(),
        )

    def finish(
        self, response: RegisterResponse, hello: HelloReply, now: float
    ) -> tuple[RegisterFinish, Enrolled]:
        """The second request, and what to save before it is sent. Stretches the password: for a thread.

        Raises RemoteProtocolError.
        """
        record, export_key = self._registration.finish(
            response.registration_response,
            server_identity=hello.server_id,
            client_identity=self._name.encode(),
        )
        account_key = AccountKey.generate()
        device_key = Secret(secrets.token_bytes(KEY_SIZE))
        device = secrets.token_bytes(DEVICE_ID_SIZE)
        certified = new_device(
            account_key, self._name, device=device, device_key=public_key(device_key), now=now
        )
        enrolled = Enrolled(
            address=self._invite.address,
            fingerprint=self._invite.fingerprint,
            server_id=hello.server_id,
            generation=hello.generation,
            name=self._name,
            account_public_key=account_key.public_key,
            device=device,
            device_key=device_key,
            certificate=certified.certificate,
            device_list=certified.device_list,
        )
        request = RegisterFinish(
            registration_record=record,
            vault=Vault(account_key).seal(export_key, name=self._name, server_id=hello.server_id),
            device_list=enrolled.device_list,
            certificate=enrolled.certificate,
        )
        return request, enrolled


async def join(
    invite: Invite,
    name: str,
    password: Secret,
    seams: Seams,
    *,
    before_finish: Callable[[Enrolled], Awaitable[object]],
    pending: Enrolled | None = None,
    progress: Progress = lambda stage: None,
    stretch: Stretch = ARGON2ID,
) -> Enrolled:
    """The account ``name``, made with this device as its first.

    ``before_finish`` must have saved what it is given, durably, when it returns; ``pending`` is what it saved in an
    earlier try that ended without an answer. Raises InvalidInput, Refused (INVITE, NAME_TAKEN, ...), Unavailable,
    RemoteProtocolError, ServerNotTrusted. After Unavailable call it again, with ``pending``.
    """
    enrolment = Enrolment(invite, name, password, stretch)
    if pending is not None:
        pending = replace(pending, address=invite.address)
        if (pending.name, pending.fingerprint) != (name, invite.fingerprint):
            pending = None
    if pending is not None and await is_enrolled(pending, seams, progress=progress):
        return pending
    async with _connected(invite.address, invite.fingerprint, seams, progress) as connection:
        try:
            response = await connection.call(enrolment.start(), RegisterResponse)
        except Refused:
            # The server may have finished the earlier try only now: then name or invite are taken by ourselves.
            if pending is not None and await is_enrolled(pending, seams, progress=progress):
                return pending
            raise
        progress(Stage.STRETCHING)
        request, enrolled = await seams.threads.run(
            enrolment.finish, response, connection.hello, seams.clock.now()
        )
        await before_finish(enrolled)
        progress(Stage.REGISTERING)
        try:
            await connection.call(request, Done)
        except Unavailable as error:
            log.debug("registration-unanswered", error=type(error).__name__)
            await _resume(enrolled, seams, error, progress)
            return enrolled
        progress(Stage.LOGGING_IN)
        try:
            await connection.log_in(enrolled.identity)
        except NotAuthenticated as error:
            raise RemoteProtocolError(
                "the server made the account but does not know its device"
            ) from error
        except Unavailable:
            log.debug(
                "login-unanswered"
            )  # the account is made, durably: the next connection logs in
        return enrolled


async def is_enrolled(
    enrolled: Enrolled, seams: Seams, *, progress: Progress = lambda stage: None
) -> bool:
    """Whether the server made this account: its device can log in. Raises Unavailable where that cannot be told."""
    async with _connected(enrolled.address, enrolled.fingerprint, seams, progress) as connection:
        progress(Stage.LOGGING_IN)
        try:
            await connection.log_in(enrolled.identity)
        except NotAuthenticated:
            return False
        return True


async def password_login(
    address: Address,
    fingerprint: bytes,
    name: str,
    password: Secret,
    seams: Seams,
    *,
    progress: Progress = lambda stage: None,
    stretch: Stretch = ARGON2ID,
) -> UnlockedAccount:
    """The account ``name``, unlocked on a connection of its own. Raises as ``unlock``, and as ``Connection.open``."""
    async with _connected(address, fingerprint, seams, progress) as connection:
        return await unlock(connection, name, password, seams, progress=progress, stretch=stretch)


async def unlock(
    connection: Connection,
    name: str,
    password: Secret,
    seams: Seams,
    *,
    progress: Progress = lambda stage: None,
    stretch: Stretch = ARGON2ID,
) -> UnlockedAccount:
    """The account ``name``; ``connection`` is logged in by password from then on, and may replace its device list.

    Raises NotAuthenticated for a wrong password and an unknown name alike; Unavailable for too many attempts.
    """
    login = PasswordLogin(name, password, stretch)
    response = await connection.call(login.start(), PasswordLoginResponse)
    progress(Stage.STRETCHING)
    request = await seams.threads.run(
        login.finish, response, connection.hello.server_id, connection.handshake_hash
    )
    progress(Stage.LOGGING_IN)
    return login.open(await connection.call(request, PasswordLoggedIn))


async def _resume(enrolled: Enrolled, seams: Seams, error: Unavailable, progress: Progress) -> None:
    """Returns if the account was made although no answer came; else raises ``error``."""
    hint = "run the same command again: it goes on from here, and nothing is made twice"
    try:
        if await is_enrolled(enrolled, seams, progress=progress):
            return
    except Unavailable as still:
        raise Unavailable(str(still), hint=hint, wait_s=still.wait_s) from error
    raise Unavailable(str(error), hint=hint, wait_s=error.wait_s) from error


@asynccontextmanager
async def _connected(
    address: Address, fingerprint: bytes, seams: Seams, progress: Progress
) -> AsyncIterator[Connection]:
    progress(Stage.CONNECTING)
    connection = await Connection.open(address, fingerprint, seams)
    try:
        yield connection
    finally:
        await connection.close()
