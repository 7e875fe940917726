"""Registration and login a second time, unrolled from the pseudocode of RFC 9497 and RFC 9807.

Nothing of ``coterie.opaque`` is used, no function, no constant. Elements are bytes; what is decoded is not checked,
and the identity is an element like any other: for making what must be refused.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tests.opaque import ristretto255 as group

OPRF = b"OPRFV1-\x00-ristretto255-SHA512"
Stretch = Callable[[bytes], bytes]


def argon2id(msg: bytes) -> bytes:
    """64 MiB, t = 3, p = 4, 64 bytes: DESIGN.md, "Login"."""
    return Argon2id(salt=bytes(16), length=64, iterations=3, lanes=4, memory_cost=64 * 1024).derive(
        msg
    )


def identity_stretch(msg: bytes) -> bytes:
    return msg


def production_context(handshake_hash: bytes) -> bytes:
    """PROTOCOL.md section 1."""
    numbers = b"".join(n.to_bytes(4, "big") for n in (64 * 1024, 3, 4, 64))
    suite = b"OPAQUE-3DH ristretto255-SHA512 HKDF-SHA512 HMAC-SHA512 Argon2id"
    return b"coterie/1 opaque" + suite + numbers + handshake_hash


def Hash(msg: bytes) -> bytes:  # noqa: N802
    return hashlib.sha512(msg).digest()


def MAC(key: bytes, msg: bytes) -> bytes:  # noqa: N802
    return hmac.new(key, msg, hashlib.sha512).digest()


def Extract(ikm: bytes) -> bytes:  # noqa: N802
    return MAC(bytes(64), ikm)


def Expand(prk: bytes, info: bytes, length: int) -> bytes:  # noqa: N802
    t, okm, n = b"", b"", 0
    while len(okm) < length:
        n += 1
        t = MAC(prk, t + info + bytes([n]))
        okm += t
    return okm[:length]


def DeriveSecret(secret: bytes, label: bytes, transcript_hash: bytes) -> bytes:  # noqa: N802
    label = b"OPAQUE-" + label
    custom_label = (64).to_bytes(2, "big") + bytes([len(label)]) + label
    return Expand(secret, custom_label + bytes([len(transcript_hash)]) + transcript_hash, 64)


def expand_message_xmd(msg: bytes, dst: bytes) -> bytes:
    """RFC 9380 section 5.3.1, 64 bytes: one block."""
    dst_prime = dst + bytes([len(dst)])
    b_0 = Hash(bytes(128) + msg + b"\x00\x40" + b"\x00" + dst_prime)
    return Hash(b_0 + b"\x01" + dst_prime)


def scalar(encoded: bytes) -> int:
    return int.from_bytes(encoded, "little")


def mult(k: bytes, element: bytes) -> bytes:
    """What comes out for an element, for one with the highest bit set, and for what is none: the identity."""
    point = group.decode(element) or group.decode(element[:31] + bytes([element[31] & 0x7F]))
    return group.encode(group.multiply(scalar(k), point or group.IDENTITY))


def base_mult(k: bytes) -> bytes:
    return group.encode(group.multiply(scalar(k), group.BASE))


def Blind(data: bytes, blind: bytes) -> bytes:  # noqa: N802
    element = group.from_uniform_bytes(expand_message_xmd(data, b"HashToGroup-" + OPRF))
    return group.encode(group.multiply(scalar(blind), element))


def Finalize(data: bytes, blind: bytes, evaluated: bytes) -> bytes:  # noqa: N802
    inverse = pow(scalar(blind), -1, group.ORDER).to_bytes(32, "little")
    unblinded = mult(inverse, evaluated)
    return Hash(len(data).to_bytes(2, "big") + data + b"\x00\x20" + unblinded + b"Finalize")


def DeriveKeyPair(seed: bytes, info: bytes) -> tuple[bytes, bytes]:  # noqa: N802
    derive_input = seed + len(info).to_bytes(2, "big") + info
    uniform = expand_message_xmd(derive_input + b"\x00", b"DeriveKeyPair" + OPRF)
    sk = (scalar(uniform) % group.ORDER).to_bytes(32, "little")
    return sk, base_mult(sk)


def DeriveDiffieHellmanKeyPair(seed: bytes) -> tuple[bytes, bytes]:  # noqa: N802
    return DeriveKeyPair(seed, b"OPAQUE-DeriveDiffieHellmanKeyPair")


@dataclass(frozen=True)
class Account:
    """All that goes into a registration."""

    oprf_seed: bytes
    server_private_key: bytes
    credential_identifier: bytes
    password: bytes
    blind: bytes
    envelope_nonce: bytes
    server_identity: bytes
    client_identity: bytes
    stretch: Stretch
    server_public_key: bytes = b""  # if not the private key's

    @property
    def server_key(self) -> bytes:
        return self.server_public_key or base_mult(self.server_private_key)

    @property
    def oprf_key(self) -> bytes:
        seed = Expand(self.oprf_seed, self.credential_identifier + b"OprfKey", 32)
        return DeriveKeyPair(seed, b"OPAQUE-DeriveKeyPair")[0]

    def randomized_password(self, password: bytes, blind: bytes, evaluated: bytes) -> bytes:
        oprf_output = Finalize(password, blind, evaluated)
        return Extract(oprf_output + self.stretch(oprf_output))


@dataclass(frozen=True)
class Registered:
    request: bytes
    response: bytes
    record: bytes
    export_key: bytes
    client_private_key: bytes


def register(a: Account) -> Registered:
    request = Blind(a.password, a.blind)
    evaluated = mult(a.oprf_key, request)
    randomized_password = a.randomized_password(a.password, a.blind, evaluated)
    masking_key = Expand(randomized_password, b"MaskingKey", 64)
    auth_key = Expand(randomized_password, a.envelope_nonce + b"AuthKey", 64)
    export_key = Expand(randomized_password, a.envelope_nonce + b"ExportKey", 64)
    seed = Expand(randomized_password, a.envelope_nonce + b"PrivateKey", 32)
    client_private_key, client_public_key = DeriveDiffieHellmanKeyPair(seed)
    cleartext_credentials = (
        a.server_key
        + len(a.server_identity).to_bytes(2, "big")
        + a.server_identity
        + len(a.client_identity).to_bytes(2, "big")
        + a.client_identity
    )
    auth_tag = MAC(auth_key, a.envelope_nonce + cleartext_credentials)
    return Registered(
        request,
        evaluated + a.server_key,
        client_public_key + masking_key + a.envelope_nonce + auth_tag,
        export_key,
        client_private_key,
    )


@dataclass(frozen=True)
class Drawn:
    """What both sides draw for a login."""

    blind: bytes
    client_nonce: bytes
    client_keyshare_seed: bytes
    masking_nonce: bytes
    server_nonce: bytes
    server_keyshare_seed: bytes


@dataclass(frozen=True)
class LoggedIn:
    ke1: bytes
    ke2: bytes
    ke3: bytes
    session_key: bytes


def log_in(
    a: Account,
    registered: Registered,
    drawn: Drawn,
    context: bytes,
    *,
    password: bytes | None = None,
    evaluated: bytes | None = None,
    server_keyshare: bytes | None = None,
) -> LoggedIn:
    """What the server sends, and what it takes for right; with parts of it replaced as a bad server would."""
    blinded = Blind(a.password if password is None else password, drawn.blind)
    client_secret, client_keyshare = DeriveDiffieHellmanKeyPair(drawn.client_keyshare_seed)
    ke1 = blinded + drawn.client_nonce + client_keyshare

    client_public_key, masking_key = registered.record[:32], registered.record[32:96]
    pad = Expand(masking_key, drawn.masking_nonce + b"CredentialResponsePad", 128)
    unmasked = a.server_key + registered.record[96:]
    masked_response = bytes(x ^ y for x, y in zip(pad, unmasked, strict=True))
    credential_response = (
        (mult(a.oprf_key, blinded) if evaluated is None else evaluated)
        + drawn.masking_nonce
        + masked_response
    )

    server_secret, honest = DeriveDiffieHellmanKeyPair(drawn.server_keyshare_seed)
    keyshare = honest if server_keyshare is None else server_keyshare
    if server_keyshare is None:
        dh1 = mult(server_secret, client_keyshare)
        dh3 = mult(server_secret, client_public_key)
    else:  # what the client would compute of it
        dh1 = mult(client_secret, keyshare)
        dh3 = mult(registered.client_private_key, keyshare)
    dh2 = mult(client_secret, a.server_key)

    preamble = (
        b"OPAQUEv1-"
        + len(context).to_bytes(2, "big")
        + context
        + len(a.client_identity).to_bytes(2, "big")
        + a.client_identity
        + ke1
        + len(a.server_identity).to_bytes(2, "big")
        + a.server_identity
        + credential_response
        + drawn.server_nonce
        + keyshare
    )
    prk = Extract(dh1 + dh2 + dh3)
    handshake_secret = DeriveSecret(prk, b"HandshakeSecret", Hash(preamble))
    session_key = DeriveSecret(prk, b"SessionKey", Hash(preamble))
    km2 = DeriveSecret(handshake_secret, b"ServerMAC", b"")
    km3 = DeriveSecret(handshake_secret, b"ClientMAC", b"")
    server_mac = MAC(km2, Hash(preamble))
    client_mac = MAC(km3, Hash(preamble + server_mac))
    ke2 = credential_response + drawn.server_nonce + keyshare + server_mac
    return LoggedIn(ke1, ke2, client_mac, session_key)
