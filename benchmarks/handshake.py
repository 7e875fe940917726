"""Connect, handshake and device login: how many a second of one core, and what takes the time.

``python benchmarks/handshake.py [SECONDS]`` prints a table. Both sides run in one thread, over TCP on the loopback;
the bare loop moves the same bytes and calls the same primitives as often, without keys' schedule, checks or framing.
"""

import os
import secrets
import socket
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import gmpy2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coterie.noise.channel import (
    MESSAGE_1_SIZE,
    MESSAGE_2_SIZE,
    Channel,
    ClientHandshake,
    DataReceived,
    MessageSplitter,
    ServerHandshake,
    fingerprint,
    frame_message,
)
from coterie.noise.dh import _P, FFDHE2048

STATIC = FFDHE2048.generate()
PIN = fingerprint(STATIC.public)
DEVICE_KEY = Ed25519PrivateKey.generate()
LOGIN = b"coterie/1 device login" + b"alice" + bytes(16)  # then the handshake hash
ROUNDS = 7  # each kind in turn, so that a change of the machine's speed meets all alike; the median counts

_listener = socket.create_server(("127.0.0.1", 0))


def connect() -> tuple[socket.socket, socket.socket]:
    """A client's and a server's end."""
    client = socket.create_connection(_listener.getsockname())
    server, _ = _listener.accept()
    for end in (client, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, server


def moved(sender: socket.socket, receiver: socket.socket, data: bytes) -> bytes:
    sender.sendall(data)
    return receiver.recv(len(data), socket.MSG_WAITALL)


def message(received: bytes, limit: int) -> bytes:
    splitter = MessageSplitter(limit)
    splitter.receive_data(received)
    return splitter.next_message() or b""


def core() -> None:
    """As a client and a server do it, but for the frame around the signature."""
    client, server = connect()
    with client, server:
        handshake = ClientHandshake()
        received = moved(client, server, frame_message(handshake.write()))
        answer, established = ServerHandshake(STATIC).respond(message(received, MESSAGE_1_SIZE))
        at_server = Channel(established, is_initiator=False)
        received = moved(server, client, frame_message(answer))
        established = handshake.read(message(received, MESSAGE_2_SIZE), PIN)
        at_client = Channel(established, is_initiator=True)
        at_client.send_data(DEVICE_KEY.sign(LOGIN + at_client.handshake_hash))
        at_server.receive_data(moved(client, server, at_client.data_to_send()))
        event = at_server.next_event()
        assert isinstance(event, DataReceived)
        DEVICE_KEY.public_key().verify(event.data, LOGIN + at_server.handshake_hash)


def power(base: bytes, exponent: bytes) -> bytes:
    value, times = gmpy2.mpz.from_bytes(base, "big"), gmpy2.mpz.from_bytes(exponent, "big")
    return bytes(gmpy2.powmod_sec(value, times, _P).to_bytes(256, "big"))


def dh() -> None:
    """A pair, ee and es on either side."""
    s = STATIC.private.expose()
    e, re = (b"\xff" + secrets.token_bytes(31) for _ in range(2))
    public_e, public_re = power(b"\x02", e), power(b"\x02", re)
    power(public_e, re), power(public_e, s)
    power(public_re, e), power(STATIC.public, e)


def kem() -> None:
    """A pair, its encapsulation and the other side's decapsulation."""
    private = MLKEM768PrivateKey.from_seed_bytes(secrets.token_bytes(64))
    public = private.public_key().public_bytes_raw()
    _, ciphertext = MLKEM768PublicKey.from_public_bytes(public).encapsulate()
    private.decapsulate(ciphertext)


def signature() -> None:
    """The device's, and the server's look at it."""
    text = LOGIN + bytes(32)
    DEVICE_KEY.public_key().verify(DEVICE_KEY.sign(text), text)


def tcp() -> None:
    """A connection and what goes over it."""
    client, server = connect()
    with client, server:
        moved(client, server, bytes(4 + MESSAGE_1_SIZE))
        moved(server, client, bytes(4 + MESSAGE_2_SIZE))
        moved(client, server, bytes(4 + 1 + 64 + 16))


def seals() -> None:
    """The three parts of message 2 and the record with the signature, each sealed and opened."""
    for size in (1088, 256, 0, 65):
        key = secrets.token_bytes(32)
        sealed = AESGCM(key).encrypt(bytes(12), bytes(size), b"")
        AESGCM(key).decrypt(bytes(12), sealed, b"")


PARTS = (dh, kem, signature, tcp, seals)


def bare() -> None:
    """The parts, one after the other."""
    for part in PARTS:
        part()


def times(run: Callable[[], None], seconds: float) -> float:
    """Seconds that one call takes."""
    count, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds:
        run()
        count += 1
    return passed / count


def main(seconds: float) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    kinds = (core, bare, *PARTS)
    for kind in kinds:
        times(kind, 0.05)  # warm
    share = partial(times, seconds=seconds / ROUNDS / len(kinds))
    measured = [[share(kind) for kind in kinds] for _ in range(ROUNDS)]
    took = dict(zip(kinds, map(statistics.median, zip(*measured, strict=True)), strict=True))
    whole = took[core]
    names = {
        dh: "Diffie-Hellman: 6 powers",
        kem: "ML-KEM-768: pair, encapsulate, decapsulate",
        signature: "Ed25519: sign, verify",
        tcp: "TCP on the loopback",
        seals: "AES-256-GCM: 4 seals, 4 opens",
    }
    print("connect + handshake + device login, both sides on one core\n")
    print(f"{'':44}  per second      ms")
    for name, kind in (("bare loop", bare), ("through coterie.noise", core)):
        print(f"{name:44}  {1 / took[kind]:10,.0f}  {1000 * took[kind]:6.3f}")
    print(f"{'ratio':44}  {took[bare] / whole:10.2f}\n")
    print("of the time through coterie.noise")
    for part, name in names.items():
        print(f"  {name:44}{100 * took[part] / whole:8.1f} %")
    rest = whole - sum(took[part] for part in PARTS)
    print(f"  {'all else: key schedule, checks, Python':44}{100 * rest / whole:8.1f} %")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
