"""Key packages: made, kept, and refused where section 10.1 says so."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import LocalProtocolError, RemoteProtocolError
from coterie.mls import Capabilities, CipherSuite, Extension, KeyPackage, KeyPackageBundle
from coterie.mls.framing import decode_message, encode_message
from coterie.mls.leaf_node import LeafNodeSource
from tests.mls.rooms import BOTH, ONE, new_bundle, new_leaf, private_of, refuses


def signed_anew(package: KeyPackage, **changes: object) -> KeyPackage:
    """With both signatures over what was changed."""
    private = private_of(package.leaf_node.signature_key)
    package = replace(package, **changes)  # type: ignore[arg-type]
    package = replace(package, leaf_node=package.leaf_node.signed(ONE, private))
    signature = ONE.sign_with_label(private, b"KeyPackageTBS", package._tbs())
    return replace(package, signature=signature)


@BOTH
def test_a_key_package_of_ours_is_valid_and_comes_back_from_its_bytes(suite: CipherSuite) -> None:
    bundle = new_bundle(suite, "alice")
    bundle.key_package.validate(suite)
    assert KeyPackage.from_bytes(bundle.key_package.encode()) == bundle.key_package
    assert KeyPackageBundle.load(bundle.encode()) == bundle
    fits = suite.hpke.kem.public_of
    assert fits(bundle.init_private) == bundle.key_package.init_key
    assert fits(bundle.encryption_private) == bundle.key_package.leaf_node.encryption_key


@pytest.mark.parametrize(("extensions", "proposals"), [((3,), ()), ((), (0xF001, 7))])
def test_what_everybody_supports_is_not_listed(
    extensions: tuple[int, ...], proposals: tuple[int, ...]
) -> None:
    capabilities = Capabilities((1,), (1,), extensions, proposals, (1,))
    with pytest.raises(LocalProtocolError, match="default types"):
        new_leaf(ONE, "alice", capabilities=capabilities)


def test_two_key_packages_of_one_client_share_no_key_but_its_signature_key() -> None:
    leaf = new_leaf(ONE, "alice")
    a, b = (new_bundle(ONE, leaf).key_package for _ in range(2))
    keys = {x for p in (a, b) for x in (p.init_key, p.leaf_node.encryption_key)}
    assert len(keys) == 4
    assert a.reference() != b.reference()


def test_another_version_or_suite_is_refused() -> None:
    package = new_bundle(ONE, "alice").key_package
    with refuses("key-package-version"):
        signed_anew(package, version=2).validate(ONE)
    with refuses("key-package-suite"):
        signed_anew(package, cipher_suite=3).validate(ONE)


def test_a_version_unlike_the_messages_is_refused() -> None:
    package = new_bundle(ONE, "alice").key_package
    with pytest.raises(RemoteProtocolError, match="version 2"):
        decode_message(encode_message(replace(package, version=2)))


def test_a_leaf_from_elsewhere_is_refused() -> None:
    package = new_bundle(ONE, "alice").key_package
    leaf = replace(package.leaf_node, source=LeafNodeSource.UPDATE, lifetime=None)
    with refuses("key-package-leaf-source"):
        signed_anew(package, leaf_node=leaf).validate(ONE)


def test_both_signatures_are_checked() -> None:
    package = new_bundle(ONE, "alice").key_package
    with refuses("key-package-signature"):
        replace(package, extensions=(Extension(0xF000, b""),)).validate(ONE)
    with refuses("key-package-signature"):
        replace(package, signature=b"").validate(ONE)
    other = new_bundle(ONE, "alice").key_package
    with refuses("leaf-signature"):
        leaf = replace(package.leaf_node, signature=other.leaf_node.signature)
        replace(package, leaf_node=leaf).validate(ONE)


def test_the_two_keys_must_differ() -> None:
    package = new_bundle(ONE, "alice").key_package
    with refuses("key-package-keys-equal"):
        signed_anew(package, init_key=package.leaf_node.encryption_key).validate(ONE)


def test_a_leaf_that_contradicts_itself_is_refused_before_anybody_is_asked() -> None:
    nothing = Capabilities((1,), (1,))
    with refuses("leaf-credential-type"):
        new_bundle(ONE, new_leaf(ONE, "a", capabilities=nothing)).key_package.validate(ONE)
    unlisted = (Extension(0xF0FF, b""),)
    with refuses("leaf-extension-unlisted"):
        new_bundle(ONE, new_leaf(ONE, "a", extensions=unlisted)).key_package.validate(ONE)


@BOTH
def test_a_key_that_nobody_can_encapsulate_to_is_refused(suite: CipherSuite) -> None:
    for bad in bad_keys(suite):
        with refuses("encapsulation-key"):
            suite.check_encapsulation_key(bad)
    package = new_bundle(ONE, "alice").key_package
    with refuses("encapsulation-key"):
        signed_anew(package, init_key=bytes(32)).validate(ONE)
    leaf = replace(package.leaf_node, encryption_key=bytes(32))
    with refuses("encapsulation-key"):
        signed_anew(package, leaf_node=leaf).validate(ONE)


def bad_keys(suite: CipherSuite) -> list[bytes]:
    """Of low order, of another length; and for ML-KEM a coefficient beyond q (FIPS 203 section 7.2)."""
    _, good = suite.hpke.generate_key_pair()
    x25519 = [bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"]
    bad = [good[:-32] + point for point in x25519]
    if len(good) > 32:
        bad.append(b"\xff\xff\xff" + good[3:])
    return [*bad, b"", good[:-1], good + b"\0"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(encoded: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        KeyPackage.from_bytes(encoded)


PACKAGE = new_bundle(ONE, "alice").key_package.encode()


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(PACKAGE) - 1), mask=st.integers(1, 255))
def test_a_changed_one_is_refused(at: int, mask: int) -> None:
    changed = PACKAGE[:at] + bytes([PACKAGE[at] ^ mask]) + PACKAGE[at + 1 :]
    with pytest.raises(RemoteProtocolError):
        KeyPackage.from_bytes(changed).validate(ONE)
