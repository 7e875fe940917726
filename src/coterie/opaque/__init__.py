"""Login without showing the password: OPAQUE-3DH (RFC 9807) with ristretto255-SHA512. No I/O, no clock, no log."""

from coterie.errors import LocalProtocolError
from coterie.opaque.stretch import ARGON2ID

CONTEXT_LABEL = b"coterie/1 opaque"
SUITE = b"OPAQUE-3DH ristretto255-SHA512 HKDF-SHA512 HMAC-SHA512 Argon2id"
HANDSHAKE_HASH_SIZE = 32  # bytes


def context(handshake_hash: bytes) -> bytes:
    """What a login is bound to: this protocol, its functions and numbers, and the channel it runs in.

    ``handshake_hash`` is as this side computed it, so a login relayed through another channel fails. Every part has
    one length: label 16, suite 63, Argon2id's numbers 16, hash 32. PROTOCOL.md section 1.
    """
    if len(handshake_hash) != HANDSHAKE_HASH_SIZE:
        raise LocalProtocolError(f"handshake hash of {len(handshake_hash)} bytes, must be 32")
    return CONTEXT_LABEL + SUITE + ARGON2ID.encode() + handshake_hash
