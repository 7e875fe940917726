"""FFDHE2048 against pyca/cryptography's, and the values that must be refused."""

import threading
import warnings

import gmpy2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.noise.dh import _P, FFDHE2048, X25519, KeyPair, prepare_thread
from coterie.noise.kem import MLKEM768
from coterie.secret import Secret

EXPONENTS = st.binary(min_size=32, max_size=32).map(lambda b: bytes([b[0] | 0x80]) + b[1:])


def test_group_is_of_2048_bits_and_its_prime_is_safe() -> None:
    # "The primes in these finite field groups are all safe primes": p = 2q + 1 (RFC 7919 appendix A)
    assert gmpy2.is_prime(_P)
    assert gmpy2.is_prime((_P - 1) // 2)
    assert _P.bit_length() == 2048


def test_private_keys_are_256_random_bits_with_the_top_bit_set() -> None:
    pairs = [FFDHE2048.generate() for _ in range(8)]
    assert all(len(p.private) == 32 and p.private.expose()[0] & 0x80 for p in pairs)
    assert all(len(p.public) == FFDHE2048.size == 256 for p in pairs)
    assert len({p.public for p in pairs}) == 8


def pyca(mine: KeyPair, theirs: KeyPair) -> bytes:
    """What pyca/cryptography makes of it, for as long as it can."""
    with warnings.catch_warnings():
        # deprecated there since 50.0, to be removed: that is why our own is here and compared while it lasts
        warnings.simplefilter("ignore")
        dh = pytest.importorskip(
            "cryptography.hazmat.primitives.asymmetric.dh",
            reason="this cryptography has no finite-field DH any more: nothing to compare with",
        )
        group = dh.DHParameterNumbers(int(_P), 2)
        private, ours, other = (
            int.from_bytes(value, "big")
            for value in (mine.private.expose(), mine.public, theirs.public)
        )
        key = dh.DHPrivateNumbers(private, dh.DHPublicNumbers(ours, group)).private_key()
        shared: bytes = key.exchange(dh.DHPublicNumbers(other, group).public_key())
        return shared.rjust(256, b"\0")


@given(EXPONENTS, EXPONENTS)
@settings(max_examples=25, deadline=None)
def test_both_sides_agree_and_pyca_agrees_with_them(a: bytes, b: bytes) -> None:
    alice, bob = FFDHE2048.from_private(Secret(a)), FFDHE2048.from_private(Secret(b))
    shared = FFDHE2048.dh(alice, bob.public)
    assert shared == FFDHE2048.dh(bob, alice.public)
    assert len(shared) == 256
    assert shared.expose() == pyca(alice, bob)


@pytest.mark.parametrize("value", [2, 3, int(_P) - 3, int(_P) - 2])
def test_public_value_at_the_edge_is_taken(value: int) -> None:
    pair = FFDHE2048.generate()
    shared = FFDHE2048.dh(pair, value.to_bytes(256, "big"))
    expected = pow(value, int.from_bytes(pair.private.expose(), "big"), int(_P))
    assert shared.expose() == expected.to_bytes(256, "big")


BAD = {
    "0": 0,
    "1": 1,
    "p-1": int(_P) - 1,
    "p": int(_P),
    "p+1": int(_P) + 1,
    "p+2": int(_P) + 2,
    "all ones": 2**2048 - 1,
}


@pytest.mark.parametrize("name", BAD)
def test_public_value_outside_2_to_p_minus_2_is_refused(name: str) -> None:
    with pytest.raises(RemoteProtocolError, match="outside"):
        FFDHE2048.dh(FFDHE2048.generate(), BAD[name].to_bytes(256, "big"))


@pytest.mark.parametrize("size", [0, 1, 255, 257])
def test_public_value_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"{size} bytes"):
        FFDHE2048.dh(FFDHE2048.generate(), b"\x02" * size)


@pytest.mark.parametrize("private", [b"", b"\xff" * 31, b"\xff" * 33, b"\x7f" * 32], ids=len)
def test_private_key_that_was_not_generated_here_is_refused(private: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        FFDHE2048.from_private(Secret(private))


def test_static_key_pair_comes_back_from_its_private_key() -> None:
    pair = FFDHE2048.generate()
    assert FFDHE2048.from_private(pair.private) == pair
    assert pair.private.expose().hex() not in repr(pair)


def test_x25519_private_key_of_another_length_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        X25519.from_private(Secret(bytes(31)))


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), bytes(32)], ids=len)
def test_x25519_public_key_that_is_none_is_refused(public: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        X25519.dh(X25519.generate(), public)


def test_prepared_thread_releases_the_lock_and_no_other_does() -> None:
    seen: list[bool] = []

    def run() -> None:
        seen.append(gmpy2.get_context().allow_release_gil)
        prepare_thread()
        seen.append(gmpy2.get_context().allow_release_gil)

    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert seen == [False, True, False, True]


@pytest.mark.parametrize("public", [b"", bytes(1183), b"\xff" * 1184], ids=len)
def test_kem_key_that_fails_the_check_of_fips_203_is_refused(public: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        MLKEM768.encapsulate(public)  # 1,184 bytes of ones: coefficients above q


def test_kem_gives_both_sides_one_output_and_another_for_an_altered_ciphertext() -> None:
    pair = MLKEM768.generate()
    ciphertext, output = MLKEM768.encapsulate(pair.public)
    assert (len(pair.public), len(ciphertext), len(output)) == (1184, 1088, 32)
    assert MLKEM768.decapsulate(pair, ciphertext) == output
    assert MLKEM768.decapsulate(pair, ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])) != output
    with pytest.raises(RemoteProtocolError):
        MLKEM768.decapsulate(pair, ciphertext[:-1])
