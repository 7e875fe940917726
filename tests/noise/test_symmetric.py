"""CipherState and SymmetricState where the published vectors do not reach: counters, rekeying, what is refused."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.noise.symmetric import MAX_NONCE, CipherState, SymmetricState
from coterie.secret import Secret
from tests.noise.pairs import keys_of

KEY = bytes(range(32))


def cipher() -> CipherState:
    return CipherState(Secret(KEY), "test")


def test_nonce_is_32_zero_bits_and_the_big_endian_counter() -> None:
    state = cipher()
    state.n = 0x0102030405060708
    nonce = bytes([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    assert state.encrypt_with_ad(b"ad", b"text") == AESGCM(KEY).encrypt(nonce, b"text", b"ad")
    assert state.n == 0x0102030405060709


def test_counter_that_is_used_up_ends_both_directions() -> None:
    # "The maximum n value (2^64-1) is reserved for other use." (section 5.1)
    sender, receiver = cipher(), cipher()
    sender.n = receiver.n = MAX_NONCE - 1
    assert receiver.decrypt_with_ad(b"", sender.encrypt_with_ad(b"", b"last")) == b"last"
    with pytest.raises(LocalProtocolError):
        sender.encrypt_with_ad(b"", b"one more")
    with pytest.raises(RemoteProtocolError):
        receiver.decrypt_with_ad(b"", bytes(17))


def test_failed_decryption_leaves_the_counter() -> None:
    # "If an authentication failure occurs in DECRYPT() then n is not incremented"
    sender, receiver = cipher(), cipher()
    sealed = sender.encrypt_with_ad(b"", b"text")
    for bad in (b"", bytes(15), bytes(16), sealed[:-1], sealed + b"\0"):
        with pytest.raises(RemoteProtocolError):
            receiver.decrypt_with_ad(b"", bad)
    with pytest.raises(RemoteProtocolError):
        receiver.decrypt_with_ad(b"other ad", sealed)
    assert receiver.decrypt_with_ad(b"", sealed) == b"text"


def test_rekey_takes_the_first_32_bytes_under_the_last_nonce_and_leaves_the_counter() -> None:
    state = cipher()
    state.encrypt_with_ad(b"", b"text")
    with keys_of("noise.test.k") as keys:
        state.rekey()
    assert keys == [AESGCM(KEY).encrypt(bytes(4) + b"\xff" * 8, bytes(32), b"")[:32]]
    assert keys != [KEY]
    assert state.n == 1


def test_protocol_name_is_padded_or_hashed_to_32_bytes() -> None:
    # "If protocol_name is less than or equal to HASHLEN bytes in length" (section 5.2)
    assert SymmetricState("short").h == b"short" + bytes(27)
    assert SymmetricState("x" * 32).h == b"x" * 32
    assert len(SymmetricState("x" * 33).h) == 32
    assert SymmetricState("x" * 33).h != b"x" * 32


def test_without_a_key_text_passes_and_is_hashed() -> None:
    one, other = SymmetricState("name"), SymmetricState("name")
    assert not one.has_key
    assert one.encrypt_and_hash(b"text") == b"text"
    assert one.h != other.h
    assert other.decrypt_and_hash(b"text") == b"text"
    assert one.h == other.h


def test_cipher_shows_its_counter_and_no_key() -> None:
    assert repr(cipher()) == "<CipherState test, n=0>"
