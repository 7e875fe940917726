"""Two ends of a production channel in memory, and what the tests of it ask them."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from coterie.noise.channel import (
    Channel,
    ClientHandshake,
    DataReceived,
    Established,
    Event,
    ServerHandshake,
    fingerprint,
)
from coterie.noise.dh import FFDHE2048
from coterie.noise.symmetric import CipherState
from coterie.secret import Secret, observe

STATIC = FFDHE2048.generate()
PIN = fingerprint(STATIC.public)


def handshake() -> tuple[Established, Established]:
    """A fresh one, five milliseconds: the client's end and the server's."""
    client = ClientHandshake()
    message, at_server = ServerHandshake(STATIC).respond(client.write())
    return client.read(message, PIN), at_server


def established() -> tuple[Established, Established]:
    """Both ends of one exchange, always of the same keys: for the many tests that begin after it."""
    hash_, remote_static, *keys = exchanged()
    ends = []
    for is_client in (True, False):
        ciphers = [
            CipherState(Secret(keys[0]), "initiator-to-responder"),
            CipherState(Secret(keys[1]), "responder-to-initiator"),
        ]
        send, receive = ciphers if is_client else reversed(ciphers)
        ends.append(Established(hash_, remote_static if is_client else None, send, receive))
    return ends[0], ends[1]


@functools.cache
def exchanged() -> tuple[bytes, bytes, bytes, bytes]:
    """Handshake hash, static key, and the key of either direction, the initiator's first."""
    with keys_of("noise.initiator-to-responder.k", "noise.responder-to-initiator.k") as keys:
        client, _ = handshake()
    return client.handshake_hash, STATIC.public, keys[0], keys[1]


def pair(**limits: int) -> tuple[Channel, Channel]:
    """A client's and a server's channel."""
    client, server = established()
    return (
        Channel(client, is_initiator=True, **limits),
        Channel(server, is_initiator=False, **limits),
    )


@contextmanager
def keys_of(*names: str) -> Iterator[list[bytes]]:
    """The keys derived meanwhile under these names, or under all."""
    keys: list[bytes] = []

    def see(name: str, key: Secret) -> None:
        if not names or name in names:
            keys.append(key.expose())

    observe(see)
    try:
        yield keys
    finally:
        observe(None)


def events(channel: Channel, data: bytes = b"") -> list[Event]:
    """All that ``data`` leads to."""
    channel.receive_data(data)
    found = []
    while (event := channel.next_event()) is not None:
        found.append(event)
    return found


def stream(found: list[Event]) -> bytes:
    """The data among the events."""
    return b"".join(event.data for event in found if isinstance(event, DataReceived))
