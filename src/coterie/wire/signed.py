"""The two signed documents of an account: a device's certificate, and the list of devices.

Both are MessagePack arrays, signed as bytes under a label and carried as they were signed, so nobody has to
encode them again. PROTOCOL.md section 3. The server checks them too, so they live here and not in ``identity``.
"""

from typing import Annotated, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from coterie.errors import RemoteProtocolError
from coterie.wire import limits
from coterie.wire.frames import Count, DeviceId, Key32, Name, SignedDocument
from coterie.wire.stream import why_unreadable

CERTIFICATE_LABEL = b"coterie/1 device certificate"
DEVICE_LIST_LABEL = b"coterie/1 device list"
DEVICE_LOGIN_LABEL = b"coterie/1 device login"


class DeviceCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """The account key says: this device, with this signature key, is mine."""

    name: Name
    account_key: Key32
    device: DeviceId
    device_key: Key32
    list_version: Count
    not_before: Count  # seconds since 1970
    not_after: Count


class ListedDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One line of a device list."""

    device: DeviceId
    device_key: Key32


class DeviceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """All devices of an account, under a version that rises by one with each change."""

    name: Name
    account_key: Key32
    version: Count
    devices: Annotated[tuple[ListedDevice, ...], Meta(max_length=limits.MAX_DEVICES)]


class Signer(Protocol):
    """What can sign: pyca's Ed25519PrivateKey, or a test's."""

    def sign(self, data: bytes, /) -> bytes: ...


_encoder = msgspec.msgpack.Encoder()
_certificates = msgspec.msgpack.Decoder(DeviceCertificate)
_lists = msgspec.msgpack.Decoder(DeviceList)


def sign_certificate(certificate: DeviceCertificate, account_key: Signer) -> SignedDocument:
    """``certificate`` under the account key that it names."""
    return _sign(CERTIFICATE_LABEL, _encoder.encode(certificate), account_key)


def sign_device_list(device_list: DeviceList, account_key: Signer) -> SignedDocument:
    """``device_list`` under the account key that it names."""
    return _sign(DEVICE_LIST_LABEL, _encoder.encode(device_list), account_key)


def open_certificate(signed: SignedDocument) -> DeviceCertificate:
    """The certificate, its signature verified under the key *it names*: compare that key with the pinned one.

    Raises RemoteProtocolError.
    """
    try:
        certificate = _certificates.decode(signed.document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(
            f"unreadable device certificate: {why_unreadable(error)}"
        ) from error
    verify_signature(certificate.account_key, CERTIFICATE_LABEL + signed.document, signed.signature)
    return certificate


def open_device_list(signed: SignedDocument) -> DeviceList:
    """The list, its signature verified under the key *it names*: compare that key with the pinned one.

    Raises RemoteProtocolError, also where a device or a key is on it twice.
    """
    try:
        device_list = _lists.decode(signed.document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(f"unreadable device list: {why_unreadable(error)}") from error
    verify_signature(device_list.account_key, DEVICE_LIST_LABEL + signed.document, signed.signature)
    ids = {listed.device for listed in device_list.devices}
    keys = {listed.device_key for listed in device_list.devices}
    if not len(ids) == len(keys) == len(device_list.devices):
        raise RemoteProtocolError("device list names a device twice")
    return device_list


def device_login_input(name: str, device: bytes, handshake_hash: bytes) -> bytes:
    """What a device signs to log in: PROTOCOL.md section 1. Never a bare hash.

    The name has its length in front (1 byte); the device is 16 bytes, the hash 32.
    """
    encoded = name.encode()
    return DEVICE_LOGIN_LABEL + len(encoded).to_bytes(1, "big") + encoded + device + handshake_hash


def verify_signature(public_key: bytes, data: bytes, signature: bytes) -> None:
    """Raises RemoteProtocolError unless ``signature`` (Ed25519, 64 bytes) is over ``data``."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError) as error:
        raise RemoteProtocolError("wrong signature") from error


def _sign(label: bytes, document: bytes, account_key: Signer) -> SignedDocument:
    return SignedDocument(document=document, signature=account_key.sign(label + document))
