"""The two ways to log in, without I/O: a device by its key, a person by the password. PROTOCOL.md section 1."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coterie.secret import Secret
from coterie.wire.frames import (
    DeviceLogin,
)
from coterie.wire.signed import device_login_input


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Who a device is to the server, and the key that proves it."""

    name: str  # the account's
    device: bytes  # 16 bytes
    device_key: Secret  # Ed25519 seed, 32 bytes; also the key of its leaves

    def login(self, handshake_hash: bytes) -> DeviceLogin:
        """The login that is good on the connection of that hash (32 bytes), and on no other."""
        key = Ed25519PrivateKey.from_private_bytes(self.device_key.expose())
        signature = key.sign(device_login_input(self.name, self.device, handshake_hash))
        return DeviceLogin(name=self.name, device=self.device, signature=signature)
