"""What the client stores at the server, and how it gets its keys back: RFC 9807 section 4.1."""

import hashlib
import hmac
from dataclasses import dataclass

from coterie.errors import NotAuthenticated
from coterie.opaque import oprf
from coterie.secret import Secret, derived

NN = 32  # bytes of a nonce
NM = 64  # bytes of a MAC, HMAC-SHA512
NH = 64  # bytes of a hash
NX = 64  # bytes of Extract's output
NSEED = 32  # bytes
NPK = 32  # bytes of a public key
ENVELOPE_SIZE = NN + NM
RECORD_SIZE = NPK + NH + ENVELOPE_SIZE


def extract(ikm: Secret) -> Secret:
    """HKDF-SHA512's Extract without a salt (RFC 5869: a string of zeros)."""
    return Secret(hmac.digest(bytes(NH), ikm.expose(), "sha512"))


def expand(prk: Secret, info: bytes, size: int) -> Secret:
    """HKDF-SHA512's Expand."""
    key, block, out, counter = prk.expose(), b"", b"", 1
    while len(out) < size:
        block = hmac.digest(key, block + info + bytes([counter]), "sha512")
        out += block
        counter += 1
    return Secret(out[:size])


def mac(key: Secret, message: bytes) -> bytes:
    """HMAC-SHA512, 64 bytes."""
    return hmac.digest(key.expose(), message, "sha512")


def derive_dh_key_pair(seed: Secret) -> tuple[Secret, bytes]:
    """``DeriveDiffieHellmanKeyPair``: section 6.4.1.1."""
    return oprf.derive_key_pair(seed, b"OPAQUE-DeriveDiffieHellmanKeyPair")


@dataclass(frozen=True, slots=True)
class Identities:
    """Who the two are; where one is empty its public key stands for it (section 4)."""

    server: bytes = b""
    client: bytes = b""


@dataclass(frozen=True, slots=True)
class Credentials:
    """``CleartextCredentials`` and the client's keys, recovered or just made."""

    server_public_key: bytes
    client_private_key: Secret
    client_public_key: bytes
    identities: Identities  # both filled in
    export_key: Secret


def store(
    randomized_password: Secret,
    server_public_key: bytes,
    identities: Identities,
    envelope_nonce: bytes,
) -> tuple[bytes, Secret]:
    """``Store``, as the whole registration record (192 bytes), and the export_key (64)."""
    credentials, auth_tag = _derive(
        randomized_password, server_public_key, identities, envelope_nonce
    )
    masking_key = masking_key_of(randomized_password)
    record = credentials.client_public_key + masking_key.expose() + envelope_nonce + auth_tag
    return record, credentials.export_key


def recover(
    randomized_password: Secret, server_public_key: bytes, envelope: bytes, identities: Identities
) -> Credentials:
    """``Recover``. Raises NotAuthenticated (EnvelopeRecoveryError): the password was another."""
    nonce, auth_tag = envelope[:NN], envelope[NN:]
    credentials, expected_tag = _derive(randomized_password, server_public_key, identities, nonce)
    if not hmac.compare_digest(auth_tag, expected_tag):
        raise NotAuthenticated("wrong name or password")
    return credentials


def masking_key_of(randomized_password: Secret) -> Secret:
    """64 bytes."""
    return derived("opaque.masking_key", expand(randomized_password, b"MaskingKey", NH))


def _derive(
    randomized_password: Secret, server_public_key: bytes, identities: Identities, nonce: bytes
) -> tuple[Credentials, bytes]:
    auth_key = derived("opaque.auth_key", expand(randomized_password, nonce + b"AuthKey", NH))
    export_key = derived("opaque.export_key", expand(randomized_password, nonce + b"ExportKey", NH))
    seed = expand(randomized_password, nonce + b"PrivateKey", NSEED)
    private, public = derive_dh_key_pair(seed)
    whole = Identities(identities.server or server_public_key, identities.client or public)
    auth_tag = mac(
        auth_key,
        nonce
        + server_public_key
        + len(whole.server).to_bytes(2, "big")
        + whole.server
        + len(whole.client).to_bytes(2, "big")
        + whole.client,
    )
    return Credentials(server_public_key, private, public, whole, export_key), auth_tag


def sha512(data: bytes) -> bytes:
    """``Hash``."""
    return hashlib.sha512(data).digest()
