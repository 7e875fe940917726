"""Makes the vectors of the production suite: ``python -m tests.vectors.noise.generate``, from the repository's root.

They come from tests/noise/pseudocode.py, not from the code they test. The private keys are fixed; pyca's encapsulation
is random, so each run makes other vectors: run it when the protocol changes, and only then.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from tests.noise import pseudocode
from tests.noise.pseudocode import DH, Exchange, Outcome, P, public_value, record, records

FOLDER = Path(__file__).parent
PROLOGUE = b"coterie/1"


def drawn(name: str, size: int) -> bytes:
    """Bytes that look random and are always the same."""
    return hashlib.shake_256(b"coterie noise vectors " + name.encode()).digest(size)


def exponent(name: str) -> bytes:
    value = drawn(name, 32)
    return bytes([value[0] | 0x80]) + value[1:]


@dataclass(frozen=True)
class Privates:
    """All that is drawn for one handshake."""

    e_initiator: bytes
    e1_seed: bytes
    s: bytes
    e_responder: bytes

    @classmethod
    def of(cls, name: str) -> "Privates":
        return cls(
            exponent(f"{name} e initiator"),
            drawn(f"{name} e1", 64),
            exponent("s"),
            exponent(f"{name} e responder"),
        )


def exchange(privates: Privates, prologue: bytes = PROLOGUE) -> Exchange:
    """An honest one."""
    e1 = MLKEM768PrivateKey.from_seed_bytes(privates.e1_seed).public_key().public_bytes_raw()
    output, ciphertext = MLKEM768PublicKey.from_public_bytes(e1).encapsulate()
    s, e = public_value(privates.s), public_value(privates.e_responder)
    return Exchange(
        prologue=prologue,
        e_initiator=public_value(privates.e_initiator),
        e1=e1,
        e_responder=e,
        ee=DH(privates.e_initiator, e),
        ekem1_ciphertext=ciphertext,
        ekem1_output=output,
        s=s,
        es=DH(privates.e_initiator, s),
    )


def valid(name: str, privates: Privates, x: Exchange) -> dict[str, Any]:
    done = pseudocode.run(x)
    return {
        "name": name,
        "prologue": x.prologue.hex(),
        "initiator_ephemeral": privates.e_initiator.hex(),
        "initiator_e1_seed": privates.e1_seed.hex(),
        "responder_static": privates.s.hex(),
        "responder_ephemeral": privates.e_responder.hex(),
        "ekem1_ciphertext": x.ekem1_ciphertext.hex(),
        "ekem1_output": x.ekem1_output.hex(),
        "message_1": done.message_1.hex(),
        "message_2": done.message_2.hex(),
        "handshake_hash": done.handshake_hash.hex(),
        "initiator_to_responder": done.k1.hex(),
        "responder_to_initiator": done.k2.hex(),
    }


def searched(name: str, begins_with_zero: Callable[[Privates], bool]) -> Privates:
    """The first keys of which that is true: where padding on the left shows."""
    for number in range(2**20):
        found = Privates.of(f"{name} {number}")
        if begins_with_zero(found):
            return found
    raise LookupError(name)


def valid_handshakes() -> list[dict[str, Any]]:
    plain = Privates.of("plain")
    first = exchange(plain)
    renewal = b"coterie/1 renew" + pseudocode.run(first).handshake_hash
    smallest = replace(
        plain, e_initiator=b"\x80" + bytes(31), e_responder=b"\x80" + bytes(30) + b"\x01"
    )
    largest = replace(plain, e_initiator=b"\xff" * 32, e_responder=b"\xff" * 31 + b"\xfe")
    padded = {
        "ee begins with a zero byte": searched(
            "ee", lambda p: DH(p.e_initiator, public_value(p.e_responder))[0] == 0
        ),
        "es begins with a zero byte": searched(
            "es", lambda p: DH(p.e_initiator, public_value(p.s))[0] == 0
        ),
        "public e begins with a zero byte": searched(
            "e", lambda p: public_value(p.e_initiator)[0] == 0
        ),
    }
    again = Privates.of("renewal")
    return [
        valid("plain", plain, first),
        valid("renewal of plain", again, exchange(again, renewal)),
        valid("empty prologue", plain, exchange(plain, b"")),
        valid("smallest exponents", smallest, exchange(smallest)),
        valid("largest exponents", largest, exchange(largest)),
        *(valid(name, privates, exchange(privates)) for name, privates in padded.items()),
    ]


OUTSIDE = {"0": 0, "1": 1, "p-1": P - 1, "p": P, "p+1": P + 1, "2^2048-1": 2**2048 - 1}


def flipped(message: bytes, at: int) -> bytes:
    altered = bytearray(message)
    altered[at] ^= 0x01
    return bytes(altered)


def invalid_for_the_initiator() -> list[dict[str, Any]]:
    privates = Privates.of("plain")
    honest = exchange(privates)
    message_2 = pseudocode.run(honest).message_2
    pin = hashlib.sha256(honest.s).digest()
    found = []

    def add(
        name: str, message: bytes, *, pin: bytes = pin, error: str = "RemoteProtocolError"
    ) -> None:
        found.append(
            {
                "name": name,
                "prologue": PROLOGUE.hex(),
                "initiator_ephemeral": privates.e_initiator.hex(),
                "initiator_e1_seed": privates.e1_seed.hex(),
                "pin": pin.hex(),
                "message_2": message.hex(),
                "error": error,
            }
        )

    add("empty", b"")
    add("truncated by a byte", message_2[:-1])
    add("truncated to e", message_2[:256])
    add("truncated before the tag of the payload", message_2[:-16])
    add("a byte too long", message_2 + b"\0")
    places = {
        "e": 128,
        "ekem1": 256 + 500,
        "tag of ekem1": 1359,
        "s": 1360 + 99,
        "tag of s": 1631,
        "last tag": 1647,
    }
    for name, at in places.items():
        add(f"flipped bit in {name}", flipped(message_2, at))
    # whoever takes these values computes a secret that everybody knows: all else is as it should be
    for name, value in OUTSIDE.items():
        public = value.to_bytes(256, "big")
        bad_e = replace(honest, e_responder=public, ee=DH(privates.e_initiator, public))
        add(f"e is {name}", pseudocode.run(bad_e).message_2)
        bad_s = replace(honest, s=public, es=DH(privates.e_initiator, public))
        add(f"s is {name}", pseudocode.run(bad_s).message_2, pin=hashlib.sha256(public).digest())
    other_static = exponent("another s")
    other = replace(
        honest,
        s=public_value(other_static),
        es=DH(privates.e_initiator, public_value(other_static)),
    )
    add(
        "another static key than the pinned one",
        pseudocode.run(other).message_2,
        error="ServerNotTrusted",
    )
    add(
        "static key without its private key", pseudocode.run(replace(honest, es=other.es)).message_2
    )
    add("another prologue", pseudocode.run(replace(honest, prologue=b"coterie/2")).message_2)
    add(
        "replayed from another connection",
        pseudocode.run(exchange(Privates.of("another"))).message_2,
    )
    add("ekem1 before ee", swapped(honest))
    add("ekem1 left out", without_ekem1(honest))
    add(
        "ekem1 of another key",
        pseudocode.run(replace(honest, ekem1_output=drawn("output", 32))).message_2,
    )
    add("message 1 sent back", pseudocode.run(honest).message_1)
    return found


def swapped(x: Exchange) -> bytes:
    """A responder that mixes the two secrets in the other order."""
    return pseudocode.run(replace(x, ee=x.ekem1_output, ekem1_output=x.ee)).message_2


def without_ekem1(x: Exchange) -> bytes:
    """A responder that forgets MixKey(kem_output), as if the KEM added nothing."""
    return pseudocode.run(replace(x, ekem1_output=b"")).message_2


def invalid_for_the_responder() -> list[dict[str, Any]]:
    x = exchange(Privates.of("plain"))
    message_1 = x.e_initiator + x.e1
    messages = {
        "empty": b"",
        "truncated by a byte": message_1[:-1],
        "truncated to e": message_1[:256],
        "a byte too long": message_1 + b"\0",
        "e1 with a coefficient of q": message_1[:256]
        + (3329).to_bytes(2, "little")
        + message_1[258:],
        "e1 of ones": message_1[:256] + b"\xff" * 1184,
        "an HTTP request": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    }
    for name, value in OUTSIDE.items():
        messages[f"e is {name}"] = value.to_bytes(256, "big") + x.e1
    return [
        {
            "name": name,
            "prologue": PROLOGUE.hex(),
            "responder_static": exponent("s").hex(),
            "message_1": message.hex(),
            "error": "RemoteProtocolError",
        }
        for name, message in messages.items()
    ]


def steps(*names: str) -> list[pseudocode.Step]:
    """ "data:text", "rekey" and "close" as what pseudocode.records takes."""
    found: list[pseudocode.Step] = []
    for name in names:
        match name.partition(":"):
            case "rekey", _, _:
                found.append(("rekey", b""))
            case "close", _, _:
                found.append(("close", b""))
            case _, _, text:
                found.append(("data", text.encode()))
    return found


def written(given: list[pseudocode.Step]) -> list[list[str]]:
    return [[name, payload.hex()] for name, payload in given]


def record_vectors(keys: Outcome) -> dict[str, Any]:
    k1, k2 = keys.k1, keys.k2
    good: dict[str, list[pseudocode.Step]] = {
        "one record": steps("data:hello"),
        "three and the end": steps("data:a", "data:b", "data:c", "close"),
        "rekey": steps("data:before", "rekey", "data:after", "close"),
        "rekeys in a row": steps("rekey", "rekey", "rekey", "data:after", "rekey", "close"),
        "close alone": steps("close"),
        "a long one": [("data", drawn("long", 2000))],
    }
    valid_ones = [
        {
            "name": f"{name}, from the {sender}",
            "sender": sender,
            "steps": written(given),
            "wire": b"".join(records(k, given)).hex(),
        }
        for name, given in good.items()
        for sender, k in (("initiator", k1), ("responder", k2))
    ]
    three = steps("data:a", "data:b", "data:c")
    a, b, c = records(k1, three)
    after = record(pseudocode.REKEY(k1), 1, b"\0after")
    rekeyed_alone = record(k1, 0, b"\x01")
    # name: (the bytes, what is read before the error)
    bad = {
        "truncated by a byte": (a + b[:-1], three[:1]),
        "cut between records": (a + b, three[:2]),
        "cut within a length": (a + b[:2], three[:1]),
        "flipped bit in a length": (a + flipped(b, 3), three[:1]),
        "flipped bit in the type": (a + flipped(b, 4), three[:1]),
        "flipped bit in the data": (a + flipped(b, 5), three[:1]),
        "flipped bit in the tag": (a + flipped(b, len(b) - 1), three[:1]),
        "replayed": (a + a, three[:1]),
        "replayed later": (a + b + a, three[:2]),
        "reordered": (b + a, []),
        "dropped": (a + c, three[:1]),
        "reflected": (b"".join(records(k2, three)), []),
        "under the key of before a rekey": (
            rekeyed_alone + record(k1, 1, b"\0after"),
            steps("rekey"),
        ),
        "under the key of after a rekey that was not told": (
            record(k1, 0, b"\0a") + after,
            three[:1],
        ),
        "with the counter at 0 after a rekey": (
            rekeyed_alone + record(pseudocode.REKEY(k1), 0, b"\0after"),
            steps("rekey"),
        ),
        "rekey with data": (a + record(k1, 1, b"\x01x"), three[:1]),
        "close with data": (a + record(k1, 1, b"\x03x"), three[:1]),
        "unknown type": (a + record(k1, 1, b"\x04"), three[:1]),
        "no type": (a + record(k1, 1, b""), three[:1]),
        "end of a renewal that was not begun": (a + record(k1, 1, b"\x02"), three[:1]),
        "length 0": (a + bytes(4), three[:1]),
        "length below a tag": (a + b"\0\0\0\x0f" + bytes(15), three[:1]),
        "length above 65535": (a + b"\0\x01\0\0", three[:1]),
        "associated data": (a + with_ad(k1, 1), three[:1]),
        "nonce little-endian": (a + little_endian(k1, 1), three[:1]),
    }
    invalid_ones = [
        {
            "name": name,
            "sender": "initiator",
            "steps": written(given),
            "wire": wire.hex(),
            "error": "RemoteProtocolError",
        }
        for name, (wire, given) in bad.items()
    ]
    return {
        "initiator_to_responder": k1.hex(),
        "responder_to_initiator": k2.hex(),
        "valid": valid_ones,
        "invalid": invalid_ones,
    }


def with_ad(k: bytes, n: int) -> bytes:
    ciphertext = pseudocode.ENCRYPT(k, n, b"x", b"\0b")
    return len(ciphertext).to_bytes(4, "big") + ciphertext


def little_endian(k: bytes, n: int) -> bytes:
    ciphertext = pseudocode.ENCRYPT(k, int.from_bytes(n.to_bytes(8, "little"), "big"), b"", b"\0b")
    return len(ciphertext).to_bytes(4, "big") + ciphertext


def main() -> None:
    handshakes = {
        "protocol_name": pseudocode.PROTOCOL_NAME.decode(),
        "valid": valid_handshakes(),
        "invalid_for_the_initiator": invalid_for_the_initiator(),
        "invalid_for_the_responder": invalid_for_the_responder(),
    }
    keys = pseudocode.run(exchange(Privates.of("records")))
    for name, content in (("handshakes.json", handshakes), ("records.json", record_vectors(keys))):
        (FOLDER / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
