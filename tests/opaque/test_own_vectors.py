"""Vectors of our own in tests/vectors/opaque: whole logins, and what must fail. Its generate.py makes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from coterie import opaque
from coterie.errors import NotAuthenticated, RemoteProtocolError
from coterie.opaque.client import ClientLogin, ClientRegistration
from coterie.opaque.server import (
    Randomness,
    ServerKeys,
    ServerLogin,
    check_record,
    registration_response,
)
from coterie.opaque.stretch import ARGON2ID, IDENTITY, Stretch
from coterie.secret import Secret

FOLDER = Path(__file__).parent.parent / "vectors" / "opaque"
VALID = json.loads((FOLDER / "valid.json").read_text(encoding="utf-8"))
INVALID = json.loads((FOLDER / "invalid.json").read_text(encoding="utf-8"))
STRETCH: dict[str, Stretch] = {"Argon2id": ARGON2ID, "Identity": IDENTITY}


class Inputs:
    """A vector's inputs, as both sides take them."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.stretch = STRETCH[vector["ksf"]]
        self.values = {name: bytes.fromhex(text) for name, text in vector["inputs"].items()}

    def __getitem__(self, name: str) -> bytes:
        return self.values[name]

    def secret(self, name: str) -> Secret:
        return Secret(self[name])

    @property
    def keys(self) -> ServerKeys:
        return ServerKeys.of(self.secret("oprf_seed"), self.secret("server_private_key"))

    @property
    def identities(self) -> dict[str, bytes]:
        return {name: self[name] for name in ("server_identity", "client_identity")}

    def registration(self) -> ClientRegistration:
        blind = self.secret("blind_registration")
        return ClientRegistration(self.secret("password"), self.stretch, blind=blind)

    def finish_registration(self, response: bytes) -> tuple[bytes, Secret]:
        return self.registration().finish(
            response, **self.identities, envelope_nonce=self["envelope_nonce"]
        )

    def login(self) -> ClientLogin:
        return ClientLogin(
            self.secret("password"),
            self.stretch,
            blind=self.secret("blind_login"),
            client_nonce=self["client_nonce"],
            client_keyshare_seed=self.secret("client_keyshare_seed"),
        )

    def respond(self, record: bytes, ke1: bytes) -> tuple[bytes, ServerLogin]:
        return ServerLogin.respond(
            self.keys,
            record,
            ke1,
            credential_identifier=self["credential_identifier"],
            context=opaque.context(self["handshake_hash"]),
            randomness=Randomness(
                self["masking_nonce"], self["server_nonce"], self.secret("server_keyshare_seed")
            ),
            **self.identities,
        )

    def finish(self, login: ClientLogin, ke2: bytes) -> tuple[bytes, Secret, Secret]:
        context = opaque.context(self["handshake_hash"])
        return login.finish(ke2, context=context, **self.identities)


@pytest.mark.parametrize("vector", [*VALID, INVALID["account"]], ids=lambda vector: vector["name"])
def test_login_is_as_the_vector_says(vector: dict[str, Any]) -> None:
    inputs = Inputs(vector)
    request = inputs.registration().request()
    response = registration_response(inputs.keys, request, inputs["credential_identifier"])
    record, export_key = inputs.finish_registration(response)
    login = inputs.login()
    ke2, waiting = inputs.respond(record, login.ke1())
    ke3, session_key, export_key_again = inputs.finish(login, ke2)
    assert vector["outputs"] == {
        "context": opaque.context(inputs["handshake_hash"]).hex(),
        "registration_request": request.hex(),
        "registration_response": response.hex(),
        "registration_upload": record.hex(),
        "export_key": export_key.expose().hex(),
        "KE1": login.ke1().hex(),
        "KE2": ke2.hex(),
        "KE3": ke3.hex(),
        "session_key": session_key.expose().hex(),
    }
    assert export_key_again == export_key
    assert waiting.finish(ke3) == session_key


@pytest.mark.parametrize(
    "vector", INVALID["messages"], ids=lambda vector: f"{vector['step']}: {vector['name']}"
)
def test_message_must_fail(vector: dict[str, Any]) -> None:
    alice, outputs = Inputs(INVALID["account"]), INVALID["account"]["outputs"]
    message = bytes.fromhex(vector["message"])
    record = bytes.fromhex(outputs["registration_upload"])
    match vector["step"]:
        case "registration request":
            with pytest.raises(RemoteProtocolError):
                registration_response(alice.keys, message, b"alice")
        case "registration response":
            with pytest.raises(RemoteProtocolError):
                alice.finish_registration(message)
        case "registration record":
            with pytest.raises(RemoteProtocolError):
                check_record(message)
            with pytest.raises(RemoteProtocolError):
                alice.respond(message, bytes.fromhex(outputs["KE1"]))
        case "KE1":
            with pytest.raises(RemoteProtocolError):
                alice.respond(record, message)
        case "KE2":
            client = Inputs(vector)
            with pytest.raises(NotAuthenticated, match=r"^wrong name or password$"):
                client.finish(client.login(), message)
        case "KE3":
            _, waiting = alice.respond(record, bytes.fromhex(outputs["KE1"]))
            with pytest.raises(NotAuthenticated, match=r"^wrong name or password$"):
                waiting.finish(message)
        case step:
            pytest.fail(f"a step that no test knows: {step}")
