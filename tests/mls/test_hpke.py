"""HPKE for MLS: what one sealed, another opens; keys to which one cannot encapsulate."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from coterie.errors import RemoteProtocolError
from coterie.mls import SUITES, CipherSuite, hpke
from tests.mls.rooms import refuses

P = 2**255 - 19
ORDER_8 = (
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
)
LOW_ORDER = [
    *((u | high << 255).to_bytes(32, "little") for u in (0, 1, P - 1, P, P + 1) for high in (0, 1)),
    *map(bytes.fromhex, ORDER_8),
]


@pytest.mark.parametrize("public", LOW_ORDER, ids=bytes.hex)
def test_point_of_low_order_is_refused(public: bytes) -> None:
    """Exactly those whose shared secret would be zero, in each of their encodings."""
    with pytest.raises(ValueError, match="shared key"):
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))
    with refuses("encapsulation-key"):
        hpke.X25519.load_public(public)


@pytest.mark.parametrize("public", [b"", b"\x09", bytes(range(31)), b"\x09" * 33])
def test_x25519_key_of_another_length_is_refused(public: bytes) -> None:
    with refuses("encapsulation-key"):
        hpke.X25519.load_public(public)


@pytest.mark.parametrize("suite", SUITES.values(), ids=repr)
def test_each_of_many_opens_what_was_sealed_to_it(suite: CipherSuite) -> None:
    """Sealing with the info hashed once gives what opening expects, which is another implementation."""
    pairs = [suite.hpke.generate_key_pair() for _ in range(3)]
    info = bytes(100_000)
    seal = suite.hpke.seal_to_many(info)
    for i, (private, public) in enumerate(pairs):
        enc, ciphertext = seal(public, bytes([i]) * 40)
        assert suite.hpke.open(private, enc, info, ciphertext) == bytes([i]) * 40
        with pytest.raises(RemoteProtocolError):
            suite.hpke.open(private, enc, info[1:], ciphertext)


def test_sealing_to_many_refuses_an_unusable_key() -> None:
    seal = SUITES[1].hpke.seal_to_many(b"info")
    with refuses("encapsulation-key"):
        seal(bytes(32), b"secret")
