"""The oblivious pseudorandom function: RFC 9497, mode OPRF, suite ristretto255-SHA512."""

import hashlib

from coterie.errors import InvalidInput, LocalProtocolError
from coterie.opaque import group
from coterie.opaque.group import Element
from coterie.secret import Secret

CONTEXT_STRING = b"OPRFV1-\x00-ristretto255-SHA512"  # mode 0
MAX_INPUT = 2**16 - 1  # bytes: "PrivateInput" of section 1.2


def blind(data: Secret, blinding: Secret) -> Element:
    """``Blind``: the blinded element, for the scalar ``blinding``. Raises InvalidInput for input over 65,535 bytes."""
    if len(data) > MAX_INPUT:
        raise InvalidInput(f"password of {len(data)} bytes, limit {MAX_INPUT}")
    input_element = group.hash_to_group(data, b"HashToGroup-" + CONTEXT_STRING)
    return group.multiply(blinding, input_element)


def blind_evaluate(key: Secret, blinded_element: Element) -> Element:
    """``BlindEvaluate``."""
    return group.multiply(key, blinded_element)


def finalize(data: Secret, blinding: Secret, evaluated_element: Element) -> Secret:
    """``Finalize``: 64 bytes."""
    unblinded_element = group.multiply(group.inverse(blinding), evaluated_element)
    hash_input = (
        len(data).to_bytes(2, "big")
        + data.expose()
        + len(unblinded_element).to_bytes(2, "big")
        + unblinded_element
        + b"Finalize"
    )
    return Secret(hashlib.sha512(hash_input).digest())


def derive_key_pair(seed: Secret, info: bytes) -> tuple[Secret, Element]:
    """``DeriveKeyPair``: a scalar and its element, from 32 bytes. Section 3.2.1."""
    derive_input = seed.expose() + len(info).to_bytes(2, "big") + info
    for counter in range(256):
        attempt = Secret(derive_input + bytes([counter]))
        scalar = group.hash_to_scalar(attempt, b"DeriveKeyPair" + CONTEXT_STRING)
        if any(scalar.expose()):
            return scalar, group.multiply_base(scalar)
    raise LocalProtocolError("DeriveKeyPairError")  # 256 zeros in a row: the hash is broken
