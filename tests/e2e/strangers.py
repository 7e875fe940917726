"""Who else may be at the other end: servers that are none, servers that lie, clients that send what they like."""

import itertools
import secrets
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from coterie.noise.channel import (
    MESSAGE_1_SIZE,
    Channel,
    ServerHandshake,
    frame_message,
)
from coterie.noise.dh import KeyPair
from coterie.wire.invite import Address
from coterie.wire.stream import LENGTH_SIZE
from tests.e2e.programs import DEADLINE_S
from tests.server.raw import RawClient

Behaviour = Callable[[socket.socket], None]


@contextmanager
def answering(*behaviours: Behaviour, port: int = 0) -> Iterator[Address]:
    """A listener that treats its connections by these in turn, each until it returns; then the connection is cut."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        turn = itertools.cycle(behaviours)
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket, behave: Behaviour) -> None:
            with connection, suppress(OSError):  # the client has gone
                connection.settimeout(DEADLINE_S)
                behave(connection)

        def accept() -> None:
            with suppress(OSError):  # closed: the test is over
                while True:
                    connection, _ = listener.accept()
                    threads.append(threading.Thread(target=serve, args=(connection, next(turn))))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        yield Address("127.0.0.1", listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for thread in threads:
            thread.join()


# --- what is no Coterie server -----------------------------------------------------------------


def hang_up(connection: socket.socket) -> None:
    """Takes the connection and drops it."""


def say_nothing(connection: socket.socket) -> None:
    """Reads until the client gives up."""
    while connection.recv(2**16):
        pass


def answer_as_http(connection: socket.socket) -> None:
    """As web servers answer what is no request of theirs."""
    connection.recv(2**16)
    page = b"<html>400 Bad Request</html>"
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + page)
    say_nothing(connection)


@contextmanager
def black_hole() -> Iterator[Address]:
    """A port at which packets are dropped: its queue of connections is full, and nobody accepts them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
            yield Address("127.0.0.1", listener.getsockname()[1])
        finally:
            for one in waiting:
                one.close()


# --- servers that lie --------------------------------------------------------------------------


def after_handshake(static: KeyPair, misdeed: Callable[[Channel], bytes]) -> Behaviour:
    """A right handshake, then, in place of the answer to the first request, the bytes of a misdeed."""

    def behave(connection: socket.socket) -> None:
        message_1 = _exactly(connection, LENGTH_SIZE + MESSAGE_1_SIZE)[LENGTH_SIZE:]
        reply, established = ServerHandshake(static).respond(message_1)
        connection.sendall(frame_message(reply))
        channel = Channel(established, is_initiator=False)
        connection.recv(2**16)  # the hello
        connection.sendall(misdeed(channel))
        connection.shutdown(socket.SHUT_WR)
        say_nothing(connection)

    return behave


def sealed(channel: Channel, stream: bytes) -> bytes:
    """Bytes of the stream, as records."""
    channel.send_data(stream)
    return channel.data_to_send()


def frame(encoded: bytes) -> bytes:
    """Any bytes in place of a frame's MessagePack."""
    return len(encoded).to_bytes(LENGTH_SIZE, "big") + encoded


def frame_too_long(channel: Channel) -> bytes:
    return sealed(channel, struct.pack(">I", 2**31))


def frame_of_an_unknown_type(channel: Channel) -> bytes:
    return sealed(channel, frame(b"\x82\xa4type\xa8nonsense\xa2id\x01"))


def frame_that_is_no_messagepack(channel: Channel) -> bytes:
    return sealed(channel, frame(b"\xc1" * 20))


def frame_cut_short(channel: Channel) -> bytes:
    return sealed(channel, frame(b"\x82\xa4type" + bytes(40))[:-20])


def record_of_garbage(channel: Channel) -> bytes:
    return frame_message(secrets.token_bytes(64))


def record_too_long(channel: Channel) -> bytes:
    return struct.pack(">I", 2**31) + bytes(100)


def record_altered(channel: Channel) -> bytes:
    record = bytearray(sealed(channel, bytes(100)))
    record[-1] ^= 1
    return bytes(record)


MISDEEDS: Sequence[Callable[[Channel], bytes]] = (
    frame_too_long,
    frame_of_an_unknown_type,
    frame_that_is_no_messagepack,
    frame_cut_short,
    record_of_garbage,
    record_too_long,
    record_altered,
)


# --- clients -----------------------------------------------------------------------------------


def send_raw(address: Address, data: bytes) -> None:
    """Sends bytes without a handshake, and what follows when the server has hung up or has no more to read."""
    with socket.create_connection((address.host, address.port), DEADLINE_S) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        _until_hung_up(connection)


def misbehave(address: Address, fingerprint: bytes, misdeed: Callable[[Channel], bytes]) -> None:
    """A right handshake, then the bytes of a misdeed; returns when the server has hung up."""
    with socket.create_connection((address.host, address.port), DEADLINE_S) as connection:
        client = RawClient(fingerprint)
        connection.sendall(client.greeting())
        while client.channel is None:
            client.receive(connection.recv(2**16))
        connection.sendall(misdeed(client.channel))
        connection.shutdown(socket.SHUT_WR)
        _until_hung_up(connection)


def _until_hung_up(connection: socket.socket) -> None:
    with suppress(ConnectionError):
        while connection.recv(2**16):
            pass


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data
