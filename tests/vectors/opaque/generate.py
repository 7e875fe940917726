"""Makes the vectors of our own logins: ``python -m tests.vectors.opaque.generate``, from the repository's root.

They come from tests/opaque/pseudocode.py, not from the code they test, and each run makes the same ones. A message
that must fail has all its MACs right wherever a bad server or client could make them so.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.opaque import pseudocode, ristretto255
from tests.opaque.pseudocode import Account, Drawn, Registered, log_in, production_context, register

FOLDER = Path(__file__).parent
P = ristretto255.P
IDENTITY = bytes(32)
SERVER_ID = hashlib.sha256(b"server id").digest()[:16]


def drawn(name: str, size: int = 32) -> bytes:
    """Bytes that look random and are always the same."""
    return hashlib.shake_256(b"coterie opaque vectors " + name.encode()).digest(size)


def scalar(name: str) -> bytes:
    value = int.from_bytes(drawn(name, 64), "little") % ristretto255.ORDER
    return value.to_bytes(32, "little")


def account(name: str, password: str, *, production: bool) -> Account:
    return Account(
        oprf_seed=drawn("oprf_seed", 64),
        server_private_key=scalar("server_private_key"),
        credential_identifier=name.encode(),
        password=password.encode(),
        blind=scalar(f"{name} blind_registration"),
        envelope_nonce=drawn(f"{name} envelope_nonce"),
        server_identity=SERVER_ID,
        client_identity=name.encode(),
        stretch=pseudocode.argon2id if production else pseudocode.identity_stretch,
    )


def draws(name: str) -> Drawn:
    return Drawn(
        blind=scalar(f"{name} blind_login"),
        client_nonce=drawn(f"{name} client_nonce"),
        client_keyshare_seed=drawn(f"{name} client_keyshare_seed"),
        masking_nonce=drawn(f"{name} masking_nonce"),
        server_nonce=drawn(f"{name} server_nonce"),
        server_keyshare_seed=drawn(f"{name} server_keyshare_seed"),
    )


HASH = hashlib.sha256(b"handshake hash").digest()
CONTEXT = production_context(HASH)
ALICE = account("alice", "correct horse", production=False)
REGISTERED = register(ALICE)
DRAWN = draws("alice")
GOOD = log_in(ALICE, REGISTERED, DRAWN, CONTEXT)


def hexed(fields: dict[str, bytes]) -> dict[str, str]:
    return {name: value.hex() for name, value in fields.items()}


def valid(name: str, a: Account, ksf: str) -> dict[str, Any]:
    registered, login = register(a), draws(name)
    done = log_in(a, registered, login, CONTEXT)
    return {
        "name": name,
        "ksf": ksf,
        "inputs": hexed(
            {
                "handshake_hash": HASH,
                "oprf_seed": a.oprf_seed,
                "server_private_key": a.server_private_key,
                "credential_identifier": a.credential_identifier,
                "server_identity": a.server_identity,
                "client_identity": a.client_identity,
                "password": a.password,
                "blind_registration": a.blind,
                "envelope_nonce": a.envelope_nonce,
                "blind_login": login.blind,
                "client_nonce": login.client_nonce,
                "client_keyshare_seed": login.client_keyshare_seed,
                "masking_nonce": login.masking_nonce,
                "server_nonce": login.server_nonce,
                "server_keyshare_seed": login.server_keyshare_seed,
            }
        ),
        "outputs": hexed(
            {
                "context": CONTEXT,
                "registration_request": registered.request,
                "registration_response": registered.response,
                "registration_upload": registered.record,
                "export_key": registered.export_key,
                "KE1": done.ke1,
                "KE2": done.ke2,
                "KE3": done.ke3,
                "session_key": done.session_key,
            }
        ),
    }


def valid_logins() -> list[dict[str, Any]]:
    plain = account("alice", "correct horse", production=True)
    return [
        valid("production", plain, "Argon2id"),
        valid("not ascii", account("bobb", "пароль из слов", production=True), "Argon2id"),
        valid("without stretching", ALICE, "Identity"),
        valid("empty password", account("a.", "", production=False), "Identity"),
        valid("longest names", account("z" * 32, "x" * 1024, production=False), "Identity"),
    ]


def bad_elements(good: bytes) -> dict[str, bytes]:
    """What is no element, or the identity. ``good`` is one that fits the place."""
    return {
        "the identity": IDENTITY,
        "p": P.to_bytes(32, "little"),
        "above p": (int.from_bytes(good, "little") % 18 + P + 1).to_bytes(32, "little"),
        "with the highest bit": good[:31] + bytes([good[31] | 0x80]),
        "negated": (P - int.from_bytes(good, "little")).to_bytes(32, "little"),
        "off the curve": off_the_curve(good),
        "all ones": b"\xff" * 32,
    }


def off_the_curve(near: bytes) -> bytes:
    value = int.from_bytes(near, "little")
    while ristretto255.decode(value.to_bytes(32, "little")) is not None:
        value = (value + 2) % P & ~1
    return value.to_bytes(32, "little")


def flipped(message: bytes, at: int) -> bytes:
    altered = bytearray(message)
    altered[at] ^= 0x01
    return bytes(altered)


def lengths(message: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "truncated by a byte": message[:-1],
        "truncated by half": message[: len(message) // 2],
        "a byte too long": message + b"\0",
    }


def for_registration() -> list[dict[str, Any]]:
    """The request at the server, the response at the client, the record at the server."""
    found = []

    def add(step: str, name: str, message: bytes) -> None:
        found.append({"step": step, "name": name, "message": message.hex()})

    request, response, record = REGISTERED.request, REGISTERED.response, REGISTERED.record
    for name, bad in lengths(request).items():
        add("registration request", name, bad)
    for name, bad in bad_elements(request).items():
        add("registration request", f"blinded_message is {name}", bad)
    for name, bad in lengths(response).items():
        add("registration response", name, bad)
    for name, bad in bad_elements(response[:32]).items():
        add("registration response", f"evaluated_message is {name}", bad + response[32:])
    for name, bad in bad_elements(response[32:]).items():
        add("registration response", f"server_public_key is {name}", response[:32] + bad)
    for name, bad in lengths(record).items():
        add("registration record", name, bad)
    for name, bad in bad_elements(record[:32]).items():
        add("registration record", f"client_public_key is {name}", bad + record[32:])
    return found


def for_the_client() -> list[dict[str, Any]]:
    """KE2: all that must end as NotAuthenticated."""
    found = []

    def add(
        name: str,
        ke2: bytes,
        *,
        password: bytes = ALICE.password,
        handshake_hash: bytes = HASH,
        server_identity: bytes = SERVER_ID,
        client_identity: bytes = b"alice",
        ksf: str = "Identity",
    ) -> None:
        found.append(
            {
                "step": "KE2",
                "name": name,
                "ksf": ksf,
                "inputs": hexed(
                    {
                        "password": password,
                        "blind_login": DRAWN.blind,
                        "client_nonce": DRAWN.client_nonce,
                        "client_keyshare_seed": DRAWN.client_keyshare_seed,
                        "handshake_hash": handshake_hash,
                        "server_identity": server_identity,
                        "client_identity": client_identity,
                    }
                ),
                "message": ke2.hex(),
            }
        )

    def answered(a: Account = ALICE, registered: Registered = REGISTERED, **changes: Any) -> bytes:
        return log_in(a, registered, DRAWN, CONTEXT, **changes).ke2

    wrong = b"correct horsf"
    add("wrong password", answered(password=wrong), password=wrong)
    add("wrong password, stretched", answered(password=wrong), password=wrong, ksf="Argon2id")
    add("right password, registered without stretching", GOOD.ke2, ksf="Argon2id")
    add("another channel", GOOD.ke2, handshake_hash=bytes(32))
    other_hash = production_context(hashlib.sha256(b"relayed").digest())
    add("relayed from another channel", log_in(ALICE, REGISTERED, DRAWN, other_hash).ke2)
    add("another server's id", GOOD.ke2, server_identity=flipped(SERVER_ID, 3))
    add("another name", GOOD.ke2, client_identity=b"alicf")
    add("no names", GOOD.ke2, server_identity=b"", client_identity=b"")
    renamed = replace(ALICE, client_identity=b"alicf")
    add("the server's name for the account in the AKE alone", answered(renamed))
    add("the server's name for the account in both", answered(renamed, register(renamed)))
    bobb = replace(ALICE, credential_identifier=b"bobb")
    add("evaluated for another account", answered(bobb))
    seeded = replace(ALICE, oprf_seed=drawn("another oprf_seed", 64))
    add("a server without the seed", answered(seeded))
    keyed = replace(ALICE, server_private_key=scalar("another server_private_key"))
    add("a server without the private key", answered(keyed))
    unknown = replace(REGISTERED, record=REGISTERED.record[:32] + drawn("masking", 64) + bytes(96))
    add("the record of an unknown name", answered(registered=unknown))
    again = log_in(ALICE, REGISTERED, draws("another"), CONTEXT).ke2
    add("replayed from another login", again)

    for name, bad in lengths(GOOD.ke2).items():
        add(name, bad)
    places = {
        "evaluated_message": 0,
        "masking_nonce": 40,
        "server_public_key": 70,
        "envelope_nonce": 100,
        "auth_tag": 150,
        "server_nonce": 200,
        "server_public_keyshare": 230,
        "server_mac": 319,
    }
    for name, at in places.items():
        add(f"flipped bit in {name}", flipped(GOOD.ke2, at))
    # below, all tags and MACs are those that the client itself computes of what it is given
    for name, bad in bad_elements(GOOD.ke2[:32]).items():
        add(f"evaluated_message is {name}", answered(evaluated=bad))
    for name, bad in bad_elements(GOOD.ke2[224:256]).items():
        add(f"server_public_keyshare is {name}", answered(server_keyshare=bad))
    for name, bad in bad_elements(ALICE.server_key).items():
        registered_so = replace(ALICE, server_public_key=bad)
        add(f"server_public_key is {name}", answered(registered_so, register(registered_so)))
    return found


def for_the_server() -> list[dict[str, Any]]:
    """KE1 and KE3."""
    found = []

    def add(step: str, name: str, message: bytes) -> None:
        found.append({"step": step, "name": name, "message": message.hex()})

    for name, bad in lengths(GOOD.ke1).items():
        add("KE1", name, bad)
    for name, bad in bad_elements(GOOD.ke1[:32]).items():
        add("KE1", f"blinded_message is {name}", bad + GOOD.ke1[32:])
    for name, bad in bad_elements(GOOD.ke1[64:]).items():
        add("KE1", f"client_public_keyshare is {name}", GOOD.ke1[:64] + bad)

    for name, bad in lengths(GOOD.ke3).items():
        add("KE3", name, bad)
    for at in (0, 31, 63):
        add("KE3", f"flipped bit in byte {at}", flipped(GOOD.ke3, at))
    add("KE3", "the server's MAC", GOOD.ke2[-64:])
    add("KE3", "of another login", log_in(ALICE, REGISTERED, draws("another"), CONTEXT).ke3)
    other_hash = production_context(hashlib.sha256(b"relayed").digest())
    add("KE3", "of another channel", log_in(ALICE, REGISTERED, DRAWN, other_hash).ke3)
    renamed = replace(ALICE, client_identity=b"alicf")
    add("KE3", "of another name", log_in(renamed, REGISTERED, DRAWN, CONTEXT).ke3)
    return found


def write(name: str, value: Any) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    (FOLDER / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write("valid.json", valid_logins())
    write(
        "invalid.json",
        {
            "account": valid("alice", ALICE, "Identity"),
            "messages": [*for_registration(), *for_the_client(), *for_the_server()],
        },
    )
