"""A device of an account: who it is to the server, how it logs in, what its profile keeps. PROTOCOL.md section 1.

Apart from ``login`` and ``enrolment``, so that a device that comes back loads nothing of OPAQUE.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coterie.secret import Secret
from coterie.wire.frames import DeviceLogin, SignedDocument
from coterie.wire.invite import Address
from coterie.wire.signed import device_login_input


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Who a device is to the server, and the key that proves it."""

    name: str  # the account's
    device: bytes  # 16 bytes
    device_key: Secret  # Ed25519 seed, 32 bytes; also the signature key of its leaves

    def login(self, handshake_hash: bytes) -> DeviceLogin:
        """The login that is good on the connection of that hash (32 bytes), and on no other."""
        key = Ed25519PrivateKey.from_private_bytes(self.device_key.expose())
        signature = key.sign(device_login_input(self.name, self.device, handshake_hash))
        return DeviceLogin(name=self.name, device=self.device, signature=signature)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An account's first device: what its profile keeps. The account key is not among it."""

    address: Address
    fingerprint: bytes  # 32 bytes, of the server's static key
    server_id: bytes  # 16 bytes
    generation: bytes  # 16 bytes
    name: str
    account_public_key: bytes  # 32 bytes
    device: bytes  # 16 bytes
    device_key: Secret  # Ed25519 seed, 32 bytes
    certificate: SignedDocument
    device_list: SignedDocument

    @property
    def identity(self) -> DeviceIdentity:
        """How it logs in."""
        return DeviceIdentity(self.name, self.device, self.device_key)


def public_key(seed: Secret) -> bytes:
    """32 bytes: the Ed25519 public key of a seed."""
    return Ed25519PrivateKey.from_private_bytes(seed.expose()).public_key().public_bytes_raw()
