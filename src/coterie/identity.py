"""Who is who: account keys, what they sign, and how far a client believes them. PROTOCOL.md section 3.

Pure: the clock and all that is kept are given. What every member must decide alike raises RuleViolation with the
rule's id; what only this client judges (dates, pins, device lists) never makes an entry of a log dead.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coterie.errors import InvalidInput, RemoteProtocolError, RuleViolation
from coterie.secret import Secret, derived
from coterie.wire import limits, names
from coterie.wire.frames import SignedDocument
from coterie.wire.signed import (
    DeviceCertificate,
    DeviceList,
    ListedDevice,
    open_certificate,
    open_device_list,
    sign_certificate,
    sign_device_list,
)

DAY_S = 86_400
KEY_SIZE = 32  # bytes of an Ed25519 seed, and of a public key
SIGNATURE_SIZE = 64  # bytes

# --- the account key and its vault -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountKey:
    """The Ed25519 key that is the account. It is out of its vault only while it signs, and never kept."""

    seed: Secret  # 32 bytes

    @classmethod
    def generate(cls) -> "AccountKey":
        """For a new account."""
        return cls(Secret(secrets.token_bytes(KEY_SIZE)))

    @property
    def public_key(self) -> bytes:
        """32 bytes: what others pin."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, data: bytes, /) -> bytes:
        """64 bytes: makes this a ``wire.signed.Signer``."""
        return self._key.sign(data)

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed.expose())


@dataclass(frozen=True, slots=True)
class Vault:
    """What the server keeps for an account and cannot open: the account key under OPAQUE's export_key.

    Sealed it is version (1 byte) ‖ nonce (12) ‖ AES-256-GCM of the seed (32 + 16).
    """

    account_key: AccountKey

    def seal(self, export_key: Secret, *, name: str, server_id: bytes) -> bytes:
        """61 bytes that open for this name on this server alone."""
        # A random nonce is safe: every registration has an export_key of its own, which seals once or twice.
        nonce = secrets.token_bytes(_NONCE_SIZE)
        data = _vault_data(name, server_id)
        sealed = _vault_cipher(export_key).encrypt(nonce, self.account_key.seed.expose(), data)
        return _VAULT_VERSION + nonce + sealed

    @classmethod
    def open(cls, sealed: bytes, export_key: Secret, *, name: str, server_id: bytes) -> "Vault":
        """Raises RemoteProtocolError: whoever logged in has the right key, so the server gave another vault."""
        version, nonce, ciphertext = sealed[:1], sealed[1 : 1 + _NONCE_SIZE], sealed[13:]
        if version != _VAULT_VERSION:
            raise RemoteProtocolError(f"vault of version {version.hex() or 'none'}, must be 01")
        if len(sealed) != _VAULT_SIZE:
            raise RemoteProtocolError(f"vault of {len(sealed)} bytes, must be {_VAULT_SIZE}")
        data = _vault_data(name, server_id)
        try:
            seed = _vault_cipher(export_key).decrypt(nonce, ciphertext, data)
        except InvalidTag as error:
            raise RemoteProtocolError("the vault does not open for this account") from error
        return cls(AccountKey(Secret(seed)))


_VAULT_VERSION = b"\x01"
_NONCE_SIZE = 12  # bytes
_VAULT_SIZE = 1 + _NONCE_SIZE + KEY_SIZE + 16


def _vault_cipher(export_key: Secret) -> AESGCM:
    kdf = HKDF(SHA256(), length=32, salt=None, info=b"coterie/1 vault")
    key = derived("identity.vault_key", Secret(kdf.derive(export_key.expose())))
    return AESGCM(key.expose())


def _vault_data(name: str, server_id: bytes) -> bytes:
    """Name ‖ server id, each behind its length in 1 byte; the version is in front, so that it can't be changed."""
    parts = (name.encode(), server_id)
    return _VAULT_VERSION + b"".join(len(part).to_bytes(1, "big") + part for part in parts)


# --- certificates and lists --------------------------------------------------------------------

CERTIFICATE_LIFETIME_S = 365 * DAY_S
MAX_CERTIFICATE_LIFETIME_S = 400 * DAY_S  # above it a certificate is dead for everybody
DATE_SLACK_S = DAY_S  # clocks are wrong by hours, seldom by days


