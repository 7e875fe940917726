"""Published vectors of the primitives: crypto-basics, and HPKE's post-quantum KEM."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from coterie.mls.hpke import MLKEM768_X25519, Hpke
from coterie.mls.suites import SUITES
from coterie.secret import Secret
from tests.mls.published import Vector, assert_complete, each, octets, published, vector

KEM_ID = 0x647A
HKDF_SHA256, CHACHA20_POLY1305 = 1, 3


def test_all_entries_are_there() -> None:
    assert_complete("crypto-basics.json", 1)
    assert len(published("hpke-pq.json")) == 13
    assert [v["kdf_id"] for v in post_quantum()] == [HKDF_SHA256, 0x11]


@each(1)
def test_hashes_and_derivations(suite: int, number: int) -> None:
    s, v = SUITES[suite], vector("crypto-basics.json", suite, number)
    ref = v["ref_hash"]
    value = bytes.fromhex(ref["value"])
    assert s.ref_hash(ref["label"].encode(), value).hex() == ref["out"]
    expand = v["expand_with_label"]
    out = s.expand_with_label(
        secret(expand), expand["label"].encode(), bytes.fromhex(expand["context"]), expand["length"]
    )
    assert out.expose().hex() == expand["out"]
    derive = v["derive_secret"]
    out = s.derive_secret(secret(derive), derive["label"].encode())
    assert out.expose().hex() == derive["out"]
    tree = v["derive_tree_secret"]
    out = s.derive_tree_secret(
        secret(tree), tree["label"].encode(), tree["generation"], tree["length"]
    )
    assert out.expose().hex() == tree["out"]


@each(1)
def test_signature_verifies_and_so_does_our_own(suite: int, number: int) -> None:
    s = SUITES[suite]
    v = octets(vector("crypto-basics.json", suite, number)["sign_with_label"])
    label, content, public = v["label"], v["content"], v["pub"]
    assert s.verify_with_label(public, label, content, v["signature"])
    assert not s.verify_with_label(public, label, content + b"\0", v["signature"])
    ours = s.sign_with_label(Secret(v["priv"]), label, content)
    assert s.verify_with_label(public, label, content, ours)


@each(1)
def test_ciphertext_opens_and_so_does_our_own(suite: int, number: int) -> None:
    s = SUITES[suite]
    v = octets(vector("crypto-basics.json", suite, number)["encrypt_with_label"])
    label, private, context = v["label"], Secret(v["priv"]), v["context"]
    opened = s.decrypt_with_label(private, label, context, v["kem_output"], v["ciphertext"])
    assert opened == v["plaintext"]
    ours = s.encrypt_with_label(v["pub"], label, context, v["plaintext"])
    assert s.decrypt_with_label(private, label, context, *ours) == v["plaintext"]
    assert s.hpke.kem.public_of(private) == v["pub"]


def secret(v: Vector) -> Secret:
    return Secret(bytes.fromhex(v["secret"]))


def post_quantum() -> list[Vector]:
    return [octets(v) for v in published("hpke-pq.json") if v["kem_id"] == KEM_ID]


@pytest.mark.parametrize("number", range(2))
def test_post_quantum_kem_derives_the_key_pair_and_decapsulates(number: int) -> None:
    v = post_quantum()[number]
    private, public = MLKEM768_X25519.derive_key_pair(Secret(v["ikmR"]))
    assert private.expose() == v["skRm"]
    assert public == v["pkRm"]
    assert MLKEM768_X25519.decapsulate(private, v["enc"]) == v["shared_secret"]
    shared_secret, enc = MLKEM768_X25519.encapsulate(public)
    assert MLKEM768_X25519.decapsulate(private, enc) == shared_secret


def test_post_quantum_hpke_is_the_kem_with_the_key_schedule_of_rfc_9180() -> None:
    """The schedule below is written from RFC 9180 section 5.1, and proven on the vector before it judges ours."""
    v = post_quantum()[0]
    key, nonce, exporter = key_schedule(v["shared_secret"], v["info"])
    assert (key, nonce, exporter) == (v["key"], v["base_nonce"], v["exporter_secret"])
    first = octets(v["encryptions"][0])
    assert ChaCha20Poly1305(key).decrypt(nonce, first["ct"], first["aad"]) == first["pt"]

    hpke = Hpke(MLKEM768_X25519, HKDF_SHA256, CHACHA20_POLY1305)
    enc, ciphertext = hpke.seal(v["pkRm"], b"info", b"plaintext")
    shared_secret = MLKEM768_X25519.decapsulate(Secret(v["skRm"]), enc)
    key, nonce, _ = key_schedule(shared_secret, b"info")
    assert ChaCha20Poly1305(key).decrypt(nonce, ciphertext, b"") == b"plaintext"
    assert hpke.open(Secret(v["skRm"]), enc, b"info", ciphertext) == b"plaintext"

    enc, exported = hpke.setup_and_export(v["pkRm"], b"context", 48)
    shared_secret = MLKEM768_X25519.decapsulate(Secret(v["skRm"]), enc)
    *_, exporter = key_schedule(shared_secret, b"")
    assert exported.expose() == labeled_expand(exporter, b"sec", b"context", 48)
    assert hpke.receive_and_export(Secret(v["skRm"]), enc, b"context", 48) == exported


SUITE_ID = b"HPKE" + bytes.fromhex("647a00010003")


def key_schedule(shared_secret: bytes, info: bytes) -> tuple[bytes, bytes, bytes]:
    context = (
        b"\0" + labeled_extract(b"", b"psk_id_hash", b"") + labeled_extract(b"", b"info_hash", info)
    )
    secret = labeled_extract(shared_secret, b"secret", b"")
    return (
        labeled_expand(secret, b"key", context, 32),
        labeled_expand(secret, b"base_nonce", context, 12),
        labeled_expand(secret, b"exp", context, 32),
    )


def labeled_extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
    labeled = b"HPKE-v1" + SUITE_ID + label + ikm
    return hmac.digest(salt or bytes(32), labeled, hashlib.sha256)


def labeled_expand(prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    labeled = size.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + info
    first = hmac.digest(prk, labeled + b"\1", hashlib.sha256)
    return (first + hmac.digest(prk, first + labeled + b"\2", hashlib.sha256))[:size]
