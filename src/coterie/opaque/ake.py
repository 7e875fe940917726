"""3DH, the key exchange that both sides authenticate: RFC 9807 section 6.4."""

from dataclasses import dataclass

from coterie.opaque.functions import NX, expand, extract, hashed, mac, vector
from coterie.opaque.group import Element
from coterie.secret import Secret, derived


@dataclass(frozen=True, slots=True)
class Authentication:
    """What both sides compute alike. Neither MAC is shown, no key used, before the other side's MAC was compared."""

    server_mac: bytes
    client_mac: bytes
    session_key: Secret


def preamble(
    context: bytes,
    server_identity: bytes,
    client_identity: bytes,
    ke1: bytes,
    credential_response: bytes,
    server_nonce: bytes,
    server_public_keyshare: Element,
) -> bytes:
    """``Preamble``: all that both sides must have seen alike. ``context`` has at most 65,535 bytes."""
    return (
        b"OPAQUEv1-"
        + vector(context)
        + vector(client_identity)
        + ke1
        + vector(server_identity)
        + credential_response
        + server_nonce
        + server_public_keyshare
    )


def authenticate(dh1: Element, dh2: Element, dh3: Element, transcript: bytes) -> Authentication:
    """``DeriveKeys`` (section 6.4.2.2) and the MACs that follow from it (sections 6.4.3 and 6.4.4)."""
    prk = extract(Secret(dh1 + dh2 + dh3))
    handshake_secret = derived(
        "opaque.handshake_secret", _derive_secret(prk, b"HandshakeSecret", hashed(transcript))
    )
    session_key = _derive_secret(prk, b"SessionKey", hashed(transcript))
    km2 = derived("opaque.server_mac_key", _derive_secret(handshake_secret, b"ServerMAC", b""))
    km3 = derived("opaque.client_mac_key", _derive_secret(handshake_secret, b"ClientMAC", b""))
    server_mac = mac(km2, hashed(transcript))
    client_mac = mac(km3, hashed(transcript + server_mac))
    return Authentication(server_mac, client_mac, derived("opaque.session_key", session_key))


def _derive_secret(secret: Secret, label: bytes, transcript_hash: bytes) -> Secret:
    """``Derive-Secret``: ``Expand-Label`` to Nx bytes."""
    label = b"OPAQUE-" + label
    custom_label = (
        NX.to_bytes(2, "big")
        + len(label).to_bytes(1, "big")
        + label
        + len(transcript_hash).to_bytes(1, "big")
        + transcript_hash
    )
    return expand(secret, custom_label, NX)
