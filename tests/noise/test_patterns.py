"""The published vectors of the Noise Protocol Framework, bit for bit, in both roles."""

import functools
import json
from typing import Any

import pytest

from coterie.noise.dh import X25519
from coterie.noise.handshake import HandshakeState, Keys, Suite
from coterie.noise.patterns import PATTERNS
from coterie.secret import Secret
from tests.vectors_path import vectors

FILE = ("noise", "cacophony-25519-aesgcm-sha256.json")
NAMES = [name for name in PATTERNS if not name.endswith("hfs")]


@functools.cache
def published() -> dict[str, dict[str, Any]]:
    found = json.loads(vectors(*FILE).read_text())["vectors"]
    return {vector["protocol_name"].split("_")[1]: vector for vector in found}


def test_every_published_pattern_is_in_the_table() -> None:
    assert sorted(published()) == sorted(NAMES)
    assert len(NAMES) == 38


def side(vector: dict[str, Any], role: str) -> HandshakeState:
    def private(name: str) -> Any:
        found = vector.get(f"{role}_{name}")
        return X25519.from_private(Secret(bytes.fromhex(found))) if found else None

    remote = vector.get(f"{role}_remote_static")
    keys = Keys(
        s=private("static"), rs=bytes.fromhex(remote) if remote else None, e=private("ephemeral")
    )
    suite = Suite(PATTERNS[vector["protocol_name"].split("_")[1]], X25519)
    assert suite.name == vector["protocol_name"]
    return HandshakeState(
        suite,
        is_initiator=role == "init",
        prologue=bytes.fromhex(vector[f"{role}_prologue"]),
        keys=keys,
    )


@pytest.mark.parametrize("name", NAMES)
def test_pattern_gives_the_published_bytes(name: str) -> None:
    vector = published()[name]
    initiator, responder = side(vector, "init"), side(vector, "resp")
    messages = [
        (bytes.fromhex(m["payload"]), bytes.fromhex(m["ciphertext"])) for m in vector["messages"]
    ]
    pattern = PATTERNS[name]
    for number, (payload, ciphertext) in enumerate(messages[: len(pattern.messages)]):
        writer, reader = (initiator, responder) if number % 2 == 0 else (responder, initiator)
        assert writer.write_message(payload) == ciphertext
        assert reader.read_message(ciphertext) == payload
    assert initiator.handshake_hash == responder.handshake_hash
    if "handshake_hash" in vector:
        assert initiator.handshake_hash.hex() == vector["handshake_hash"]
    i_send, i_receive = initiator.split()
    r_send, r_receive = responder.split()
    for number, (payload, ciphertext) in enumerate(messages[len(pattern.messages) :]):
        turn = len(pattern.messages) + number
        if pattern.is_one_way or turn % 2 == 0:
            sender, receiver = i_send, r_receive
        else:
            sender, receiver = r_send, i_receive
        assert sender.encrypt_with_ad(b"", payload) == ciphertext
        assert receiver.decrypt_with_ad(b"", ciphertext) == payload
