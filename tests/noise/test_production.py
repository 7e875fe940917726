"""The production handshake between two of our own sides: sizes, pins, freshness, and that an error is the end."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError, ServerNotTrusted
from coterie.noise.channel import ClientHandshake, ServerHandshake, fingerprint
from coterie.noise.dh import FFDHE2048
from coterie.noise.handshake import PRODUCTION
from tests.noise.pairs import PIN, STATIC, handshake, keys_of


def test_suite_has_the_name_that_is_hashed() -> None:
    assert PRODUCTION.name == "Noise_NXhfs_FFDHE2048+MLKEM768_AESGCM_SHA256"


def test_fingerprint_is_the_sha_256_of_the_static_key() -> None:
    assert hashlib.sha256(STATIC.public).digest() == PIN


def test_messages_have_the_sizes_of_the_protocol() -> None:
    client = ClientHandshake()
    first = client.write()
    second, at_server = ServerHandshake(STATIC).respond(first)
    assert len(first) == 256 + 1184
    assert len(second) == 256 + 1104 + 272 + 16
    at_client = client.read(second, PIN)
    assert at_client.handshake_hash == at_server.handshake_hash
    assert len(at_client.handshake_hash) == 32
    assert at_client.remote_static == STATIC.public
    assert at_server.remote_static is None


def test_two_connections_share_no_key_and_no_hash() -> None:
    with keys_of() as first:
        one, _ = handshake()
    with keys_of() as second:
        other, _ = handshake()
    assert one.handshake_hash != other.handshake_hash
    assert len(first) > 8
    assert not {*first} & {*second}


def test_every_derived_key_is_seen_under_its_name() -> None:
    for name in ("ee", "es", "ekem1", "ck", "handshake.k"):
        with keys_of(f"noise.{name}") as keys:
            handshake()
        assert len(keys) >= 2, name
        assert len({*keys}) == len(keys) / 2, name  # the two sides agree


@pytest.mark.parametrize(
    "pin",
    [fingerprint(FFDHE2048.generate().public), b"", PIN[:-1], PIN + b"\0"],
    ids=["another", "none", "shorter", "longer"],
)
def test_server_with_another_key_than_the_pinned_one_is_not_trusted(pin: bytes) -> None:
    client = ClientHandshake()
    second, _ = ServerHandshake(STATIC).respond(client.write())
    with pytest.raises(ServerNotTrusted):
        client.read(second, pin)
    with pytest.raises(LocalProtocolError):
        client.read(second, PIN)  # there is no second try


def test_pin_can_be_a_question() -> None:
    asked: list[bytes] = []
    for answer in (True, False):
        client = ClientHandshake()
        second, _ = ServerHandshake(STATIC).respond(client.write())
        if answer:
            client.read(second, lambda given: asked.append(given) or True)  # type: ignore[func-returns-value]
        else:
            with pytest.raises(ServerNotTrusted):
                client.read(second, lambda _: False)
    assert asked == [PIN]


def test_sides_with_different_prologues_do_not_agree() -> None:
    client = ClientHandshake(prologue=b"coterie/2")
    second, _ = ServerHandshake(STATIC).respond(client.write())
    with pytest.raises(RemoteProtocolError):
        client.read(second, PIN)


@given(st.integers(0, 8 * 1648 - 1))
@settings(max_examples=60, deadline=None)
def test_any_flipped_bit_of_message_2_ends_the_handshake(bit: int) -> None:
    client = ClientHandshake()
    second, _ = ServerHandshake(STATIC).respond(client.write())
    altered = bytearray(second)
    altered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RemoteProtocolError):
        client.read(bytes(altered), PIN)


@given(st.integers(0, 8 * 1440 - 1))
@settings(max_examples=40, deadline=None)
def test_any_flipped_bit_of_message_1_is_noticed_at_the_latest_by_the_client(bit: int) -> None:
    client = ClientHandshake()
    altered = bytearray(client.write())
    altered[bit // 8] ^= 1 << bit % 8
    try:
        second, _ = ServerHandshake(STATIC).respond(bytes(altered))
    except RemoteProtocolError:
        return
    with pytest.raises(RemoteProtocolError):
        client.read(second, PIN)


@pytest.mark.parametrize("size", [0, 1, 1647, 1649])
def test_message_2_of_another_size_is_refused(size: int) -> None:
    client = ClientHandshake()
    second, _ = ServerHandshake(STATIC).respond(client.write())
    with pytest.raises(RemoteProtocolError, match=f"{size} bytes, must be 1648"):
        client.read((second + b"\0")[:size], PIN)


def test_steps_out_of_turn_are_our_own_error() -> None:
    client, server = ClientHandshake(), ServerHandshake(STATIC)
    with pytest.raises(LocalProtocolError):
        client.read(bytes(1648), PIN)
    first = client.write()
    with pytest.raises(LocalProtocolError):
        client.write()
    server.respond(first)
    with pytest.raises(LocalProtocolError):
        server.respond(first)


def test_replayed_message_2_of_another_connection_does_not_open() -> None:
    one, other = ClientHandshake(), ClientHandshake()
    second, _ = ServerHandshake(STATIC).respond(one.write())
    other.write()
    with pytest.raises(RemoteProtocolError):
        other.read(second, PIN)