@dataclass(frozen=True, slots=True)
class CertifiedDevice:
    """What the server is given for a new device."""

    certificate: SignedDocument
    device_list: SignedDocument


def new_device(
    account_key: AccountKey,
    name: str,
    *,
    device: bytes,
    device_key: bytes,
    now: float,
    previous: DeviceList | None = None,
) -> CertifiedDevice:
    """Certifies ``device`` (16 bytes) with ``device_key`` (its Ed25519 public key), and lists it.

    The list is ``previous`` and this device under the next version; without ``previous`` it is version 1.
    Raises InvalidInput where the list is full or has the device or its key already.
    """
    listed = previous.devices if previous else ()
    if any(device == other.device or device_key == other.device_key for other in listed):
        raise InvalidInput("the device is on the account's list already")
    if len(listed) >= limits.MAX_DEVICES:
        raise InvalidInput(
            f"the account has {len(listed)} devices, limit {limits.MAX_DEVICES}",
            hint="revoke one that is no longer used",
        )
    device_list = DeviceList(
        name=name,
        account_key=account_key.public_key,
        version=previous.version + 1 if previous else 1,
        devices=(*listed, ListedDevice(device=device, device_key=device_key)),
    )
    return CertifiedDevice(
        certify(account_key, device_list, device, now), sign_device_list(device_list, account_key)
    )


def certify(
    account_key: AccountKey, device_list: DeviceList, device: bytes, now: float
) -> SignedDocument:
    """A certificate for a device of the list, good for a year: for a new one, or before the old one ends.

    Raises InvalidInput if the device is not on the list.
    """
    listed = next((other for other in device_list.devices if other.device == device), None)
    if listed is None:
        raise InvalidInput("the device is not on the account's list")
    certificate = DeviceCertificate(
        name=device_list.name,
        account_key=account_key.public_key,
        device=device,
        device_key=listed.device_key,
        list_version=device_list.version,
        not_before=int(now),
        not_after=int(now) + CERTIFICATE_LIFETIME_S,
    )
    return sign_certificate(certificate, account_key)


def revoke_device(account_key: AccountKey, previous: DeviceList, device: bytes) -> SignedDocument:
    """The list without ``device``, under the next version. Raises InvalidInput if it is not on it."""
    left = tuple(other for other in previous.devices if other.device != device)
    if len(left) == len(previous.devices):
        raise InvalidInput("the device is not on the account's list")
    following = DeviceList(
        name=previous.name,
        account_key=previous.account_key,
        version=previous.version + 1,
        devices=left,
    )
    return sign_device_list(following, account_key)


# --- leaves: rules that every member checks ----------------------------------------------------

CERTIFICATE_EXTENSION = 0xF0C0  # of a leaf; private use: RFC 9420 section 17.3
MAX_CERTIFICATE = 1024  # bytes of the document; with the longest name it is about 220


@dataclass(frozen=True, slots=True)
class LeafIdentity:
    """Who a leaf is, once credential, certificate and leaf key were found to agree."""

    name: str
    account_key: bytes  # 32 bytes
    device: bytes  # 16 bytes
    device_key: bytes  # 32 bytes, the leaf's signature key
    list_version: int
    not_before: int
    not_after: int


def encode_credential(name: str, device: bytes) -> bytes:
    """The identity of a basic credential: account name ‖ 0 ‖ device id."""
    return name.encode() + b"\0" + device


def decode_credential(identity: bytes) -> tuple[str, bytes]:
    """Name and device id (16 bytes). Raises RuleViolation for what no account and device can have."""
    encoded, separator, device = (
        identity[: -limits.DEVICE_ID_SIZE - 1],
        identity[-limits.DEVICE_ID_SIZE - 1 : -limits.DEVICE_ID_SIZE],
        identity[-limits.DEVICE_ID_SIZE :],
    )
    name = encoded.decode("ascii", errors="replace")
    if separator != b"\0" or not names.is_allowed(name):
        raise RuleViolation("leaf-credential", "not a name, a zero byte and a device id")
    return name, device


