"""The login of a person, by password, without I/O: OPAQUE and the vault. PROTOCOL.md sections 1 and 3."""

from dataclasses import dataclass

from coterie import opaque
from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.identity import AccountKey, Vault
from coterie.opaque.client import ClientLogin
from coterie.opaque.stretch import ARGON2ID, Stretch
from coterie.secret import Secret
from coterie.wire.frames import (
    PasswordLoggedIn,
    PasswordLoginFinish,
    PasswordLoginResponse,
    PasswordLoginStart,
    SignedDocument,
)
from coterie.wire.signed import open_device_list


@dataclass(frozen=True, slots=True)
class UnlockedAccount:
    """What the password gives. To be dropped once a device is certified or revoked: it is never kept."""

    name: str
    account_key: AccountKey
    device_list: SignedDocument  # as the server has it, signed by that key; may be an old one


class PasswordLogin:
    """One login by password: three steps, in order."""

    def __init__(self, name: str, password: Secret, stretch: Stretch = ARGON2ID) -> None:
        self._name = name
        self._login = ClientLogin(password, stretch)
        self._export_key: Secret | None = None
        self._server_id = b""

    def start(self) -> PasswordLoginStart:
        """The first request."""
        return PasswordLoginStart(name=self._name, ke1=self._login.ke1())

    def finish(
        self, response: PasswordLoginResponse, server_id: bytes, handshake_hash: bytes
    ) -> PasswordLoginFinish:
        """The second request. Stretches the password: for a thread. Raises NotAuthenticated, whatever the cause.

        ``server_id`` is 16 bytes, ``handshake_hash`` 32: of this connection, as this side computed it.
        """
        ke3, _, self._export_key = self._login.finish(
            response.ke2,
            context=opaque.context(handshake_hash),
            server_identity=server_id,
            client_identity=self._name.encode(),
        )
        self._server_id = server_id
        return PasswordLoginFinish(ke3=ke3)

    def open(self, answer: PasswordLoggedIn) -> UnlockedAccount:
        """The account. Raises RemoteProtocolError where the server gave another vault or list than this account's."""
        if self._export_key is None:
            raise LocalProtocolError("a password login is opened after it was finished")
        vault = Vault.open(
            answer.vault, self._export_key, name=self._name, server_id=self._server_id
        )
        account_key = vault.account_key
        listed = open_device_list(answer.device_list)
        if (listed.name, listed.account_key) != (self._name, account_key.public_key):
            raise RemoteProtocolError("the device list is not of this account")
        return UnlockedAccount(self._name, account_key, answer.device_list)
