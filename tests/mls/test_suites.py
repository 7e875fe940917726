"""The primitives under hostile input: anything is refused, nothing else is raised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import RemoteProtocolError
from coterie.mls import SUITES, CipherSuite
from coterie.secret import Secret
from tests.mls.rooms import refuses

EACH = pytest.mark.parametrize("suite", SUITES.values(), ids=[f"suite-{n:x}" for n in SUITES])


def sizes(suite: CipherSuite) -> st.SearchStrategy[bytes]:
    """Bytes of any size, and of the size that a kem_output has, also with the first byte of a point."""
    size = suite.hpke.kem.enc_size
    exact = st.binary(min_size=size, max_size=size)
    constant = st.integers(0, 255).map(lambda byte: bytes([byte]) * size)
    return st.binary(max_size=140) | exact | exact.map(lambda b: b"\x04" + b[1:]) | constant


@EACH
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_ciphertext_to_us_that_is_not_one_is_refused(
    suite: CipherSuite, data: st.DataObject
) -> None:
    private, _ = suite.hpke.kem.derive_key_pair(Secret(b"seed" * 16))
    kem_output, ciphertext = data.draw(sizes(suite)), data.draw(st.binary(max_size=80))
    with pytest.raises(RemoteProtocolError):
        suite.decrypt_with_label(private, b"label", b"", kem_output, ciphertext)


@EACH
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_kem_output_that_is_not_one_gives_no_secret_of_the_sender(
    suite: CipherSuite, data: st.DataObject
) -> None:
    """X25519 and ML-KEM take almost any bytes, and give a secret that nobody else has."""
    private, public = suite.hpke.kem.derive_key_pair(Secret(b"seed" * 16))
    sent, secret = suite.hpke.setup_and_export(public, b"context", 32)
    assert suite.hpke.receive_and_export(private, sent, b"context", 32) == secret
    try:
        other = suite.hpke.receive_and_export(private, data.draw(sizes(suite)), b"context", 32)
    except RemoteProtocolError:
        return
    assert other != secret


@EACH
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_public_key_is_taken_or_refused_by_its_rule(
    suite: CipherSuite, data: st.DataObject
) -> None:
    _, good = suite.hpke.generate_key_pair()
    exact = st.binary(min_size=len(good), max_size=len(good))
    public = data.draw(st.binary(max_size=140) | exact | exact.map(lambda b: good[:8] + b[8:]))
    try:
        suite.check_encapsulation_key(public)
    except RemoteProtocolError:
        with refuses("encapsulation-key"):
            suite.encrypt_with_label(public, b"label", b"", b"plaintext")
    else:
        suite.encrypt_with_label(public, b"label", b"", b"plaintext")


@pytest.mark.parametrize("number", [2, 5, 7])
def test_a_compressed_point_is_refused_though_it_is_one(number: int) -> None:
    """Two encodings of one key would pass for two keys where keys must differ."""
    suite = SUITES[number]
    _, public = suite.hpke.generate_key_pair()
    x, y = public[1 : 1 + len(public) // 2], public[1 + len(public) // 2 :]
    with refuses("encapsulation-key"):
        suite.check_encapsulation_key(bytes([2 + y[-1] % 2]) + x)


@EACH
@settings(max_examples=60, deadline=None)
@given(public=st.binary(max_size=140), signature=st.binary(max_size=140), swap=st.booleans())
def test_any_signature_holds_not(
    suite: CipherSuite, public: bytes, signature: bytes, swap: bool
) -> None:
    private, own = suite.signature.generate()
    if swap:
        public = own
        assert suite.verify_with_label(
            own, b"label", b"content", suite.sign_with_label(private, b"label", b"content")
        )
    assert not suite.verify_with_label(public, b"label", b"content", signature)


@EACH
@given(data=st.binary(max_size=40), aad=st.binary(max_size=10))
@settings(max_examples=40, deadline=None)
def test_what_was_not_sealed_does_not_open(suite: CipherSuite, data: bytes, aad: bytes) -> None:
    key, nonce = Secret(bytes(suite.nk)), bytes(suite.nn)
    with pytest.raises(RemoteProtocolError):
        suite.open(key, nonce, aad, data)
    assert suite.open(key, nonce, aad, suite.seal(key, nonce, aad, data)) == data


@EACH
@pytest.mark.parametrize("length", [1, 32, 48, 64, 65, 200])
def test_longer_secrets_begin_like_no_shorter_ones(suite: CipherSuite, length: int) -> None:
    """The length is in the label: an exporter's outputs of two lengths have nothing in common."""
    secret = Secret(bytes(suite.nh))
    expanded = suite.expand_with_label(secret, b"label", b"", length)
    assert len(expanded) == length
    longer = suite.expand_with_label(secret, b"label", b"", length + 1)
    assert length < 16 or longer.expose()[:length] != expanded.expose()
