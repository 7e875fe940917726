"""Certificates and device lists: what was signed, or nothing."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import RemoteProtocolError
from coterie.wire.frames import SignedDocument
from coterie.wire.signed import (
    DEVICE_LIST_LABEL,
    DeviceCertificate,
    DeviceList,
    ListedDevice,
    device_login_input,
    open_certificate,
    open_device_list,
    sign_certificate,
    sign_device_list,
    verify_signature,
)

ACCOUNT = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
KEY = ACCOUNT.public_key().public_bytes_raw()
CERTIFICATE = DeviceCertificate("alice", KEY, b"d" * 16, b"k" * 32, 1, 0, 10)
LIST = DeviceList("alice", KEY, 1, (ListedDevice(b"d" * 16, b"k" * 32),))


def test_documents_open_as_they_were_signed() -> None:
    assert open_certificate(sign_certificate(CERTIFICATE, ACCOUNT)) == CERTIFICATE
    assert open_device_list(sign_device_list(LIST, ACCOUNT)) == LIST


def test_signature_of_another_key_is_refused() -> None:
    other = Ed25519PrivateKey.generate()
    with pytest.raises(RemoteProtocolError, match="wrong signature"):
        open_certificate(sign_certificate(CERTIFICATE, other))
    with pytest.raises(RemoteProtocolError, match="wrong signature"):
        open_device_list(sign_device_list(LIST, other))


def test_signature_under_the_other_documents_label_is_refused() -> None:
    document = msgspec.msgpack.encode(CERTIFICATE)
    crossed = SignedDocument(document, ACCOUNT.sign(DEVICE_LIST_LABEL + document))
    with pytest.raises(RemoteProtocolError, match="wrong signature"):
        open_certificate(crossed)


@given(st.data())
def test_document_with_a_flipped_bit_is_refused(data: st.DataObject) -> None:
    signed = sign_device_list(LIST, ACCOUNT)
    bit = data.draw(st.integers(0, 8 * len(signed.document) - 1))
    altered = bytearray(signed.document)
    altered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RemoteProtocolError):
        open_device_list(SignedDocument(bytes(altered), signed.signature))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(document: bytes) -> None:
    signed = SignedDocument(document, bytes(64))
    for opened in (open_certificate, open_device_list):
        with pytest.raises(RemoteProtocolError):
            opened(signed)


@pytest.mark.parametrize(
    "devices",
    [
        (ListedDevice(b"d" * 16, b"k" * 32), ListedDevice(b"d" * 16, b"l" * 32)),
        (ListedDevice(b"d" * 16, b"k" * 32), ListedDevice(b"e" * 16, b"k" * 32)),
    ],
    ids=["device", "key"],
)
def test_list_with_a_device_or_key_twice_is_refused(devices: tuple[ListedDevice, ...]) -> None:
    signed = sign_device_list(DeviceList("alice", KEY, 1, devices), ACCOUNT)
    with pytest.raises(RemoteProtocolError, match="twice"):
        open_device_list(signed)


def test_key_that_is_no_point_is_a_wrong_signature() -> None:
    with pytest.raises(RemoteProtocolError, match="wrong signature"):
        verify_signature(b"\xff" * 32, b"data", bytes(64))


def test_device_login_signs_name_device_and_channel() -> None:
    signed = device_login_input("alice", b"d" * 16, b"h" * 32)
    assert signed == b"coterie/1 device login\x05alice" + b"d" * 16 + b"h" * 32
