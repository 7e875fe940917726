"""Login without exposing the password: OPAQUE-3DH (RFC 9807) with ristretto255-SHA512. No I/O, no clock, no log."""

from coterie.opaque.stretch import ARGON2ID

CONTEXT_LABEL = b"coterie/1 opaque"
SUITE = b"OPAQUE-3DH ristretto255-SHA512 HKDF-SHA512 HMAC-SHA512 Argon2id"


def context(handshake_hash: bytes) -> bytes:
    """What a login is bound to: this protocol, these functions and numbers, and the channel it runs in.

    ``handshake_hash`` is 32 bytes, as this side computed it: a login relayed through another channel fails.
    All parts have fixed lengths. PROTOCOL.md section 1.
    """
    return CONTEXT_LABEL + SUITE + ARGON2ID.encode() + handshake_hash
