"""Logins that must succeed, and all the ways in which one must fail."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import (
    InvalidInput,
    LocalProtocolError,
    NotAuthenticated,
    RemoteProtocolError,
    StorageError,
)
from coterie.opaque import context
from coterie.opaque.client import ClientLogin, ClientRegistration
from coterie.opaque.group import ORDER
from coterie.opaque.server import ServerKeys, check_record, fake_record, registration_response
from coterie.opaque.stretch import ARGON2ID, IDENTITY
from coterie.secret import Secret
from tests.opaque.logins import EXPORT_KEY, KEYS, PASSWORD, RECORD, SERVER, Attempt, register


def test_right_password_gives_both_sides_a_new_session_key_and_the_client_its_export_key() -> None:
    session_key, export_key = Attempt().run(RECORD)
    assert export_key == EXPORT_KEY
    assert Attempt().run(RECORD)[0] != session_key


def test_every_login_draws_anew() -> None:
    """Blind, nonce and key share: else who listens sees that two people have one password."""
    one, two = Attempt().start().ke1(), Attempt().start().ke1()
    assert all(one[at : at + 32] != two[at : at + 32] for at in (0, 32, 64))
    (first, _), (second, _) = (Attempt().respond(RECORD, one) for _ in range(2))
    assert all(first[at : at + 32] != second[at : at + 32] for at in range(32, 320, 32))


def test_registering_the_same_password_again_gives_another_record_and_export_key() -> None:
    record, export_key = register()
    assert record != RECORD
    assert export_key != EXPORT_KEY
    assert Attempt().run(record)[1] == export_key


WRONG = {
    "another password": Attempt(password=b"correct horsf"),
    "no password": Attempt(password=b""),
    "another channel at the client": Attempt(client_context=context(bytes(32))),
    "another channel at the server": Attempt(server_context=context(bytes(32))),
    "no context at the client": Attempt(client_context=b""),
    "another server at the client": Attempt(server_at_client=b"t" * 16),
    "another server at the server": Attempt(server_at_server=b"t" * 16),
    "another name at the client": Attempt(name_at_client=b"alicf"),
    "another name at the server": Attempt(name_at_server=b"alicf"),
    "the record under another name": Attempt(credential_identifier=b"bobb"),
    "bytes moved from one identity to the other": Attempt(
        server_at_client=b"sa",
        name_at_client=b"lice",
        server_at_server=b"s",
        name_at_server=b"alice",
    ),
    "other server keys": Attempt(keys=ServerKeys.generate()),
    "the same seed with another private key": Attempt(
        keys=ServerKeys.of(KEYS.oprf_seed, ServerKeys.generate().private_key)
    ),
}


@pytest.mark.parametrize("attempt", WRONG.values(), ids=WRONG)
def test_login_fails_with_one_and_the_same_error(attempt: Attempt) -> None:
    with pytest.raises(NotAuthenticated, match=r"^wrong name or password$") as caught:
        attempt.run(RECORD)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_unknown_name_is_answered_in_the_same_shape_and_fails_the_same_way() -> None:
    fake = fake_record(KEYS)
    nobody = Attempt(credential_identifier=b"nobody", name_at_client=b"nobody")
    assert len(fake) == len(RECORD)
    ke1 = nobody.start().ke1()
    (unknown, _), (known, _) = nobody.respond(fake, ke1), Attempt().respond(RECORD, ke1)
    assert len(unknown) == len(known)
    with pytest.raises(NotAuthenticated, match=r"^wrong name or password$"):
        nobody.run(fake)


def test_unknown_name_has_one_oprf_key_like_a_known_one() -> None:
    """Asked twice with the same blinded password, the server evaluates alike; else the name is known not to exist."""
    nobody = Attempt(credential_identifier=b"nobody")
    ke1 = nobody.start().ke1()
    (first, _), (second, _) = (nobody.respond(fake_record(KEYS), ke1) for _ in range(2))
    assert first[:32] == second[:32]
    assert first[32:] != second[32:]


def test_fake_record_is_the_same_for_the_same_keys_alone() -> None:
    check_record(fake_record(KEYS))
    assert fake_record(KEYS) == fake_record(ServerKeys.decode(KEYS.encode()))
    assert fake_record(KEYS) != fake_record(ServerKeys.generate())


def test_server_takes_no_other_ke3() -> None:
    login = Attempt().start()
    ke2, waiting = Attempt().respond(RECORD, login.ke1())
    ke3, session_key, _ = Attempt().finish(login, ke2)
    _, another = Attempt().respond(RECORD, login.ke1())
    for wrong in (b"", bytes(64), ke2[-64:], ke3[:-1], ke3 + b"\0"):
        with pytest.raises(NotAuthenticated, match=r"^wrong name or password$"):
            waiting.finish(wrong)
    with pytest.raises(NotAuthenticated):
        another.finish(ke3)
    assert waiting.finish(ke3) == session_key


def test_login_is_finished_once() -> None:
    """A second KE2 for the same KE1 would be a second guess at the server's keys for one blinded password."""
    login = Attempt().start()
    ke2, _ = Attempt().respond(RECORD, login.ke1())
    Attempt().finish(login, ke2)
    with pytest.raises(LocalProtocolError):
        Attempt().finish(login, ke2)


