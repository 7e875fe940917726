"""The published vectors of RFC 9807 Appendix C whose group is ristretto255: two real logins, one fake."""

import functools
import json
from typing import Any

import pytest

from coterie.opaque.client import ClientLogin, ClientRegistration
from coterie.opaque.messages import RegistrationRecord
from coterie.opaque.server import Randomness, ServerKeys, ServerLogin, registration_response
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret, observe
from tests.vectors_path import vectors


@functools.cache
def published(*, fake: bool) -> list[dict[str, Any]]:
    found = json.loads(vectors("opaque", "vectors.json").read_text())
    return [
        {"context": bytes.fromhex(v["config"]["Context"])}
        | {name: bytes.fromhex(value) for name, value in v["inputs"].items()}
        | {"expected": {**v["intermediates"], **v["outputs"]}}
        for v in found
        if v["config"]["Group"] == "ristretto255" and v["config"]["Fake"] == str(fake)
    ]


def identities(v: dict[str, Any]) -> dict[str, bytes | None]:
    return {name: v.get(name) for name in ("server_identity", "client_identity")}


def randomness(v: dict[str, Any]) -> Randomness:
    return Randomness(v["masking_nonce"], v["server_nonce"], Secret(v["server_keyshare_seed"]))


def test_all_three_are_there() -> None:
    assert (len(published(fake=False)), len(published(fake=True))) == (2, 1)


@pytest.mark.parametrize("number", range(2), ids=["without-identities", "with-identities"])
def test_every_intermediate_and_output_is_the_published_one(number: int) -> None:
    v = published(fake=False)[number]
    seen: dict[str, set[str]] = {}

    def note(name: str, key: Secret) -> None:
        seen.setdefault(name.removeprefix("opaque."), set()).add(key.expose().hex())

    observe(note)
    try:
        given = run(v)
    finally:
        observe(None)
    for name, value in given.items():
        seen.setdefault(name, set()).add(value.hex())
    expected = v["expected"]
    assert {name: seen.get(name) for name in expected} == {
        name: {value} for name, value in expected.items()
    }


def run(v: dict[str, Any]) -> dict[str, bytes]:
    """Registration and login, both sides."""
    keys = ServerKeys.of(Secret(v["oprf_seed"]), Secret(v["server_private_key"]))
    assert keys.public_key == v["server_public_key"]
    password = Secret(v["password"])

    registration = ClientRegistration(password, IDENTITY, blind=Secret(v["blind_registration"]))
    request = registration.request()
    response = registration_response(keys, request, v["credential_identifier"])
    record, export_key = registration.finish(
        response, **identities(v), envelope_nonce=v["envelope_nonce"]
    )

    login = ClientLogin(
        password,
        IDENTITY,
        blind=Secret(v["blind_login"]),
        client_nonce=v["client_nonce"],
        client_keyshare_seed=Secret(v["client_keyshare_seed"]),
    )
    ke2, waiting = ServerLogin.respond(
        keys,
        record,
        login.ke1(),
        credential_identifier=v["credential_identifier"],
        context=v["context"],
        randomness=randomness(v),
        **identities(v),
    )
    ke3, session_key, export_key_again = login.finish(ke2, context=v["context"], **identities(v))
    assert export_key_again == export_key
    assert waiting.finish(ke3) == session_key
    return {
        "registration_request": request,
        "registration_response": response,
        "registration_upload": record,
        "export_key": export_key.expose(),
        "KE1": login.ke1(),
        "KE2": ke2,
        "KE3": ke3,
        "session_key": session_key.expose(),
        "client_public_key": record[:32],
        "envelope": record[96:],
    }


def test_answer_for_an_unknown_name_is_the_published_one() -> None:
    v = published(fake=True)[0]
    keys = ServerKeys.of(Secret(v["oprf_seed"]), Secret(v["server_private_key"]))
    record = RegistrationRecord.decode(v["client_public_key"] + v["masking_key"] + bytes(96))
    ke2, _ = ServerLogin.respond(
        keys,
        record.encode(),
        v["KE1"],
        credential_identifier=v["credential_identifier"],
        context=v["context"],
        randomness=randomness(v),
        **identities(v),
    )
    assert ke2.hex() == v["expected"]["KE2"]
