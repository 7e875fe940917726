"""X.509 credentials: read, held to the leaf's key, and handed to the application."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from coterie.errors import RuleViolation
from coterie.mls import (
    SUITES,
    Add,
    Capabilities,
    CipherSuite,
    Group,
    LeafNode,
    NewLeaf,
    X509Credential,
    commit,
)
from coterie.mls.x509 import TakeCertified, certificates, certified_chain
from tests.mls.rooms import LIFETIME, ONE, new_bundle, new_leaf, refuses

CA_KEY = ed25519.Ed25519PrivateKey.generate()
CA = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a house")])
BOTH_TYPES = Capabilities((1,), (1, 2, 7), credentials=(1, 2))


def certified(name: str, public: object) -> bytes:
    """A certificate in DER."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(CA)
        .public_key(public)  # type: ignore[arg-type]
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(CA_KEY, None)
        .public_bytes(Encoding.DER)
    )


def public_of(suite: CipherSuite, leaf: NewLeaf) -> object:
    if suite is ONE:
        return ed25519.Ed25519PublicKey.from_public_bytes(leaf.signature_key)
    curve = {2: ec.SECP256R1(), 7: ec.SECP384R1()}[suite.number]
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, leaf.signature_key)


def with_certificate(suite: CipherSuite, name: str) -> NewLeaf:
    leaf = new_leaf(suite, name, capabilities=BOTH_TYPES)
    return replace(leaf, credential=X509Credential((certified(name, public_of(suite, leaf)),)))


def from_the_house(chain: Sequence[x509.Certificate]) -> None:
    """An application's rule: the house's own, and not Mallory."""
    if chain[0].issuer != CA or "mallory" in chain[0].subject.rfc4514_string():
        raise RuleViolation("not-of-the-house")


@pytest.mark.parametrize("number", [1, 2, 7])
def test_members_with_certificates_are_judged_by_the_application(number: int) -> None:
    suite = SUITES[number]
    policy = TakeCertified(from_the_house)
    alice = Group.create(suite, b"id", with_certificate(suite, "alice"), LIFETIME, policy=policy)
    added = new_bundle(suite, with_certificate(suite, "bobb")).key_package
    _, pending = commit(alice, [Add(added)])
    names = [
        certificates(member.leaf_node.credential)[0].subject.rfc4514_string()
        for member in pending.group.members()
        if isinstance(member.leaf_node.credential, X509Credential)
    ]
    assert names == ["CN=alice", "CN=bobb"]
    with pytest.raises(RuleViolation, match="not-of-the-house"):
        commit(alice, [Add(new_bundle(suite, with_certificate(suite, "mallory")).key_package)])


def leaf_with(*chain: bytes) -> LeafNode:
    leaf = replace(with_certificate(ONE, "dave"), credential=X509Credential(chain))
    return new_bundle(ONE, leaf).key_package.leaf_node


def test_a_certificate_is_of_the_key_that_signs() -> None:
    others = [
        ed25519.Ed25519PrivateKey.generate().public_key(),
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key(),
    ]
    for other in others:
        with refuses("x509-signature-key"):
            certified_chain(leaf_with(certified("dave", other)))


def test_a_chain_has_a_certificate() -> None:
    with refuses("x509-empty"):
        certified_chain(leaf_with())


@pytest.mark.parametrize("der", [b"", b"\x30", b"not DER", bytes(1000)])
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with refuses("x509-not-a-certificate"):
        certified_chain(leaf_with(der))


def test_who_takes_the_certified_takes_no_bare_name() -> None:
    policy = TakeCertified(from_the_house)
    alice = Group.create(ONE, b"id", with_certificate(ONE, "alice"), LIFETIME, policy=policy)
    leaf = new_leaf(ONE, "dave", capabilities=BOTH_TYPES)
    with refuses("x509-credential"):
        commit(alice, [Add(new_bundle(ONE, leaf).key_package)])


def test_a_member_with_a_wrong_certificate_is_refused_by_who_looks() -> None:
    policy = TakeCertified(from_the_house)
    leaf = with_certificate(ONE, "alice")
    alice = Group.create(ONE, b"id", leaf, LIFETIME)
    wrong = replace(with_certificate(ONE, "bobb"), credential=leaf.credential)
    group, message = alice.propose(Add(new_bundle(ONE, wrong).key_package))
    reference = group.accept_own_proposal(message).standing[0].reference
    judged = replace(group.accept_own_proposal(message), policy=policy)
    with refuses("x509-signature-key"):
        commit(judged, by_reference=[reference])