def test_ke2_for_another_login_fails() -> None:
    ke2, _ = Attempt().respond(RECORD, Attempt().start().ke1())
    with pytest.raises(NotAuthenticated):
        Attempt().finish(Attempt().start(), ke2)


@given(st.integers(0, 319), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_any_flipped_bit_of_ke2_fails(at: int, bit: int) -> None:
    login = Attempt().start()
    ke2, _ = Attempt().respond(RECORD, login.ke1())
    altered = bytearray(ke2)
    altered[at] ^= 1 << bit
    with pytest.raises(NotAuthenticated):
        Attempt().finish(login, bytes(altered))


@given(st.binary(max_size=400) | st.binary(min_size=320, max_size=320))
@settings(max_examples=50, deadline=None)
def test_any_bytes_as_ke2_are_a_failed_login(ke2: bytes) -> None:
    with pytest.raises(NotAuthenticated):
        Attempt().finish(Attempt().start(), ke2)


@given(st.binary(max_size=200) | st.binary(min_size=96, max_size=96))
@settings(max_examples=50, deadline=None)
def test_any_bytes_as_ke1_are_answered_or_refused(ke1: bytes) -> None:
    try:
        ke2, waiting = Attempt().respond(RECORD, ke1)
    except RemoteProtocolError:
        return
    assert len(ke2) == 320
    with pytest.raises(NotAuthenticated):
        waiting.finish(bytes(64))


@given(st.binary(max_size=80))
@settings(max_examples=50, deadline=None)
def test_any_bytes_at_registration_are_taken_or_refused(message: bytes) -> None:
    for take in (
        lambda: registration_response(KEYS, message, b"alice"),
        lambda: check_record(message * 3),
        lambda: ClientRegistration(Secret(b"x"), IDENTITY).finish(
            message, server_identity=SERVER, client_identity=b"alice"
        ),
    ):
        with suppress(RemoteProtocolError):
            take()


def test_server_keys_come_back_from_their_file() -> None:
    encoded = KEYS.encode()
    assert len(encoded) == 96
    again = ServerKeys.decode(encoded)
    assert again == KEYS
    assert Attempt(keys=again).run(RECORD)[1] == EXPORT_KEY
    for size in (0, 95, 97):
        with pytest.raises(StorageError):
            ServerKeys.decode(Secret(bytes(size)))
    for scalar in (0, ORDER, 2**256 - 1):
        with pytest.raises(LocalProtocolError):
            ServerKeys.decode(Secret(bytes(64) + scalar.to_bytes(32, "little")))


def test_secrets_do_not_show_in_a_repr() -> None:
    login = Attempt().start()
    _, waiting = Attempt().respond(RECORD, login.ke1())
    shown = repr((KEYS, login, waiting))
    for secret in (KEYS.oprf_seed, KEYS.private_key, Secret(PASSWORD)):
        assert secret.expose().hex() not in shown
        assert repr(secret.expose())[2:-1] not in shown


def test_password_too_long_for_the_oprf_is_refused() -> None:
    longest = b"x" * 65_535
    assert Attempt(password=longest).run(register(longest)[0])
    with pytest.raises(InvalidInput):
        ClientLogin(Secret(b"x" * 65_536), IDENTITY)


def test_context_has_one_size_and_takes_no_other_hash() -> None:
    assert context(b"h" * 32) == (
        b"coterie/1 opaque"
        b"OPAQUE-3DH ristretto255-SHA512 HKDF-SHA512 HMAC-SHA512 Argon2id"
        b"\x00\x01\x00\x00"
        b"\x00\x00\x00\x03"
        b"\x00\x00\x00\x04"
        b"\x00\x00\x00\x40" + b"h" * 32
    )
    for size in (0, 31, 33, 64):
        with pytest.raises(LocalProtocolError):
            context(bytes(size))


def test_argon2id_is_as_decided() -> None:
    assert (ARGON2ID.memory_kib, ARGON2ID.iterations, ARGON2ID.lanes) == (65536, 3, 4)
    stretched = ARGON2ID.stretch(Secret(b"x" * 64))
    assert len(stretched) == 64
    assert stretched != ARGON2ID.stretch(Secret(b"y" * 64))


def test_stretching_is_part_of_what_the_record_depends_on() -> None:
    login = ClientLogin(Secret(PASSWORD), ARGON2ID)
    ke2, _ = Attempt().respond(RECORD, login.ke1())  # registered without stretching
    with pytest.raises(NotAuthenticated):
        Attempt().finish(login, ke2)