def encode_certificate(certificate: SignedDocument) -> bytes:
    """The data of the leaf's extension: signature (64 bytes) ‖ document."""
    return certificate.signature + certificate.document


def decode_certificate(encoded: bytes) -> SignedDocument:
    """Raises RuleViolation for what is too short or too long to be one."""
    if not SIGNATURE_SIZE < len(encoded) <= SIGNATURE_SIZE + MAX_CERTIFICATE:
        raise RuleViolation("leaf-certificate", f"certificate of {len(encoded)} bytes")
    return SignedDocument(document=encoded[SIGNATURE_SIZE:], signature=encoded[:SIGNATURE_SIZE])


def check_leaf(
    credential_identity: bytes, signature_key: bytes, certificate: bytes
) -> LeafIdentity:
    """Who a leaf is. Raises RuleViolation unless credential, certificate, leaf key and account key agree.

    ``certificate`` is the data of the leaf's extension. Dates are looked at by who adds (``check_dates``), since
    clocks differ; a lifetime above 400 days is the same for everybody.
    """
    name, device = decode_credential(credential_identity)
    signed = decode_certificate(certificate)
    try:
        found = open_certificate(signed)
    except RemoteProtocolError as error:
        raise RuleViolation("leaf-certificate", str(error)) from error
    if found.name != name:
        raise RuleViolation("leaf-name", "credential and certificate name different accounts")
    if found.device != device:
        raise RuleViolation("leaf-device", "credential and certificate name different devices")
    if found.device_key != signature_key:
        raise RuleViolation("leaf-key", "the certificate is for another key than the leaf's")
    if not 0 <= found.not_after - found.not_before <= MAX_CERTIFICATE_LIFETIME_S:
        lifetime_s = found.not_after - found.not_before
        raise RuleViolation("leaf-lifetime", f"{lifetime_s / DAY_S:.1f} days, limit 400")
    return LeafIdentity(
        found.name,
        found.account_key,
        found.device,
        found.device_key,
        found.list_version,
        found.not_before,
        found.not_after,
    )


def check_together(leaves: Iterable[LeafIdentity]) -> None:
    """Raises RuleViolation unless in one group a name has one account key, and a device of it one leaf."""
    keys: dict[str, bytes] = {}
    devices: set[tuple[str, bytes]] = set()
    for leaf in leaves:
        if keys.setdefault(leaf.name, leaf.account_key) != leaf.account_key:
            raise RuleViolation("name-with-two-keys", leaf.name)
        if (leaf.name, leaf.device) in devices:
            raise RuleViolation("device-with-two-leaves", f"{leaf.name} {leaf.device.hex()}")
        devices.add((leaf.name, leaf.device))


def check_replacement(old: LeafIdentity, new: LeafIdentity) -> None:
    """Raises RuleViolation where a leaf, by a commit's path or an Update, would change its account or device."""
    if (old.name, old.account_key) != (new.name, new.account_key):
        raise RuleViolation("leaf-changes-account", f"{old.name} to {new.name}")
    if old.device != new.device:
        raise RuleViolation("leaf-changes-device", old.name)


# --- what only this client judges --------------------------------------------------------------


class Dated(Protocol):
    """A ``LeafIdentity`` or a ``DeviceCertificate``."""

    @property
    def not_before(self) -> int: ...
    @property
    def not_after(self) -> int: ...


def check_dates(certificate: Dated, now: float) -> None:
    """For who adds a device, never for who receives one. Raises RemoteProtocolError; a day's slack either way."""
    if now < certificate.not_before - DATE_SLACK_S:
        days = (certificate.not_before - now) / DAY_S
        raise RemoteProtocolError(f"device certificate begins in {days:.0f} days")
    if now > certificate.not_after + DATE_SLACK_S:
        days = (now - certificate.not_after) / DAY_S
        raise RemoteProtocolError(f"device certificate ended {days:.0f} days ago")


def open_list(signed: SignedDocument, *, name: str, account_key: bytes) -> DeviceList:
    """The device list of that account. Raises RemoteProtocolError, also where it is another account's."""
    device_list = open_device_list(signed)
    if (device_list.name, device_list.account_key) != (name, account_key):
        raise RemoteProtocolError(f"not a device list of {name} under the key known for it")
    return device_list


