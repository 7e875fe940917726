"""The production handshake a second time, unrolled from the pseudocode of the specifications.

Noise revision 34 sections 4, 5 and 12; noise_hfs_spec sections 4 and 5; RFC 7919 appendix A.1; PROTOCOL.md section 1.
Nothing of ``coterie.noise`` is used, no class, no constant; the powers are Python's own.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PROTOCOL_NAME = b"Noise_NXhfs_FFDHE2048+MLKEM768_AESGCM_SHA256"


def _floor_of_e(bits: int) -> int:
    """floor(2^bits * e), by e = 1/0! + 1/1! + 1/2! + ..., with 64 bits to spare."""
    total, term, k = 0, 1 << (bits + 64), 1
    while term:
        total, term, k = total + term, term // k, k + 1
    return total >> 64


# "The modulus is: p = 2^2048 - 2^1984 + {[2^1918 * e] + 560316 } * 2^64 - 1"
P = 2**2048 - 2**1984 + (_floor_of_e(1918) + 560316) * 2**64 - 1


def public_value(private: bytes) -> bytes:
    return pow(2, int.from_bytes(private, "big"), P).to_bytes(256, "big")


def DH(private: bytes, public: bytes) -> bytes:  # noqa: N802
    """What comes out without any check: for making what must be refused."""
    power = pow(int.from_bytes(public, "big"), int.from_bytes(private, "big"), P)
    return power.to_bytes(256, "big")


def HASH(data: bytes) -> bytes:  # noqa: N802
    return hashlib.sha256(data).digest()


def HKDF(chaining_key: bytes, input_key_material: bytes) -> tuple[bytes, bytes]:  # noqa: N802
    temp_key = hmac.new(chaining_key, input_key_material, hashlib.sha256).digest()
    output1 = hmac.new(temp_key, b"\x01", hashlib.sha256).digest()
    output2 = hmac.new(temp_key, output1 + b"\x02", hashlib.sha256).digest()
    return output1, output2


def ENCRYPT(k: bytes, n: int, ad: bytes, plaintext: bytes) -> bytes:  # noqa: N802
    """ "The 96-bit nonce is formed by encoding 32 bits of zeros followed by big-endian encoding of n." """
    return AESGCM(k).encrypt(b"\0\0\0\0" + n.to_bytes(8, "big"), plaintext, ad)


def REKEY(k: bytes) -> bytes:  # noqa: N802
    """ "... the first 32 bytes from ENCRYPT(k, maxnonce, zerolen, zeros)" """
    return ENCRYPT(k, 2**64 - 1, b"", bytes(32))[:32]


@dataclass(frozen=True)
class Exchange:
    """What both sides put in: public values, and the secrets that come of them."""

    prologue: bytes
    e_initiator: bytes
    e1: bytes
    e_responder: bytes
    ee: bytes
    ekem1_ciphertext: bytes
    ekem1_output: bytes
    s: bytes
    es: bytes


@dataclass(frozen=True)
class Outcome:
    message_1: bytes
    message_2: bytes
    handshake_hash: bytes
    k1: bytes  # initiator to responder
    k2: bytes


def run(x: Exchange) -> Outcome:
    """-> e, e1; <- e, ee, ekem1, s, es: every step of both messages, one after the other."""
    # InitializeSymmetric: the name is longer than HASHLEN
    h = HASH(PROTOCOL_NAME)
    ck = h
    h = HASH(h + x.prologue)

    # -> e
    message_1 = x.e_initiator
    h = HASH(h + x.e_initiator)
    # -> e1, "as if it was a static DH public key (i.e. using EncryptAndHash() if a key is available)": none is
    message_1 += x.e1
    h = HASH(h + x.e1)
    # the empty payload
    h = HASH(h + b"")

    # <- e
    message_2 = x.e_responder
    h = HASH(h + x.e_responder)
    # <- ee
    ck, k = HKDF(ck, x.ee)
    # <- ekem1: EncryptAndHash(ciphertext), then MixKey(kem_output)
    c = ENCRYPT(k, 0, h, x.ekem1_ciphertext)
    message_2 += c
    h = HASH(h + c)
    ck, k = HKDF(ck, x.ekem1_output)
    # <- s
    c = ENCRYPT(k, 0, h, x.s)
    message_2 += c
    h = HASH(h + c)
    # <- es
    ck, k = HKDF(ck, x.es)
    # the empty payload
    c = ENCRYPT(k, 0, h, b"")
    message_2 += c
    h = HASH(h + c)

    k1, k2 = HKDF(ck, b"")
    return Outcome(message_1, message_2, h, k1, k2)


Step = tuple[Literal["data", "rekey", "close"], bytes]


def records(k: bytes, steps: Iterable[Step]) -> list[bytes]:
    """One direction of the record layer: a record for each step, with its length in front."""
    types = {"data": b"\x00", "rekey": b"\x01", "close": b"\x03"}
    wire = []
    for n, (name, payload) in enumerate(steps):
        wire.append(record(k, n, types[name] + payload))
        if name == "rekey":
            k = REKEY(k)
    return wire


def record(k: bytes, n: int, plaintext: bytes) -> bytes:
    ciphertext = ENCRYPT(k, n, b"", plaintext)
    return len(ciphertext).to_bytes(4, "big") + ciphertext
