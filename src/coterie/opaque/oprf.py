"""The oblivious pseudorandom function: RFC 9497, mode OPRF, suite ristretto255-SHA512."""

import hashlib

from coterie.errors import RemoteProtocolError
from coterie.opaque import group
from coterie.secret import Secret

_CONTEXT_STRING = b"OPRFV1-\x00-ristretto255-SHA512"


def blind(data: Secret, blinding: Secret) -> bytes:
    """``Blind``: the blinded element, 32 bytes, for the scalar ``blinding``."""
    return group.multiply(
        blinding, group.hash_to_group(data.expose(), b"HashToGroup-" + _CONTEXT_STRING)
    )


def blind_evaluate(key: Secret, blinded_element: bytes) -> bytes:
    """``BlindEvaluate``. Raises RemoteProtocolError for what is no element."""
    return group.multiply(key, group.decode_element(blinded_element))


def finalize(data: Secret, blinding: Secret, evaluated_element: bytes) -> Secret:
    """``Finalize``: 64 bytes. Raises RemoteProtocolError for what is no element."""
    element = group.multiply(group.inverse(blinding), group.decode_element(evaluated_element))
    exposed = data.expose()
    return Secret(
        hashlib.sha512(
            len(exposed).to_bytes(2, "big")
            + exposed
            + len(element).to_bytes(2, "big")
            + element
            + b"Finalize"
        ).digest()
    )


def derive_key_pair(seed: Secret, info: bytes) -> tuple[Secret, bytes]:
    """``DeriveKeyPair``: a scalar and its element, from 32 bytes (section 3.2)."""
    derive_input = seed.expose() + len(info).to_bytes(2, "big") + info
    for counter in range(256):
        scalar = group.hash_to_scalar(
            derive_input + bytes([counter]), b"DeriveKeyPair" + _CONTEXT_STRING
        )
        if scalar is not None:
            return scalar, group.multiply_base(scalar)
    raise RemoteProtocolError("DeriveKeyPairError")  # probability 2^-64512
