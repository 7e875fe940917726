"""The published vectors of RFC 9807 Appendix C whose group is ristretto255."""

import functools
import json
from typing import Any

import pytest

from coterie.opaque.client import Login, Registration
from coterie.opaque.envelope import Identities
from coterie.opaque.server import Randomness, ServerKeys, registration_response, respond
from coterie.opaque.stretch import IDENTITY
from coterie.secret import Secret, observe
from tests.vectors_path import vectors


@functools.cache
def published(*, fake: bool) -> list[dict[str, Any]]:
    found = json.loads(vectors("opaque", "vectors.json").read_text())
    return [
        {"context": bytes.fromhex(v["config"]["Context"])}
        | {k: bytes.fromhex(x) for k, x in v["inputs"].items()}
        | {"expected": {**v["intermediates"], **v["outputs"]}}
        for v in found
        if v["config"]["Group"] == "ristretto255" and v["config"]["Fake"] == str(fake)
    ]


def test_all_three_are_there() -> None:
    assert (len(published(fake=False)), len(published(fake=True))) == (2, 1)


def identities(v: dict[str, Any]) -> Identities:
    return Identities(v.get("server_identity", b""), v.get("client_identity", b""))


def randomness(v: dict[str, Any]) -> Randomness:
    return Randomness(v["masking_nonce"], v["server_nonce"], Secret(v["server_keyshare_seed"]))


@pytest.mark.parametrize("number", range(2))
def test_real_vector(number: int) -> None:
    v = published(fake=False)[number]
    expected = v["expected"]
    seen: dict[str, str] = {}

    def note(name: str, key: Secret) -> None:
        seen.setdefault(name.removeprefix("opaque."), key.expose().hex())

    observe(note)
    try:
        keys = ServerKeys.load(Secret(v["oprf_seed"]), Secret(v["server_private_key"]))
        password = Secret(v["password"])
        registration = Registration(password, IDENTITY, blind=Secret(v["blind_registration"]))
        request = registration.request()
        response = registration_response(keys, request, v["credential_identifier"])
        record, export_key = registration.finish(
            response, identities(v), envelope_nonce=v["envelope_nonce"]
        )
        login = Login(
            password,
            IDENTITY,
            blind=Secret(v["blind_login"]),
            client_nonce=v["client_nonce"],
            client_keyshare_seed=Secret(v["client_keyshare_seed"]),
        )
        server = respond(
            keys,
            record,
            login.ke1(),
            credential_identifier=v["credential_identifier"],
            context=v["context"],
            identities=identities(v),
            randomness=randomness(v),
        )
        ke3, session_key, export_again = login.finish(
            server.ke2, context=v["context"], identities=identities(v)
        )
    finally:
        observe(None)
    assert keys.public_key == v["server_public_key"]
    got = {
        "registration_request": request,
        "registration_response": response,
        "registration_upload": record,
        "export_key": export_key.expose(),
        "KE1": login.ke1(),
        "KE2": server.ke2,
        "KE3": ke3,
        "session_key": session_key.expose(),
        "client_public_key": record[:32],
        "envelope": record[96:],
    }
    given = {name: value.hex() for name, value in got.items()} | seen
    for name in expected:
        assert given[name] == expected[name], name
    assert export_again == export_key
    assert server.finish(ke3) == session_key


def test_fake_vector() -> None:
    v = published(fake=True)[0]
    keys = ServerKeys.load(Secret(v["oprf_seed"]), Secret(v["server_private_key"]))
    answer = respond(
        keys,
        v["client_public_key"] + v["masking_key"] + bytes(96),
        v["KE1"],
        credential_identifier=v["credential_identifier"],
        context=v["context"],
        identities=identities(v),
        randomness=randomness(v),
    )
    assert answer.ke2.hex() == v["expected"]["KE2"]
