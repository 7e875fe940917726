"""Logins that must succeed, and all the ways in which one must fail."""

import hashlib
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import NotAuthenticated, RemoteProtocolError
from coterie.opaque import context
from coterie.opaque.client import Login, Registration
from coterie.opaque.envelope import Identities
from coterie.opaque.server import (
    ServerKeys,
    check_record,
    fake_record,
    registration_response,
    respond,
)
from coterie.opaque.stretch import ARGON2ID, IDENTITY
from coterie.secret import Secret

KEYS = ServerKeys.generate()
HASH = hashlib.sha256(b"channel").digest()
ALICE = Identities(b"s" * 16, b"alice")
BOUND = context(HASH)


@dataclass(frozen=True)
class Attempt:
    """One login; each test alters a part of it."""

    password: bytes = b"correct horse"
    name: bytes = b"alice"
    identities: Identities = ALICE
    client_context: bytes = BOUND
    server_context: bytes = BOUND
    server_identities: Identities = ALICE
    keys: ServerKeys = KEYS

    def run(self, record: bytes) -> tuple[Secret, Secret]:
        login = Login(Secret(self.password), IDENTITY)
        server = respond(
            self.keys,
            record,
            login.ke1(),
            credential_identifier=self.name,
            context=self.server_context,
            identities=self.server_identities,
        )
        ke3, session_key, export_key = login.finish(
            server.ke2, context=self.client_context, identities=self.identities
        )
        assert server.finish(ke3) == session_key
        return session_key, export_key


def register() -> tuple[bytes, Secret]:
    registration = Registration(Secret(b"correct horse"), IDENTITY)
    response = registration_response(KEYS, registration.request(), b"alice")
    record, export_key = registration.finish(response, ALICE)
    check_record(record)
    return record, export_key


RECORD, EXPORT_KEY = register()


def test_right_password_gives_both_the_session_key_and_the_export_key_of_registration() -> None:
    session_key, export_key = Attempt().run(RECORD)
    assert export_key == EXPORT_KEY
    assert Attempt().run(RECORD)[0] != session_key


WRONG = {
    "another password": Attempt(password=b"correct horsf"),
    "another channel at the client": Attempt(client_context=context(bytes(32))),
    "another channel at the server": Attempt(server_context=context(bytes(32))),
    "another server": Attempt(identities=Identities(b"t" * 16, b"alice")),
    "another name": Attempt(identities=Identities(b"s" * 16, b"alicf")),
    "another name at the server": Attempt(name=b"bobb"),
    "another identity at the server": Attempt(server_identities=Identities(b"s" * 16, b"bobb")),
    "other server keys": Attempt(keys=ServerKeys.generate()),
}


@pytest.mark.parametrize("name", WRONG)
def test_login_fails_with(name: str) -> None:
    with pytest.raises(NotAuthenticated, match=r"^wrong name or password$"):
        WRONG[name].run(RECORD)


def test_unknown_name_answers_in_the_same_shape_and_fails_the_same_way() -> None:
    fake = fake_record()
    assert len(fake) == len(RECORD)
    login = Login(Secret(b"correct horse"), IDENTITY)
    common = {"context": context(HASH), "identities": Identities(b"s" * 16, b"nobody")}
    unknown = respond(KEYS, fake, login.ke1(), credential_identifier=b"nobody", **common)  # type: ignore[arg-type]
    known = respond(KEYS, RECORD, login.ke1(), credential_identifier=b"alice", **common)  # type: ignore[arg-type]
    assert len(unknown.ke2) == len(known.ke2)
    with pytest.raises(NotAuthenticated, match=r"^wrong name or password$"):
        replace(Attempt(), name=b"nobody").run(fake)


def test_server_does_not_take_another_ke3() -> None:
    login = Login(Secret(b"correct horse"), IDENTITY)
    server = respond(
        KEYS,
        RECORD,
        login.ke1(),
        credential_identifier=b"alice",
        context=context(HASH),
        identities=ALICE,
    )
    for ke3 in (b"", bytes(64), server.ke2[-64:]):
        with pytest.raises(NotAuthenticated):
            server.finish(ke3)


BAD_ELEMENTS = {
    "identity": bytes(32),
    "not canonical": (2**255 - 19).to_bytes(32, "little"),
    "negative": (1).to_bytes(32, "little"),
    "no point": b"\x02" + bytes(31),
    "all ones": b"\xff" * 32,
    "short": b"\x02" * 31,
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD_ELEMENTS)
def test_bad_element_is_refused_everywhere(name: str) -> None:
    bad = BAD_ELEMENTS[name]
    good = Registration(Secret(b"x"), IDENTITY).request()
    with pytest.raises(RemoteProtocolError):
        registration_response(KEYS, bad, b"alice")
    for ke1 in (bad + bytes(32) + good, good + bytes(32) + bad):
        with pytest.raises(RemoteProtocolError):
            respond(
                KEYS,
                RECORD,
                ke1,
                credential_identifier=b"a",
                context=b"",
                identities=Identities(),
            )
    for response in (bad + good, good + bad):
        with pytest.raises(RemoteProtocolError):
            Registration(Secret(b"x"), IDENTITY).finish(response, Identities())
    with pytest.raises(RemoteProtocolError):
        check_record(bad + RECORD[32:])


@given(st.binary(max_size=400) | st.binary(min_size=320, max_size=320))
@settings(max_examples=50, deadline=None)
def test_any_ke2_fails_as_one_error(ke2: bytes) -> None:
    with pytest.raises(NotAuthenticated):
        Login(Secret(b"x"), IDENTITY).finish(ke2, context=b"", identities=Identities())


@given(st.integers(0, 319), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_any_flipped_bit_of_ke2_fails(at: int, bit: int) -> None:
    login = Login(Secret(b"correct horse"), IDENTITY)
    server = respond(
        KEYS,
        RECORD,
        login.ke1(),
        credential_identifier=b"alice",
        context=context(HASH),
        identities=ALICE,
    )
    altered = bytearray(server.ke2)
    altered[at] ^= 1 << bit
    with pytest.raises(NotAuthenticated):
        login.finish(bytes(altered), context=context(HASH), identities=ALICE)


def test_argon2id_is_as_decided_and_in_the_context() -> None:
    assert (ARGON2ID.memory_kib, ARGON2ID.iterations, ARGON2ID.lanes) == (65536, 3, 4)
    stretched = ARGON2ID.stretch(Secret(b"x" * 64))
    assert len(stretched) == 64
    assert stretched != ARGON2ID.stretch(Secret(b"y" * 64))
    assert ARGON2ID.encode() in context(HASH)
    assert len(context(HASH)) == len(context(bytes(32)))
