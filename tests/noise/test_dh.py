"""FFDHE2048 against pyca/cryptography's, and the values that must be refused."""

import warnings

import gmpy2
import pytest

from coterie.errors import RemoteProtocolError
from coterie.noise.dh import _P, FFDHE2048
from coterie.noise.kem import MLKEM768
from coterie.noise.production import MESSAGE_1_SIZE, ServerHandshake


def test_group_is_the_one_of_rfc_7919() -> None:
    # "The primes in these finite field groups are all safe primes": p = 2q + 1 (RFC 7919 appendix A)
    assert gmpy2.is_prime(_P)
    assert gmpy2.is_prime((_P - 1) // 2)
    assert _P.bit_length() == 2048


def test_both_sides_agree_and_pyca_agrees_with_them() -> None:
    alice, bob = FFDHE2048.generate(), FFDHE2048.generate()
    shared = FFDHE2048.dh(alice, bob.public)
    assert shared == FFDHE2048.dh(bob, alice.public)
    assert len(shared) == len(alice.public) == 256
    assert len(alice.private) == 32
    assert alice.private.expose()[0] & 0x80
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # pyca has deprecated finite-field DH; we compare while it lasts
        try:
            from cryptography.hazmat.primitives.asymmetric import dh  # noqa: PLC0415
        except ImportError:
            pytest.skip(
                "this version of cryptography has no finite-field DH any more: nothing to do"
            )
        numbers = dh.DHParameterNumbers(int(_P), 2)
        ours = dh.DHPublicNumbers(int.from_bytes(alice.public, "big"), numbers)
        key = dh.DHPrivateNumbers(int.from_bytes(alice.private.expose(), "big"), ours).private_key()
        theirs = dh.DHPublicNumbers(int.from_bytes(bob.public, "big"), numbers).public_key()
        assert key.exchange(theirs).rjust(256, b"\0") == shared.expose()


BAD = {
    "0": 0,
    "1": 1,
    "p-1": int(_P) - 1,
    "p": int(_P),
    "p+1": int(_P) + 1,
    "all ones": 2**2048 - 1,
}


@pytest.mark.parametrize("name", BAD)
def test_public_value_outside_2_to_p_minus_2_is_refused(name: str) -> None:
    with pytest.raises(RemoteProtocolError):
        FFDHE2048.dh(FFDHE2048.generate(), BAD[name].to_bytes(256, "big"))
    first_message = BAD[name].to_bytes(256, "big") + MLKEM768.generate().public
    with pytest.raises(RemoteProtocolError):
        ServerHandshake(FFDHE2048.generate()).respond(first_message)


@pytest.mark.parametrize("size", [0, 1, 256, MESSAGE_1_SIZE - 1, MESSAGE_1_SIZE + 1])
def test_first_message_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(RemoteProtocolError):
        ServerHandshake(FFDHE2048.generate()).respond(b"\x02" * size)


def test_kem_key_that_fails_the_check_of_fips_203_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        MLKEM768.encapsulate(b"\xff" * 1184)  # coefficients above q
