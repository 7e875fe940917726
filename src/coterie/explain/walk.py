"""A walk through the protocol: everything is done, here and now, by the code that does it in earnest."""

import secrets
import time

from coterie.client.device import Enrolled, public_key
from coterie.explain.handshake import shake_hands
from coterie.explain.key_ring import KeyRing
from coterie.explain.login import log_in, register
from coterie.explain.message import talk
from coterie.explain.step import Walk
from coterie.identity import KEY_SIZE, AccountKey, new_device
from coterie.noise.dh import FFDHE2048
from coterie.noise.production import fingerprint
from coterie.secret import Secret
from coterie.wire.invite import Address
from coterie.wire.limits import DEVICE_ID_SIZE

SERVER_ID_SIZE = 16  # bytes


def walk(ring: KeyRing | None = None) -> Walk:
    """A handshake, two logins and a message. ``ring`` notes the keys."""
    ring = ring or KeyRing()
    static, server_id = FFDHE2048.generate(), secrets.token_bytes(SERVER_ID_SIZE)
    key_of_server = fingerprint(static.public)
    alice, alices_key = _account("alice", key_of_server, server_id)
    bobb, _ = _account("bobb", key_of_server, server_id)

    alices_line, handshake = shake_hands(ring, static, server_id)
    bobbs_line, _ = shake_hands(ring, static, server_id)
    logins = log_in(ring, alices_line, alice, register(alice, alices_key))
    message = talk(ring, alices_line, bobbs_line, alice, bobb)
    return handshake, logins, message


def _account(name: str, key_of_server: bytes, server_id: bytes) -> tuple[Enrolled, AccountKey]:
    """With one device, certified."""
    account_key = AccountKey.generate()
    device_key = Secret(secrets.token_bytes(KEY_SIZE))
    device = secrets.token_bytes(DEVICE_ID_SIZE)
    certified = new_device(
        account_key, name, device=device, device_key=public_key(device_key), now=time.time()
    )
    account = Enrolled(
        address=Address("127.0.0.1", 0),
        fingerprint=key_of_server,
        server_id=server_id,
        generation=bytes(16),
        name=name,
        account_public_key=account_key.public_key,
        device=device,
        device_key=device_key,
        certificate=certified.certificate,
        device_list=certified.device_list,
    )
    return account, account_key