def highest_list(held: DeviceList | None, received: DeviceList) -> DeviceList:
    """The one to go by: ``received`` if its version is higher, else ``held``.

    Both were opened with ``open_list``. Raises RuleViolation for two contents under one version: the account key
    signed both, so it is in two hands. That is an alarm, to be shown.
    """
    if held is None or received.version > held.version:
        return received
    if received.version == held.version and received != held:
        raise RuleViolation("device-list-twice", f"two lists of version {held.version}")
    return held


def needs_newer_list(leaf: LeafIdentity, held: DeviceList | None) -> bool:
    """Whether the certificate tells of a list that we have not seen: until we have, nobody of the account is added."""
    return held is None or leaf.list_version > held.version


def is_listed(leaf: LeafIdentity, held: DeviceList) -> bool:
    """Whether the account says that this device, with this key, is its own."""
    return (
        held.name == leaf.name
        and held.account_key == leaf.account_key
        and ListedDevice(device=leaf.device, device_key=leaf.device_key) in held.devices
    )


# --- pins --------------------------------------------------------------------------------------


class PinnedHow(StrEnum):
    """How a client came to an account's key, the best first."""

    COMPARED = "compared"  # the safety number or QR code
    INVITED = "invited"  # by an invite, one's own or theirs
    MET = "met"  # in a room, added by a member
    BELIEVED = "believed"  # from the directory alone: marked "!"


_BEST_FIRST = tuple(PinnedHow)


@dataclass(frozen=True, slots=True)
class Pin:
    """The key that a client holds an account to."""

    name: str
    account_key: bytes  # 32 bytes
    how: PinnedHow
    since: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """An account came with another key than the pinned one: nothing is sent to it until a person acknowledged that."""

    pin: Pin  # still the one that counts
    account_key: bytes  # 32 bytes, the other


def pin_on_meeting(
    held: Pin | None, *, name: str, account_key: bytes, how: PinnedHow, now: float
) -> Pin | ChangedKey:
    """The pin after ``name`` was met with ``account_key``: a first one, the held one, or a better reason for it.

    A better reason keeps the date of the first meeting, a worse one changes nothing. Another key changes nothing
    either, whatever the reason, and is told as ``ChangedKey``.
    """
    if held is None:
        return Pin(name, account_key, how, now)
    if held.account_key != account_key:
        return ChangedKey(held, account_key)
    if _BEST_FIRST.index(how) < _BEST_FIRST.index(held.how):
        return replace(held, how=how)
    return held


def acknowledge(changed: ChangedKey, *, how: PinnedHow, now: float) -> Pin:
    """The new pin, when a person has said so: ``COMPARED`` if the numbers were compared, else ``BELIEVED``."""
    return Pin(changed.pin.name, changed.account_key, how, now)


# --- safety numbers ----------------------------------------------------------------------------

SAFETY_VERSION = 1
SAFETY_ROUNDS = 5_200  # 2^12.3: what a search for a key with given digits costs more
SAFETY_DIGITS = 30  # of each side: 99 bits


def safety_digits(name: str, account_key: bytes) -> str:
    """The 30 digits of one account: SHA-512 over version, name and key, each round over the last one and the key."""
    encoded = name.encode()
    version = SAFETY_VERSION.to_bytes(2, "big")
    digest = version + len(encoded).to_bytes(1, "big") + encoded + account_key
    for _ in range(SAFETY_ROUNDS):
        digest = hashlib.sha512(digest + account_key).digest()
    # five bytes give five digits, nearly evenly
    parts = (digest[at : at + 5] for at in range(0, SAFETY_DIGITS, 5))
    return "".join(f"{int.from_bytes(part, 'big') % 100_000:05}" for part in parts)


def safety_number(name: str, account_key: bytes, other: str, other_key: bytes) -> str:
    """60 digits in groups of five, the same on both sides: each side's 30, the lower ones first."""
    digits = "".join(sorted((safety_digits(name, account_key), safety_digits(other, other_key))))
    return " ".join(digits[at : at + 5] for at in range(0, len(digits), 5))
