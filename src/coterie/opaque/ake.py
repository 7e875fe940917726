"""The 3DH key schedule: RFC 9807 section 6.4.2."""

from dataclasses import dataclass

from coterie.opaque.envelope import NX, Identities, expand, extract, sha512
from coterie.secret import Secret, derived


@dataclass(frozen=True, slots=True)
class Keys:
    """What ``DeriveKeys`` gives."""

    km2: Secret
    km3: Secret
    session_key: Secret


def preamble(  # the RFC's own list
    context: bytes,
    identities: Identities,
    ke1: bytes,
    credential_response: bytes,
    server_nonce: bytes,
    server_public_keyshare: bytes,
) -> bytes:
    """``Preamble``: the transcript with identities and messages."""
    return b"".join(
        (
            b"OPAQUEv1-",
            len(context).to_bytes(2, "big"),
            context,
            len(identities.client).to_bytes(2, "big"),
            identities.client,
            ke1,
            len(identities.server).to_bytes(2, "big"),
            identities.server,
            credential_response,
            server_nonce,
            server_public_keyshare,
        )
    )


def derive_keys(ikm: Secret, transcript: bytes) -> Keys:
    """``DeriveKeys``."""
    prk = extract(ikm)
    hashed = sha512(transcript)
    handshake_secret = derived(
        "opaque.handshake_secret", _derive_secret(prk, b"HandshakeSecret", hashed)
    )
    return Keys(
        derived("opaque.server_mac_key", _derive_secret(handshake_secret, b"ServerMAC", b"")),
        derived("opaque.client_mac_key", _derive_secret(handshake_secret, b"ClientMAC", b"")),
        derived("opaque.session_key", _derive_secret(prk, b"SessionKey", hashed)),
    )


def _derive_secret(secret: Secret, label: bytes, transcript_hash: bytes) -> Secret:
    label = b"OPAQUE-" + label
    custom_label = (
        NX.to_bytes(2, "big")
        + bytes([len(label)])
        + label
        + bytes([len(transcript_hash)])
        + transcript_hash
    )
    return expand(secret, custom_label, NX)
