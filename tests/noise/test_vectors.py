"""The production suite against vectors of our own, which tests/noise/pseudocode.py made, not the code under test."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coterie import errors
from coterie.noise.channel import (
    Channel,
    ClientHandshake,
    CloseReceived,
    DataReceived,
    Direction,
    Established,
    Event,
    Rekeyed,
    ServerHandshake,
)
from coterie.noise.dh import FFDHE2048
from coterie.noise.handshake import PRODUCTION, HandshakeState, Keys, Suite
from coterie.noise.kem import MLKEM768, KemKeyPair
from coterie.noise.symmetric import CipherState
from coterie.secret import Secret
from tests.noise.pairs import events

FOLDER = Path(__file__).parents[1] / "vectors" / "noise"
HANDSHAKES = json.loads((FOLDER / "handshakes.json").read_text())
RECORDS = json.loads((FOLDER / "records.json").read_text())


def by_name(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=lambda v: v["name"])


def test_at_least_as_many_must_fail_as_must_pass() -> None:
    assert len(HANDSHAKES["valid"]) == 8
    assert len(HANDSHAKES["invalid_for_the_initiator"]) == 31
    assert len(HANDSHAKES["invalid_for_the_responder"]) == 13
    assert len(RECORDS["valid"]) == 12
    assert len(RECORDS["invalid"]) == 25
    assert HANDSHAKES["protocol_name"] == PRODUCTION.name


@dataclass
class Replayed:
    """ML-KEM-768 whose encapsulation gives what a vector holds: pyca's takes no randomness."""

    ciphertext: bytes
    output: Secret
    name = MLKEM768.name
    public_key_size = MLKEM768.public_key_size
    ciphertext_size = MLKEM768.ciphertext_size

    def generate(self) -> KemKeyPair:
        return MLKEM768.generate()

    def encapsulate(self, _public: bytes) -> tuple[bytes, Secret]:
        return self.ciphertext, self.output

    def decapsulate(self, key_pair: KemKeyPair, ciphertext: bytes) -> Secret:
        return MLKEM768.decapsulate(key_pair, ciphertext)


class Taken:
    """The bytes of a vector's fields."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self._vector = vector

    def __getattr__(self, name: str) -> bytes:
        return bytes.fromhex(self._vector[name])


def initiator(vector: Taken) -> ClientHandshake:
    keys = Keys(
        e=FFDHE2048.from_private(Secret(vector.initiator_ephemeral)),
        e1=MLKEM768.from_seed(Secret(vector.initiator_e1_seed)),
    )
    return ClientHandshake(prologue=vector.prologue, keys=keys)


def responder(vector: Taken) -> HandshakeState:
    keys = Keys(
        s=FFDHE2048.from_private(Secret(vector.responder_static)),
        e=FFDHE2048.from_private(Secret(vector.responder_ephemeral)),
    )
    kem = Replayed(vector.ekem1_ciphertext, Secret(vector.ekem1_output))
    suite = Suite(PRODUCTION.pattern, PRODUCTION.dh, kem)
    return HandshakeState(suite, is_initiator=False, prologue=vector.prologue, keys=keys)


def assert_key(cipher: CipherState, key: bytes) -> None:
    expected = CipherState(Secret(key), "expected").encrypt_with_ad(b"ad", b"text")
    assert cipher.encrypt_with_ad(b"ad", b"text") == expected


@by_name(HANDSHAKES["valid"])
def test_initiator_gives_the_bytes_of(vector: dict[str, Any]) -> None:
    v = Taken(vector)
    client = initiator(v)
    assert client.write() == v.message_1
    established = client.read(v.message_2, lambda _: True)
    assert established.handshake_hash == v.handshake_hash
    assert established.remote_static == FFDHE2048.from_private(Secret(v.responder_static)).public
    assert_key(established.send, v.initiator_to_responder)
    assert_key(established.receive, v.responder_to_initiator)


@by_name(HANDSHAKES["valid"])
def test_responder_gives_the_bytes_of(vector: dict[str, Any]) -> None:
    v = Taken(vector)
    server = responder(v)
    assert server.read_message(v.message_1) == b""
    assert server.write_message() == v.message_2
    send, receive = server.split()
    assert server.handshake_hash == v.handshake_hash
    assert_key(send, v.responder_to_initiator)
    assert_key(receive, v.initiator_to_responder)


@by_name(HANDSHAKES["invalid_for_the_initiator"])
def test_initiator_refuses(vector: dict[str, Any]) -> None:
    v = Taken(vector)
    client = initiator(v)
    client.write()
    with pytest.raises(getattr(errors, vector["error"])):
        client.read(v.message_2, v.pin)


@by_name(HANDSHAKES["invalid_for_the_responder"])
def test_responder_refuses(vector: dict[str, Any]) -> None:
    v = Taken(vector)
    server = ServerHandshake(
        FFDHE2048.from_private(Secret(v.responder_static)), prologue=v.prologue
    )
    with pytest.raises(getattr(errors, vector["error"])):
        server.respond(v.message_1)


def ends(sender: str) -> tuple[Channel, Channel]:
    """Who sends in this vector and who receives."""
    channels = []
    for is_initiator in (True, False):
        to_responder, to_initiator = (
            CipherState(Secret(bytes.fromhex(RECORDS[name])), name)
            for name in ("initiator_to_responder", "responder_to_initiator")
        )
        ciphers = (to_responder, to_initiator) if is_initiator else (to_initiator, to_responder)
        channels.append(Channel(Established(b"", None, *ciphers), is_initiator=is_initiator))
    return (channels[0], channels[1]) if sender == "initiator" else (channels[1], channels[0])


def expected(vector: dict[str, Any]) -> list[Event]:
    meanings: dict[str, Event] = {"rekey": Rekeyed(Direction.RECEIVE), "close": CloseReceived()}
    return [
        meanings.get(name) or DataReceived(bytes.fromhex(payload))
        for name, payload in vector["steps"]
    ]


@by_name(RECORDS["valid"])
def test_sender_writes_the_records_of(vector: dict[str, Any]) -> None:
    sender, _ = ends(vector["sender"])
    for name, payload in vector["steps"]:
        match name:
            case "rekey":
                sender.rekey()
            case "close":
                sender.close()
            case _:
                sender.send_data(bytes.fromhex(payload))
    assert sender.data_to_send().hex() == vector["wire"]


@by_name(RECORDS["valid"])
def test_receiver_reads_the_records_of(vector: dict[str, Any]) -> None:
    _, receiver = ends(vector["sender"])
    assert events(receiver, bytes.fromhex(vector["wire"])) == expected(vector)


@by_name(RECORDS["invalid"])
def test_receiver_reads_what_is_sound_and_refuses_the_rest_of(vector: dict[str, Any]) -> None:
    _, receiver = ends(vector["sender"])
    receiver.receive_data(bytes.fromhex(vector["wire"]))
    found = [receiver.next_event() for _ in vector["steps"]]
    assert found == expected(vector)
    with pytest.raises(getattr(errors, vector["error"])):  # noqa: PT012 - a cut shows at the end alone
        receiver.next_event()
        receiver.receive_eof()
    assert not receiver.is_open
