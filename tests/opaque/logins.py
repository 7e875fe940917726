"""One account and its logins, for tests that alter a part of one."""

import hashlib
from dataclasses import dataclass

from coterie.opaque import context
from coterie.opaque.client import ClientLogin, ClientRegistration
from coterie.opaque.server import ServerKeys, ServerLogin, check_record, registration_response
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret

KEYS = ServerKeys.generate()
SERVER = b"s" * 16  # the server's id
BOUND = context(hashlib.sha256(b"channel").digest())
PASSWORD = b"correct horse"


@dataclass(frozen=True)
class Attempt:
    """One login of alice; what is not given is right."""

    password: bytes = PASSWORD
    credential_identifier: bytes = b"alice"
    client_context: bytes = BOUND
    server_context: bytes = BOUND
    server_at_client: bytes = SERVER
    server_at_server: bytes = SERVER
    name_at_client: bytes = b"alice"
    name_at_server: bytes = b"alice"
    keys: ServerKeys = KEYS

    def start(self) -> ClientLogin:
        return ClientLogin(Secret(self.password), IDENTITY)

    def respond(self, record: bytes, ke1: bytes) -> tuple[bytes, ServerLogin]:
        return ServerLogin.respond(
            self.keys,
            record,
            ke1,
            credential_identifier=self.credential_identifier,
            context=self.server_context,
            server_identity=self.server_at_server,
            client_identity=self.name_at_server,
        )

    def finish(self, login: ClientLogin, ke2: bytes) -> tuple[bytes, Secret, Secret]:
        return login.finish(
            ke2,
            context=self.client_context,
            server_identity=self.server_at_client,
            client_identity=self.name_at_client,
        )

    def run(self, record: bytes) -> tuple[Secret, Secret]:
        """Both sides: session_key and export_key."""
        login = self.start()
        ke2, waiting = self.respond(record, login.ke1())
        ke3, session_key, export_key = self.finish(login, ke2)
        assert waiting.finish(ke3) == session_key
        return session_key, export_key


def register(password: bytes = PASSWORD) -> tuple[bytes, Secret]:
    """A record of alice and the export_key."""
    registration = ClientRegistration(Secret(password), IDENTITY)
    response = registration_response(KEYS, registration.request(), b"alice")
    record, export_key = registration.finish(
        response, server_identity=SERVER, client_identity=b"alice"
    )
    check_record(record)
    return record, export_key


RECORD, EXPORT_KEY = register()
